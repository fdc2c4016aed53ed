#!/usr/bin/env python3
"""What a person gets: right products from a model that cannot multiply, a name that is remembered, the README's answer.

Greedy throughout, so that a figure here is the same on every machine: the engine's bits are."""

import random
import unittest

import support
from model_support import Reply, figure, long_only, real_model

SEED = 5580
QUESTIONS = ("What is %d * %d?", "What is %d times %d?", "Please multiply %d by %d.", "Calculate %d * %d.",
             "How much is %d x %d?", "I need the product of %d and %d.", "Can you compute %d * %d for me?",
             "Multiply %d and %d.", "%d * %d = ?", "We sold %d boxes at %d cents each. How many cents is that?")
ENOUGH = 8


class Readme(unittest.TestCase):
    def test_its_question_is_answered_rightly(self):
        service = support.Service(self, real_model("smollm2"))
        with service.client() as client:
            reply = Reply(client, "Rewrite this sentence in the past tense: She walks to school.", temperature=0)
        self.assertIn("walked to school", reply.text)
        figure("quality, smollm2, the README's question", repr(reply.text))


class Coder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        long_only("the 0.5B model")
        cls.path = real_model("coder")

    def judge(self, reply, product):
        """What is wrong with an answer, or None."""
        calls = [t for t in reply.answer.tools if t.tool == "calculator" and t.code == "ok"]
        if not calls or not any(t.result == str(product) for t in calls):
            return "no tool record with the product"
        if "tool_call" in reply.text or '"arguments"' in reply.text:
            return "a tool call in the text"
        if str(product) not in reply.text:
            return "the text lacks %d" % product
        return None

    def test_products_come_from_the_calculator(self):
        right = 0
        service = support.Service(self, self.path)
        numbers = random.Random(SEED)
        print("seed: %d" % SEED)
        for question in QUESTIONS:
            a, b = numbers.randint(10000, 99999), numbers.randint(10000, 99999)
            with service.client() as client:
                reply = Reply(client, question % (a, b), tools=["calculator"], temperature=0)
            wrong = self.judge(reply, a * b)
            right += wrong is None
            print("%s -> %r%s" % (question % (a, b), reply.text, " (%s)" % wrong if wrong else ""))
            self.assertTrue(any(d.kind == "tool" for d in reply.deltas))
        figure("quality, coder and calculator", "%d of %d products right" % (right, len(QUESTIONS)))
        self.assertGreaterEqual(right, ENOUGH)

    def test_the_second_turn_knows_the_name_and_uses_the_cache(self):
        service = support.Service(self, self.path)
        with service.client() as client:
            first = Reply(client, "Hello! My name is Annika and I write compilers in Turku.", session="s", temperature=0,
                          max_tokens=100)
            second = Reply(client, "What is my name?", session="s", temperature=0, max_tokens=60)
        before, usage = first.answer.usage, second.answer.usage
        whole = before.prompt_tokens + before.completion_tokens
        figure("quality, coder, second turn", "%r; %d of %d tokens cached (%.0f%%)" %
               (second.text, usage.cached_tokens, whole, 100 * usage.cached_tokens / whole))
        self.assertIn("Annika", second.text)
        self.assertGreaterEqual(usage.cached_tokens, 0.9 * whole)


if __name__ == "__main__":
    unittest.main()
