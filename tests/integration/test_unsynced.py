#!/usr/bin/env python3
"""A crash of the machine: kill -9, then every file is cut back to its last sync. What was acknowledged is there, once.
With the log's sync taken out the same test has to lose something, or it would prove nothing."""

import json
import os
import random
import threading
import unittest

import support
from support import Service

SHIM = os.path.join(support.BUILD, "tests", "libshim_sync.so")
SEED = int(os.environ.get("PL_TEST_SEED", "11"))
ROUNDS = 50 if support.LONG else 3
CLIENTS = 4


def sanitized():
    with open(os.path.join(support.BIN, "parlanced"), "rb") as f:
        program = f.read()
    return b"__asan_init" in program or b"__tsan_init" in program


def turns(service):
    return [json.loads(line) for line in service.admin("sessions", "export").splitlines()]


@unittest.skipIf(sanitized(), "a sanitizer wants to be the first library that is loaded")
class UnsyncedTest(unittest.TestCase):
    def setUp(self):
        for name in ("LD_PRELOAD", "SHIM_SYNC_LOG", "SHIM_SYNC_SWALLOW"):
            self.addCleanup(os.environ.pop, name, None)

    def start_shimmed(self, service, swallow=None):
        self.log = os.path.join(service.dir, "synced")
        os.environ.update({"LD_PRELOAD": SHIM, "SHIM_SYNC_LOG": self.log})
        if swallow:
            os.environ["SHIM_SYNC_SWALLOW"] = swallow
        try:
            service.start()
        finally:
            for name in ("LD_PRELOAD", "SHIM_SYNC_LOG", "SHIM_SYNC_SWALLOW"):
                os.environ.pop(name, None)

    def cut(self, folder):
        """Every file of FOLDER back to its last sync. Returns the bytes that were lost."""
        synced, lost = dict(self.before), 0
        with open(self.log, encoding="ascii") as f:
            for line in f:
                inode, size = line.split()
                synced[int(inode)] = int(size)
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                if os.path.isfile(path) and not os.path.islink(path):
                    there, keep = os.path.getsize(path), synced.get(os.stat(path).st_ino, 0)
                    if keep < there:
                        os.truncate(path, keep)
                        lost += there - keep
        os.unlink(self.log)
        return lost

    def run_and_crash(self, service, number, swallow=None):
        """Asks until some were answered, kills, cuts. Returns {id: text} of the answers that came."""
        service.stop()
        self.before = {os.stat(os.path.join(where, name)).st_ino: os.path.getsize(os.path.join(where, name))
                       for where, _, names in os.walk(service.data) for name in names
                       if os.path.isfile(os.path.join(where, name))}
        self.start_shimmed(service, swallow)
        answered, some, over = {}, threading.Semaphore(0), threading.Event()

        def run(k):
            with service.client() as client:
                n = 0
                while not over.is_set():
                    name = "r%d-%d-%d" % (number, k, n)
                    try:
                        answered[name] = client.chat("say %s" % name, id=name, session="s-%d-%d" % (number, k), max_tokens=6,
                                                     timeout=5).text
                    except Exception:  # the service is gone: what was asked last is not answered
                        return
                    some.release()
                    n += 1

        threads = [threading.Thread(target=run, args=(k,)) for k in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for _ in range(5 + self.random.randrange(30)):
            self.assertTrue(some.acquire(timeout=support.PATIENCE_S))
        service.stop(9)
        over.set()
        for thread in threads:
            thread.join()
        self.lost = self.cut(service.data)
        return answered

    def check(self, service, answered):
        rows = turns(service)
        ids = [row["id"] for row in rows]
        self.assertEqual(len(ids), len(set(ids)), "no turn is doubled")
        texts = {row["id"]: row["text"] for row in rows}
        return [name for name, text in answered.items() if texts.get(name) != text]

    def test_what_was_acknowledged_outlives_the_unsynced(self):
        print("seed: PL_TEST_SEED=%d" % SEED)
        self.random = random.Random(SEED)
        service, answered, lost = Service(self, threads=1, tools="none"), {}, 0
        for number in range(ROUNDS):
            answered.update(self.run_and_crash(service, number))
            lost += self.lost
            service.start()
            self.assertEqual(self.check(service, answered), [], "acknowledged and lost")
        print("figure: %d answers over %d crashes, none lost; %d unsynced bytes were cut off" % (len(answered), ROUNDS, lost))

    def test_without_the_sync_the_same_test_loses(self):
        self.random = random.Random(SEED)
        service = Service(self, threads=1, tools="none")
        answered = self.run_and_crash(service, 0, swallow=".log")
        self.assertGreater(self.lost, 0)
        service.start()
        missing = self.check(service, answered)
        self.assertTrue(missing, "the log was never synced and nothing is missing: this test sees nothing")
        print("figure: without the sync %d of %d answers are lost" % (len(missing), len(answered)))


if __name__ == "__main__":
    unittest.main()
