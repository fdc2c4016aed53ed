#!/usr/bin/python3
"""Every limit that schemas/*.json declares for a message from outside, passed by one: the answer is an error that names the
field, and the value at the limit is not refused for it. And msgpack bombs: small frames that declare or unfold to large
ones. The memory of the service and its edge stays flat."""

import json
import math
import os
import struct
import sys
import unittest

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import crash_support as cs  # noqa: E402
import watch  # noqa: E402
from model_support import figure  # noqa: E402

GROWTH_BYTES = 48 * watch.MIB  # generous: what an allocator keeps, and the mailboxes' own room
FRAME_BYTES = 262144
WIDEST = {"u32": 2**32 - 1, "u64": 2**64 - 1}


def declared():
    """All records by name, of all units."""
    records = {}
    folder = os.path.join(cs.SOURCE, "schemas")
    for name in sorted(os.listdir(folder)):
        if name.endswith(".json"):
            with open(os.path.join(folder, name), encoding="utf-8") as f:
                for record in json.load(f).get("records", []):
                    records[record["name"]] = record
    return records


RECORDS = declared()
MESSAGES = [r for r in RECORDS.values() if r["kind"] == "message" and r.get("edge") == "in"]
ADMIN = [r for r in RECORDS.values() if r["kind"] == "message" and r.get("edge") == "admin"]


def text_of(length):
    return "x" * length


def some(field, kind):
    """A value of KIND (a type without list:) that is within the limits."""
    if kind.startswith("enum:"):
        return kind[len("enum:"):].split("|")[0]
    if kind.startswith("rec:"):
        kind = kind[len("rec:"):]
    if kind in RECORDS:
        return {f["name"]: good(f) for f in RECORDS[kind]["fields"] if not f.get("optional")}
    low = field.get("min", 0)
    return {"str": text_of(max(1, low)), "bool": False, "f64": float(max(low, 0.5)), "map": {}, "bin": b"x"}.get(kind, max(low, 1))


def good(field):
    kind = field["type"]
    return [some(field, kind[len("list:"):])] if kind.startswith("list:") else some(field, kind)


def over_scalar(field, kind):
    """(what, value beyond a limit, value at it or None) of a value that is no list."""
    if kind == "str":
        if "max" in field:
            yield "too long", text_of(field["max"] + 1), text_of(field["max"])
        if field.get("min", 0) > 0:
            yield "too short", text_of(field["min"] - 1), text_of(field["min"])
        if field.get("pattern") == "printable":
            yield "not printable", "a\x1fb", "a b"
        yield "no string", 7, None
    elif kind in WIDEST:
        top = field.get("max", WIDEST[kind])
        yield "too large", top + 1 if top < 2**64 - 1 else float(2**64), top
        yield "too small", field.get("min", 0) - 1, field.get("min", 0)
        yield "no integer", 1.0, None
    elif kind == "f64":
        for end, beyond in (("max", math.inf), ("min", -math.inf)):
            if end in field:
                yield "beyond " + end, math.nextafter(field[end], beyond), float(field[end])
        yield "no number", math.nan, None
        yield "infinite", math.inf, None
    elif kind.startswith("enum:"):
        yield "no such word", "unheard-of", kind[len("enum:"):].split("|")[-1]
    elif kind in ("bool", "map") or kind.startswith("rec:"):
        yield "of another type", "x", None


def over(field):
    """(path, what, value of FIELD beyond a limit, value at it or None)."""
    kind, name = field["type"], field["name"]
    if not kind.startswith("list:"):
        yield from ((name, what, bad, limit) for what, bad, limit in over_scalar(field, kind))
        return
    item = kind[len("list:"):]
    if "max_items" in field:
        full = [some(field, item)] * field["max_items"]
        yield name, "too many", full + full[:1], full
    yield name, "no list", "x", None
    if item not in RECORDS:
        yield from ((name + "[0]", what, [bad], None if limit is None else [limit])
                    for what, bad, limit in over_scalar(field, item))
        return
    for part in RECORDS[item]["fields"]:
        whole = some({}, item)
        for path, what, bad, limit in over(part):
            yield "%s[0].%s" % (name, path), what, [dict(whole, **{part["name"]: bad})], None
        if not part.get("optional") and "default" not in part:
            yield "%s[0].%s" % (name, part["name"]), "missing", [{k: v for k, v in whole.items() if k != part["name"]}], None


def message_of(record, **body):
    """A frame of RECORD's type whose required fields are there. A chat.request has a fault of its own, of a later check, so
    that nothing is generated for it."""
    whole = {f["name"]: good(f) for f in record["fields"] if not f.get("optional") and "default" not in f}
    if record["name"] == "chat.request":
        whole.update({"text": "x", "tools": ["no-such-tool"]})
        if "messages" in body:
            del whole["text"]
    whole.update(body)
    return {"v": 1, "type": record["name"], "id": "limit", "body": whole}


def cases(record):
    """(name, path, message beyond a limit, message at it or None)."""
    for field in record["fields"]:
        for path, what, bad, limit in over(field):
            yield ("%s: %s %s" % (record["name"], path, what), path, message_of(record, **{field["name"]: bad}),
                   None if limit is None else message_of(record, **{field["name"]: limit}))
        if not field.get("optional") and "default" not in field:
            short = message_of(record)
            del short["body"][field["name"]]
            yield "%s: %s missing" % (record["name"], field["name"]), field["name"], short, None


def envelope_cases(record):
    """The same of the envelope. What the service fills in itself is checked like the rest."""
    for field in RECORDS["envelope"]["fields"]:
        if field["name"] in ("type", "body", "v"):
            continue
        for path, what, bad, limit in over(field):
            yield ("%s: envelope %s %s" % (record["name"], path, what), path, dict(message_of(record), **{field["name"]: bad}),
                   None if limit is None or field["name"] == "trace" else  # which must be a traceparent as well
                   dict(message_of(record), **{field["name"]: limit}))


def nested(head, depth):
    return b"\x81\xa4body" + head * depth + b"\xc0"


def request_with(body):
    head = msgpack.packb({"v": 1, "type": "chat.request", "id": "bomb"})
    return bytes([head[0] + 1]) + head[1:] + msgpack.packb("body") + body


def unknown(value):
    """VALUE in a field that the service does not know; nothing is generated for it, because the tool is not there."""
    return request_with(b"\x83\xa4text\xa1x\xa5tools\x91\xa4none\xa1z" + value)


def bombs():
    """Frames of at most 256 KiB that claim to be, or would unfold to, much more."""
    for code, size in ((0xDD, 4), (0xDF, 4), (0xDB, 4), (0xC6, 4), (0xC9, 4), (0xDC, 2), (0xDE, 2)):
        huge = bytes([code]) + b"\xff" * size
        yield "head %02x alone" % code, huge
        yield "head %02x as body" % code, request_with(huge)
        yield "head %02x in a list" % code, request_with(b"\x81\xa8messages\x91" + huge)
        yield "head %02x and bytes" % code, request_with(huge + b"\x00" * 100000)
    for head in (b"\x91", b"\x81\xa1x", b"\xdd\x00\x00\x00\x01"):
        yield "deep %s" % head.hex(), nested(head, 40000)
    full = FRAME_BYTES - 200
    yield "empty messages", request_with(b"\x81\xa8messages\xdd" + struct.pack(">I", full) + b"\x80" * full)
    for what, item in (("maps", b"\x80"), ("lists", b"\x90"), ("nils", b"\xc0")):
        yield "empty %s in an unknown field" % what, unknown(b"\xdd" + struct.pack(">I", full) + item * full)
    yield "empty stop texts", request_with(b"\x82\xa4text\xa1x\xa4stop\xdd" + struct.pack(">I", full) + b"\xa0" * full)
    keys = b"".join(b"\xa4" + b"%04x" % n + b"\xc0" for n in range(40000))
    yield "40,000 unknown keys", request_with(b"\xdf" + struct.pack(">I", 40000) + keys)
    yield "lists of lists", unknown((b"\xdc\x00\x10" * 5 + b"\x90" * 16) * 100)


class LimitTest(cs.DaemonTest):
    def setUp(self):
        self.service = self.daemon().start()
        self.client = self.service.client()
        self.operator = self.service.operator()
        self.count = 0

    def ask(self, client, frame):
        """The answer to FRAME, which gets an id of its own unless it has none that could be read."""
        client.send_bytes(frame)
        return client.receive()

    def check_case(self, client, name, path, bad, limit):
        frame = msgpack.packb(bad)
        reply = self.ask(client, frame)
        self.assertEqual(reply["type"], "chat.error", name)
        if len(frame) > FRAME_BYTES:
            self.assertEqual((reply["body"]["code"], reply["body"].get("field")), ("too_large", "message"), name)
        else:
            self.assertEqual((reply["body"]["code"], reply["body"].get("field")), ("invalid", path), (name, reply["body"]))
        if limit is None:
            return
        frame = msgpack.packb(limit)
        if len(frame) <= FRAME_BYTES:
            reply = self.ask(client, frame)
            refused_for = reply["body"].get("field") if reply["body"].get("code") == "invalid" else None
            self.assertNotEqual(refused_for, path, (name, "at the limit", reply["body"]))

    def flat(self, before):
        after = watch.memory(self.service)
        for role in sorted(before):
            figure("memory of %s grew by, MiB" % role, round((after[role] - before[role]) / watch.MIB, 1))
            self.assertLess(after[role] - before[role], GROWTH_BYTES, role)
        self.assertEqual(self.client.ping()["type"], "pong")

    def passes(self, run):
        """RUN once to warm up, then again and again."""
        run()
        before = watch.memory(self.service)
        for _ in range(20 if cs.LONG else 3):
            run()
        self.flat(before)

    def test_each_limit_of_a_client_message_passed_by_one_names_its_field(self):
        all_cases = [c for record in MESSAGES for c in cases(record)]
        all_cases += [c for record in MESSAGES for c in envelope_cases(record)]
        names = [c[0] for c in all_cases]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreater(len(names), 150)
        figure("limits passed by one", len(names))
        for case in all_cases:
            with self.subTest(case[0]):
                self.check_case(self.client, *case)
        self.passes(lambda: [self.ask(self.client, msgpack.packb(c[2])) for c in all_cases])
        self.assertEqual(self.service.shown(self.operator), [])

    def test_each_limit_of_an_operators_message_passed_by_one_names_its_field(self):
        for record in ADMIN:
            for name, path, bad, _ in cases(record):
                with self.subTest(name):
                    self.check_case(self.operator, name, path, bad, None)

    def test_bombs_are_refused_and_take_no_memory(self):
        frames = list(bombs())

        def throw():
            for name, frame in frames:
                self.assertLessEqual(len(frame), 1 << 20, name)
                reply = self.ask(self.client, frame)
                self.assertEqual(reply["type"], "chat.error", name)
                self.assertIn(reply["body"]["code"], ("invalid", "too_large", "not_found"), (name, reply["body"]))

        self.passes(throw)
        self.assertEqual(self.service.shown(self.operator), [])


if __name__ == "__main__":
    unittest.main()
