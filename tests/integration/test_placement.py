#!/usr/bin/env python3
"""Where an actor lives changes nothing of what it says: the same dialogues with every actor on the loop, as shipped, in
threads, each in a process of its own by ipc, and by tcp."""

import re
import unittest

import support
from model_support import ask, figure, long_only, real_model, traces

SEED = 64
ACTORS = ("store", "executor", "tool", "batcher", "session", "feedback", "tools", "frontdoor")
SHIPPED = {"store": "inproc", "executor": "ipc", "tool": "ipc", "frontdoor": "ipc"}
LAYOUTS = {
    "all on the loop": {actor: "loop" for actor in ACTORS},
    "as shipped": {},
    "threads": {actor: "inproc" for actor in ACTORS},
    "all apart, ipc": {actor: "ipc" for actor in ACTORS},
    "all apart, tcp": {actor: "tcp" for actor in ACTORS},
    "one of each": dict(zip(ACTORS, ("tcp", "ipc", "inproc", "loop", "inproc", "tcp", "ipc", "inproc"))),
}
DIALOGUE = ("My name is Ada. What do bees eat?", "And in winter?", "Say my name and then count to five.")


class Placement:
    """The tests, for one model."""

    model, options = None, {}

    def path(self):
        return self.model

    def dialogue(self, layout):
        """A session of three turns, then three sessions at once; their traces and ratings."""
        places = {"placement_" + actor: where for actor, where in layout.items()}
        service = support.Service(self, self.path(), logits_hash=True, **places)
        turns = [dict(self.options, text=t, session="one", seed=SEED + i) for i, t in enumerate(DIALOGUE)]
        crowd = [dict(self.options, text=t, session="crowd-%d" % i, seed=SEED + i) for i, t in enumerate(DIALOGUE)]
        replies = ask(service, turns, at_once=False) + ask(service, crowd, at_once=True)
        found = traces(service, turns + crowd, replies)
        pieces = [[(d.seq, d.kind, d.text) for d in r.deltas] for r in replies]
        with service.client() as client:
            stored = client.rate(replies[0].answer.turn, 2, timeout=support.PATIENCE_S)
        self.assertEqual(service.stop(), 0)
        self.check_places(service, layout)
        return found, pieces, stored.ratings_below_3

    def check_places(self, service, layout):
        """Who is not on the service's own loop has said hello. The tool is not asked here: it may come later."""
        apart = {actor for actor in ACTORS if layout.get(actor, SHIPPED.get(actor, "loop")) != "loop"}
        apart = {"edge" if actor == "frontdoor" else actor for actor in apart}
        said = set(re.findall(r'"event":"peer up","peer":"(\w+)', service.log()))
        self.assertEqual(said - {"tool"}, apart - {"tool"})

    def test_the_same_dialogues_wherever_the_actors_live(self):
        print("seed: %d" % SEED)
        wanted = None
        for name, layout in LAYOUTS.items():
            with self.subTest(name):
                got = self.dialogue(layout)
                self.assertTrue(all(text and hashes for text, hashes in got[0]))
                wanted = wanted or got
                self.assertEqual(got, wanted)
        figure("placement, %s" % self.model, "the same texts, logits and deltas in %d layouts" % len(LAYOUTS))


class Hash(Placement, unittest.TestCase):
    model, options = "hash", {"max_tokens": 60, "temperature": 0.8}


class SmolLM2(Placement, unittest.TestCase):
    model, options = "smollm2", {"max_tokens": 24, "temperature": 0.8}

    @classmethod
    def setUpClass(cls):
        long_only("a real model")

    def path(self):
        return real_model(self.model)


if __name__ == "__main__":
    unittest.main()
