#!/usr/bin/python3
"""Mixed work for a long time: answers, tools, resumes, cancels, ratings, lists, deletions and connections that break. The
memory and the file descriptors of every process stay flat. An hour with PL_TEST_LONG=1; PL_TEST_SOAK_S=120 makes it two
minutes; else some seconds, which only show that the work is done right."""

import os
import random
import shutil
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools")]
import crash_support as cs  # noqa: E402
import make_scripted  # noqa: E402
import support  # noqa: E402
import watch  # noqa: E402
from clients import CClient, PythonClient  # noqa: E402
from model_support import figure  # noqa: E402
from proxy import Proxy  # noqa: E402

SOAK_S = float(os.environ.get("PL_TEST_SOAK_S") or (3600 if cs.LONG else 3))
WARM_SHARE = 0.25  # of the time: caches and the store's own buffers fill
JUDGED_S = 60  # a shorter run says nothing of a slope
FILLED_S = 400  # until then the cache of sessions and the store's buffers fill: memory is only shown
WORKERS = 6
MAY_GROW_BYTES, MAY_GROW_FILES = 24 * watch.MIB, 8  # by the fitted slope, from the end of the warm-up to the end
TURNS = 5  # of a session, which is deleted then


class Worker(threading.Thread):
    """One user after the other, by one of the clients, over a wire of its own. Ends the test's way when it fails."""

    def __init__(self, soak, number, seed):
        super().__init__(daemon=True)
        self.soak, self.number, self.rng = soak, number, random.Random(seed)
        self.proxy = Proxy(soak, soak.service.endpoint[len("ipc://"):])
        self.client = (CClient if number % 2 else PythonClient)(soak, self.proxy.endpoint, retry=True)
        self.sessions = self.answers = 0
        self.counts = {}
        self.failure = None

    def run(self):
        try:
            while not self.soak.over.is_set():
                self.session()
        except BaseException as error:  # handed to the test's own thread
            self.failure = error
            self.soak.over.set()

    def session(self):
        self.sessions += 1
        session = "w%d-%d" % (self.number, self.sessions)
        for turn in range(TURNS):
            kind = self.rng.choice(("chat", "stream", "submit", "cancel", "tool", "cut"))
            self.counts[kind] = self.counts.get(kind, 0) + 1
            answer = getattr(self, "do_" + kind)(session, "%s-%d" % (session, turn))
            self.answers += 1
            if self.rng.random() < 0.5:
                self.client.rate(answer.turn, self.rng.randrange(1, 6), user="u-" + session, timeout=support.PATIENCE_S)

    def options(self, session, id):
        return {"session": session, "user": "u-" + session, "id": id, "timeout": support.PATIENCE_S}

    def do_chat(self, session, id):
        return self.client.chat("Well?", **self.options(session, id))

    def do_stream(self, session, id):
        deltas, answer = self.client.stream(make_scripted.LONG, max_tokens=60, **self.options(session, id))
        if "".join(deltas) != answer.text:
            raise AssertionError("the pieces of %s are not its text" % id)
        return answer

    def do_submit(self, session, id):
        return self.client.result(self.client.submit("And?", **self.options(session, id)), timeout=support.PATIENCE_S)

    def do_cancel(self, session, id):
        return self.client.stream(make_scripted.LONG, cancel=3, max_tokens=400, **self.options(session, id))[1]

    def do_tool(self, session, id):
        options = self.options("tool-" + id, id)  # the model of this test counts marks over the whole dialogue
        answer = self.client.chat(make_scripted.MARKS[0], tools=["calculator"], **options)
        if len(answer.tools) != 1:
            raise AssertionError("%s has %d tool calls" % (id, len(answer.tools)))
        return answer

    def do_cut(self, session, id):
        deltas, answer = self.client.stream(make_scripted.LONG, pause=5, at_pause=self.proxy.cut, max_tokens=40,
                                            **self.options(session, id))
        if [d.seq for d in deltas] != list(range(len(deltas))) or "".join(deltas) != answer.text:
            raise AssertionError("the pieces of %s came wrongly" % id)
        return answer


class SoakTest(cs.DaemonTest):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="parlance-")
        self.addCleanup(shutil.rmtree, self.directory)
        model = os.path.join(self.directory, "m.gguf")
        make_scripted.write(model, [("calculator", '{"expression": "6*7"}')])
        self.service = self.daemon(model=model).start()
        self.over = threading.Event()

    def look_after(self, operator, rng):
        """What an operator does: looks at lists, and deletes the oldest sessions."""
        listed = operator.ask("sessions.list", "list-%d" % operator.count, {"limit": 100})["body"].get("sessions", [])
        operator.ask("feedback.list", "rated-%d" % operator.count, {"limit": 50})
        operator.ask("feedback.stats", "stats-%d" % operator.count)
        finished = [row["session"] for row in listed if row["turns"] >= TURNS or row["session"].startswith("tool-")]
        for session in rng.sample(finished, len(finished) // 2):
            operator.ask("sessions.show", "show-%d" % operator.count, session=session)
            operator.ask("sessions.delete", "delete-%d" % operator.count, session=session)

    def sample(self, points, begun):
        for role, pid in watch.processes(self.service).items():
            row = (time.monotonic() - begun, watch.rss_bytes(pid), watch.open_files(pid))
            points.setdefault(role, []).append(row)

    def check_flat(self, points):
        for role, rows in sorted(points.items()):
            rows = [r for r in rows if r[0] >= SOAK_S * WARM_SHARE]
            window = rows[-1][0] - rows[0][0]
            grew = window * watch.slope([(t, rss) for t, rss, _ in rows])
            opened = window * watch.slope([(t, files) for t, _, files in rows])
            figure("%s in %d s: memory by its slope, MiB" % (role, window), "%+.2f of %.0f" % (
                grew / watch.MIB, rows[-1][1] / watch.MIB))
            figure("%s in %d s: files by its slope" % (role, window), "%+.2f of %d" % (opened, rows[-1][2]))
            if SOAK_S >= FILLED_S:
                self.assertLess(grew, MAY_GROW_BYTES, role)
            self.assertLess(opened, MAY_GROW_FILES, role)

    def test_memory_and_files_stay_flat(self):
        seed = cs.seed()
        pids = watch.processes(self.service)
        workers = [Worker(self, n, seed + n) for n in range(WORKERS)]
        operator, rng, points = self.service.operator(), random.Random(seed), {}
        begun = time.monotonic()
        for worker in workers:
            worker.start()
        while not self.over.wait(min(2, SOAK_S / 10)) and time.monotonic() < begun + SOAK_S:
            self.look_after(operator, rng)
            self.sample(points, begun)
        self.over.set()
        for worker in workers:
            worker.join(support.PATIENCE_S)
            if worker.failure:
                raise worker.failure
        self.assertEqual(watch.processes(self.service), pids, "a process was started anew")
        counts = {kind: sum(w.counts.get(kind, 0) for w in workers) for w in workers for kind in w.counts}
        figure("answers", "%d: %s" % (sum(w.answers for w in workers), counts))
        figure("connections broken", sum(w.proxy.broken for w in workers))
        if SOAK_S >= JUDGED_S:
            self.check_flat(points)
        else:
            print("%g s: no slope is judged below %d s" % (SOAK_S, JUDGED_S), file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
