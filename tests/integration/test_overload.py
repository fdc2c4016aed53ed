#!/usr/bin/python3
"""More than there is room for: requests at ten times the rate that the service can keep, and a reader that does not read.
Refused and accepted make all that was sent, every accepted one ends, memory stays bounded, nobody else waits."""

import os
import shutil
import sys
import tempfile
import threading
import time
import unittest

import msgpack
import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools")]
import crash_support as cs  # noqa: E402
import make_scripted  # noqa: E402
import support  # noqa: E402
import watch  # noqa: E402
from clients import CClient, PythonClient  # noqa: E402
from model_support import figure  # noqa: E402

CLIENTS, QUEUE, TIMES = 200, 64, 10
PEAK_S, OVER_S = (10, 60) if cs.LONG else (1, 3)
GROWTH_BYTES = 64 * watch.MIB
# A sanitizer holds freed memory back: its build says nothing about memory.
SANITIZED = "asan" in cs.BUILD or "tsan" in cs.BUILD
BODY = {"text": make_scripted.LONG, "max_tokens": 100, "resume_from": cs.LAST_SEQ}  # counts to a hundred


class Crowd:
    """Many sockets in one thread, and what became of each request."""

    def __init__(self, endpoint, count):
        self.sockets, self.poller = [], zmq.Poller()
        for _ in range(count):
            socket = cs.CONTEXT.socket(zmq.DEALER)
            socket.setsockopt(zmq.LINGER, 0)
            socket.connect(endpoint)
            self.sockets.append(socket)
            self.poller.register(socket, zmq.POLLIN)
        self.sent = 0
        self.open, self.accepted, self.done, self.refused = set(), set(), set(), {}

    def close(self):
        for socket in self.sockets:
            socket.close(0)

    def send(self):
        id = "r-%d" % self.sent
        message = {"v": 1, "type": "chat.request", "id": id, "session": id, "body": dict(BODY, seed=self.sent % 7)}
        self.sockets[self.sent % len(self.sockets)].send(msgpack.packb(message))
        self.sent += 1
        self.open.add(id)

    def _take(self, message):
        id, body = message["correlation"], message["body"]
        if message["type"] == "chat.accepted":
            self.accepted.add(id)
            return
        if id not in self.open:
            raise AssertionError("a second end of %s: %r" % (id, message))
        self.open.remove(id)
        if message["type"] == "chat.done":
            self.done.add(id)
        else:
            self.refused[id] = body

    def receive(self, wait_ms):
        for socket, _ in self.poller.poll(wait_ms):
            try:
                while True:
                    self._take(msgpack.unpackb(socket.recv(zmq.DONTWAIT)))
            except zmq.Again:
                pass

    def drain(self):
        """Until everything has ended."""
        until = time.monotonic() + support.PATIENCE_S
        while self.open:
            if time.monotonic() > until:
                raise AssertionError("%d requests have no end" % len(self.open))
            self.receive(1000)


class LongTest(cs.DaemonTest):
    """With a model that counts for as long as it may."""

    context = 8192

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="parlance-")
        cls.model = os.path.join(cls.directory, "m.gguf")
        make_scripted.write(cls.model, [("calculator", '{"expression": "6*7"}')], context=cls.context)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)


class OverloadTest(LongTest):
    def answered_a_second(self, crowd, seconds):
        """With as many requests open as there are places: the rate that the service can keep."""
        since, begun = time.monotonic(), len(crowd.done)
        while time.monotonic() < since + seconds:
            while len(crowd.open) < QUEUE:
                crowd.send()
            crowd.receive(100)
        rate = (len(crowd.done) - begun) / (time.monotonic() - since)
        crowd.drain()
        return rate

    def flood(self, crowd, rate, seconds):
        """Sends RATE requests a second, whatever comes back; answers a second, and the largest memory by role."""
        since, sent, begun = time.monotonic(), crowd.sent, len(crowd.done)
        most, looked = {}, 0.0
        while (now := time.monotonic()) < since + seconds:
            while crowd.sent - sent < (now - since) * rate:
                crowd.send()
            crowd.receive(1)
            if now > looked + 0.25:
                looked = now
                for role, size in watch.memory(self.service).items():
                    most[role] = max(size, most.get(role, 0))
        took = time.monotonic() - since
        figure("sent a second", round((crowd.sent - sent) / took))
        return (len(crowd.done) - begun) / took, most

    def test_ten_times_the_rate_is_refused_in_order_and_takes_no_memory(self):
        self.service = self.daemon("--queue", str(QUEUE), model=self.model).start()
        crowd = Crowd(self.service.endpoint, CLIENTS)
        self.addCleanup(crowd.close)
        self.answered_a_second(crowd, PEAK_S)
        peak = self.answered_a_second(crowd, PEAK_S)
        before, refused_before = watch.memory(self.service), len(crowd.refused)
        during, most = self.flood(crowd, TIMES * peak, OVER_S)
        crowd.drain()
        for role, size in watch.memory(self.service).items():
            most[role] = max(size, most.get(role, 0))
        self.report(crowd, peak, during)
        self.assertEqual(set(most), set(before))
        self.assertEqual(len(crowd.refused) + len(crowd.accepted), crowd.sent)
        self.assertEqual(crowd.done, crowd.accepted)
        self.assertGreater(len(crowd.refused), refused_before)
        for id, body in crowd.refused.items():
            self.assertEqual(body["code"], "overloaded", id)
            self.assertGreater(body["retry_after_ms"], 0, id)
        self.bounded(before, most)
        self.assertEqual(self.service.client().ping()["type"], "pong")

    def bounded(self, before, most):
        grew = {role: round((most[role] - before[role]) / watch.MIB, 1) for role in sorted(most)}
        figure("memory grew by, MiB", ", ".join("%s %.1f" % item for item in grew.items()))
        if not SANITIZED:
            self.assertLess(sum(most.values()) - sum(before.values()), GROWTH_BYTES)

    def report(self, crowd, peak, during):
        figure("answers a second at peak", round(peak, 1))
        figure("answers a second at ten times the rate", round(during, 1))
        figure("of its peak", "%.0f%%" % (100 * during / peak))
        figure("sent, accepted, refused", "%d, %d, %d" % (crowd.sent, len(crowd.accepted), len(crowd.refused)))


@unittest.skipUnless(cs.LONG, "17,000 tokens are made: PL_TEST_LONG=1")
class PortionTest(LongTest):
    """An answer of more pieces than go out at once."""

    PIECES, context = 17000, 20480

    def test_all_of_it_is_sent_again_in_portions(self):
        self.service = self.daemon("--ctx-size", "20480", model=self.model).start()
        text = self.service.client().ask("chat.request", "huge", {"text": make_scripted.LONG, "max_tokens": self.PIECES,
                                                                  "resume_from": cs.LAST_SEQ})["body"]["text"]
        portion = self.service.client().resume("huge")
        self.assertEqual(portion.error["code"], "overloaded")
        self.assertGreater(len(portion.deltas), 10000)
        for make in (PythonClient, CClient):
            deltas, answer = make(self, self.service.endpoint).stream("again", id="huge", timeout=support.PATIENCE_S)
            self.assertEqual([d.seq for d in deltas], list(range(self.PIECES)))
            self.assertEqual("".join(deltas), text)
            self.assertEqual(answer.text, text)


class SlowReaderTest(LongTest):
    """A client that asks for much and does not read."""

    PIECES = 3000

    def setUp(self):
        self.service = self.daemon("--ctx-size", "8192", model=self.model).start()
        self.whole = self.service.client().chat("long", make_scripted.LONG, session="long",
                                                body={"max_tokens": self.PIECES})
        self.assertEqual(len(self.whole.pieces), self.PIECES)

    def pings(self, seconds=None, until=None):
        """Round trips of another client, in s, until it is told to stop."""
        client, times, since = self.service.client(), [], time.monotonic()
        while (until and not until.is_set()) or (seconds and time.monotonic() < since + seconds):
            begun = time.monotonic()
            client.ping()
            times.append(time.monotonic() - begun)
        return times

    def beside(self, run):
        """RUNs while another client asks; its round trips."""
        over, times = threading.Event(), []
        other = threading.Thread(target=lambda: times.extend(self.pings(until=over)))
        other.start()
        try:
            run()
        finally:
            over.set()
            other.join()
        return times

    def cut_off(self):
        """A bare peer asks for the answer again and again and does not read: until it is cut."""
        slow = self.service.client()
        slow.socket.close(0)
        slow.socket = cs.CONTEXT.socket(zmq.DEALER)
        slow.socket.setsockopt(zmq.LINGER, 0)
        slow.socket.setsockopt(zmq.RCVHWM, 10)
        slow.socket.setsockopt(zmq.RCVTIMEO, cs.PATIENCE_MS)
        slow.socket.connect(self.service.endpoint)
        return slow

    def test_a_peer_that_does_not_read_is_cut_and_resumes(self):
        calm = self.pings(seconds=1)
        slow, before = self.cut_off(), watch.memory(self.service)

        def ask():
            until = time.monotonic() + support.PATIENCE_S
            with self.service.client() as pacer:
                while "peer_cut" not in self.service.whole_log() and time.monotonic() < until:
                    slow.send("chat.resume", "long", {})
                    pacer.ask("chat.resume", "long", {"resume_from": cs.LAST_SEQ})

        times = self.beside(ask)
        self.assertIn("peer_cut", self.service.whole_log())
        growth = sum(watch.memory(self.service).values()) - sum(before.values())
        figure("memory grew by, MiB", round(growth / watch.MIB, 1))
        if not SANITIZED:
            self.assertLess(growth, GROWTH_BYTES)
        figure("p99 of others before, ms", round(watch.quantile(calm, 0.99) * 1e3, 2))
        figure("p99 of others meanwhile, ms", round(watch.quantile(times, 0.99) * 1e3, 2))
        heard = {}
        slow.socket.setsockopt(zmq.RCVTIMEO, 500)
        try:
            while True:
                message = slow.receive()
                if message["type"] == "chat.delta":
                    heard[message["body"]["seq"]] = message["body"]["text"]
        except zmq.Again:
            pass
        slow.socket.setsockopt(zmq.RCVTIMEO, cs.PATIENCE_MS)
        first = next(n for n in range(self.PIECES + 1) if n not in heard)
        rest = slow.resume("long", first)
        self.assertEqual([heard[n] for n in range(first)] + [d["text"] for d in rest.deltas],
                         [text for _, _, text in self.whole.pieces])

    def test_both_clients_read_all_of_it_after_a_pause(self):
        """More streams than a peer's outbox holds, opened and not read; then read one after the other."""
        ids = ["slow-%d" % n for n in range(4)]
        client = self.service.client()
        for id in ids:
            client.chat(id, make_scripted.LONG, session=id, body={"max_tokens": self.PIECES})
        want = [(n, text) for n, _, text in self.whole.pieces]
        python = PythonClient(self, self.service.endpoint)
        streams = [python.client.stream("again", id=id, timeout=support.PATIENCE_S) for id in ids]
        self.pings(seconds=0.5)
        for stream in streams:
            self.assertEqual([(d.seq, str(d)) for d in stream], want)
            self.assertEqual(stream.answer.text, self.whole.text)
        c = CClient(self, self.service.endpoint)
        deltas, answer = c.stream("again", id=ids[0], pause=1, at_pause=lambda: self.pings(seconds=0.5),
                                  timeout=support.PATIENCE_S)
        self.assertEqual([(d.seq, str(d)) for d in deltas], want)
        self.assertEqual(answer.text, self.whole.text)


if __name__ == "__main__":
    unittest.main()
