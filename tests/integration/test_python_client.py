#!/usr/bin/env python3
"""The Python client against a real service with the toy model: every call, its errors, threads, restarts, the end."""

import os
import subprocess
import sys
import threading
import unittest

import support
from parlance import Delta, ParlanceError, Timeout
from parlance.client import draw_id


class NobodyThere(unittest.TestCase):
    def test_every_call_raises_in_its_time(self):
        client = support.parlance.Client("ipc:///nonexistent/parlance.sock")
        self.addCleanup(client.close)
        for call in (lambda: client.ping(timeout=0.05), lambda: client.chat("x", timeout=0.05),
                     lambda: list(client.stream("x", timeout=0.05)), lambda: client.submit("x", timeout=0.05),
                     lambda: client.result("x", timeout=0.05), lambda: client.rate("t", 1, timeout=0.05)):
            with self.assertRaises(Timeout) as caught:
                call()
            self.assertIsInstance(caught.exception, TimeoutError)
            self.assertEqual(caught.exception.code, "deadline_exceeded")

    def test_who_asks_nobody_is_told_where(self):
        client = support.parlance.Client("ipc:///nonexistent/parlance.sock")
        self.addCleanup(client.close)
        with self.assertRaisesRegex(Timeout, "no service at ipc:///nonexistent/parlance.sock"):
            client.submit("x", timeout=0.05)

    def test_a_program_that_forgets_to_close_ends(self):
        code = ("import parlance\nc = parlance.Client('ipc:///nonexistent/parlance.sock')\n"
                "try: c.ping(timeout=0.05)\nexcept parlance.Timeout: pass\n"
                "try: c.submit('x', timeout=0.05)\nexcept parlance.Timeout: print('ended')\n")
        path = os.path.join(support.SOURCE, "ops", "clients", "python")
        run = subprocess.run([sys.executable, "-B", "-c", code], stdout=subprocess.PIPE, timeout=support.PATIENCE_S,
                             env=dict(os.environ, PYTHONPATH=path), check=True)
        self.assertEqual(run.stdout, b"ended\n")

    def test_an_endpoint_that_is_none_is_refused(self):
        with self.assertRaises(ParlanceError) as caught:
            support.parlance.Client("nowhere")
        self.assertEqual((caught.exception.code, caught.exception.field), ("invalid", "endpoint"))

    def test_ids_are_uuids_of_version_7_in_order_of_time(self):
        ids = [draw_id() for _ in range(50)]
        self.assertEqual(len(set(ids)), 50)
        self.assertTrue(all(i[14] == "7" and i[19] in "89ab" and len(i) == 36 for i in ids))
        self.assertEqual([i[:8] for i in ids], sorted(i[:8] for i in ids))


class OneService(unittest.TestCase):
    def setUp(self):
        self.service = support.Service(self)
        self.client = self.service.client()
        self.addCleanup(self.client.close)

    def refused(self, code, field, call):
        with self.assertRaises(ParlanceError) as caught:
            call()
        self.assertEqual((caught.exception.code, caught.exception.field), (code, field))

    def test_ping_says_what_is_there(self):
        pong = self.client.ping()
        self.assertTrue(pong.ready)
        self.assertEqual(pong.model, "hash")

    def test_chat_gives_an_answer_with_its_turn(self):
        answer = self.client.chat("hello", session="s", user="u", temperature=0)
        self.assertTrue(answer.text)
        self.assertEqual((answer.session, answer.finish_reason), ("s", "stop"))
        self.assertGreater(answer.usage.prompt_tokens, 0)
        self.assertEqual(answer.usage["completion_tokens"], answer.usage.completion_tokens)

    def test_deltas_joined_are_the_text(self):
        stream = self.client.stream("hello", temperature=0)
        deltas = list(stream)
        self.assertTrue(all(isinstance(d, Delta) and d.kind == "answer" for d in deltas))
        self.assertEqual([d.seq for d in deltas], list(range(len(deltas))))
        self.assertEqual("".join(deltas), stream.answer.text)
        self.assertEqual("".join(d.text for d in deltas), stream.answer.text)

    def test_two_streams_of_one_thread_do_not_mix(self):
        one, two = self.client.stream("one", temperature=0), self.client.stream("two", temperature=0)
        a, b = [], []
        for d in one:
            a.append(d)
            b.append(next(two, ""))
        b += list(two)
        self.assertEqual(("".join(a), "".join(b)), (one.answer.text, two.answer.text))

    def test_the_same_id_is_answered_once(self):
        first = self.client.chat("hello", id="a-1", session="s")
        again = self.client.chat("hello", id="a-1", session="s")
        self.assertEqual((first.turn, first.text), (again.turn, again.text))

    def test_submit_then_result(self):
        request = self.client.submit("hello", session="s", id="b-1")
        self.assertEqual(request, "b-1")
        self.assertEqual(self.client.result("b-1").turn, self.client.result("b-1").turn)
        self.refused("not_found", "id", lambda: self.client.result("b-2"))

    def test_a_result_comes_after_a_restart(self):
        request = self.client.submit("hello", session="s", seed=1)
        self.assertEqual(self.service.stop(), 0)
        self.service.start()
        self.assertTrue(self.client.result(request).turn)

    def test_ratings_are_stored(self):
        answer = self.client.chat("hello")
        stored = self.client.rate(answer.turn, 2, user="u", comment="so so", correction="Hello!")
        self.assertEqual((stored.turn, stored.ratings_below_3), (answer.turn, 1))
        self.refused("not_found", "turn", lambda: self.client.rate("t-nothing", 2))
        self.refused("invalid", "stars", lambda: self.client.rate(answer.turn, 6))

    def test_wrong_options_are_refused_before_they_are_sent(self):
        self.refused("invalid", "temperature", lambda: self.client.chat("x", temperature=3))
        self.refused("invalid", "text", lambda: self.client.chat(""))
        self.refused("invalid", "session", lambda: self.client.chat("x", session="a\x01"))
        with self.assertRaises(TypeError):
            self.client.chat("x", temprature=1)

    def test_messages_may_stand_for_the_text(self):
        answer = self.client.chat(messages=[{"role": "user", "content": "hello"}], temperature=0)
        self.assertEqual(answer.text, self.client.chat("hello", temperature=0).text)

    def test_threads_ask_side_by_side(self):
        alone = [self.client.chat("question %d" % i, temperature=0).text for i in range(8)]
        texts = [None] * 8

        def ask(i):
            texts[i] = self.client.chat("question %d" % i, temperature=0).text

        threads = [threading.Thread(target=ask, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(texts, alone)

    def test_the_example_of_the_documentation_runs(self):
        path = os.path.join(support.SOURCE, "ops", "clients", "python")
        run = subprocess.run([sys.executable, "-B", os.path.join(path, "example.py"), self.service.endpoint],
                             stdout=subprocess.PIPE, env=dict(os.environ, PYTHONPATH=path), timeout=support.PATIENCE_S, check=True)
        self.assertTrue(run.stdout.strip())
        self.assertIn(b"just right", self.service.admin("feedback", "list", "--json"))


if __name__ == "__main__":
    unittest.main()
