#!/usr/bin/env python3
"""What hits the edge, the process that owns the outside sockets: it stays under its cap or is started again, the service
behind it does not grow, and nothing that was acknowledged is lost or doubled."""

import os
import random
import re
import resource
import select
import shutil
import signal
import socket
import statistics
import struct
import threading
import time
import unittest
import urllib.request

import crash_support as cs
from model_support import figure

CAP_MIB = 64
MIB = 1 << 20
# Under a sanitizer the edge may hold some times its cap, because the sanitizer holds freed memory back.
SANITIZED = "asan" in cs.BUILD or "tsan" in cs.BUILD
GREETING = b"\xff" + b"\0" * 7 + b"\1\x7f\3\0" + b"NULL".ljust(20, b"\0") + b"\0" * 32
READY = b"\x05READY" + b"\x0bSocket-Type" + struct.pack(">I", 6) + b"DEALER"
PART = b"\x01\x00"  # an empty frame with MORE


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def resident(pid):
    """Bytes that process PID holds; 0 when it is gone."""
    try:
        with open("/proc/%d/statm" % pid, encoding="ascii") as f:
            return int(f.read().split()[1]) * resource.getpagesize()
    except (OSError, IndexError):
        return 0


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def figures(name, seconds):
    figure(name, "median %.0f ms, worst %.0f ms of %d" %
           (1e3 * statistics.median(seconds), 1e3 * max(seconds), len(seconds)))


class Watch(threading.Thread):
    """Notes the most that some processes ever hold; PIDS() names them anew each time."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids, self.most, self.over = pids, 0, threading.Event()

    def run(self):
        while not self.over.wait(0.005):
            self.most = max([self.most] + [resident(pid) for pid in self.pids()])

    def stop(self):
        self.over.set()
        self.join()
        return self.most


class EdgeTest(cs.DaemonTest):
    def begin(self, *args, cap=CAP_MIB):
        """A daemon that clients reach by tcp."""
        port = free_port()
        daemon = self.daemon("--listen", "tcp://127.0.0.1:%d" % port, "--edge-memory", str(cap), *args)
        daemon.endpoint, daemon.address = "tcp://127.0.0.1:%d" % port, ("127.0.0.1", port)
        return daemon.start()

    def edge(self, daemon, but=0):
        process = daemon.child("edge", but)
        process.close()
        return process.pid

    def raw(self, daemon, greet=True):
        """A connection that speaks ZMTP 3.0 with no security, if GREET; else a bare one."""
        s = socket.create_connection(daemon.address, timeout=cs.PATIENCE_MS / 1000)
        self.addCleanup(s.close)
        if greet:
            s.sendall(GREETING)
            need = len(GREETING)
            while need:
                need -= len(s.recv(need))
            s.sendall(bytes([4, len(READY)]) + READY)
        return s

    def until_pong(self, client):
        """Seconds until CLIENT, asking again and again, was answered. What is asked while the edge is away is lost."""
        begin = time.monotonic()
        client.count += 1
        id = "again-%d" % client.count
        while time.monotonic() - begin < cs.PATIENCE_MS / 1000:
            client.send("ping", id)
            while not client.kept.get(id) and client.socket.poll(20):
                client.receive_by_id()
            if client.kept.pop(id, None):
                return time.monotonic() - begin
        raise AssertionError("nobody answers")


class Faults(EdgeTest):
    def flood(self, connection, daemon, edge):
        """Parts without an end, until EDGE is gone; the seconds that took."""
        parts, begin = PART * 32768, time.monotonic()
        connection.settimeout(0.1)
        held = cs.Process(edge)
        while not held.wait_gone(0):
            try:
                connection.send(parts)
            except TimeoutError:
                continue
            except OSError:
                break  # the edge went, or gave up this connection
        self.assertTrue(held.wait_gone())
        held.close()
        return time.monotonic() - begin

    def test_endless_parts(self):
        daemon = self.begin()
        client = daemon.client()
        wanted = client.chat("calm", "hello", body={"seed": 7, "max_tokens": 400}).text
        service, back, deaths = daemon.process.pid, [], []
        before = resident(service)
        watch = Watch(lambda: [p for p in cs.children(service) if cs.role_of(p) == "edge"])
        watch.start()
        for i in range(20 if cs.LONG else 3):
            id = "flood-%d" % i
            edge = self.edge(daemon)
            client.send("chat.request", id, {"text": "hello", "seed": 7, "max_tokens": 400})
            self.assertEqual(client.take(id)["type"], "chat.accepted")
            deaths.append(self.flood(self.raw(daemon), daemon, edge))
            back.append(self.until_pong(client))
            self.assertEqual(client.resume(id).text, wanted)
        most, grown = watch.stop(), resident(service) - before
        figures("part flood: until the edge ended", deaths)
        figures("part flood: until another client was answered", back)
        figure("part flood: most that the edge held, of %d MiB" % CAP_MIB, "%d MiB" % (most // MIB))
        figure("part flood: growth of the service", "%.1f MiB" % (grown / MIB))
        self.assertLess(grown, 32 * MIB)
        if not SANITIZED:
            self.assertLess(most, (3 * CAP_MIB + 64) * MIB)  # its address space, whatever the service sees when
        self.assertIn("edge ended: over its memory", daemon.tail_of("child ended"))

    def test_large_messages_that_nobody_takes(self):
        """Whole messages, one megabyte each, from many peers at once."""
        daemon = self.begin()
        client, service, edge = daemon.client(), daemon.process.pid, self.edge(daemon)
        before = resident(service)
        frame = b"\x02" + struct.pack(">Q", MIB) + b"x" * MIB
        senders = [self.raw(daemon) for _ in range(8)]
        for s in senders:
            s.settimeout(cs.PATIENCE_MS / 1000)
            for _ in range(20):
                try:
                    s.sendall(frame)
                except OSError:
                    break  # the edge went, which it may
        self.until_pong(client)
        figure("large messages: the edge", "held" if self.edge(daemon) == edge else "was started again")
        self.assertLess(resident(service) - before, 32 * MIB)
        self.assertIsNone(daemon.process.poll())

    def latencies(self, client, n):
        """Seconds of N questions that go through the edge to the session and back."""
        out = []
        for i in range(n):
            begin = time.monotonic()
            client.ask("chat.resume", "none-%d-%d" % (client.count, i))
            out.append(time.monotonic() - begin)
        return out

    def under(self, name, daemon, hold):
        """The p99 of another client while HOLD's connections are there; the edge may neither restart nor grow."""
        client, service, edge = daemon.client(), daemon.process.pid, self.edge(daemon)
        calm = self.latencies(client, 1000)
        before = resident(edge), resident(service)
        connections = hold()
        busy = self.latencies(client, 1000)
        after = resident(edge), resident(service)
        p50, p99 = ((percentile(busy, share), percentile(calm, share)) for share in (0.5, 0.99))
        figure("%s: %d connections, another client" % (name, len(connections)),
               "p50 %.2f ms (calm %.2f), p99 %.2f ms (calm %.2f); edge %+.1f MiB, service %+.1f MiB" %
               (1e3 * p50[0], 1e3 * p50[1], 1e3 * p99[0], 1e3 * p99[1], (after[0] - before[0]) / MIB,
                (after[1] - before[1]) / MIB))
        self.assertEqual(self.edge(daemon), edge)
        self.assertLess(after[0] - before[0], 32 * MIB * (4 if SANITIZED else 1))
        self.assertLess(after[1] - before[1], 16 * MIB * (4 if SANITIZED else 1))
        return connections

    def closed(self, connections):
        """Waits until the other end closed all of them."""
        poller, left = select.poll(), {s.fileno(): s for s in connections}
        for fd in left:
            poller.register(fd, select.POLLIN)
        while left:
            ready = poller.poll(cs.PATIENCE_MS)
            self.assertTrue(ready, "%d connections stay open" % len(left))
            for fd, _ in ready:
                try:
                    gone = not left[fd].recv(4096)
                except OSError:
                    gone = True
                if gone:
                    poller.unregister(fd)
                    del left[fd]

    def test_slow_loris_half_open_and_garbage(self):
        daemon, rng = self.begin(), random.Random(cs.seed())

        def drip():
            connections = [self.raw(daemon, greet=False) for _ in range(100)]
            for byte in GREETING[:20]:
                for s in connections:
                    s.send(bytes([byte]))
            return connections

        def greeting_only():
            connections = [self.raw(daemon, greet=False) for _ in range(100)]
            for s in connections:
                s.send(GREETING[:rng.randrange(1, 64)])
            return connections

        def garbage():
            connections = [self.raw(daemon, greet=False) for _ in range(200)]
            for i, s in enumerate(connections):
                try:
                    s.sendall((b"" if i % 2 else GREETING) + rng.randbytes(rng.randrange(1, 5000)))
                except OSError:
                    pass  # it was cut already
            return connections

        for name, hold in (("slow-loris", drip), ("half-open", greeting_only), ("garbage", garbage)):
            connections = self.under(name, daemon, hold)
            if name != "garbage":
                self.closed(connections)
            for s in connections:
                s.close()
        # A peer that greeted and then says nothing does not answer heartbeats.
        self.closed([self.raw(daemon) for _ in range(5)])

    def open_files(self, wanted):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        if hard < wanted + 100:
            self.skipTest("a process may open %d files on this machine" % hard)

    def test_many_connections(self):
        wanted = 10000 if cs.LONG else 1000
        self.open_files(wanted)
        daemon = self.begin()
        connections = self.under("silent", daemon,
                                 lambda: [self.raw(daemon, greet=False) for _ in range(wanted)])
        self.closed(connections)

    def test_many_peers(self):
        """Clients that greet stay as long as they answer heartbeats, so they have to fit: 10,000 in the cap as shipped."""
        wanted, cap = (10000, 256) if cs.LONG else (600, CAP_MIB)
        self.open_files(wanted)
        daemon = self.begin(cap=cap)
        client, edge = daemon.client(), self.edge(daemon)
        watch = Watch(lambda: [edge])
        watch.start()
        for _ in range(wanted):
            self.raw(daemon)
        self.until_pong(client)
        figure("%d peers that greet: the edge held, of %d MiB" % (wanted, cap), "%d MiB" % (watch.stop() // MIB))
        self.assertEqual(self.edge(daemon), edge)


class Restarts(EdgeTest):
    def test_kill_and_nothing_is_lost_or_doubled(self):
        rng, daemon = random.Random(cs.seed()), self.begin()
        body = {"text": "hello", "seed": 5, "max_tokens": 40}
        wanted, client, asked, back = daemon.client().chat("first", **body_of(body)).text, daemon.client(), ["first"], []
        for i in range(50 if cs.LONG else 3):
            ids = ["kill-%d-%d" % (i, k) for k in range(6)]
            for id in ids:
                client.send("chat.request", id, body)
            for _ in range(rng.randrange(0, 60)):
                client.receive_by_id()
            edge = self.edge(daemon)
            os.kill(edge, signal.SIGKILL)
            self.edge(daemon, edge)
            back.append(self.until_pong(client))
            for id in ids:
                accepted = any(m["type"] == "chat.accepted" for m in client.kept.get(id, []))
                fresh = daemon.client()
                # What was acknowledged is there without being asked again; the rest is asked again as it was.
                answer = fresh.resume(id) if accepted else fresh.chat(id, **body_of(body))
                self.assertEqual(answer.text, wanted)
                fresh.close()
            asked += ids
        figures("kill -9 of the edge: until a client was answered", back)
        rows = daemon.shown(daemon.operator())
        self.assertEqual(sorted(r["id"] for r in rows), sorted(asked))
        self.assertIsNone(daemon.process.poll())

    def test_what_waits_is_answered_by_the_edge_that_comes_after(self):
        """A request is accepted and its answer not made yet when the edge dies."""
        daemon = self.begin()
        client, executor = daemon.client(), daemon.child("executor")
        executor.kill(signal.SIGSTOP)
        client.send("chat.request", "a", {"text": "hello", "seed": 1, "max_tokens": 10})
        self.assertEqual(client.take("a")["type"], "chat.accepted")
        edge = self.edge(daemon)
        os.kill(edge, signal.SIGKILL)
        self.edge(daemon, edge)
        self.until_pong(client)
        client.send("chat.resume", "a", {"resume_from": 0})
        self.assertEqual(client.take("a")["type"], "chat.accepted")
        executor.kill(signal.SIGCONT)
        answer = cs.Answer(client.until("a", "chat.done"))
        self.assertEqual([d["seq"] for d in answer.deltas], list(range(len(answer.deltas))))
        self.assertEqual("".join(d["text"] for d in answer.deltas if d["kind"] == "answer"), answer.text)
        executor.close()

    def test_removed_socket_files_are_made_again(self):
        daemon = self.daemon().start()
        old = daemon.client()
        for endpoint in (daemon.endpoint, daemon.admin):
            os.unlink(endpoint[len("ipc://"):])
            with cs.Client(endpoint) as client:
                self.assertEqual(client.ping()["type"], "pong")
        self.assertEqual(old.ping()["type"], "pong")
        # Another's socket in its place is left alone.
        path = daemon.endpoint[len("ipc://"):]
        os.unlink(path)
        with socket.socket(socket.AF_UNIX) as other:
            other.bind(path)
            other.listen()
            daemon.wait_log("socket lost")
            self.assertEqual(old.ping()["type"], "pong")

    def test_free_port_is_kept(self):
        """`*` is chosen once: clients find the next edge where the first one was."""
        daemon = self.daemon("--listen", "tcp://127.0.0.1:*")
        daemon.start(ready=False)
        said = daemon.wait_log(r'"listen":"(tcp://127.0.0.1:\d+)"')
        with cs.Client(said) as client:
            self.assertEqual(client.ping()["type"], "pong")
            edge = self.edge(daemon)
            os.kill(edge, signal.SIGKILL)
            self.edge(daemon, edge)
            self.until_pong(client)

    def test_metrics_of_the_edge_are_on_the_page(self):
        port = free_port()
        daemon = self.begin("--metrics", "127.0.0.1:%d" % port)
        client, page = daemon.client(), ""
        wanted = re.compile(r'^parlance_frontdoor_messages_total\{node="edge",type="chat.resume"\} 1$', re.M)
        client.ask("chat.resume", "none")
        service = cs.Process(daemon.process.pid)
        while not wanted.search(page):
            self.assertFalse(service.wait_gone(50))
            with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % port, timeout=60) as answer:
                page = answer.read().decode()
        service.close()
        self.assertEqual(page.count("# TYPE parlance_messages_total counter"), 1)

    def test_stop_ends_the_edge_too(self):
        daemon = self.begin()
        self.assertEqual(daemon.kill(signal.SIGTERM), 0)
        self.assertTrue(daemon.children_gone())


def body_of(body):
    """Arguments of Client.chat for a request's body."""
    more = dict(body)
    return {"text": more.pop("text"), "body": more}


if __name__ == "__main__":
    unittest.main()
