#!/usr/bin/env python3
"""Values sealed at rest: nothing said is on disk in the clear, a forgotten user is gone from data, log and backup, keys
are rotated while the service runs, and a wrong key is refused."""

import json
import os
import shutil
import subprocess
import threading
import unittest

import support
from support import Service

MARKER = "quince-and-medlar"
USER = "somebody@example.org"


def files_below(*folders):
    for folder in folders:
        for where, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(where, name)
                if os.path.isfile(path):
                    yield path


def holding(needle, *folders):
    """The files that hold these bytes."""
    found = []
    for path in files_below(*folders):
        with open(path, "rb") as f:
            if needle in f.read():
                found.append(path)
    return found


def read(path):
    with open(path, "rb") as f:
        return f.read()


def turns(service):
    return {row["id"]: row for row in map(json.loads, service.admin("sessions", "export").splitlines())}


class SealTest(unittest.TestCase):
    def service(self, **options):
        return Service(self, threads=1, tools="none", **options)

    def ask(self, service, name, user=None, session=None):
        with service.client() as client:
            return client.chat("My secret is %s, %s." % (MARKER, name), id=name, session=session or "s-" + name, user=user,
                               max_tokens=8)

    def test_nothing_said_and_nobodys_name_is_on_disk_or_in_the_log(self):
        service = self.service(log_level="debug")
        answer = self.ask(service, "id-in-the-clear", USER, "session-in-the-clear")
        with service.client() as client:
            client.rate(answer.turn, 2, comment=MARKER + " was wrong", user="rater@example.org")
        for _ in range(2):  # as log, then as tables
            for needle in (MARKER, USER, "id-in-the-clear", "session-in-the-clear", "rater@example.org"):
                self.assertEqual(holding(needle.encode(), service.dir), [], needle)
            service.stop()
            service.start()
        self.assertEqual(len(turns(service)), 1)
        for name, mode in (("vault", 0o600), ("master.key", 0o600)):
            self.assertEqual(os.stat(os.path.join(service.data, name)).st_mode & 0o777, mode, name)
        self.assertIn("master_key_beside_data", service.log())

    def test_a_forgotten_user_is_gone_from_data_log_and_backup(self):
        service = self.service()
        mine, other = self.ask(service, "mine", USER), self.ask(service, "other", "bob")
        anonymous = self.ask(service, "anonymous")
        with service.client() as client:
            client.rate(mine.turn, 1, comment="a", user="bob")
            client.rate(other.turn, 1, comment="b", user=USER)
            client.rate(other.turn, 2, comment="c", user="bob")
        service.admin("backup", "create", "--name", "before")
        elsewhere = os.path.join(service.dir, "elsewhere")
        service.admin("backup", "create", "--name", "away", "--dir", elsewhere)
        with open(os.path.join(service.data, "vault"), "rb") as f:
            vault = f.read()
        self.assertIn("forgotten", service.admin("sessions", "forget", "--user", USER, "--yes").decode())
        self.assertIn("nothing", service.admin("sessions", "forget", "--user", USER, "--yes").decode())
        self.assertIn("forgotten", service.admin("sessions", "forget", "--user", "s-anonymous", "--yes").decode())
        self.assertEqual(set(turns(service)), {"other"})
        comments = [row["comment"] for row in json.loads(service.admin("feedback", "list", "--json"))]
        self.assertEqual(comments, ["c"], "what is bound to the forgotten, and what they wrote of others, is gone")
        sessions = [row["session"] for row in json.loads(service.admin("sessions", "list", "--json"))]
        self.assertEqual(sessions, ["s-other"])
        # The slots of both users are overwritten in the vault and in each copy beside backups.
        self.assertEqual(self.lost_slots(vault, os.path.join(service.data, "vault")), 2)
        for folder in (os.path.join(service.data, "backups"), elsewhere):
            self.assertEqual(self.lost_slots(vault, os.path.join(folder, "vault")), 2)
        acts = [json.loads(line) for line in read(os.path.join(service.data, "audit.jsonl")).splitlines()]
        forgets = [act for act in acts if act["act"] == "sessions.forget"]
        self.assertEqual([act["outcome"] for act in forgets], ["intent", "done"] * 3)
        self.assertNotIn(USER, json.dumps(acts))
        # Asked again, the id is new: nothing is known of the answer of before.
        self.assertNotEqual(self.ask(service, "mine", USER).turn, mine.turn)
        service.admin("sessions", "forget", "--user", USER, "--yes")
        service.stop()
        for name, folder in (("before", os.path.join(service.data, "backups")), ("away", elsewhere)):
            service.admin("backup", "restore", name, "--dir", folder)
            service.start()
            self.assertEqual(set(turns(service)), {"other"}, "with the master key in hand")
            service.stop()
        self.assertEqual(holding(MARKER.encode(), service.dir), [])
        del anonymous

    @staticmethod
    def lost_slots(before, path):
        with open(path, "rb") as f:
            now = f.read()
        return sum(1 for at in range(0, len(before), 128) if before[at + 24:at + 116] not in now)

    def test_a_session_goes_on_without_a_guest_who_is_forgotten(self):
        service = self.service()
        self.ask(service, "one", "ann", "shared")
        self.ask(service, "two", "guest", "shared")
        self.ask(service, "three", "ann", "shared")
        service.admin("sessions", "forget", "--user", "guest", "--yes")
        self.assertEqual(set(turns(service)), {"one", "three"})
        self.ask(service, "four", "ann", "shared")
        service.stop()
        service.start()
        self.ask(service, "five", "ann", "shared")
        self.assertEqual(set(turns(service)), {"one", "three", "four", "five"})
        service.admin("sessions", "forget", "--user", "ann", "--yes")
        self.assertEqual(turns(service), {})

    def test_requests_under_way_are_ended_before_the_key_goes(self):
        service = self.service(ctx_size=4096)
        finishes = []

        def run(n):
            with service.client() as client:
                answer = client.chat("go on", id="long-%d" % n, session="l-%d" % n, user=USER, max_tokens=3000)
                finishes.append(answer.finish_reason)

        threads = [threading.Thread(target=run, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        said = b""
        while b"forgotten" not in said:
            said = service.admin("sessions", "forget", "--user", USER, "--yes")
        for thread in threads:
            thread.join()
        service.admin("sessions", "forget", "--user", USER, "--yes")
        self.assertEqual(len(finishes), 3)
        self.assertEqual(turns(service), {})

    def test_keys_are_rotated_while_the_service_answers(self):
        service = self.service()
        self.ask(service, "one", USER)
        with open(os.path.join(service.data, "master.key"), "rb") as f:
            old = f.read()
        service.admin("keys", "rotate-tenant", "default")
        service.admin("keys", "rotate-tenant", "nobody", expect=1)
        self.ask(service, "two", USER)
        service.admin("keys", "rotate-master")
        self.ask(service, "three", USER)
        with open(os.path.join(service.data, "master.key"), "rb") as f:
            self.assertNotEqual(f.read(), old)
        service.stop()
        service.start()
        self.assertEqual(set(turns(service)), {"one", "two", "three"})
        service.stop()
        with open(os.path.join(service.data, "master.key"), "wb") as f:
            f.write(old)
        self.refused(service, "master key does not open")

    def refused(self, service, sentence):
        """The start ends by itself, with this sentence."""
        run = subprocess.run([os.path.join(support.BIN, "parlanced"), "--model", "hash", "--data", service.data, "--listen",
                              service.endpoint] + service.flags, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             env=support.environment(), timeout=support.PATIENCE_S, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(sentence, run.stdout.decode())

    def test_where_the_master_key_comes_from(self):
        service = self.service()
        self.ask(service, "one", USER)
        service.stop()
        beside, away = os.path.join(service.data, "master.key"), os.path.join(service.dir, "key")
        shutil.move(beside, away)
        service.flags += ["--master-key-command", "cat " + away]
        service.start()
        self.assertEqual(set(turns(service)), {"one"})
        service.stop()
        service.flags[-2:] = ["--master-key-file", away]
        service.start()
        self.assertNotIn("master_key_beside_data", service.log())
        self.assertEqual(set(turns(service)), {"one"})
        fresh = os.path.join(service.dir, "fresh")
        with open(fresh, "w", encoding="ascii") as f:
            f.write("5a" * 32 + "\n")
        service.admin("keys", "rotate-master", "--new-key-file", fresh, expect=1)  # others may read it
        os.chmod(fresh, 0o600)
        service.admin("keys", "rotate-master", "--new-key-file", fresh)
        service.stop()
        self.assertEqual(read(away), read(fresh))
        service.start()
        self.assertEqual(set(turns(service)), {"one"})
        service.stop()
        os.chmod(away, 0o644)
        self.refused(service, "others may read")

    def test_a_store_without_its_vault_is_refused_and_left_alone(self):
        service = self.service()
        self.ask(service, "one", USER)
        service.stop()
        vault = os.path.join(service.data, "vault")
        shutil.move(vault, vault + ".away")
        self.refused(service, "put it back")
        self.assertFalse(os.path.exists(vault))
        shutil.move(vault + ".away", vault)
        service.start()
        self.assertEqual(set(turns(service)), {"one"})


if __name__ == "__main__":
    unittest.main()
