#!/usr/bin/env python3
"""Backups and the audit record: what a backup holds, what a damaged one says, what a crash in the middle leaves."""

import json
import os
import random
import shutil
import signal
import subprocess
import threading
import unittest

import support
from support import Service, cli, cli_json

SEED = int(os.environ.get("PL_TEST_SEED", "7"))
CRASHES = 200 if support.LONG else 12


def turns(service):
    """All turns as the export tells them, by the id of their request."""
    return {row["id"]: row for row in map(json.loads, service.admin("sessions", "export").splitlines())}


def ask(client, name, **more):
    return client.chat("What is %s?" % name, id=name, session="s-" + name, max_tokens=8, **more)


def flip(path):
    """Changes one byte in the middle of a file; gives back what restores it."""
    with open(path, "r+b") as f:
        bytes_ = f.read()
        at = len(bytes_) // 2
        f.seek(at)
        f.write(bytes([bytes_[at] ^ 0x20]))
    return bytes_


class Load:
    """Clients that ask without a pause until stopped; knows what was asked and what was answered."""

    def __init__(self, service, clients=4):
        self.service, self.over = service, threading.Event()
        self.asked, self.answered = set(), set()
        self.some = threading.Semaphore(0)
        self.threads = [threading.Thread(target=self.run, args=(k,)) for k in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self, k):
        with self.service.client() as client:
            n = 0
            while not self.over.is_set():
                name = "load-%d-%d" % (k, n)
                self.asked.add(name)
                ask(client, name)
                self.answered.add(name)
                self.some.release()
                n += 1

    def wait(self, answers):
        for _ in range(answers):
            self.some.acquire(timeout=support.PATIENCE_S)

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()


class BackupTest(unittest.TestCase):
    def service(self, **options):
        return Service(self, threads=1, tools="none", **options)

    def test_restore_gives_exactly_the_turns_of_before(self):
        service = self.service()
        with service.client() as client:
            for n in range(5):
                ask(client, "before-%d" % n)
            before = turns(service)
            made = json.loads(service.admin("backup", "create", "--name", "first", "--json"))
            for n in range(5):
                ask(client, "after-%d" % n)
            service.admin("backup", "create", "--name", "second")
        self.assertEqual(len(turns(service)), 10)
        service.admin("backup", "restore", "first", expect=1)  # it runs
        self.assertEqual(service.stop(), 0)
        out = json.loads(service.admin("backup", "restore", "first", "--json"))
        self.assertTrue(os.path.isdir(out["aside"]))
        service.start()
        self.assertEqual(turns(service), before)
        with service.client() as client:  # and it goes on from there
            self.assertTrue(ask(client, "before-0").text is not None)
            ask(client, "later")
        self.assertEqual(set(turns(service)), set(before) | {"later"})
        service.stop()
        self.assertGreater(made["sequence"], 0)

        # back to a time: the newest that is not later
        rows = json.loads(service.admin("backup", "list", "--json"))
        self.assertEqual([row["name"] for row in rows], ["first", "second"])
        out = json.loads(service.admin("backup", "restore", "--at", rows[1]["time"], "--json"))
        self.assertEqual(out["name"], "second")
        out = json.loads(service.admin("backup", "restore", "--at", rows[0]["time"].rstrip("Z"), "--json"))
        self.assertEqual(out["name"], "first")
        service.admin("backup", "restore", "--at", "2001-01-01", expect=1)

        acts = [(row["act"], row["outcome"]) for row in json.loads(service.admin("audit", "list", "--json"))]
        self.assertEqual(acts.count(("backup.create", "intent")), 2)
        self.assertEqual(acts.count(("backup.create", "done")), 2)
        self.assertEqual(acts.count(("backup.restore", "done")), 3)
        service.admin("audit", "verify")

    def test_a_backup_under_load_holds_all_that_was_acknowledged_before(self):
        service = self.service()
        load = Load(service)
        try:
            for n in range(3):
                load.wait(10)
                before = set(load.answered)
                service.admin("backup", "create", "--name", "b%d" % n, "--keep", "2")
                after = set(load.asked)
        finally:
            load.stop()
        took = [json.loads(line)["seconds"] for line in service.log().splitlines() if '"checkpoint"' in line]
        print("figure: backup_checkpoint_s=%s (writes wait for it)" % max(took, key=float))
        everything = turns(service)
        self.assertEqual(service.stop(), 0)
        self.assertEqual([b["name"] for b in json.loads(service.admin("backup", "list", "--json"))], ["b1", "b2"])
        service.admin("backup", "verify", "b2")
        service.admin("backup", "restore", "b2")
        service.start()
        held = turns(service)
        # What was accepted and not answered when the checkpoint was made is finished after the restore.
        pending = set(held) - before
        self.assertLessEqual(before, set(held))
        self.assertLessEqual(pending, after)
        for name in before:
            self.assertEqual(held[name]["text"], everything[name]["text"])

    def assert_verified_only_by_its_key(self, service):
        other = os.path.join(service.dir, "other.key")
        with open(os.open(other, os.O_WRONLY | os.O_CREAT, 0o600), "w") as f:
            f.write("ab" * 32)
        service.admin("backup", "verify", "one", "--master-key-file", other, expect=1)
        apart = os.path.join(service.dir, "apart")  # no key there: hashes only
        seen = cli_json("backup", "verify", "one", "--data", apart, "--dir", os.path.join(service.data, "backups"))
        self.assertEqual((seen["opened"], seen["values"], seen["rows"]["turns"]), (False, 0, 3))

    def test_a_flipped_byte_is_found_and_its_file_named(self):
        service = self.service()
        with service.client() as client:
            for n in range(3):
                ask(client, "q%d" % n)
        service.admin("backup", "create", "--name", "one")
        before = turns(service)
        service.stop()
        folder = os.path.join(service.data, "backups", "one")
        found = 0
        for name in sorted(os.listdir(os.path.join(folder, "store"))):
            path = os.path.join(folder, "store", name)
            if os.path.getsize(path) == 0:
                continue
            was = flip(path)
            for words in (("verify", "one"), ("restore", "one")):
                run = subprocess.run([os.path.join(support.BIN, "parlance"), "backup", *words, "--data", service.data],
                                     stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=support.environment(),
                                     timeout=support.PATIENCE_S, check=False)
                self.assertEqual(run.returncode, 1)
                self.assertIn(path, run.stderr.decode())
            with open(path, "wb") as f:
                f.write(was)
            found += 1
        self.assertGreater(found, 4)
        seen = json.loads(service.admin("backup", "verify", "one", "--json"))
        self.assertTrue(seen["opened"])
        self.assertEqual(seen["values"], sum(n for family, n in seen["rows"].items() if family != "default"))
        self.assertEqual((seen["rows"]["turns"], seen["forgotten"]), (3, 0))
        self.assert_verified_only_by_its_key(service)
        with open(os.path.join(folder, "store", "stray.sst"), "wb") as f:
            f.write(b"x")
        service.admin("backup", "verify", "one", expect=1)
        os.unlink(f.name)
        with open(os.path.join(folder, "manifest.json"), "r+b") as f:
            f.truncate(20)
        self.assertTrue(json.loads(service.admin("backup", "list", "--json"))[0]["damaged"])
        service.admin("backup", "restore", "one", expect=1)
        service.start()  # the store is where it was
        self.assertEqual(turns(service), before)

    def test_a_crash_in_the_middle_leaves_no_half_backup(self):
        print("seed %d" % SEED)
        dice = random.Random(SEED)
        service = self.service()
        with service.client() as client:
            ask(client, "q")
        elsewhere = os.path.join(service.dir, "elsewhere")
        cut = 0
        for n in range(CRASHES):
            where = [] if n % 2 else ["--dir", elsewhere]
            command = subprocess.Popen([os.path.join(support.BIN, "parlance"), "backup", "create", "--data", service.data,
                                        "--name", "b%d" % n] + where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=support.environment())
            try:
                command.wait(dice.random() * 0.25)
            except subprocess.TimeoutExpired:
                victim = service.process if n % 4 == 3 else command
                victim.send_signal(signal.SIGKILL)
                victim.wait(support.PATIENCE_S)
                cut += 1
            command.wait(support.PATIENCE_S)
            if service.process.poll() is not None:
                service.start()
        print("cut short: %d of %d" % (cut, CRASHES))
        for folder in (os.path.join(service.data, "backups"), elsewhere):
            for row in cli_json("backup", "list", "--dir", folder):
                self.assertFalse(row["damaged"])
                cli("backup", "verify", row["name"], "--dir", folder)
        service.admin("backup", "create", "--name", "last", "--dir", elsewhere)
        for folder in (os.path.join(service.data, "backups"), elsewhere):
            self.assertEqual([name for name in os.listdir(folder) if name.endswith(".partial")], [])
        service.admin("audit", "verify")

    def test_a_backup_can_go_elsewhere_and_become_a_new_data_directory(self):
        service = self.service()
        elsewhere = os.path.join(service.dir, "elsewhere")
        with service.client() as client:
            ask(client, "q")
        before = turns(service)
        service.admin("backup", "create", "--dir", elsewhere, "--name", "moved")
        service.admin("backup", "create", "--dir", elsewhere, "--name", "moved", expect=1)
        service.admin("backup", "create", "--dir", elsewhere, "--name", "../moved", expect=2)
        self.assertEqual(os.listdir(os.path.join(service.data, "backups")), [".lock"])
        service.stop()
        fresh = os.path.join(service.dir, "fresh")
        cli("backup", "restore", "moved", "--dir", elsewhere, "--to", fresh)
        self.assertFalse(os.path.exists(os.path.join(fresh, "master.key")), "a backup holds no master key")
        shutil.copy(os.path.join(service.data, "master.key"), fresh)
        service.data = fresh
        service.start()
        self.assertEqual(turns(service), before)


class AuditTest(unittest.TestCase):
    def test_what_operators_do_is_recorded_before_and_after(self):
        service = Service(self, threads=1, tools="none")
        with service.client() as client:
            ask(client, "q")
        service.admin("sessions", "show", "s-q")
        service.admin("sessions", "export")
        service.admin("sessions", "export", "s-q")
        service.admin("sessions", "delete", "s-q")
        service.admin("sessions", "delete", "s-none", expect=1)
        service.admin("retrain", "request")
        listed = json.loads(service.admin("audit", "list", "--json"))[1:]
        rows = [(r["act"], r["outcome"]) for r in listed]
        self.assertNotIn("s-q", [r["subject"] for r in listed])  # a session often bears its user's name
        self.assertEqual([r["subject"] for r in listed][0], "all")
        self.assertEqual(listed[1]["subject"], listed[2]["subject"])
        self.assertEqual(rows, [("sessions.export", "intent"), ("sessions.export", "intent"),
                                ("sessions.delete", "intent"), ("sessions.delete", "done"),
                                ("sessions.delete", "intent"), ("sessions.delete", "failed"),
                                ("retrain.request", "intent"), ("retrain.request", "done")])

    def test_an_act_that_cannot_be_recorded_is_not_done(self):
        service = Service(self, threads=1, tools="none")
        with service.client() as client:
            ask(client, "q")
        flip(os.path.join(service.data, "audit.jsonl"))
        service.admin("sessions", "delete", "s-q", expect=1)
        service.admin("sessions", "export", expect=1)
        service.admin("retrain", "request", expect=1)
        service.admin("backup", "create", expect=1)
        self.assertIn(b"answer", service.admin("sessions", "show", "s-q"))
        self.assertFalse(json.loads(service.admin("retrain", "status", "--json"))["due"])

    def test_a_changed_line_is_named_and_a_torn_one_told_apart(self):
        service = Service(self, threads=1, tools="none")
        service.stop()
        path = os.path.join(service.data, "audit.jsonl")
        good = json.loads(service.admin("audit", "verify", "--json"))
        self.assertTrue(good["good"])
        service.admin("audit", "verify", "--head", good["head"])
        service.admin("audit", "verify", "--head", "0" * 63 + "1", expect=1)
        with open(path, "ab") as f:
            f.write(b'{"seq":3,"time":"20')
        self.assertEqual(json.loads(service.admin("audit", "verify", "--json"))["torn_bytes"], 19)
        service.start()
        service.stop()
        acts = [row["act"] for row in json.loads(service.admin("audit", "list", "--json"))]
        self.assertEqual(acts, ["daemon.start", "daemon.stop", "audit.repair", "daemon.start", "daemon.stop"])
        later = json.loads(service.admin("audit", "list", "--json", "--since", "2001-01-01"))
        self.assertEqual(len(later), 5)
        self.assertEqual(json.loads(service.admin("audit", "list", "--json", "--since", "2999")), [])
        with open(path, "rb") as f:
            lines = f.read().splitlines(True)
        lines[1] = lines[1].replace(b"daemon.stop", b"daemon.stay")
        with open(path, "wb") as f:
            f.writelines(lines)
        bad = json.loads(service.admin("audit", "verify", "--json", expect=1))
        self.assertEqual((bad["good"], bad["bad_line"], bad["lines"]), (False, 2, 1))


if __name__ == "__main__":
    unittest.main()
