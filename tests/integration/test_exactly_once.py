#!/usr/bin/python3
"""One id, one answer: whoever asks, however often, while it runs or afterwards. And what else the contract promises of
requests, sessions, ratings and the operator's socket, asked of a real daemon."""

import os
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

ADMIN_TYPES = ("sessions.list", "sessions.show", "sessions.delete", "feedback.list", "feedback.stats",
               "retrain.request", "retrain.status")


def joined(answer, kind="answer"):
    return "".join(d["text"] for d in answer.deltas if d["kind"] == kind)


class OnceTest(cs.DaemonTest):
    """One daemon for the tests of a class; each test has clients, sessions and ids of its own."""

    args = ()
    model = "hash"

    @classmethod
    def setUpClass(cls):
        cls.service = cs.Daemon(*cls.args, model=cls.model)
        cls.service.start()

    @classmethod
    def tearDownClass(cls):
        cls.service.close()

    def setUp(self):
        self.client = self.service.client()
        self.name = self.id().rsplit(".", 1)[1]

    def send(self, id, text, client=None, session=None, budget_ms=None, **body):
        envelope = {"session": session or self.name}
        if budget_ms:
            envelope["budget_ms"] = budget_ms
        (client or self.client).send("chat.request", id, dict(body, text=text), **envelope)

    def finish(self, id, client=None):
        return cs.Answer((client or self.client).until(id, "chat.done"))

    def chat(self, id, text, **more):
        self.send(id, text, **more)
        return self.finish(id, more.get("client"))

    def refused(self, message, code, field=None):
        self.assertEqual((message["type"], message["body"].get("code"), message["body"].get("field")),
                         ("chat.error", code, field), message)

    def freeze(self):
        """The executor stands still until the test ends, or goes on by itself."""
        executor = self.service.child("executor")
        executor.kill(signal.SIGSTOP)
        self.addCleanup(executor.close)
        self.addCleanup(executor.kill, signal.SIGCONT)
        return executor


class RepeatTest(OnceTest):
    def test_repeated_id_after_the_end(self):
        first = self.chat("r1", "hello", seed=5)
        self.assertEqual(self.chat("r1", "hello", seed=5).done, first.done)
        with cs.Client(self.service.endpoint) as other:
            again = self.chat("r1", "something else entirely", client=other, session="elsewhere", resume_from=2)
        self.assertEqual(again.done, first.done)
        self.assertEqual(again.pieces, first.pieces[2:])
        self.assertEqual(self.client.resume("r1", cs.LAST_SEQ).pieces, [])

    def test_repeated_id_while_it_waits(self):
        executor = self.freeze()
        self.send("w1", "hello", seed=5)
        self.assertEqual(self.client.take("w1")["type"], "chat.accepted")
        with cs.Client(self.service.endpoint) as other:
            self.send("w1", "hello", client=other, resume_from=3)
            self.assertEqual(other.take("w1")["type"], "chat.accepted")
            executor.kill(signal.SIGCONT)
            mine, theirs = self.finish("w1"), self.finish("w1", other)
        self.assertEqual(mine.done, theirs.done)
        self.assertEqual(mine.pieces[3:], theirs.pieces)

    def test_one_id_from_many_sockets_at_once(self):
        clients = [cs.Client(self.service.endpoint) for _ in range(8)]
        for client in clients:
            self.send("m1", "hello", client=client)
        answers = [self.finish("m1", c) for c in clients]
        for client in clients:
            client.close()
        self.assertEqual(len({a.done["turn"] for a in answers}), 1)
        self.assertEqual(len({tuple(a.pieces) for a in answers}), 1)
        self.assertEqual(len(self.service.shown(self.service.operator(), self.name)), 1)

    def test_resume_of_an_unknown_id(self):
        self.refused(self.client.ask("chat.resume", "never-heard-of", {}), "not_found", "id")

    def test_deltas_are_the_text(self):
        answer = self.chat("d1", "hello")
        self.assertEqual([d["seq"] for d in answer.deltas], list(range(len(answer.deltas))))
        self.assertEqual(joined(answer), answer.text)
        self.assertEqual(len(answer.accepted), 1)
        self.assertEqual(answer.accepted[0]["seed"], answer.done["seed"])
        self.assertEqual(answer.accepted[0]["session"], self.name)

    def test_the_same_seed_gives_the_same_text(self):
        one = self.chat("s1", "hello", session="seed-1", temperature=1.0)
        two = self.chat("s2", "hello", session="seed-2", temperature=1.0, seed=one.done["seed"])
        self.assertEqual(one.text, two.text)

    def test_req_gets_the_end_only(self):
        with cs.Client(self.service.endpoint, zmq.REQ) as req:
            req.send("ping", "p")
            self.assertEqual(req.receive()["type"], "pong")
            req.send("chat.request", "q1", {"text": "hello"}, session=self.name)
            done = req.receive()
            self.assertEqual((done["type"], done["correlation"]), ("chat.done", "q1"))
            req.send("chat.request", "q1", {"text": "hello"}, session=self.name)
            self.assertEqual(req.receive()["body"], done["body"])
            req.send("chat.request", "q2", {"text": ""})
            self.assertEqual(req.receive()["body"]["field"], "text")

    def test_session_is_drawn_when_none_is_named(self):
        self.client.send("chat.request", "n1", {"text": "hello"})
        done = self.finish("n1").done
        self.assertTrue(done["session"])
        second = self.chat("n2", "and more", session=done["session"])
        rows = self.service.shown(self.service.operator(), done["session"])
        self.assertEqual([r["turn"] for r in rows], [done["turn"], second.done["turn"]])
        self.assertEqual({r["user"] for r in rows}, {done["session"]})


class CancelTest(OnceTest):
    def test_cancel_of_a_waiting_request(self):
        executor = self.freeze()
        self.send("c1", "first")
        self.send("c2", "second")
        for id in ("c1", "c2"):
            self.assertEqual(self.client.take(id)["type"], "chat.accepted")
        done = self.client.ask("chat.cancel", "c2")
        self.assertEqual((done["type"], done["body"]["finish_reason"], done["body"]["text"]),
                         ("chat.done", "cancelled", ""))
        executor.kill(signal.SIGCONT)
        self.assertEqual(self.finish("c1").done["finish_reason"], "stop")
        third = self.chat("c3", "third")
        rows = self.service.shown(self.service.operator(), self.name)
        self.assertEqual([r["id"] for r in rows], ["c1", "c3"])
        self.assertEqual(self.client.resume("c2").done, done["body"])
        self.assertIsNotNone(third.done)

    def test_cancel_of_a_finished_request(self):
        answer = self.chat("f1", "hello")
        self.assertEqual(self.client.ask("chat.cancel", "f1")["body"], answer.done)

    def test_cancel_of_an_unknown_request(self):
        self.refused(self.client.ask("chat.cancel", "never-heard-of"), "not_found", "id")

    def test_cancel_right_behind_the_request(self):
        """Whatever it is that it finds, there is one answer, and it stays."""
        for n in range(20):
            id = "b%d" % n
            self.send(id, "hello")
            self.client.send("chat.cancel", id)
            first = self.finish(id)
            self.assertIn(first.done["finish_reason"], ("cancelled", "stop"))
            second = self.client.ask("chat.cancel", id)
            self.assertEqual(second["body"], first.done)
            self.client.kept.pop(id)

    def test_first_request_of_a_session_is_cancelled(self):
        """It was given to the model, so it is a turn, and its system prompt stays."""
        executor = self.freeze()
        self.send("x1", "hello", system="Be brief.")
        self.assertEqual(self.client.take("x1")["type"], "chat.accepted")
        self.client.ask("chat.cancel", "x1")
        executor.kill(signal.SIGCONT)
        self.send("x2", "hello", system="Be long.")
        self.refused(self.client.take("x2"), "conflict", "system")
        self.assertEqual(self.chat("x3", "hello", system="Be brief.").done["finish_reason"], "stop")
        rows = self.service.shown(self.service.operator(), self.name)
        self.assertEqual([(r["id"], r["finish_reason"]) for r in rows], [("x1", "cancelled"), ("x3", "stop")])


class BudgetTest(OnceTest):
    def test_budget_runs_out_in_the_line(self):
        executor = self.freeze()
        self.send("b1", "first")
        self.send("b2", "second", budget_ms=50)
        answer = self.finish("b2")
        self.assertEqual((answer.done["finish_reason"], answer.text), ("deadline", ""))
        executor.kill(signal.SIGCONT)
        self.assertEqual(self.finish("b1").done["finish_reason"], "stop")
        self.assertEqual(self.client.resume("b2").done, answer.done)

    def test_budget_runs_out_before_the_first_token(self):
        self.freeze()
        self.send("t1", "first", budget_ms=50)
        answer = self.finish("t1")
        self.assertEqual((answer.done["finish_reason"], answer.text), ("deadline", ""))

    def test_ample_budget(self):
        self.assertEqual(self.chat("a1", "first", budget_ms=600000).done["finish_reason"], "stop")


class SessionTest(OnceTest):
    def test_turns_keep_their_order(self):
        ids = ["o%d" % i for i in range(5)]
        executor = self.freeze()
        for id in ids:
            self.send(id, "turn " + id, seed=1)
        for id in ids:
            self.assertEqual(self.client.take(id)["type"], "chat.accepted")
        executor.kill(signal.SIGCONT)
        together = [self.finish(id) for id in ids]
        order = [r["id"] for r in self.service.shown(self.service.operator(), self.name)]
        self.assertEqual(order, ids)
        alone = [self.chat("alone-" + id, "turn " + id, seed=1, session=self.name + "-alone") for id in ids]
        self.assertEqual([a.text for a in together], [a.text for a in alone])
        tokens = [a.done["usage"]["prompt_tokens"] for a in together]
        self.assertEqual(tokens, sorted(set(tokens)))

    def test_usage(self):
        one = self.chat("u1", "hello")
        two = self.chat("u2", "go on")
        first, second = one.done["usage"], two.done["usage"]
        self.assertEqual(first["completion_tokens"], len(one.deltas) + 1)  # a token a delta, and the end
        self.assertGreaterEqual(second["cached_tokens"], 0.9 * first["prompt_tokens"])
        self.assertGreater(second["prompt_tokens"], first["prompt_tokens"] + first["completion_tokens"])

    def test_max_tokens(self):
        answer = self.chat("l1", "hello", max_tokens=3)
        self.assertEqual((answer.done["finish_reason"], answer.done["usage"]["completion_tokens"]), ("length", 3))
        self.assertEqual(len(answer.text), 3)
        self.assertEqual(self.chat("l2", "hello", max_tokens=3).done["finish_reason"], "length")

    def test_stop_strings(self):
        whole = self.chat("whole", "hello", session="stop-whole", temperature=0).text
        for n, stop in enumerate((whole[3:5], whole[0], whole[2:7], whole[-1])):
            answer = self.chat("stop-%d" % n, "hello", session="stop-%d" % n, temperature=0, stop=["\u00e4", stop])
            self.assertEqual(answer.text, whole[: whole.index(stop)])
            self.assertEqual(answer.done["finish_reason"], "stop")
            self.assertEqual(joined(answer), answer.text)
        none = self.chat("stop-none", "hello", session="stop-none", temperature=0, stop=[whole[-2:] + "zz"])
        self.assertEqual(none.text, whole)

    def test_other_system_prompt_is_a_conflict(self):
        self.chat("s1", "hello", system="Be brief.")
        self.send("s2", "hello", system="Be long.")
        self.refused(self.client.take("s2"), "conflict", "system")
        self.assertIsNotNone(self.chat("s3", "hello", system="Be brief.").done)
        self.assertIsNotNone(self.chat("s4", "hello").done)

    def test_system_prompt_of_requests_that_wait(self):
        executor = self.freeze()
        self.send("p1", "hello", system="Be brief.")
        self.send("p2", "hello", system="Be long.")
        self.send("p3", "hello", system="Be brief.")
        self.refused(self.client.take("p2"), "conflict", "system")
        executor.kill(signal.SIGCONT)
        for id in ("p1", "p3"):
            self.assertIsNotNone(self.finish(id).done)

    def test_messages(self):
        dialogue = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "One."},
                    {"role": "assistant", "content": "Two."}, {"role": "user", "content": "Three."}]
        self.client.send("chat.request", "g1", {"messages": dialogue}, session=self.name)
        self.assertIsNotNone(self.finish("g1").done)
        self.client.send("chat.request", "g2", {"messages": [{"role": "user", "content": "Four."}]}, session=self.name)
        self.assertIsNotNone(self.finish("g2").done)
        rows = self.service.shown(self.service.operator(), self.name)
        self.assertEqual([r["prompt"] for r in rows], ["Three.", "Four."])

    def test_deleted_session_begins_anew(self):
        operator = self.service.operator()
        one = self.chat("k1", "hello", system="Be brief.", seed=1)
        self.chat("k2", "hello")
        self.assertEqual(operator.ask("sessions.delete", "del", {}, session=self.name)["body"], {"turns": 2})
        self.refused(operator.ask("sessions.show", "show", {}, session=self.name), "not_found", "session")
        self.refused(operator.ask("sessions.delete", "del2", {}, session=self.name), "not_found", "session")
        self.refused(self.client.ask("chat.resume", "k1"), "not_found", "id")
        self.refused(self.client.ask("feedback.add", "fb", {"turn": one.done["turn"], "stars": 1}), "not_found", "turn")
        again = self.chat("k3", "hello", system="Be brief.", seed=1)
        self.assertEqual(again.text, one.text)
        self.assertIsNotNone(self.chat("k1", "hello").done)

    def test_session_with_work_is_not_deleted(self):
        operator, executor = self.service.operator(), self.freeze()
        self.send("j1", "hello")
        self.assertEqual(self.client.take("j1")["type"], "chat.accepted")
        self.refused(operator.ask("sessions.delete", "del", {}, session=self.name), "conflict", "session")
        executor.kill(signal.SIGCONT)
        self.assertIsNotNone(self.finish("j1").done)


class SmallContextTest(OnceTest):
    args = ("--ctx-size", "512")

    def test_outgrown_session_drops_its_oldest_turns(self):
        system, dropped = "Be brief. " * 5, []
        for n in range(12):
            answer = self.chat("t%d" % n, "x" * 60, max_tokens=20, system=system, seed=n)
            self.assertIsNotNone(answer.done, answer.error)
            self.assertLessEqual(answer.done["usage"]["prompt_tokens"] + 20, 512)
            dropped.append(answer.done["dropped_turns"])
        self.assertEqual(dropped, sorted(dropped))
        self.assertEqual(dropped[0], 0)
        self.assertGreater(dropped[-1], 4)
        self.assertEqual(len(self.service.shown(self.service.operator(), self.name)), 12)
        # A restart knows no more and no less.
        want = self.chat("again", "x" * 60, max_tokens=20, seed=3)
        self.service.kill()
        shown = self.service.start().shown(self.service.operator(), self.name)
        self.assertEqual(shown[-1]["text"], want.text)
        after = self.chat("after", "x" * 60, max_tokens=20, seed=3, client=self.service.client())
        self.assertGreaterEqual(after.done["dropped_turns"], want.done["dropped_turns"])

    def test_prompt_that_cannot_fit(self):
        client = self.service.client()
        self.send("big", "x" * 600, client=client)
        self.refused(client.take("big"), "context_length_exceeded", "text")
        client.send("chat.request", "big2", {"messages": [{"role": "user", "content": "x" * 600}]})
        self.refused(client.take("big2"), "context_length_exceeded", "messages")
        self.assertIsNotNone(self.chat("fits", "x" * 300, client=client).done)
        self.send("big3", "x" * 600, client=client)
        self.refused(client.take("big3"), "context_length_exceeded", "text")

    def test_answer_ends_where_the_context_does(self):
        client = self.service.client()
        most = self.chat("most", "x" * 380, client=client, temperature=0, max_tokens=100000)
        self.assertLessEqual(most.done["usage"]["prompt_tokens"] + most.done["usage"]["completion_tokens"], 513)
        self.assertIn(most.done["finish_reason"], ("length", "stop"))


class OverloadTest(OnceTest):
    args = ("--max-seqs", "1", "--queue", "2")

    def test_overload_and_after(self):
        executor = self.freeze()
        for n in range(3):
            self.send("q%d" % n, "hello", session="overload-%d" % n)
        credit = [self.client.take("q%d" % n)["body"]["credit"] for n in range(3)]
        self.assertEqual(credit[-1], 0)
        self.send("q3", "hello", session="overload-3")
        refusal = self.client.take("q3")
        self.refused(refusal, "overloaded")
        self.assertGreater(refusal["body"]["retry_after_ms"], 0)
        self.assertEqual(self.client.ping()["body"]["credit"], 0)
        executor.kill(signal.SIGCONT)
        for n in range(3):
            self.assertIsNotNone(self.finish("q%d" % n).done)
        self.assertIsNotNone(self.chat("q3", "hello", session="overload-3").done)

    def test_resumed_requests_count(self):
        service = self.daemon("--max-seqs", "1", "--queue", "2").start()
        client = service.client()
        service.child("executor").kill(signal.SIGSTOP)
        for n in range(3):
            self.send("q%d" % n, "hello", client=client, session="overload-%d" % n)
        for n in range(3):
            self.assertEqual(client.take("q%d" % n)["type"], "chat.accepted")
        service.kill()
        service.start(ready=False, PARLANCE_KILL_AT="queued:1")
        self.assertEqual(service.wait_end(), -signal.SIGKILL)
        service.start()
        service.wait_turns(service.operator(), ["q0", "q1", "q2"])
        self.assertIsNotNone(self.chat("q3", "hello", client=service.client()).done)

    def test_no_queue_at_all(self):
        service = self.daemon("--max-seqs", "1", "--queue", "0").start()
        client = service.client()
        self.assertIsNotNone(self.chat("a", "hello", client=client).done)
        executor = service.child("executor")
        executor.kill(signal.SIGSTOP)
        self.send("b", "hello", client=client)
        self.assertEqual(client.take("b")["type"], "chat.accepted")
        self.send("c", "hello", client=client)
        self.refused(client.take("c"), "overloaded")
        executor.kill(signal.SIGCONT)
        executor.close()
        self.assertIsNotNone(self.finish("b", client).done)


class LongAnswerTest(OnceTest):
    """A model of a few weights set by hand that counts until max_tokens."""

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="parlance-")
        cls.model = os.path.join(cls.directory, "m.gguf")
        make_scripted.write(cls.model, [("calculator", '{"expression": "6*7"}')])
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.directory)

    def begin(self, id, **more):
        """A long answer that stands still after some deltas; what was taken of it."""
        executor = self.service.child("executor")
        self.addCleanup(executor.close)
        self.addCleanup(executor.kill, signal.SIGCONT)
        self.send(id, make_scripted.LONG, max_tokens=2000, **more)
        taken = [self.client.take(id) for _ in range(4)]
        executor.kill(signal.SIGSTOP)
        return executor, taken

    def test_repeated_id_while_it_runs(self):
        executor, taken = self.begin("r1")
        with cs.Client(self.service.endpoint) as other:
            self.send("r1", "what else?", client=other, resume_from=1)
            first = other.until("r1", "chat.delta")
            self.assertEqual([m["type"] for m in first], ["chat.accepted", "chat.delta"])
            executor.kill(signal.SIGCONT)
            mine = cs.Answer(taken + self.client.until("r1", "chat.done"))
            theirs = cs.Answer(first + other.until("r1", "chat.done"))
        self.assertEqual(mine.done, theirs.done)
        self.assertEqual(mine.pieces[1:], theirs.pieces)
        self.assertEqual(len(mine.pieces), 2000)

    def test_no_more_than_16_askings_wait_for_one_answer(self):
        executor, _ = self.begin("e1", **{"resume_from": 0})
        crowd = [cs.Client(self.service.endpoint) for _ in range(20)]
        for client in crowd:
            self.addCleanup(client.close)
            client.send("chat.resume", "e1", {"resume_from": cs.LAST_SEQ})
        first = [client.take("e1") for client in crowd]
        refused = [m for m in first if m["type"] == "chat.error"]
        self.assertEqual(len(refused), 20 - 15)
        for message in refused:
            self.refused(message, "overloaded")
        executor.kill(signal.SIGCONT)
        self.assertIsNotNone(cs.Answer(self.client.until("e1", "chat.done")).done)

    def test_cancel_of_a_running_request(self):
        executor, taken = self.begin("c1")
        self.client.send("chat.cancel", "c1")
        answer = cs.Answer(taken + self.client.until("c1", "chat.done"))
        self.assertEqual(answer.done["finish_reason"], "cancelled")
        self.assertEqual(joined(answer), answer.text)
        self.assertLess(len(answer.deltas), 2000)
        executor.kill(signal.SIGCONT)
        self.assertEqual(self.client.ask("chat.resume", "c1", {"resume_from": cs.LAST_SEQ})["body"], answer.done)
        self.assertEqual(self.chat("c2", "hello", session="c2").text, "It is done.")

    def test_budget_runs_out_in_an_answer(self):
        executor, taken = self.begin("b1", budget_ms=3000)
        answer = cs.Answer(taken + self.client.until("b1", "chat.done"))
        self.assertEqual(answer.done["finish_reason"], "deadline")
        self.assertEqual(joined(answer), answer.text)
        self.assertGreaterEqual(len(answer.deltas), 3)
        executor.kill(signal.SIGCONT)
        self.assertEqual(self.chat("b2", "hello", session="b2").text, "It is done.")

    def test_tool_calls_are_recorded(self):
        answer = self.chat("t1", make_scripted.MARKS[0], tools=["calculator"])
        self.assertEqual(answer.text, "It is done.")
        self.assertEqual([d["kind"] for d in answer.deltas], ["tool", "answer"])
        row = self.service.shown(self.service.operator(), self.name)[0]
        self.assertEqual([(t["tool"], t["result"]) for t in row["tools"]], [("calculator", "42")])

    def test_tools_that_nobody_asked_for_are_not_called(self):
        answer = self.chat("u1", make_scripted.MARKS[0])
        self.assertIn("tool_call", answer.text)
        self.assertNotIn("tools", answer.done)


class RatingTest(OnceTest):
    def setUp(self):
        super().setUp()
        self.service_of_mine = self.daemon().start()
        self.client = self.service_of_mine.client()
        self.operator = self.service_of_mine.operator()
        self.n = 0

    def rate(self, turn, stars, user=None, id=None, **body):
        self.n += 1
        envelope = {"user": user} if user else {}
        return self.client.ask("feedback.add", id or "rate-%d" % self.n, dict(body, turn=turn, stars=stars), **envelope)

    def status(self):
        return self.operator.ask("retrain.status", "status-%d" % self.operator.count)["body"]

    def stats(self):
        return self.operator.ask("feedback.stats", "stats-%d" % self.operator.count)["body"]

    def test_ratings_are_stored_once(self):
        turn = self.chat("f0", "hello").done["turn"]
        first = self.rate(turn, 2, id="one", comment="bad", correction="better")
        self.assertEqual(first["type"], "feedback.stored")
        self.assertEqual(self.rate(turn, 2, id="one")["body"], first["body"])
        self.assertEqual(self.rate(turn, 5, id="one")["body"], first["body"])
        rows = self.operator.ask("feedback.list", "list")["body"]["feedback"]
        self.assertEqual([(r["stars"], r["comment"], r["correction"], r["user"]) for r in rows],
                         [(2, "bad", "better", self.name)])
        other = self.chat("f1", "hello").done["turn"]
        self.refused(self.rate(other, 2, id="one"), "conflict", "id")
        self.refused(self.rate("no-such-turn", 2), "not_found", "turn")

    def test_later_rating_replaces_the_earlier(self):
        turn = self.chat("f0", "hello").done["turn"]
        self.assertEqual(self.rate(turn, 1, "anna")["body"]["ratings_below_3"], 1)
        self.assertEqual(self.rate(turn, 2, "anna")["body"]["ratings_below_3"], 1)
        self.assertEqual(self.rate(turn, 1, "bert")["body"]["ratings_below_3"], 2)
        self.assertEqual(self.rate(turn, 5, "anna")["body"]["ratings_below_3"], 1)
        self.assertEqual(self.stats()["stars"], [1, 0, 0, 0, 1])
        self.assertEqual(self.stats()["mean"], 3)

    def test_the_101st_rating_below_3_makes_a_retraining_due(self):
        turn = self.chat("f0", "hello").done["turn"]
        for n in range(100):
            self.rate(turn, 5, "good-%d" % n)
            stored = self.rate(turn, 1 + n % 2, "user-%d" % n)
            self.assertEqual(stored["body"]["due"], False)
            self.assertEqual(stored["body"]["ratings_below_3"], n + 1)
        self.assertEqual(self.rate(turn, 1, "user-7")["body"]["due"], False)
        self.assertEqual((self.status()["due"], self.status()["ratings_below_3"]), (False, 100))
        last = self.rate(turn, 2, "user-100")
        self.assertEqual((last["body"]["due"], last["body"]["ratings_below_3"]), (True, 101))
        self.assertTrue(self.status()["due"])
        self.service_of_mine.kill()
        self.service_of_mine.start()
        self.client, self.operator = self.service_of_mine.client(), self.service_of_mine.operator()
        self.assertEqual((self.status()["due"], self.status()["ratings_below_3"]), (True, 101))
        self.assertEqual(self.rate(turn, 5, "user-1")["body"]["due"], True)

    def test_operator_asks_for_a_retraining(self):
        self.assertFalse(self.status()["due"])
        self.operator.ask("retrain.request", "please", {"reason": "because"})
        self.assertEqual((self.status()["due"], self.status()["reason"]), (True, "because"))

    def test_pages_of_ratings(self):
        turn = self.chat("f0", "hello").done["turn"]
        for n in range(7):
            self.rate(turn, 1 + n % 5, "user-%d" % n)
        rows, after = [], None
        while after != "":
            body = self.operator.ask("feedback.list", "list-%d" % len(rows),
                                     {"limit": 3, **({"after": after} if after else {})})["body"]
            self.assertLessEqual(len(body["feedback"]), 3)
            rows += body["feedback"]
            after = body.get("next", "")
        self.assertEqual([r["user"] for r in rows], ["user-%d" % n for n in range(7)])


class OperatorTest(OnceTest):
    def pages(self, operator, kind, key, limit, **envelope):
        rows, after = [], None
        while after != "":
            reply = operator.ask(kind, "page-%d" % operator.count,
                                 {"limit": limit, **({"after": after} if after else {})}, **envelope)
            self.assertLessEqual(len(reply["body"].get(key, [])), limit)
            rows += reply["body"].get(key, [])
            after = reply["body"].get("next", "")
        return rows

    def test_admin_messages_on_the_client_socket(self):
        for kind in ADMIN_TYPES:
            self.refused(self.client.ask(kind, "id-" + kind), "forbidden", "type")

    def test_client_messages_on_the_admin_socket(self):
        operator = self.service.operator()
        self.assertEqual(operator.ping()["type"], "pong")
        self.assertIsNotNone(operator.chat("op", "hello", session=self.name).done)

    def test_sessions_in_pages(self):
        service = self.daemon().start()
        client, operator = service.client(), service.operator()
        self.assertEqual(self.pages(operator, "sessions.list", "sessions", 2), [])
        names = ["s%d" % n for n in range(5)]
        for name in names:
            for n in range(3):
                self.chat("%s-%d" % (name, n), "hello", client=client, session=name)
        for limit in (1, 2, 5, 100):
            rows = self.pages(operator, "sessions.list", "sessions", limit)
            self.assertEqual(sorted((r["session"], r["turns"]) for r in rows), [(n, 3) for n in names])
            rows = self.pages(operator, "sessions.show", "turns", limit)
            self.assertEqual(sorted(r["id"] for r in rows), ["%s-%d" % (s, n) for s in names for n in range(3)])
            for name in names:  # sessions in an order of their own, the turns of each in theirs
                self.assertEqual([r["id"] for r in rows if r["session"] == name], ["%s-%d" % (name, n) for n in range(3)])
            rows = self.pages(operator, "sessions.show", "turns", limit, session="s3")
            self.assertEqual([r["id"] for r in rows], ["s3-0", "s3-1", "s3-2"])
        for after in ("zz", "abc", "0"):
            self.refused(operator.ask("sessions.list", "after-" + after, {"after": after}), "invalid", "after")
        self.refused(operator.ask("sessions.delete", "which"), "invalid", "session")

    def test_delete_leaves_the_neighbours(self):
        service = self.daemon().start()
        client, operator = service.client(), service.operator()
        for name in ("s", "s0", "s1", "r"):
            self.chat("of-" + name, "hello", client=client, session=name)
        self.assertEqual(operator.ask("sessions.delete", "d", {}, session="s")["body"]["turns"], 1)
        self.assertEqual(sorted(r["session"] for r in self.pages(operator, "sessions.show", "turns", 9)), ["r", "s0", "s1"])
        service.kill()
        service.start()
        operator = service.operator()
        self.assertEqual(sorted(r["session"] for r in self.pages(operator, "sessions.list", "sessions", 9)), ["r", "s0", "s1"])
        self.assertEqual(operator.ask("sessions.delete", "e", {}, session="s0")["body"]["turns"], 1)


if __name__ == "__main__":
    unittest.main()
