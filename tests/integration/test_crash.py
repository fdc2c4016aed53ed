#!/usr/bin/python3
"""kill -9 at named points and at random messages: what was accepted is answered once, by itself, as if nothing had
happened; what was stored or acknowledged is still there; the children of a dead service are gone. With PL_TEST_LONG=1
also 50 random kills, and the real models."""

import os
import random
import shutil
import signal
import sys
import tempfile
import unittest

import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools")]
import crash_support as cs  # noqa: E402
import make_scripted  # noqa: E402

SESSIONS, TURNS = ("red", "green", "blue"), 3


def request_id(session, turn):
    return "%s-%d" % (session, turn)


class Load:
    """The requests of a test: some sessions with several turns each, every second one sampled warm."""

    def __init__(self, max_tokens=64, text="What of %s, number %d?", sessions=SESSIONS, turns=TURNS, **body):
        self.sessions, self.turns, self.text, self.max_tokens, self.body = sessions, turns, text, max_tokens, body
        self.ids = [request_id(s, t) for t in range(turns) for s in sessions]

    def request(self, id):
        session, turn = id.rsplit("-", 1)
        n = self.sessions.index(session)
        body = {"text": self.text % (session, int(turn)), "max_tokens": self.max_tokens, "seed": 100 * n + int(turn),
                "temperature": 0 if int(turn) % 2 else 0.8, "system": "Speak of %s." % session}
        return dict(body, **self.body), session

    def send(self, client, id):
        body, session = self.request(id)
        client.send("chat.request", id, body, session=session, user="u-" + session)

    def send_all(self, client):
        for id in self.ids:
            self.send(client, id)


class CrashTest(cs.DaemonTest):
    """A model, its load, and how that load is answered when nothing goes wrong."""

    model = "hash"
    load = Load()
    references = {}

    @classmethod
    def model_path(cls):
        return cls.model

    def start(self, *args):
        return self.daemon(*args, model=self.model_path())

    def reference(self):
        """Answers by id of an uninterrupted run, one after the other."""
        key = type(self)
        if key not in self.references:
            daemon = self.start().start()
            client, self.references[key] = daemon.client(), {}
            for id in self.load.ids:
                self.load.send(client, id)
                self.references[key][id] = cs.Answer(client.until(id, "chat.done"))
            daemon.close()
        return self.references[key]

    def check_answer(self, id, answer):
        want = self.reference()[id]
        self.assertIsNotNone(answer.done, "%s: %s" % (id, answer.error))
        self.assertEqual(answer.pieces, want.pieces, id)
        for field in ("text", "finish_reason", "seed", "session", "tools"):
            self.assertEqual(answer.done.get(field), want.done.get(field), id)
        for field in ("prompt_tokens", "completion_tokens"):
            self.assertEqual(answer.done["usage"][field], want.done["usage"][field], id)

    def check_service(self, daemon, ids, known=()):
        """All IDS have one turn each, in order, and are told again as the uninterrupted run told them; KNOWN: answers
        that somebody has seen already, whose turns must be the same ones."""
        client, operator = daemon.client(), daemon.operator()
        rows = daemon.wait_turns(operator, ids)
        self.assertEqual(sorted(r["id"] for r in rows), sorted(ids))
        self.assertEqual(len({r["turn"] for r in rows}), len(ids))
        turns = {r["id"]: r["turn"] for r in rows}
        for session in self.load.sessions:
            mine = [r["id"] for r in rows if r["session"] == session]
            self.assertEqual(mine, [i for i in self.load.ids if i in turns and i.startswith(session + "-")])
        for id in ids:
            answer = client.resume(id)
            self.check_answer(id, answer)
            self.assertEqual(answer.done["turn"], turns[id])
            half = len(answer.deltas) // 2
            self.assertEqual(client.resume(id, half).pieces, answer.pieces[half:])
            self.load.send(client, id)
            self.assertEqual(cs.Answer(client.until(id, "chat.done")).done, answer.done)
        for id, answer in dict(known).items():
            self.assertEqual(answer.done["turn"], turns[id])
        self.assertEqual(len(daemon.shown(operator)), len(ids))

    def accept_all(self, daemon):
        """A first turn that is answered and rated; then all others accepted while the executor stands still."""
        client = daemon.client()
        first = self.load.ids[0]
        self.load.send(client, first)
        answer = cs.Answer(client.until(first, "chat.done"))
        stored = client.ask("feedback.add", "rating-1", {"turn": answer.done["turn"], "stars": 2})
        self.assertEqual(stored["type"], "feedback.stored")
        daemon.child("executor").kill(signal.SIGSTOP)
        rest = self.load.ids[1:]
        for id in rest:
            self.load.send(client, id)
        for id in rest:
            self.assertEqual(client.take(id)["type"], "chat.accepted")
        return {first: answer}

    def check_rating(self, daemon, known):
        client = daemon.operator()
        rows = client.ask("feedback.list", "list", {})["body"]["feedback"]
        self.assertEqual([(r["turn"], r["stars"]) for r in rows],
                         [(a.done["turn"], 2) for a in known.values()])
        again = client.ask("feedback.add", "rating-1", {"turn": rows[0]["turn"], "stars": 2})
        self.assertEqual(again["body"]["ratings_below_3"], 1)

    def kill_while_unfinished(self, point, n):
        """Eight requests are accepted and none is begun when the service is killed; nobody asks again. The next one dies
        at the point, while it makes up for that; the third one ends the work."""
        daemon = self.start().start()
        known = self.accept_all(daemon)
        self.assertEqual(daemon.kill(), -signal.SIGKILL)
        self.assertTrue(daemon.children_gone())
        daemon.start(ready=False, PARLANCE_KILL_AT="%s:%d" % (point, n))
        self.assertEqual(daemon.wait_end(), -signal.SIGKILL, "the point %s:%d was not reached" % (point, n))
        daemon.start()
        self.check_service(daemon, self.load.ids, known)
        self.check_rating(daemon, known)

    def kill_while_streaming(self, point, n):
        """Two clients listen to streams when the service dies at the point."""
        daemon = self.start().start(PARLANCE_KILL_AT="%s:%d" % (point, n))
        taps = [cs.Tap(daemon), cs.Tap(daemon)]
        for i, id in enumerate(self.load.ids):
            self.load.send(taps[self.load.sessions.index(id.rsplit("-", 1)[0]) % 2], id)
        heard = [m for tap in taps for m in tap.read_to_end()]
        self.assertEqual(daemon.wait_end(), -signal.SIGKILL)
        self.assertTrue(daemon.children_gone())
        daemon.start()
        self.go_on(daemon, heard)

    def go_on(self, daemon, heard):
        """HEARD is all that came before the end. Promised answers come from where they broke off; what was not promised
        is sent again."""
        by_id = {id: cs.Answer([m for m in heard if m["correlation"] == id]) for id in self.load.ids}
        accepted = [id for id, a in by_id.items() if a.accepted]
        client, operator = daemon.client(), daemon.operator()
        daemon.wait_turns(operator, accepted)
        for id in accepted:
            before = by_id[id]
            self.assertIsNone(before.error)
            after = client.resume(id, len(before.deltas))
            self.assertEqual(before.pieces + after.pieces, self.reference()[id].pieces, id)
            if before.done:
                self.assertEqual(before.done, after.done)
        for id in self.load.ids:
            if id not in accepted:
                self.load.send(client, id)
        self.check_service(daemon, self.load.ids, {i: a for i, a in by_id.items() if a.done})
        return accepted


class HashTest(CrashTest):
    def test_kill_when_queued(self):
        for n in (1, 3):
            self.kill_while_unfinished("queued", n)
            self.kill_while_streaming("queued", n)

    def test_kill_in_prefill(self):
        for n in (1, 3):
            self.kill_while_unfinished("prefill", n)
            self.kill_while_streaming("prefill", n)

    def test_kill_in_decode(self):
        for n in (1, 3, 20):
            self.kill_while_unfinished("decode", n)
            self.kill_while_streaming("decode", n)

    def test_kill_in_commit(self):
        for n in (1, 2, 3, 4, 5):
            self.kill_while_unfinished("commit", n)
        for n in (1, 2, 3, 6):
            self.kill_while_streaming("commit", n)

    def test_kill_again_and_again(self):
        """A service that dies at its every commit still ends its work."""
        daemon = self.start().start()
        known = self.accept_all(daemon)
        daemon.kill()
        deaths = 0
        while deaths < 100:
            daemon.start(ready=False, PARLANCE_KILL_AT="commit:2")
            # The work is done when the service lives: nothing is left to commit.
            service, poller = cs.Process(daemon.process.pid), zmq.Poller()
            operator = daemon.operator()
            poller.register(operator.socket, zmq.POLLIN)
            poller.register(service.fd, zmq.POLLIN)
            died = False
            rows = 0
            while rows < len(self.load.ids) and not died:
                operator.send("sessions.show", "show", {"limit": 100})
                died = service.fd in dict(poller.poll(cs.PATIENCE_MS))
                if not died:
                    rows = len(operator.take("show")["body"]["turns"])
            operator.close()
            service.close()
            if not died:
                break
            self.assertEqual(daemon.wait_end(), -signal.SIGKILL)
            deaths += 1
        self.assertGreaterEqual(deaths, 2)
        daemon.kill()
        daemon.start()
        self.check_service(daemon, self.load.ids, known)
        self.check_rating(daemon, known)

    def test_random_kills(self):
        """SIGKILL after a random number of messages."""
        rng = random.Random(cs.seed())
        for _ in range(50 if cs.LONG else 3):
            daemon = self.start().start()
            client = cs.Tap(daemon)
            self.load.send_all(client)
            heard = []
            for _ in range(rng.randrange(1, 120)):
                heard.append(client.client.receive())
            daemon.kill()
            heard += client.read_to_end()
            self.assertTrue(daemon.children_gone())
            daemon.start()
            self.go_on(daemon, heard)
            daemon.close()


class ScriptedTest(CrashTest):
    """A model of a few weights set by hand, in the real engine, that calls the calculator in every turn."""

    load = Load(text="%s %d " + make_scripted.MARKS[0], tools=["calculator"])

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="parlance-")
        make_scripted.write(os.path.join(cls.directory, "m.gguf"), [("calculator", '{"expression": "6*7"}')])

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    @classmethod
    def model_path(cls):
        return os.path.join(cls.directory, "m.gguf")

    def test_the_tool_is_called(self):
        for id, answer in self.reference().items():
            self.assertEqual([(t["tool"], t["result"], t["code"]) for t in answer.done["tools"]],
                             [("calculator", "42", "ok")])
            self.assertEqual(answer.text, "It is done.")

    def test_kill_in_tool(self):
        for n in (1, 3):
            self.kill_while_unfinished("tool", n)
            self.kill_while_streaming("tool", n)

    def test_kill_in_other_points(self):
        for point in ("queued", "prefill", "decode", "commit"):
            self.kill_while_unfinished(point, 3)

    def test_the_tool_dies(self):
        """The calculator's process is killed while it stands still with a call in its hands: called again, once."""
        for _ in range(50 if cs.LONG else 1):
            daemon = self.start().start()
            client, tool = daemon.client(), daemon.child("tool.calculator")
            tool.kill(signal.SIGSTOP)
            id = self.load.ids[0]
            self.load.send(client, id)
            self.assertEqual(client.take(id)["type"], "chat.accepted")
            tool.kill(signal.SIGKILL)
            self.check_answer(id, cs.Answer(client.until(id, "chat.done")))
            daemon.close()


    def kill_at_random(self, role):
        """SIGKILL of a child after a random number of messages: the service lives, each answer is as ever, once."""
        rng = random.Random(cs.seed())
        for _ in range(50 if cs.LONG else 3):
            daemon = self.start().start()
            client, heard = daemon.client(), []
            self.load.send_all(client)
            for _ in range(rng.randrange(1, 3 * len(self.load.ids))):
                heard.append(client.receive())
            child = daemon.child(role)
            child.kill(signal.SIGKILL)
            self.assertTrue(child.wait_gone())
            child.close()
            for message in heard:
                client.kept.setdefault(message["correlation"], []).append(message)
            for id in self.load.ids:
                self.check_answer(id, cs.Answer(client.until(id, "chat.done")))
            self.assertIsNone(daemon.process.poll())
            self.check_service(daemon, self.load.ids)
            daemon.close()

    def test_random_kills_of_the_executor(self):
        self.kill_at_random("executor")

    def test_random_kills_of_the_tool(self):
        self.kill_at_random("tool.calculator")


class ExecutorTest(CrashTest):
    """The executor dies in the middle of answers."""

    load = Load(text="%s %d " + make_scripted.LONG, max_tokens=300, sessions=("red", "green"), turns=1)
    setUpClass, tearDownClass, model_path = ScriptedTest.setUpClass, ScriptedTest.tearDownClass, ScriptedTest.model_path

    def listen(self, number):
        """Ends the executor after the third delta; True when the answer was not complete then."""
        daemon = self.start().start()
        client = daemon.client()
        self.load.send_all(client)
        for id in self.load.ids:
            self.assertEqual([client.take(id)["type"] for _ in range(4)], ["chat.accepted"] + ["chat.delta"] * 3)
        executor = daemon.child("executor")
        executor.kill(signal.SIGSTOP)
        client.ping()  # what the service says after this was not said before the executor stood still
        early = any(m["type"] == "chat.done" for id in self.load.ids for m in client.kept[id])
        executor.kill(number)
        executor.kill(signal.SIGCONT)
        self.assertTrue(executor.wait_gone())
        for id in self.load.ids:
            want = self.reference()[id]
            rest = cs.Answer(client.until(id, "chat.done"))
            self.assertEqual(rest.pieces, want.pieces[3:])
            self.assertEqual(rest.text, want.text)
        self.assertIsNone(daemon.process.poll())
        daemon.wait_ready()
        self.assertNotEqual(daemon.child("executor").pid, executor.pid)
        self.check_service(daemon, self.load.ids)
        daemon.close()
        return not early

    def test_sigsegv_in_the_middle_of_an_answer(self):
        self.assertTrue(any(self.listen(signal.SIGSEGV) for _ in range(5)))

    def test_sigkill_in_the_middle_of_an_answer(self):
        if cs.LONG:
            self.assertTrue(any([self.listen(signal.SIGKILL) for _ in range(50)]))
        else:
            self.assertTrue(any(self.listen(signal.SIGKILL) for _ in range(5)))

    def test_executor_dies_before_it_is_asked(self):
        daemon = self.start().start()
        last = 0
        for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT):
            executor = daemon.child("executor", last)
            executor.kill(number)
            self.assertTrue(executor.wait_gone())
            last = executor.pid
        client = daemon.client()
        self.load.send_all(client)
        for id in self.load.ids:
            answer = cs.Answer(client.until(id, "chat.done"))
            self.check_answer(id, answer)


class ServiceTest(cs.DaemonTest):
    """How a service begins and ends."""

    def test_kill_takes_the_children_along(self):
        daemon = self.daemon().start()
        roles = {cs.role_of(p.pid) for p in daemon.offspring}
        self.assertLessEqual({"executor", "tool.calculator"}, roles)
        self.assertEqual(daemon.kill(), -signal.SIGKILL)
        self.assertTrue(daemon.children_gone())

    def test_kill_takes_a_stopped_child_along(self):
        daemon = self.daemon().start()
        daemon.child("executor").kill(signal.SIGSTOP)
        daemon.child("tool.calculator").kill(signal.SIGSTOP)
        daemon.kill()
        self.assertTrue(daemon.children_gone())

    def test_sigterm_ends_all(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            daemon = self.daemon().start()
            self.assertEqual(daemon.kill(number), 0)
            self.assertTrue(daemon.children_gone())

    def test_sigterm_with_work_and_a_hung_child(self):
        """Ends in its grace time although an answer cannot be finished; the answer comes after the restart."""
        daemon = self.daemon().start()
        client = daemon.client()
        daemon.child("executor").kill(signal.SIGSTOP)
        client.send("chat.request", "a", {"text": "hello", "seed": 1}, session="s")
        self.assertEqual(client.take("a")["type"], "chat.accepted")
        self.assertEqual(daemon.kill(signal.SIGTERM), 0)
        self.assertTrue(daemon.children_gone())
        client.close()
        daemon.start()
        rows = daemon.wait_turns(daemon.operator(), ["a"])
        self.assertEqual([r["id"] for r in rows], ["a"])
        self.assertEqual(daemon.client().resume("a").text, rows[0]["text"])

    def test_second_daemon_is_refused(self):
        daemon = self.daemon().start()
        other = self.daemon(directory=daemon.directory)
        other.log = os.path.join(daemon.directory, "other")
        other.start(ready=False)
        self.assertNotEqual(other.wait_end(), 0)
        self.assertEqual(other.tail().count("\n"), 1)
        self.assertIn("another parlanced serves", other.tail())
        self.assertEqual(daemon.client().ping()["type"], "pong")

    def test_second_daemon_on_the_same_endpoint_is_refused(self):
        daemon = self.daemon().start()
        other = self.daemon()
        other.start("--listen", daemon.endpoint, ready=False)
        self.assertNotEqual(other.wait_end(), 0)
        self.assertIn("listen", other.tail())
        self.assertEqual(daemon.client().ping()["type"], "pong")

    def test_same_client_after_a_restart(self):
        """A socket that stays open finds the service again on its endpoint, ipc or tcp."""
        for endpoint in (None, "tcp://127.0.0.1:*"):
            daemon = self.daemon()
            if endpoint:
                probe = cs.CONTEXT.socket(zmq.REP)
                probe.bind(endpoint)
                daemon.endpoint = probe.getsockopt_string(zmq.LAST_ENDPOINT)
                probe.close(0)
                daemon.args[daemon.args.index("--listen") + 1] = daemon.endpoint
            daemon.start()
            client = daemon.client()
            first = client.chat("a", "hello", session="s")
            daemon.kill()
            daemon.start()
            self.assertEqual(client.resume("a").done, first.done)
            self.assertIsNotNone(client.chat("b", "hello", session="s").done)

    def test_nothing_is_left_in_the_data_directory(self):
        """Only the owner may look into it."""
        daemon = self.daemon().start()
        self.assertEqual(os.stat(daemon.data).st_mode & 0o777, 0o700)


@unittest.skipUnless(cs.LONG, "minutes: PL_TEST_LONG=1")
@unittest.skipUnless(cs.real_model("smollm2"), "there is no SmolLM2 file in the cache")
class SmolTest(CrashTest):
    load = Load(max_tokens=24, sessions=("red", "green"), turns=2)

    @classmethod
    def model_path(cls):
        return cs.real_model("smollm2")

    def test_kill_at_each_point(self):
        for point in ("queued", "prefill", "decode", "commit"):
            self.kill_while_unfinished(point, 1)
            self.kill_while_streaming(point, 2)


@unittest.skipUnless(cs.LONG, "minutes: PL_TEST_LONG=1")
@unittest.skipUnless(cs.real_model("smollm2"), "there is no SmolLM2 file in the cache")
class SmolExecutorTest(ExecutorTest):
    load = Load(max_tokens=100, sessions=("red", "green"), turns=1)
    setUpClass = tearDownClass = classmethod(lambda cls: None)
    model_path = SmolTest.model_path


if __name__ == "__main__":
    unittest.main()
