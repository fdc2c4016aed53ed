#!/usr/bin/env python3
"""What an operator sees: top, dead letters, the metrics page."""

import json
import os
import re
import shutil
import signal
import subprocess
import unittest
import urllib.request

import support
from support import cli


def figures(state):
    """{name with labels: figure} of all nodes."""
    return {f["name"] + ("{%s}" % f["labels"] if f["labels"] else ""): f for f in state["figures"]}


class Top(unittest.TestCase):
    def setUp(self):
        self.service = support.Service(self, max_seqs=4)

    def top(self, *words):
        return json.loads(self.service.admin("top", "--json", "--interval", "0", *words))

    def test_every_node_and_actor_is_listed(self):
        cli("send", "hello", "--endpoint", self.service.endpoint)
        state = self.top()
        nodes = {n["node"]: n for n in state["nodes"]}
        self.assertLessEqual({"service", "store", "executor", "tool.calculator"}, set(nodes))
        self.assertTrue(all(n["up"] and n["pid"] > 0 and n["rss_bytes"] > 1 << 20 and n["open_files"] != 1 for n in nodes.values()))
        self.assertEqual(nodes["service"]["pid"], self.service.process.pid)
        self.assertNotEqual(nodes["executor"]["pid"], self.service.process.pid)
        actors = {a["actor"]: a for a in state["actors"]}
        self.assertLessEqual({"frontdoor", "session", "batcher", "store", "executor", "feedback", "tools"}, set(actors))
        for actor in actors.values():
            self.assertEqual(actor["state"], "up")
            self.assertGreater(actor["limit"], 0)
        self.assertGreater(actors["store"]["handled"], 0)
        self.assertGreaterEqual(actors["executor"]["run_p99_us"], actors["executor"]["run_p50_us"])
        self.assertGreater(figures(state)["parlance_generation_tokens_total"]["value"], 0)

    def test_what_is_shown_a_second_comes_from_two_looks(self):
        with subprocess.Popen([os.path.join(support.BIN, "parlance"), "top", "--json", "--interval", "1", "--data", self.service.data],
                              stdout=subprocess.PIPE, env=support.environment()) as top:
            while top.poll() is None:
                cli("send", "hello", "--endpoint", self.service.endpoint)
            state = json.loads(top.stdout.read())
        self.assertGreater(state["interval_s"], 0.9)
        self.assertGreater(state["batches"]["generated_tokens_per_second"], 0)
        self.assertGreaterEqual(state["batches"]["decode_rows_per_step"], 1)
        self.assertGreater(state["batches"]["kv_pages"], 0)
        self.assertGreater(state["requests"]["finished_per_second"], 0)

    def test_the_page_for_people_has_the_same(self):
        page = self.service.admin("top", "--interval", "0").decode()
        for word in ("requests", "batches", "NODE", "ACTOR", "executor", "frontdoor"):
            self.assertIn(word, page)
        self.assertNotIn("\x1b", page)

    def test_a_node_that_hangs_does_not_hide_the_others(self):
        pid = next(n["pid"] for n in self.top()["nodes"] if n["node"] == "executor")
        os.kill(pid, signal.SIGSTOP)
        try:
            nodes = {n["node"]: n for n in self.top()["nodes"]}
        finally:
            os.kill(pid, signal.SIGCONT)
        self.assertFalse(nodes["executor"]["up"])
        self.assertTrue(nodes["service"]["up"] and nodes["store"]["up"])

    def test_dead_letters_are_listed_and_a_wrong_name_is_refused(self):
        listed = json.loads(self.service.admin("dead-letters", "list", "--json"))
        self.assertEqual(listed["total"], len(listed["letters"]))
        self.assertIn(b"since the nodes' start", self.service.admin("dead-letters", "list"))
        for name in ("service:999999", "nowhere:1", "x"):
            self.service.admin("dead-letters", "replay", name, expect=1)


class Metrics(unittest.TestCase):
    """The page of /metrics, after some work, by the rules of the text format."""

    def setUp(self):
        self.service = support.Service(self, metrics=True)
        for i in range(3):
            cli("send", "hello %d" % i, "--endpoint", self.service.endpoint)
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.service.metrics_port, timeout=support.PATIENCE_S) as page:
            self.page = page.read().decode()

    def test_promtool_has_nothing_to_say(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (Debian's prometheus) is not installed")
        run = subprocess.run([promtool, "check", "metrics"], input=self.page.encode(), stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, timeout=support.PATIENCE_S, check=False)
        self.assertEqual((run.returncode, run.stdout.decode()), (0, ""))

    def test_every_family_is_described_once_and_named_by_its_kind(self):
        kinds, helps, seen, family = {}, set(), set(), None
        for line in self.page.splitlines():
            if line.startswith("# HELP "):
                family = line.split()[2]
                self.assertNotIn(family, helps)
                self.assertTrue(line.split(" ", 3)[3].endswith("."), line)
                helps.add(family)
            elif line.startswith("# TYPE "):
                self.assertEqual(line.split()[2], family)
                kinds[family] = line.split()[3]
            else:
                match = re.fullmatch(r'([a-z_0-9]+)(\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*\})? (\S+)', line)
                self.assertTrue(match, line)
                name, key = match.group(1), match.group(1) + (match.group(2) or "")
                self.assertIn(name, {family, family + "_bucket", family + "_sum", family + "_count"})
                self.assertNotIn(key, seen)
                seen.add(key)
                float(match.group(3))
        self.assertEqual(set(kinds), helps)
        for name, kind in kinds.items():
            self.assertTrue(name.startswith("parlance_"), name)
            self.assertEqual(name.endswith("_total"), kind == "counter", name)
            self.assertFalse(re.search(r"_(ms|milliseconds|us|kb|mb|percent)(_|$)", name), name)

    def test_what_an_operator_expects_is_there(self):
        state = json.loads(self.service.admin("top", "--json", "--interval", "0"))
        for name in ("time_to_first_token_seconds_count", "time_between_tokens_seconds_count", "request_queue_seconds_count",
                     "frontdoor_request_seconds_count", "step_duration_seconds_count", "prompt_tokens_total",
                     "generation_tokens_total", "store_commits_total",
                     "requests_accepted_total", "kv_cache_pages"):
            kind = "count" if name.endswith("_count") else "value"
            values = [f[kind] for f in state["figures"] if f["name"] == "parlance_" + name.removesuffix("_count")]
            self.assertGreater(sum(values), 0, name)


class Files(unittest.TestCase):
    """Rules of alerts and the dashboard speak of metrics that there are, once every kind of thing has happened."""

    LATER = {"parlance_dead_letters_total", "up"}  # made when the first one dies; Prometheus' own

    def setUp(self):
        self.ops = os.path.join(support.SOURCE, "ops")
        self.rules = os.path.join(self.ops, "prometheus", "alerts.yml")

    def read(self, path):
        with open(path, encoding="utf-8") as f:
            return f.read()

    def test_promtool_takes_the_rules(self):
        promtool = shutil.which("promtool")
        if not promtool:
            self.skipTest("promtool (Debian's prometheus) is not installed")
        run = subprocess.run([promtool, "check", "rules", self.rules], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             timeout=support.PATIENCE_S, check=False)
        self.assertEqual(run.returncode, 0, run.stdout)

    def test_every_metric_of_the_rules_and_of_the_dashboard_exists(self):
        board = json.loads(self.read(os.path.join(self.ops, "grafana", "parlance.json")))
        said = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
        self.assertGreater(len(said), 30)
        self.assertEqual(len({p["id"] for p in board["panels"]}), len(board["panels"]))
        said += re.findall(r"^ +expr: (.*)$", self.read(self.rules), re.M)
        used = {name for e in said for name in re.findall(r"\b(parlance_[a-z0-9_]+)", e)}
        service = support.Service(self)
        cli("send", "hello", "--endpoint", service.endpoint)
        state = json.loads(service.admin("top", "--json", "--interval", "0"))
        there = {f["name"] for f in state["figures"]} | self.LATER
        there |= {f["name"] + end for f in state["figures"] if f["kind"] == "histogram" for end in ("_bucket", "_sum", "_count")}
        self.assertEqual(used - there, set())

    def test_every_metric_of_a_service_is_in_the_operators_page(self):
        page = self.read(os.path.join(support.SOURCE, "docs", "operator.md"))
        service = support.Service(self)
        cli("send", "hello", "--endpoint", service.endpoint)
        state = json.loads(service.admin("top", "--json", "--interval", "0"))
        self.assertEqual({f["name"] for f in state["figures"] if "`%s`" % f["name"] not in page}, set())


if __name__ == "__main__":
    unittest.main()
