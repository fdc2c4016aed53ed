#!/usr/bin/python3
"""Both clients, in Python and in C, over a wire that breaks and with a service that dies: every call brings what it brings
undisturbed, each delta once and in order, nothing is generated or stored twice, every call ends in its time."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import msgpack
import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import crash_support as cs  # noqa: E402
import support  # noqa: E402
from clients import CClient, PythonClient  # noqa: E402
from model_support import figure  # noqa: E402
from parlance import ParlanceError, Timeout  # noqa: E402
from proxy import Proxy  # noqa: E402

QUESTION = {"temperature": 0.8, "seed": 7, "max_tokens": 200}
HANDSHAKE_BYTES = 400  # a connection that may break earlier would never get to say anything


def pieces(deltas):
    return [(d.seq, d.kind, str(d)) for d in deltas]


class BothClients(cs.DaemonTest):
    """The tests, for one client."""

    make = None

    def up(self, *args):
        self.service = self.daemon(*args).start()
        return self.service

    def proxy(self, cuts=None):
        return Proxy(self, self.service.endpoint[len("ipc://"):], cuts)

    def client(self, endpoint=None, **how):
        return self.make(self, endpoint or self.service.endpoint, **how)

    def undisturbed(self, text, **options):
        """Deltas and answer of the same question in a service that nobody disturbs."""
        if not hasattr(self, "calm"):
            self.calm = self.daemon().start()
            self.calm_client = self.client(self.calm.endpoint)
        return self.calm_client.stream(text, timeout=support.PATIENCE_S, **options)

    def check(self, got, want):
        self.assertEqual(pieces(got[0]), pieces(want[0]))
        self.assertEqual(got[1].text, want[1].text)
        self.assertEqual(got[1].text, "".join(d for d in got[0] if d.kind == "answer"))


class Disturbed(BothClients):
    def test_a_wire_that_breaks_again_and_again_changes_no_delta(self):
        self.up()
        rng = random.Random(cs.seed())
        proxy = self.proxy(iter(lambda: rng.randrange(HANDSHAKE_BYTES, 4000), None))
        client = self.client(proxy.endpoint)
        for n in range(4):
            question = dict(QUESTION, seed=n, session="s-%d" % n)
            self.check(client.stream("What of %d?" % n, timeout=support.PATIENCE_S, **question),
                       self.undisturbed("What of %d?" % n, **question))
        self.assertGreater(proxy.broken, 0)
        figure("connections broken in four answers", proxy.broken)
        self.assertEqual(len(self.service.shown(self.service.operator())), 4)

    def test_every_call_survives_a_wire_that_breaks_behind_its_request(self):
        """The request reaches the service; the first words of the answer break the wire."""
        self.up()
        cuts = iter([])
        proxy = self.proxy(cuts)
        client = self.client(proxy.endpoint)
        client.ping(timeout=support.PATIENCE_S)

        def cut_soon():
            proxy.cuts = iter([HANDSHAKE_BYTES])
            proxy.cut()

        for n in range(3):
            cut_soon()
            answer = client.chat("One?", id="chat-%d" % n, session="s", timeout=support.PATIENCE_S, **QUESTION)
            cut_soon()
            self.assertEqual(client.submit("Two?", id="submit-%d" % n, session="s", timeout=support.PATIENCE_S, **QUESTION),
                             "submit-%d" % n)
            cut_soon()
            stored = client.result("submit-%d" % n, timeout=support.PATIENCE_S)
            cut_soon()
            self.assertEqual(client.cancel("submit-%d" % n, timeout=support.PATIENCE_S).turn, stored.turn)
            cut_soon()
            client.rate(answer.turn, 2, id="rating-%d" % n, timeout=support.PATIENCE_S)
            cut_soon()
            self.assertTrue(client.ping(timeout=support.PATIENCE_S).ready)
        operator = self.service.operator()
        self.assertEqual(len(self.service.shown(operator)), 6)
        self.assertEqual(operator.ask("feedback.stats", "stats")["body"]["total"], 3)

    def test_a_service_that_dies_in_an_answer_changes_no_delta(self):
        self.up()
        client = self.client()
        for n in range(10 if cs.LONG else 2):
            question = dict(QUESTION, seed=n, session="s-%d" % n)

            def die():
                self.service.kill()
                self.service.start()

            self.check(client.stream("And %d?" % n, pause=1 + 7 * n, at_pause=die, timeout=support.PATIENCE_S, **question),
                       self.undisturbed("And %d?" % n, **question))
        self.assertEqual(len(self.service.shown(self.service.operator())), n + 1)

    def test_an_edge_that_dies_in_an_answer_changes_no_delta(self):
        self.up()
        client, back = self.client(), []

        def die():
            edge = self.service.child("edge")
            edge.kill(signal.SIGKILL)
            edge.wait_gone()
            edge.close()
            since = time.monotonic()
            with self.service.client() as other:
                other.ping()
            back.append(time.monotonic() - since)

        for n in range(10 if cs.LONG else 3):
            question = dict(QUESTION, seed=n, session="s-%d" % n)
            self.check(client.stream("So %d?" % n, pause=1 + 5 * n, at_pause=die, timeout=support.PATIENCE_S, **question),
                       self.undisturbed("So %d?" % n, **question))
        self.assertEqual(len(self.service.shown(self.service.operator())), n + 1)
        figure("edge killed, others answered again after, s (worst)", round(max(back), 3))

    def test_a_service_that_dies_while_a_call_waits_is_waited_for(self):
        self.up()
        client, done = self.client(), {}
        self.service.child("executor").kill(signal.SIGSTOP)

        def ask():
            done["answer"] = client.chat("Still there?", id="a", session="s", timeout=support.PATIENCE_S, **QUESTION)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        probe = self.service.client()
        while True:
            probe.send("chat.cancel", "nobody")
            self.assertEqual(probe.take("nobody")["body"]["code"], "not_found")
            probe.send("chat.resume", "a", {"resume_from": cs.LAST_SEQ})
            if probe.take("a")["type"] == "chat.accepted":
                break
        self.service.kill()
        self.service.start()
        asking.join(support.PATIENCE_S)
        self.assertEqual(done["answer"].text, self.undisturbed("Still there?", session="s", **QUESTION)[1].text)

    def test_an_answer_is_back_soon_after_the_wire_is(self):
        """Two cuts while nothing comes: the call is not left to its silence."""
        self.up()
        proxy = self.proxy()
        client = self.client(proxy.endpoint)
        self.service.child("executor").kill(signal.SIGSTOP)
        request = client.submit("Hello", session="s", **QUESTION)
        proxy.cut()
        self.service.child("executor").kill(signal.SIGCONT)
        self.assertTrue(client.result(request, timeout=support.PATIENCE_S).turn)

    @unittest.skipUnless(cs.LONG, "a heartbeat must time out, 6 s: PL_TEST_LONG=1")
    def test_a_wire_that_goes_dead_without_a_word_is_given_up(self):
        self.up()
        proxy = self.proxy()
        client = self.client(proxy.endpoint)

        def stall():
            proxy.stall()
            threading.Timer(9, lambda: (proxy.stall(False), proxy.cut())).start()

        self.check(client.stream("Hello", pause=2, at_pause=stall, timeout=support.PATIENCE_S, session="s", **QUESTION),
                   self.undisturbed("Hello", session="s", **QUESTION))

    @unittest.skipUnless(cs.LONG, "1,100 connections one after the other: PL_TEST_LONG=1")
    def test_an_idle_client_survives_thousands_of_broken_connections(self):
        self.up()
        proxy = self.proxy()
        client = self.client(proxy.endpoint)
        for _ in range(1100):
            self.assertTrue(proxy.greeted.wait(support.PATIENCE_S))
            proxy.greeted.clear()
            proxy.cut()
        self.assertTrue(client.ping(timeout=support.PATIENCE_S).ready)

    def test_two_questions_by_the_same_id_are_answered_once(self):
        self.up()
        client = self.client()
        first = client.chat("hello", id="a-1", session="s")
        self.assertEqual(client.chat("hello", id="a-1", session="s").turn, first.turn)
        deltas, answer = client.stream("hello", id="a-1", session="s")
        self.assertEqual((answer.turn, "".join(deltas)), (first.turn, first.text))

    def test_cancel_ends_a_stream_with_what_there_was(self):
        self.up("--ctx-size", "8192")
        client = self.client()
        deltas, answer = client.stream("Go on.", cancel=2, session="s", seed=3, temperature=0.9, max_tokens=4000)
        self.assertEqual("".join(deltas), answer.text)
        self.assertIn(answer.finish_reason, ("cancelled", "stop"))

    def test_a_gap_is_asked_for(self):
        """A service that loses pieces, all but the last, and says it is done."""
        text = ["a", "b", "c", "d"]

        def serve(request):
            first = request["body"].get("resume_from", 0)
            skipped = first + 1 if first < len(text) else first
            if request["type"] == "chat.request":
                yield "chat.accepted", {"session": "s", "seed": 1, "credit": 1}
            yield from (("chat.delta", {"seq": n, "kind": "answer", "text": text[n]})
                        for n in range(first, len(text)) if n != skipped)
            yield "chat.done", {"text": "".join(text), "turn": "t", "session": "s", "finish_reason": "stop", "seed": 1,
                                "usage": {"prompt_tokens": 1, "cached_tokens": 0, "completion_tokens": 4},
                                "model_digest": "m", "template_digest": "t"}

        server = Pretender(self, serve)
        deltas, answer = self.client(server.endpoint).stream("?", timeout=support.PATIENCE_S)
        self.assertEqual(pieces(deltas), [(n, "answer", t) for n, t in enumerate(text)])
        self.assertEqual(answer.text, "abcd")


class Pretender:
    """A ROUTER socket that answers as SERVE says: a function from a request to (type, body) pairs."""

    def __init__(self, test, serve, **keys):
        self.directory = tempfile.mkdtemp(prefix="parlance-")
        self.socket = cs.CONTEXT.socket(zmq.ROUTER)
        for name, value in keys.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        self.endpoint = "ipc://%s/s" % self.directory
        self.socket.bind(self.endpoint)
        self.bell, self.ring = cs.CONTEXT.socket(zmq.PAIR), cs.CONTEXT.socket(zmq.PAIR)
        self.bell.bind("inproc://bell-%d" % id(self))
        self.ring.connect("inproc://bell-%d" % id(self))
        self.serve = serve
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()
        test.addCleanup(self.close)

    def close(self):
        self.ring.send(b"")
        self.thread.join()
        for s in (self.socket, self.bell, self.ring):
            s.close(0)
        shutil.rmtree(self.directory)

    def run(self):
        poller = zmq.Poller()
        poller.register(self.socket, zmq.POLLIN)
        poller.register(self.bell, zmq.POLLIN)
        while self.bell not in dict(poller.poll()):
            peer, frame = self.socket.recv_multipart()
            request = msgpack.unpackb(frame)
            for kind, body in self.serve(request):
                self.socket.send_multipart([peer, msgpack.packb(
                    {"v": 1, "type": kind, "correlation": request["id"], "body": body})])


class Refused(BothClients):
    def refused(self, code, field, call, *args, **options):
        with self.assertRaises(ParlanceError) as caught:
            call(*args, **options)
        self.assertEqual((caught.exception.code, caught.exception.field), (code, field))
        return caught.exception

    def test_every_call_ends_in_its_time_when_nobody_is_there(self):
        client = self.client("ipc:///nonexistent/parlance.sock")
        calls = [lambda: client.ping(timeout=0.05), lambda: client.chat("x", timeout=0.05),
                 lambda: client.stream("x", timeout=0.05), lambda: client.submit("x", timeout=0.05),
                 lambda: client.result("x", timeout=0.05), lambda: client.cancel("x", timeout=0.05),
                 lambda: client.rate("t", 1, timeout=0.05)]
        for call in calls:
            with self.assertRaises(Timeout):
                call()

    def test_errors_have_code_field_and_id(self):
        self.up()
        client = self.client()
        self.assertEqual(self.refused("not_found", "id", client.result, "x-1").id, "x-1")
        self.refused("not_found", "turn", client.rate, "t-nothing", 2)
        self.refused("invalid", "stars", client.rate, "t", 6)
        self.refused("invalid", "temperature", client.chat, "x", temperature=3)
        self.refused("invalid", "text", client.chat, "")
        self.refused("invalid", "session", client.chat, "x", session="a\x01")
        self.refused("not_found", "tools", client.chat, "x", tools=["none"])
        self.refused("too_large", "message", client.chat,
                     messages=[{"role": "user", "content": "x" * 100000}] * 3)
        self.assertTrue(client.ping().ready)

    def test_no_room_is_an_error_or_waited_out_as_the_caller_likes(self):
        self.up("--queue", "1", "--max-seqs", "1")
        filler, client, patient = self.client(), self.client(), self.client(retry=True)
        executor = self.service.child("executor")
        executor.kill(signal.SIGSTOP)
        filler.submit("one", session="a", **QUESTION)
        filler.submit("two", session="b", **QUESTION)
        error = self.refused("overloaded", None, client.submit, "three", session="c", **QUESTION)
        self.assertGreater(error.retry_after_ms, 0)
        self.assertIn(error.code, str(error))
        patient_answer = {}

        def ask():
            patient_answer["it"] = patient.chat("four", session="d", timeout=support.PATIENCE_S, **QUESTION)

        asking = threading.Thread(target=ask, daemon=True)
        asking.start()
        executor.kill(signal.SIGCONT)
        asking.join(support.PATIENCE_S)
        self.assertTrue(patient_answer["it"].turn)

    def test_an_endpoint_that_is_none_is_refused(self):
        self.refused("invalid", "endpoint", self.client, "nowhere")

    def keys_file(self, **keys):
        path = os.path.join(tempfile.mkdtemp(prefix="parlance-"), "keys.json")
        self.addCleanup(shutil.rmtree, os.path.dirname(path))
        with open(path, "w", encoding="ascii") as f:
            json.dump(keys, f)
        return path

    def test_a_file_without_keys_is_refused(self):
        field = "keys_file" if self.make is CClient else "keys"
        for keys in ({}, {"server": "x" * 40, "public": "y" * 40}, {"server": 1, "public": 2, "secret": 3},
                     {"server": "\"" * 40, "public": "y" * 40, "secret": "z" * 40}):
            self.refused("invalid", field, self.client, "ipc:///nonexistent/x", keys=self.keys_file(**keys))
        self.refused("invalid", field, self.client, "ipc:///nonexistent/x", keys="/nonexistent/keys.json")

    def test_keys_encrypt_and_their_lack_is_told(self):
        server, server_secret = zmq.curve_keypair()
        public, secret = zmq.curve_keypair()
        pong = {"version": "1", "model": "m", "model_digest": "d", "ready": True, "credit": 1}
        there = Pretender(self, lambda request: [("pong", pong)], CURVE_SERVER=1, CURVE_PUBLICKEY=server,
                          CURVE_SECRETKEY=server_secret)
        keys = {"server": server.decode(), "public": public.decode(), "secret": secret.decode(), "name": "me"}
        client = self.client(there.endpoint, keys=self.keys_file(**keys))
        self.assertTrue(client.ping(timeout=support.PATIENCE_S).ready)
        without = self.client(there.endpoint)
        with self.assertRaises(ParlanceError) as caught:
            without.ping(timeout=support.PATIENCE_S)
        self.assertEqual(caught.exception.code, "forbidden")


def for_client(name, client):
    """The tests of this file as classes for one client."""
    for base in (Disturbed, Refused):
        made = type(name + base.__name__, (base,), {"make": client, "__module__": __name__})
        globals()[made.__name__] = made


for_client("Python", PythonClient)
for_client("C", CClient)
del Disturbed, Refused, BothClients


class CProgram(cs.DaemonTest):
    def test_the_example_runs(self):
        service = self.daemon().start()
        run = subprocess.run([os.path.join(support.BIN, "example"), service.endpoint], stdout=subprocess.PIPE,
                             timeout=support.PATIENCE_S, check=True)
        self.assertTrue(run.stdout.strip())
        self.assertEqual(len(service.shown(service.operator())), 1)

    def test_the_example_says_what_is_wrong_and_ends(self):
        run = subprocess.run([os.path.join(support.BIN, "example"), "nowhere"], stdout=subprocess.PIPE,
                             timeout=support.PATIENCE_S, check=False)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"cannot connect to nowhere", run.stdout)

    def test_the_header_compiles_as_cxx(self):
        compiler = next(filter(None, map(shutil.which, ("g++", "clang++", "clang"))), None)
        if compiler is None:
            self.skipTest("no C++ compiler")
        header = os.path.join(support.SOURCE, "ops", "clients", "c", "parlance.h")
        subprocess.run([compiler, "-x", "c++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", header],
                       check=True)

    def test_the_source_compiles_alone(self):
        """As its header says: nothing else of Parlance is needed."""
        folder = os.path.join(support.SOURCE, "ops", "clients", "c")
        with tempfile.TemporaryDirectory() as directory:
            for name in ("parlance.h", "parlance.c", "example.c"):
                shutil.copy(os.path.join(folder, name), directory)
            subprocess.run(["cc", "-o", "hello", "example.c", "parlance.c", "-lzmq", "-lmsgpackc", "-ljansson"],
                           cwd=directory, check=True)


if __name__ == "__main__":
    unittest.main()
