#!/usr/bin/env python3
"""An answer depends on its own request only: not on who else is in the step, on how prompts are cut into steps, on the
number of threads, on the instruction set, on what the cache held. Compared are the texts and the 64-bit hashes of every
sampled row of logits, so that equal means equal to the bit.

The requests, their seeds and so their answers are fixed: the shares of full steps below repeat on every machine."""

import unittest

import support
from model_support import ask, decode_steps, figure, instruction_sets, long_only, real_model, traces

CLIENTS, FULL = 16, 12
SEED = 20250  # of the first client; the others count on

TOPICS = ("a lighthouse keeper who collects clocks", "two rivers that meet", "a fox in a library",
          "the history of bread", "a train that never stops", "how to plant an orchard on a hill", "an old violin",
          "a village where nobody sleeps", "the life of a glacier", "a cook and a sea captain",
          "what the moon saw last night", "a school on an island", "three brothers and one horse",
          "a map with a hole in it", "the first winter on a new farm", "a painter who lost the colour blue")
FORMS = ("Tell a long story about %s.",
         "Write a detailed essay about %s. Begin with how it started, say who was there, and name the places.",
         "Describe %s in many sentences.",
         "You are a patient teacher. Explain to a class of ten-year-olds everything that there is to know about %s, step by "
         "step, with examples, questions and answers, and do not leave anything out.")
EXTRAS = ({}, {"top_k": 40}, {"min_p": 0.05}, {"repetition_penalty": 1.1},
          {"presence_penalty": 0.4, "frequency_penalty": 0.3}, {"top_k": 20, "min_p": 0.02, "top_p": 1.0},
          {"repetition_penalty": 1.05, "frequency_penalty": 0.2, "top_k": 100}, {"top_p": 0.8})


def requests_of(name, tokens, count=CLIENTS):
    """COUNT requests of different prompts, lengths and sampling; NAME makes their sessions new ones."""
    return [dict({"text": FORMS[i % len(FORMS)] % TOPICS[i], "session": "%s-%d" % (name, i), "temperature": 0.8,
                  "seed": SEED + i, "max_tokens": tokens - i % 5}, **EXTRAS[i % len(EXTRAS)]) for i in range(count)]


class Determinism:
    """The tests, for one model."""

    model, tokens = None, None
    alone = None  # traces of each request alone, made once

    @classmethod
    def setUpClass(cls):
        cls.path = real_model(cls.model)
        print("seed: %d to %d" % (SEED, SEED + CLIENTS - 1))

    def service(self, **options):
        return support.Service(self, self.path, metrics=True, logits_hash=True, **options)

    def reference(self, service=None):
        """Alone, one request after the other, by the best instruction set."""
        if type(self).alone is None:
            service = service or self.service()
            wanted = requests_of("alone", self.tokens)
            type(self).alone = traces(service, wanted, ask(service, wanted, at_once=False))
            for text, hashes in self.alone:
                self.assertTrue(text)
                self.assertGreaterEqual(len(hashes), 1)
        return self.alone

    def same_at_once(self, what, count=CLIENTS, tokens=None, **options):
        """COUNT clients at once get what they got alone; TOKENS: only the first so many are compared."""
        reference = self.reference()
        service = self.service(**options)
        wanted = requests_of("crowd", tokens or self.tokens, count)
        for i, got in enumerate(traces(service, wanted, ask(service, wanted, at_once=True))):
            hashes = reference[i][1][:wanted[i]["max_tokens"]]
            self.assertEqual(got[1], hashes, "client %d, %s" % (i, what))
            if tokens is None:
                self.assertEqual(got[0], reference[i][0], "client %d, %s" % (i, what))
            else:
                self.assertTrue(reference[i][0].startswith(got[0]), "client %d, %s" % (i, what))
        figure("determinism, %s, %s" % (self.model, what), "%d clients at once, bitwise as alone" % count)

    def test_clients_at_once_get_what_they_get_alone(self):
        service = self.service()
        reference = self.reference(service)
        before = decode_steps(service, FULL)
        wanted = requests_of("crowd", self.tokens)
        got = traces(service, wanted, ask(service, wanted, at_once=True))
        after = decode_steps(service, FULL)
        self.assertEqual(got, reference)
        steps, full = after[0] - before[0], after[1] - before[1]
        self.assertGreaterEqual(2 * full, steps, "%d of %d decode steps had %d sequences" % (full, steps, FULL))
        figure("determinism, %s, decode steps with at least %d sequences" % (self.model, FULL),
               "%d of %d (%.0f%%)" % (full, steps, 100 * full / steps))
        figure("determinism, %s, clients at once" % self.model, "%d texts and %d rows of logits bitwise as alone" %
               (len(got), sum(len(h) for _, h in got)))

    def test_another_chunking_and_number_of_threads_changes_no_bit(self):
        changes = [{"prefill_chunk": 16, "threads": 1}, {"prefill_chunk": 64, "threads": 3}]
        if support.LONG:
            changes = [{"prefill_chunk": 16}, {"prefill_chunk": 64}] + [{"threads": n} for n in (1, 2, 3)]
        for options in changes:
            what = ", ".join("--%s %s" % (k.replace("_", "-"), v) for k, v in options.items())
            with self.subTest(what):
                self.same_at_once(what, **options)

    def test_no_instruction_set_changes_a_bit(self):
        """The best one made the reference; the portable one is slow and gets few tokens."""
        for isa in instruction_sets():
            with self.subTest(isa):
                if isa == "portable":
                    count, tokens = (8, 16) if support.LONG else (2, 6)
                    self.same_at_once("--isa portable, first %d tokens" % tokens, count, tokens, isa=isa)
                else:
                    self.same_at_once("--isa " + isa, isa=isa)

    def test_the_cache_changes_no_bit(self):
        """The second turn with the first one's pages, and the same turn after a restart that lost them."""
        texts = ("My name is Ada and I keep bees. Say hello to me.", "Now write a short poem about my animals.")
        found = []
        for forget in (False, True):
            service = self.service()
            asked = [{"text": t, "session": "dialogue", "temperature": 0.8, "seed": SEED + 99, "max_tokens": self.tokens}
                     for t in texts]
            replies = ask(service, asked[:1], at_once=False)
            if forget:
                self.assertEqual(service.stop(), 0)
                service.start()
            replies += ask(service, asked[1:], at_once=False)
            found.append((traces(service, asked, replies), replies[1].answer.usage.cached_tokens))
        (cached, n), (fresh, none) = found
        self.assertEqual(cached, fresh)
        self.assertGreater(n, 0)
        self.assertEqual(none, 0)
        figure("determinism, %s, second turn" % self.model,
               "bitwise the same with %d cached tokens and with none" % n)


class SmolLM2(Determinism, unittest.TestCase):
    model, tokens = "smollm2", 96 if support.LONG else 40


class Coder(Determinism, unittest.TestCase):
    model, tokens = "coder", 64

    @classmethod
    def setUpClass(cls):
        long_only("the 0.5B model")
        super().setUpClass()


if __name__ == "__main__":
    unittest.main()
