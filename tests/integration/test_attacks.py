"""What a hostile neighbour or a clumsy operator does to a running service, and what has to go on all the same."""

import os
import shutil
import signal
import subprocess
import unittest
from unittest import mock

import support


def children(service):
    """{role: pid} of the service's child processes."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % pid) as f:
                parent = int(f.read().rpartition(")")[2].split()[1])
            with open("/proc/%s/cmdline" % pid) as f:
                words = f.read().split("\0")
        except OSError:
            continue  # it ended meanwhile
        if parent == service.process.pid and "--role" in words:
            found[words[words.index("--role") + 1]] = int(pid)
    return found


def can_read(pid, needle):
    """Whether the environment that the process was started with, as the kernel keeps it, holds the bytes."""
    with open("/proc/%d/environ" % pid, "rb") as f:
        return needle in f.read()


class Attacks(unittest.TestCase):
    def test_a_child_comes_back_after_the_hubs_directory_was_removed(self):
        service = support.Service(self)
        shutil.rmtree(os.path.join(service.data, "run"))
        os.kill(children(service)["executor"], signal.SIGKILL)
        with service.client() as client:
            self.assertTrue(client.chat("Hello", max_tokens=4, timeout=support.PATIENCE_S).turn)
        self.assertIsNone(service.process.poll())

    @unittest.skipIf(os.geteuid() != 0, "the memory of a process that keeps its own is open to root alone")
    def test_the_master_key_of_the_environment_reaches_no_executor_tool_or_edge(self):
        os.environ["PARLANCE_MASTER_KEY"] = secret = os.urandom(32).hex()
        self.addCleanup(os.environ.pop, "PARLANCE_MASTER_KEY")
        with mock.patch.object(support, "environment", lambda: dict(os.environ)):
            service = support.Service(self)
        pids = children(service)
        self.assertLessEqual({"executor", "tool.calculator", "edge"}, set(pids))
        for role, pid in pids.items():
            self.assertFalse(can_read(pid, secret.encode()), role)
        self.assertTrue(can_read(service.process.pid, secret.encode()), "what is looked for can be found")

    def test_a_link_in_the_place_of_a_leftover_of_backups_is_not_followed(self):
        service = support.Service(self, tools="none")
        precious, backups = os.path.join(service.dir, "precious"), os.path.join(service.dir, "shared")
        os.mkdir(precious)
        os.mkdir(backups)
        with open(os.path.join(precious, "file"), "w", encoding="ascii") as f:
            f.write("not ours")
        os.symlink(precious, os.path.join(backups, ".evil.partial"))
        with open(os.path.join(backups, ".plain.tmp"), "w", encoding="ascii") as f:
            f.write("no directory")
        service.admin("backup", "create", "--name", "one", "--dir", backups)
        self.assertEqual(os.listdir(precious), ["file"])
        self.assertEqual(sorted(os.listdir(backups)), [".lock", "one", "vault"])

    def test_how_much_was_cached_tells_nothing_of_another_tenant(self):
        service = support.Service(self, tools="none")
        secret = "the pin of the safe is four seven one one, and nobody but me knows " * 4
        cached = []
        for n, tenant in enumerate(("acme", "evil", "acme")):
            with support.parlance.Client(service.endpoint, tenant=tenant) as client:
                answer = client.chat(secret, session="s%d" % n, max_tokens=4, timeout=support.PATIENCE_S)
                cached.append(answer.usage["cached_tokens"] if isinstance(answer.usage, dict) else answer.usage.cached_tokens)
        self.assertEqual(cached[:2], [0, 0])
        self.assertGreater(cached[2], len(secret) // 2, "within a tenant pages are shared")

    def test_closed_standard_streams_get_no_file_of_ours(self):
        service = support.Service(self)
        self.assertEqual(service.stop(), 0)
        words = [os.path.join(support.BIN, "parlanced"), "--model", "hash", "--data", service.data, "--listen",
                 service.endpoint]
        service.process = subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh"] + words, env=support.environment())
        support.cli("ping", "--endpoint", service.endpoint, "--wait", support.PATIENCE_S)
        for number in range(3):
            self.assertEqual(os.readlink("/proc/%d/fd/%d" % (service.process.pid, number)), "/dev/null")
        with service.client() as client:
            self.assertTrue(client.chat("Hello", max_tokens=4, timeout=support.PATIENCE_S).turn)
        self.assertEqual(service.stop(), 0)


if __name__ == "__main__":
    unittest.main()
