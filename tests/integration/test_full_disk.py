#!/usr/bin/env python3
"""A disk that is full: what is new is refused with `storage_full`, what runs streams on, what is stored can be read; with
space again all of it is written, and after a restart nothing that was acknowledged is missing.

The data directory is a small file system in a mount namespace of its own, which takes root."""

import os
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools"))
import crash_support as cs  # noqa: E402
import make_scripted  # noqa: E402
from model_support import figure  # noqa: E402

SIZE_MIB, RESERVE_MIB = 160, 16
MOUNT = 'mount -t tmpfs -o size=%dm,mode=700 tmpfs "$0" && echo mounted && exec cat' % SIZE_MIB


class SmallDisk(cs.Daemon):
    """A service whose data directory is the small file system; seen from here through /proc."""

    def __init__(self, holder, directory, model):
        super().__init__("--store-reserve", str(RESERVE_MIB), model=model, directory=directory)
        self.inside = ["nsenter", "--mount", "--target", str(holder.pid), "--"]
        self.seen = "/proc/%d/root%s" % (holder.pid, self.data)
        self.endpoint, self.admin = ("ipc://%s/%s.sock" % (self.seen, name) for name in ("clients", "admin"))

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.inside + [cs.PARLANCED] + self.args, stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log)
        self.wait_ready()
        return self

    def fill(self):
        fd = os.open(self.seen + "/ballast", os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            room = os.fstatvfs(fd)
            os.posix_fallocate(fd, 0, room.f_bavail * room.f_frsize)
        finally:
            os.close(fd)

    def free(self):
        os.unlink(self.seen + "/ballast")


class FullDisk(cs.DaemonTest):
    PIECES = 1000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="parlance-")
        self.addCleanup(folder.cleanup)
        data, model = os.path.join(folder.name, "data"), os.path.join(folder.name, "m.gguf")
        os.mkdir(data, 0o700)
        make_scripted.write(model, [])
        try:
            holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", MOUNT, data], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        except FileNotFoundError:
            self.skipTest("there is no unshare(1) here")
        self.addCleanup(holder.wait)
        self.addCleanup(holder.stdout.close)
        self.addCleanup(holder.stdin.close)
        if holder.stdout.readline() != b"mounted\n":
            self.skipTest("a file system cannot be mounted without privilege")
        self.service = SmallDisk(holder, folder.name, model)
        self.addCleanup(self.service.close)
        self.addCleanup(self._show, self.service)

    def turns(self, session):
        return [row["id"] for row in self.service.operator().ask(
            "sessions.show", "show", {"limit": 50}, session=session)["body"]["turns"]]

    def begin_long(self, client):
        """Asks for an answer of PIECES deltas; it runs when this returns."""
        client.send("chat.request", "long", {"text": make_scripted.LONG, "max_tokens": self.PIECES}, session="t")
        self.assertEqual([client.take("long")["type"] for _ in range(2)], ["chat.accepted", "chat.delta"])

    def until_written(self):
        """Asks until it is answered, always refused for the same reason; (id, seconds)."""
        client, since, n = self.service.client(), time.monotonic(), 0
        while True:
            answer = client.ask("chat.request", "after-%d" % n, {"text": "hello"}, session="s")
            if answer["type"] == "chat.done":
                return "after-%d" % n, time.monotonic() - since
            self.assertEqual(answer["body"]["code"], "storage_full")
            n += 1

    def test_writes_are_refused_and_the_rest_goes_on(self):
        service = self.service.start()
        client = service.client()
        before = client.chat("before", "hello", session="s").text
        self.begin_long(client)
        service.fill()
        refused = service.client().ask("chat.request", "late", {"text": "hello"})
        self.assertEqual((refused["type"], refused["body"].get("code")), ("chat.error", "storage_full"))
        self.assertGreater(refused["body"]["retry_after_ms"], 0)
        for _ in range(self.PIECES - 1):
            self.assertEqual(client.take("long")["type"], "chat.delta")
        self.assertEqual(self.turns("s"), ["before"])
        self.assertEqual(service.client().resume("before").text, before)
        service.free()
        after, seconds = self.until_written()
        figure("full disk: written again after, s", round(seconds, 2))
        self.assertEqual([m["type"] for m in client.until("long", "chat.done")], ["chat.done"])
        service.kill()
        service.start()
        self.assertEqual((self.turns("s"), self.turns("t")), (["before", after], ["long"]))
        self.assertEqual(service.client().resume("before").text, before)


if __name__ == "__main__":
    unittest.main()
