"""What a hostile neighbour or a clumsy operator does to a running service, and what has to go on all the same."""

import os
import shutil
import signal
import subprocess
import unittest

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


class Attacks(unittest.TestCase):
    def test_a_child_comes_back_after_the_hubs_directory_was_removed(self):
        service = support.Service(self)
        shutil.rmtree(os.path.join(service.data, "run"))
        os.kill(children(service)["executor"], signal.SIGKILL)
        with service.client() as client:
            self.assertTrue(client.chat("Hello", max_tokens=4, timeout=support.PATIENCE_S).turn)
        self.assertIsNone(service.process.poll())

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
