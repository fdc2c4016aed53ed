"""What the crash, exactly-once and bad-input tests share: a daemon in a directory of its own, a bare client, and words
about processes. Nothing here sleeps: it blocks on sockets, on the end of processes (pidfd) and on socket events, each
with a time-out that is only there so that a failure ends."""

import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import msgpack
import zmq
from zmq.utils.monitor import recv_monitor_message

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("PL_TEST_SOURCE") or os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("PL_TEST_BUILD") or os.path.join(SOURCE, "build", "release")
PARLANCED = os.path.join(BUILD, "bin", "parlanced")
LONG = os.environ.get("PL_TEST_LONG") == "1"
PATIENCE_MS = 120000  # no test waits this long; a broken service is given up then
LAST_SEQ = 2**32 - 1  # as resume_from: no deltas

CONTEXT = zmq.Context.instance()


def seed():
    """The seed of a random test, printed so that a failure can be run again with PL_TEST_SEED."""
    value = int(os.environ.get("PL_TEST_SEED") or random.SystemRandom().randrange(2**32))
    print("seed: PL_TEST_SEED=%d" % value, file=sys.stderr, flush=True)
    return value


def real_model(name):
    """Path of a real model in the user's cache, or None."""
    files = {"smollm2": "smollm2-135m-instruct-q4_1.gguf", "coder": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"}
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    path = os.path.join(cache, "parlance", "models", files[name])
    return path if os.path.exists(path) else None


# --- processes ---


def children(pid):
    """Processes whose parent is PID."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            with open("/proc/%s/stat" % name, encoding="ascii", errors="replace") as f:
                after = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        if int(after[1]) == pid:
            found.append(int(name))
    return found


def role_of(pid):
    """What `parlanced --role NAME` a process is; None for any other process."""
    try:
        with open("/proc/%d/cmdline" % pid, "rb") as f:
            words = f.read().split(b"\0")
    except OSError:
        return None
    return words[words.index(b"--role") + 1].decode() if b"--role" in words else None


class Process:
    """Somebody else's process, held by a pidfd so that its number cannot come to mean another one."""

    def __init__(self, pid):
        self.pid = pid
        self.fd = os.pidfd_open(pid)

    def kill(self, number):
        try:
            signal.pidfd_send_signal(self.fd, number)
        except ProcessLookupError:
            pass  # it has ended already

    def wait_gone(self, timeout_ms=PATIENCE_MS):
        """True once it has ended."""
        poller = select.poll()
        poller.register(self.fd, select.POLLIN)
        return bool(poller.poll(timeout_ms))

    def close(self):
        if self.fd >= 0:
            os.close(self.fd)
        self.fd = -1


# --- the wire ---


class Client:
    """One DEALER (or REQ) socket. What comes is kept by the id that it answers."""

    def __init__(self, endpoint, kind=zmq.DEALER):
        self.endpoint = endpoint
        self.socket = CONTEXT.socket(kind)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RECONNECT_IVL, 10)
        self.socket.setsockopt(zmq.RECONNECT_IVL_MAX, 50)
        self.socket.setsockopt(zmq.RCVTIMEO, PATIENCE_MS)
        self.socket.connect(endpoint)
        self.kept = {}
        self.count = 0

    def close(self):
        self.socket.close(0)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_bytes(self, frame):
        self.socket.send(frame)

    def send(self, kind, id=None, body=None, **envelope):
        message = {"v": 1, "type": kind, "body": body or {}}
        if id is not None:
            message["id"] = id
        message.update(envelope)
        self.socket.send(msgpack.packb(message))

    def receive(self):
        """The next message, whatever it answers."""
        message = msgpack.unpackb(self.socket.recv())
        self.count += 1
        return message

    def receive_by_id(self):
        """The next message, kept for who takes it."""
        message = self.receive()
        self.kept.setdefault(message.get("correlation"), []).append(message)

    def take(self, id):
        """The next message that answers ID."""
        waiting = self.kept.setdefault(id, [])
        while not waiting:
            self.receive_by_id()
        return waiting.pop(0)

    def until(self, id, *kinds):
        """Messages that answer ID, up to and with the first of KINDS or chat.error."""
        out = []
        while True:
            out.append(self.take(id))
            if out[-1]["type"] in kinds or out[-1]["type"] == "chat.error":
                return out

    def ask(self, kind, id, body=None, **envelope):
        """Sends, and gives the last message of the answer."""
        self.send(kind, id, body, **envelope)
        while True:
            message = self.take(id)
            if message["type"] not in ("chat.accepted", "chat.delta"):
                return message

    def chat(self, id, text, **options):
        """Asks in one go; an Answer."""
        self.send("chat.request", id, dict(options.pop("body", {}), text=text), **options)
        return Answer(self.until(id, "chat.done"))

    def resume(self, id, resume_from=0):
        self.send("chat.resume", id, {"resume_from": resume_from})
        return Answer(self.until(id, "chat.done"))

    def ping(self):
        return self.ask("ping", "ping-%d" % self.count)


class Answer:
    """What came for one request, taken apart."""

    def __init__(self, messages):
        self.messages = messages
        self.deltas = [m["body"] for m in messages if m["type"] == "chat.delta"]
        self.accepted = [m["body"] for m in messages if m["type"] == "chat.accepted"]
        last = messages[-1] if messages else {"type": None}
        self.done = last["body"] if last["type"] == "chat.done" else None
        self.error = last["body"] if last["type"] == "chat.error" else None

    @property
    def text(self):
        return self.done["text"]

    @property
    def pieces(self):
        """Deltas as what must be the same at each telling."""
        return [(d["seq"], d["kind"], d["text"]) for d in self.deltas]


# --- the daemon ---


class Daemon:
    """A parlanced in a directory of its own, which may be killed and started again."""

    def __init__(self, *args, model="hash", directory=None):
        self.own = directory is None
        self.directory = directory or tempfile.mkdtemp(prefix="parlance-")
        self.data = os.path.join(self.directory, "data")
        self.endpoint = "ipc://" + os.path.join(self.data, "clients.sock")
        self.admin = "ipc://" + os.path.join(self.data, "admin.sock")
        self.log = os.path.join(self.directory, "log")
        self.args = ["--model", model, "--data", self.data, "--listen", self.endpoint, "--threads", "1"] + list(args)
        self.process = None
        self.clients = []
        self.offspring = []

    def start(self, *more, ready=True, **env):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PARLANCE_")}
        environment.update(env)
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen([PARLANCED] + self.args + list(more), stdin=subprocess.DEVNULL,
                                            stdout=log, stderr=log, env=environment)
        if ready:
            self.wait_ready()
        return self

    def wait_ready(self):
        """Pings until the model is there, or the process ends."""
        service = Process(self.process.pid)
        poller = zmq.Poller()
        with Client(self.endpoint) as client:
            poller.register(client.socket, zmq.POLLIN)
            poller.register(service.fd, zmq.POLLIN)
            client.send("ping", "ready")
            while True:
                if service.fd in dict(poller.poll(PATIENCE_MS)):
                    raise AssertionError("parlanced ended with %d\n%s" % (self.process.wait(), self.tail()))
                if client.take("ready")["body"]["ready"]:
                    break
                service.wait_gone(20)
                client.send("ping", "ready")
        service.close()
        self.hold_children()

    def hold_children(self):
        """Remembers the children, so that their end can be seen after the parent's."""
        held = {p.pid for p in self.offspring}
        self.offspring += [Process(pid) for pid in children(self.process.pid) if pid not in held]

    def child(self, role, but=0):
        """The child that hosts ROLE, once there is one that is not process BUT; the caller closes it."""
        service = Process(self.process.pid)
        found = []
        while not found:
            found = [pid for pid in children(self.process.pid) if role_of(pid) == role and pid != but]
            if not found and service.wait_gone(10):
                raise AssertionError("parlanced ended with %d\n%s" % (self.wait_end(), self.tail()))
        service.close()
        return Process(found[0])

    def wait_end(self):
        """Waits for the service to end; its return code."""
        return self.process.wait(PATIENCE_MS / 1000)

    def children_gone(self):
        """True once all children that were ever seen have ended."""
        return all(p.wait_gone() for p in self.offspring)

    def kill(self, number=signal.SIGKILL):
        """Ends the service; its return code. All its children end with it."""
        self.hold_children()
        self.process.send_signal(number)
        return self.wait_end()

    def client(self, kind=zmq.DEALER):
        client = Client(self.endpoint, kind)
        self.clients.append(client)
        return client

    def operator(self):
        client = Client(self.admin)
        self.clients.append(client)
        return client

    def whole_log(self):
        with open(self.log, "rb") as f:
            return f.read().decode("utf-8", "replace")

    def tail(self):
        return self.whole_log()[-3000:]

    def tail_of(self, event):
        """The log's lines with that event."""
        with open(self.log, encoding="utf-8", errors="replace") as f:
            return "".join(line for line in f if '"event":"%s"' % event in line)

    def wait_log(self, pattern):
        """Waits until the log holds PATTERN, or the service ends; its first group, or all of it."""
        service = Process(self.process.pid)
        while True:
            with open(self.log, encoding="utf-8", errors="replace") as f:
                found = re.search(pattern, f.read())
            if found:
                service.close()
                return found.group(found.re.groups and 1)
            if service.wait_gone(20):
                raise AssertionError("parlanced ended with %d\n%s" % (self.wait_end(), self.tail()))

    def close(self):
        for client in self.clients:
            client.close()
        if self.process and self.process.poll() is None:
            self.kill()
        for process in self.offspring:
            process.close()
        if self.own:
            shutil.rmtree(self.directory, ignore_errors=True)

    # what tests ask of the admin socket

    def shown(self, client, session=None):
        """All turns, page by page, in the store's order."""
        rows, after = [], None
        while True:
            body = {"limit": 50, **({"after": after} if after else {})}
            envelope = {"session": session} if session else {}
            reply = client.ask("sessions.show", "show-%d" % client.count, body, **envelope)
            if reply["type"] == "chat.error":
                return []
            rows += reply["body"].get("turns", [])
            after = reply["body"].get("next")
            if not after:
                return rows

    def wait_turns(self, client, ids):
        """Asks the operator's socket until there are turns of all IDS, or the service ends."""
        service = Process(self.process.pid)
        while True:
            rows = self.shown(client)
            if set(ids) <= {r["id"] for r in rows}:
                service.close()
                return rows
            if service.wait_gone(10):
                raise AssertionError("parlanced ended with %d\n%s" % (self.wait_end(), self.tail()))


class Tap:
    """A client that reads all that a service said before it died: nothing that reached this machine's sockets is lost."""

    def __init__(self, daemon):
        self.client = daemon.client()
        self.events = self.client.socket.get_monitor_socket(zmq.EVENT_DISCONNECTED)

    def send(self, *args, **more):
        self.client.send(*args, **more)

    def read_to_end(self):
        """All messages until the connection broke. Then closes the socket, which would give what it still holds to the
        next service on that endpoint."""
        out, poller = [], zmq.Poller()
        poller.register(self.client.socket, zmq.POLLIN)
        poller.register(self.events, zmq.POLLIN)
        broken = False
        while True:
            ready = dict(poller.poll(0 if broken else PATIENCE_MS))
            if self.client.socket in ready:
                out.append(msgpack.unpackb(self.client.socket.recv()))
            elif broken:
                break
            elif self.events in ready:
                recv_monitor_message(self.events)
                broken = True
            else:
                raise AssertionError("the service neither answers nor ends")
        self.client.socket.disable_monitor()
        self.events.close(0)
        self.client.close()
        return out


class DaemonTest(unittest.TestCase):
    """A test with daemons that end with it; a failure shows the last lines of their logs."""

    maxDiff = None

    def daemon(self, *args, **more):
        daemon = Daemon(*args, **more)
        self.addCleanup(daemon.close)
        self.addCleanup(self._show, daemon)
        return daemon

    def _show(self, daemon):
        if not self._outcome.success and os.path.exists(daemon.log):
            print(daemon.tail(), file=sys.stderr)
