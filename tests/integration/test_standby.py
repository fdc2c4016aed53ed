#!/usr/bin/env python3
"""A standby: reads what the service writes, takes its place when it is gone, and finishes what was accepted."""

import json
import os
import signal
import subprocess
import time
import unittest

import zmq

import support
from crash_support import PATIENCE_MS, PARLANCED, Client, Daemon, DaemonTest, real_model
from support import cli

PROMISED_S = 30  # from the end of the service to the first answer of its standby


class Standby:
    """A second parlanced on the directory of a Daemon."""

    def __init__(self, test, daemon):
        self.daemon = daemon
        self.endpoint = "ipc://" + os.path.join(daemon.data, "standby.sock")
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PARLANCE_")}
        with open(daemon.log, "ab") as log:
            self.process = subprocess.Popen([PARLANCED] + daemon.args + ["--standby"], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, env=environment)
        test.addCleanup(self.end)
        self.client = Client(self.endpoint)
        test.addCleanup(self.client.close)

    def wait_ready(self):
        while not self.client.ping()["body"]["ready"]:
            self.check()
        return self

    def check(self):
        try:
            raise AssertionError("the standby ended with %d\n%s" % (self.process.wait(0.01), self.daemon.tail()))
        except subprocess.TimeoutExpired:
            pass

    def wait_turns(self, count):
        """Asks until it lists COUNT turns; gives their ids."""
        while True:
            rows = self.daemon.shown(self.client)
            if len(rows) == count:
                return sorted(row["id"] for row in rows)
            self.check()

    def end(self, number=signal.SIGKILL):
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(PATIENCE_MS / 1000)


def first_answer(daemon, text="hello", **body):
    """Asks something new, with new sockets, until it is answered; the answer."""
    for n in range(10000):
        with Client(daemon.endpoint) as client:
            client.socket.setsockopt(zmq.RCVTIMEO, 1000)
            try:
                answer = client.chat("new-%d" % n, text, body=dict(body, max_tokens=4))
            except zmq.Again:
                continue
        if answer.done:
            return answer
    raise AssertionError("no answer\n" + daemon.tail())


class StandbyTest(DaemonTest):
    def pair(self, *args, **more):
        daemon = self.daemon("--tools", "none", *args, **more).start()
        return daemon, Standby(self, daemon).wait_ready()

    def test_it_reads_what_the_service_writes_and_nothing_else(self):
        daemon, standby = self.pair()
        client = daemon.client()
        for n in range(3):
            client.chat("q%d" % n, "hello", session="s%d" % n, body={"max_tokens": 4})
            self.assertEqual(len(standby.wait_turns(n + 1)), n + 1)
        pong = standby.client.ping()["body"]
        self.assertEqual((pong["role"], pong["ready"]), ("standby", True))
        self.assertNotIn("role", client.ping()["body"])
        turn = daemon.shown(standby.client)[0]
        client.ask("feedback.add", "rate", {"turn": turn["turn"], "stars": 2}, session=turn["session"])
        while standby.client.ask("feedback.stats", "stats-%d" % standby.client.count)["body"]["total"] != 1:
            standby.check()
        self.assertEqual(len(standby.client.ask("feedback.list", "list")["body"]["feedback"]), 1)
        for kind, body in (("chat.request", {"text": "x"}), ("sessions.delete", {}), ("retrain.request", {}),
                           ("backup.create", {"name": "x"}), ("feedback.add", {"turn": turn["turn"], "stars": 1})):
            error = standby.client.ask(kind, "no-" + kind, body, session="s0")
            self.assertEqual((error["type"], error["body"]["code"]), ("chat.error", "unavailable"), kind)
        exported = cli("sessions", "export", "--standby", "--data", daemon.data).splitlines()
        self.assertEqual(exported, cli("sessions", "export", "--data", daemon.data).splitlines())
        self.assertIn(b"standby", cli("ping", "--standby", "--data", daemon.data))

    def test_it_takes_over_and_what_was_accepted_finishes(self):
        daemon, standby = self.pair("--max-seqs", "4")
        client = daemon.client()
        ids = ["r%d" % n for n in range(12)]
        for name in ids:
            client.send("chat.request", name, {"text": "tell me " + name, "max_tokens": 300}, session="s-" + name)
        for name in ids:
            self.assertEqual(client.take(name)["type"], "chat.accepted")
        began = time.monotonic()
        daemon.kill()
        first_answer(daemon)
        took = time.monotonic() - began
        print("figure: standby_takeover_s=%.2f model=hash" % took)
        self.assertLess(took, PROMISED_S)
        with Client(daemon.endpoint) as again:
            for name in ids:
                self.assertIsNotNone(again.resume(name).done, name)
        rows = daemon.shown(daemon.operator())
        self.assertEqual(sorted(r["id"] for r in rows if r["id"] in ids), sorted(ids))
        self.assertEqual(len({r["id"] for r in rows}), len(rows))
        acts = [row["act"] for row in json.loads(cli("audit", "list", "--json", "--data", daemon.data))]
        self.assertEqual(acts, ["daemon.start", "standby.takeover"])
        self.assertFalse(os.path.exists(os.path.join(daemon.data, "standby.sock")))

        # the one that returns finds its place taken, and may wait for it
        late = subprocess.run([PARLANCED] + daemon.args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                              timeout=PATIENCE_MS / 1000, env=support.environment())
        self.assertNotEqual(late.returncode, 0)
        self.assertIn(b"another parlanced serves", late.stderr)
        third = Standby(self, daemon).wait_ready()
        standby.end()
        first_answer(daemon, "and again")
        self.assertEqual(third.end(signal.SIGTERM), 0)

    def test_a_port_that_the_service_held_is_served_again(self):
        port = support.free_port()
        daemon = self.daemon("--tools", "none")
        daemon.endpoint = daemon.args[daemon.args.index("--listen") + 1] = "tcp://127.0.0.1:%d" % port
        daemon.start()
        Standby(self, daemon).wait_ready()
        daemon.kill()
        self.assertIsNotNone(first_answer(daemon).done)

    def test_a_stop_hands_over_and_a_standby_can_be_stopped(self):
        daemon, standby = self.pair()
        refused = subprocess.run([PARLANCED] + daemon.args + ["--standby"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 check=False, timeout=PATIENCE_MS / 1000, env=support.environment())
        self.assertEqual(refused.returncode, 1)
        self.assertIn(b"another standby", refused.stderr)
        self.assertEqual(standby.end(signal.SIGTERM), 0)
        self.assertTrue(daemon.client().ping()["body"]["ready"])
        standby = Standby(self, daemon).wait_ready()
        self.assertEqual(daemon.kill(signal.SIGTERM), 0)
        self.assertIsNotNone(first_answer(daemon).done)
        self.assertEqual(standby.end(signal.SIGTERM), 0)

    def test_a_real_model_is_served_again_in_time(self):
        for name in ("smollm2", "coder") if support.LONG else ("smollm2",):
            model = real_model(name)
            if not model:
                self.skipTest("no real model here: %s" % name)
            daemon, standby = self.pair(model=model)
            began = time.monotonic()
            daemon.kill()
            first_answer(daemon, "Say hello.")
            took = time.monotonic() - began
            print("figure: standby_takeover_s=%.2f model=%s" % (took, name))
            self.assertLess(took, PROMISED_S)
            standby.end()


if __name__ == "__main__":
    unittest.main()
