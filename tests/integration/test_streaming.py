#!/usr/bin/env python3
"""Streaming: an answer leaves piece by piece as it is made, the pieces are whole characters, and joined they are the
answer. No clock is read: that a piece leaves within one step shows in how many there are."""

import unittest

import zmq

import support
from model_support import Reply, call, figure, long_only, real_model

SEED = 31337
TOKENS_A_DELTA = 4  # at least one delta for so many tokens

CHINESE = ("\u4f60\u597d\uff0c\u6211\u53eb\u5c0f\u660e\u3002\u8bf7\u7528\u4e2d\u6587\u4ecb\u7ecd\u4e00\u4e0b\u4f60\u81ea\u5df1\u3002",
           "\u8bf7\u7528\u4e2d\u6587\u89e3\u91ca\u4ec0\u4e48\u662f\u9012\u5f52\u3002",
           "\u6211\u53eb\u4ec0\u4e48\u540d\u5b57\uff1f\u8bf7\u518d\u5199\u4e00\u9996\u5173\u4e8e\u79cb\u5929\u7684\u77ed\u8bd7\u3002")


class Streaming(unittest.TestCase):
    def check(self, reply):
        """The rules for every streamed answer. A delta's text is a msgpack str: unpacking it strictly has checked its
        UTF-8; that the answer is one too is checked here."""
        self.assertEqual([d.seq for d in reply.deltas], list(range(len(reply.deltas))))
        self.assertTrue(all(d.text for d in reply.deltas))
        joined = "".join(d.text for d in reply.answer_deltas)
        self.assertEqual(joined, reply.text)
        self.assertEqual(joined.encode("utf-8").decode("utf-8"), joined)

    def check_steps(self, what, reply):
        tokens, deltas = reply.answer.usage.completion_tokens, len(reply.answer_deltas)
        self.assertGreaterEqual(deltas * TOKENS_A_DELTA, tokens, "%s: %d deltas of %d tokens" % (what, deltas, tokens))
        figure("streaming, %s" % what, "%d deltas of %d tokens" % (deltas, tokens))

    def test_a_delta_leaves_within_a_step(self):
        service = support.Service(self, real_model("smollm2"))
        print("seed: %d" % SEED)
        for what, options in (("greedy", {"temperature": 0}), ("sampled", {"seed": SEED}),
                              ("with stop strings", {"seed": SEED + 1, "stop": ["THE END", "\n\n\n"]})):
            with self.subTest(what), service.client() as client:
                reply = Reply(client, "Tell me a story about a bear, with smileys \U0001f43b and accents: caf\u00e9.",
                              max_tokens=120, **options)
                self.check(reply)
                self.check_steps("smollm2, " + what, reply)

    def test_a_resumed_answer_comes_in_the_same_pieces(self):
        service = support.Service(self, real_model("smollm2"))
        with service.client() as client:
            first = Reply(client, "Name the planets.", id="once", temperature=0, max_tokens=40)
            again = Reply(client, "Name the planets.", id="once", temperature=0, max_tokens=40)
            self.assertEqual([(d.seq, d.kind, d.text) for d in again.deltas],
                             [(d.seq, d.kind, d.text) for d in first.deltas])
            self.assertEqual(again.answer.turn, first.answer.turn)

    def test_pieces_of_any_bytes_are_whole_characters(self):
        """Sampled hot, a model draws parts of characters that never meet: they become U+FFFD."""
        service = support.Service(self, real_model("smollm2"))
        print("seed: %d to %d" % (SEED, SEED + 3))
        broken = 0
        with service.client() as client:
            for i in range(4):
                reply = Reply(client, "Letters", temperature=2.0, top_p=1.0, seed=SEED + i, max_tokens=100)
                self.check(reply)
                broken += reply.text.count("\ufffd")
        self.assertGreater(broken, 0)

    def test_a_chinese_dialogue_is_the_same_without_streaming(self):
        long_only("the 0.5B model")
        service = support.Service(self, real_model("coder"))
        characters = 0
        for turn, text in enumerate(CHINESE):
            options = {"temperature": 0.7, "seed": SEED + turn, "max_tokens": 120}
            with service.client() as client:
                reply = Reply(client, text, session="streamed", **options)
            plain = call(service.endpoint, "chat.request", dict(options, text=text), zmq.REQ, session="plain")
            self.assertEqual(plain["type"], "chat.done", plain)
            self.check(reply)
            self.check_steps("coder, Chinese turn %d" % (turn + 1), reply)
            self.assertEqual(plain["body"]["text"], reply.text)
            characters += sum("\u4e00" <= c <= "\u9fff" for c in reply.text)
        self.assertGreater(characters, 50)
        figure("streaming, coder", "a Chinese dialogue of %d turns is the same unstreamed; %d Chinese characters" %
               (len(CHINESE), characters))


if __name__ == "__main__":
    unittest.main()
