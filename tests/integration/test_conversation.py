#!/usr/bin/env python3
"""One whole conversation through the daemon: turns that build on each other, streams, a rating, an orderly end. Small
on purpose: it is what runs under ThreadSanitizer, whose reports lie in the daemon's log or make it end badly."""

import unittest

import support


class Conversation(unittest.TestCase):
    def talk(self, service, turns, **options):
        with service.client() as client:
            for i in range(turns):
                pieces = list(client.stream("And what is %d and %d?" % (i, i + 1), session="s", max_tokens=16, **options))
                self.assertTrue(pieces)
            answer = client.chat("Say it again.", session="s", max_tokens=16, **options)
            self.assertTrue(answer.turn)
            client.rate(answer.turn, 5, timeout=support.PATIENCE_S)

    def check_log(self, service):
        text = service.log()
        self.assertNotIn("WARNING: ThreadSanitizer", text, text[-6000:])

    def whole(self, model, turns, **options):
        service = support.Service(self, model)
        self.talk(service, turns, **options)
        self.assertEqual(service.stop(), 0)
        self.check_log(service)

    def test_with_the_toy_model(self):
        self.whole("hash", 4)

    def test_with_a_real_model(self):
        path = support.real_model("smollm2")
        if not path:
            self.skipTest("no %s" % support.MODEL_FILES["smollm2"])
        self.whole(path, 1, temperature=0)


if __name__ == "__main__":
    unittest.main(verbosity=2)
