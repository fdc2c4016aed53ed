"""What the tests on real models share: figures, models and instruction sets of this machine, many clients at once, the
stored turns with their logits hashes. Built on support.Service."""

import os
import threading
import unittest

import msgpack
import zmq

import support

SHARED = os.path.join(os.path.dirname(support.SOURCE), "shared")


def figure(name, value):
    """One line that a long check shows; unittest -v has not ended its own line yet."""
    print("\nfigure: %s: %s" % (name, value), flush=True)


def real_model(name):
    """Path of a real model; a test without it is skipped with this line."""
    path = support.real_model(name)
    if path is None:
        raise unittest.SkipTest("%s is not on this machine" % support.MODEL_FILES[name])
    return path


def shared(*parts):
    """Path of an aid beside the checkout; a test without it is skipped with this line."""
    path = os.path.join(SHARED, *parts)
    if not os.path.exists(path):
        raise unittest.SkipTest("%s is not beside the checkout" % os.path.join(*parts))
    return path


def long_only(why):
    """Skips in the short form."""
    if not support.LONG:
        raise unittest.SkipTest(why + ": only with PL_TEST_LONG=1")


def instruction_sets():
    """Names for --isa that this machine has, the plainest first; a daemon that thinks otherwise does not start."""
    flags = set()
    with open("/proc/cpuinfo", encoding="ascii", errors="replace") as f:
        for line in f:
            if line.startswith("flags"):
                flags = set(line.split(":", 1)[1].split())
                break
    found = ["portable"]
    if {"avx2", "fma", "f16c"} <= flags:
        found.append("avx2")
    if {"avx512f", "avx512bw", "avx512vl", "avx512dq", "avx512_vnni"} <= flags:
        found.append("avx512")
    if {"amx_tile", "amx_int8"} <= flags:
        found.append("amx")
    return found


class Reply:
    """An answer and the deltas it came in."""

    def __init__(self, client, text=None, **options):
        stream = client.stream(text, timeout=support.PATIENCE_S, **options)
        self.deltas = list(stream)
        self.answer = stream.answer

    @property
    def text(self):
        return self.answer.text

    @property
    def answer_deltas(self):
        return [d for d in self.deltas if d.kind == "answer"]


def ask(service, requests, at_once):
    """Replies to REQUESTS (dicts of Client.stream's arguments) in their order. AT_ONCE: each by a client of its own, all
    let go together; else one after the other."""
    replies, errors = [None] * len(requests), []
    gate = threading.Barrier(len(requests) if at_once else 1)

    def one(i):
        try:
            with service.client() as client:
                client.ping(timeout=support.PATIENCE_S)
                gate.wait(support.PATIENCE_S)
                replies[i] = Reply(client, **requests[i])
        except Exception as error:  # handed to the test's own thread
            errors.append(error)
            gate.abort()

    if at_once:
        threads = [threading.Thread(target=one, args=(i,), daemon=True) for i in range(len(requests))]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
    else:
        for i in range(len(requests)):
            one(i)
    if errors:
        raise errors[0]
    return replies


def call(endpoint, kind, body=None, socket_type=zmq.DEALER, **envelope):
    """One message by a bare socket and the last message of its answer: {type, body, ...}."""
    socket = zmq.Context.instance().socket(socket_type)
    try:
        socket.setsockopt(zmq.LINGER, 0)
        socket.setsockopt(zmq.RCVTIMEO, support.PATIENCE_S * 1000)
        socket.connect(endpoint)
        message = dict({"v": 1, "type": kind, "id": os.urandom(8).hex(), "body": body or {}}, **envelope)
        socket.send(msgpack.packb(message))
        while True:
            answer = msgpack.unpackb(socket.recv())
            if answer["type"] not in ("chat.accepted", "chat.delta"):
                return answer
    finally:
        socket.close()


def turns(service, session):
    """The stored turns of a session, oldest first, as the operator's socket shows them."""
    rows, after = [], None
    while True:
        body = {"after": after} if after else {}
        answer = call("ipc://%s/admin.sock" % service.data, "sessions.show", body, session=session)
        if answer["type"] != "sessions.shown":
            raise AssertionError(answer)
        rows += answer["body"].get("turns", [])
        after = answer["body"].get("next")
        if not after:
            return rows


def traces(service, requests, replies):
    """For each reply (text, hashes of the logits that its ids were sampled from)."""
    out = []
    for request, reply in zip(requests, replies):
        row = [t for t in turns(service, request["session"]) if t["turn"] == reply.answer.turn][0]
        out.append((reply.text, row.get("logits_hashes", [])))
    return out


def decode_steps(service, at_least):
    """(steps that decoded, those of them with at least AT_LEAST sequences) so far."""
    page = service.metrics()
    prefix = "parlance_decode_batch_size_"
    bounds = {float(k.split('le="')[1].split('"')[0]): v for k, v in page.items()
              if k.startswith(prefix + "bucket") and "+Inf" not in k}
    below = max((b for b in bounds if b < at_least), default=None)
    if below != at_least - 1:
        raise AssertionError("the histogram has no bound %d: %s" % (at_least - 1, sorted(bounds)))
    count = page[prefix + "count"]
    return int(count), int(count - bounds[below])
