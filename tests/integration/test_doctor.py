#!/usr/bin/env python3
"""parlance doctor: each thing that was broken on purpose is named, with a command; what is well stays well."""

import json
import os
import signal
import socket
import tempfile
import unittest

import support
from support import cli


def doctor(data, *words, expect=None):
    """{check: the worst finding of that name}, {problems, warnings}."""
    made = json.loads(cli("doctor", "--json", "--data", data, *words, expect=expect))
    order = ["ok", "warning", "problem"]
    worst = {}
    for one in made["checks"]:
        old = worst.get(one["check"])
        if old is None or order.index(one["level"]) > order.index(old["level"]):
            worst[one["check"]] = one
    return worst, made


class Directory(unittest.TestCase):
    def setUp(self):
        held = tempfile.TemporaryDirectory()
        self.addCleanup(held.cleanup)
        self.data = os.path.join(held.name, "data")
        os.mkdir(self.data, 0o700)

    def write(self, name, text, mode=0o600):
        path = os.path.join(self.data, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)

    def problem(self, check, *words):
        worst, made = doctor(self.data, *words, expect=1)
        self.assertGreaterEqual(made["problems"], 1)
        self.assertEqual(worst[check]["level"], "problem", worst)
        self.assertTrue(worst[check]["do"])
        return worst[check]["text"]

    def test_a_fresh_directory_has_no_problem_of_its_own(self):
        worst, made = doctor(self.data)
        for check in ("sync", "modes", "master key", "keys", "audit", "daemon"):
            self.assertEqual(worst[check]["level"], "ok", worst[check])
        self.assertEqual(worst["backup"]["level"], "warning")
        self.assertEqual(os.listdir(self.data), [])
        self.assertEqual(made["problems"], sum(c["level"] == "problem" for c in made["checks"]))

    def test_a_directory_that_is_not_there_is_no_problem(self):
        worst, _ = doctor(os.path.join(self.data, "later"))
        self.assertEqual(worst["data"]["level"], "ok")

    def test_what_others_may_use_is_named(self):
        os.chmod(self.data, 0o755)
        self.assertIn(self.data, self.problem("modes"))
        os.chmod(self.data, 0o700)
        os.mkdir(os.path.join(self.data, "keys"), 0o700)
        self.write("keys/server.key", "x", 0o644)
        self.assertIn("server.key", self.problem("modes"))

    def test_a_master_key_beside_the_data_is_a_warning(self):
        self.write("master.key", "0" * 64)
        self.assertEqual(doctor(self.data)[0]["master key"]["level"], "warning")

    def test_an_option_that_is_no_option_is_named(self):
        self.write("parlance.ini", "[parlance]\nmax-sequences = 4\n")
        self.assertIn("max-sequences", self.problem("options"))

    def test_a_port_that_is_taken_is_named(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen()
            at = "tcp://127.0.0.1:%d" % s.getsockname()[1]
            self.write("parlance.ini", "[parlance]\nlisten = %s\n" % at)
            self.assertIn(at, self.problem("ports"))

    def test_an_address_for_strangers_without_keys_is_a_problem(self):
        self.write("parlance.ini", "[parlance]\nlisten = tcp://0.0.0.0:5580\n")
        self.problem("keys")
        cli("keys", "new", "one", "--data", self.data, "--out", os.path.join(self.data, "one.json"))
        self.assertEqual(doctor(self.data)[0]["keys"]["level"], "ok")

    def test_a_model_that_is_not_there_is_named(self):
        self.assertIn("/nonexistent.gguf", self.problem("memory", "--model", "/nonexistent.gguf"))

    def test_an_audit_record_that_does_not_verify_is_a_problem(self):
        self.write("audit.jsonl", '{"seq":1,"act":"keys.new","prev":"%s","hash":"%s"}\n' % ("0" * 64, "1" * 64))
        self.assertIn("line 1", self.problem("audit"))


class WithService(unittest.TestCase):
    def setUp(self):
        self.service = support.Service(self)

    def test_a_service_that_is_well_is_told_so(self):
        worst, _ = doctor(self.service.data)
        self.assertEqual(worst["daemon"]["level"], "ok")
        self.assertIn("hash", worst["daemon"]["text"])
        self.assertNotIn("nodes", worst)
        self.assertNotIn("ports", worst)
        self.assertIn(b"checks", cli("doctor", "--data", self.service.data, expect=None))

    def test_a_part_that_was_restarted_is_a_warning(self):
        nodes = json.loads(self.service.admin("top", "--json", "--interval", "0"))["nodes"]
        os.kill(next(n["pid"] for n in nodes if n["node"] == "executor"), signal.SIGKILL)
        with self.service.client() as client:
            client.chat("hello")  # it is answered by the next executor
        worst, _ = doctor(self.service.data)
        self.assertEqual(worst["nodes"]["level"], "warning")
        self.assertIn("executor", worst["nodes"]["text"])

    def test_a_service_that_hangs_is_a_problem(self):
        self.service.process.send_signal(signal.SIGSTOP)
        try:
            worst, made = doctor(self.service.data, "--wait", "1", expect=1)
        finally:
            self.service.process.send_signal(signal.SIGCONT)
        # With the sockets in a process of their own that one still says "not ready".
        self.assertIn(worst["daemon"]["level"], ("problem", "warning"))
        self.assertGreater(made["problems"], 0)


if __name__ == "__main__":
    unittest.main()
