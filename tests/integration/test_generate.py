#!/usr/bin/env python3
"""The generator: its output is not stale, it refuses schemas that it does not understand, it writes the same bytes each time;
and the classes that it makes for Python keep the limits. Works on copies of the schemas, never on the checkout."""

import ast
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.abspath(os.environ.get("PL_TEST_SOURCE") or os.path.join(os.path.dirname(__file__), "..", ".."))
MESSAGES = os.path.join(ROOT, "ops", "clients", "python", "parlance", "messages.py")


def generate(root, *args):
    return subprocess.run([sys.executable, os.path.join(root, "schemas", "generate.py")] + list(args),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True, check=False)


def load_messages():
    spec = importlib.util.spec_from_file_location("parlance_messages", MESSAGES)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    flag, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    spec.loader.exec_module(module)
    sys.dont_write_bytecode = flag
    return module


class Copy(unittest.TestCase):
    """A copy of the schemas that a test may spoil."""

    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="parlance-generate-")
        self.addCleanup(shutil.rmtree, self.root)
        shutil.copytree(os.path.join(ROOT, "schemas"), os.path.join(self.root, "schemas"))

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def change(self, unit, function):
        path = self.path("schemas", unit + ".json")
        with open(path, encoding="utf-8") as f:
            data = json.load(f)
        function(data)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(data, f)


class OutputTest(Copy):
    def test_the_checkout_is_not_stale(self):
        run = generate(ROOT, "--check")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))

    def test_the_output_is_the_same_each_time(self):
        shutil.rmtree(self.path("schemas", "gen"))
        self.assertEqual(generate(self.root).returncode, 0)
        self.assertEqual(generate(self.root, "--check").stdout, "")
        self.assertEqual(generate(self.root).stdout, "")
        for folder in ("schemas/gen", "docs", "ops/clients/python/parlance"):
            for name in os.listdir(self.path(folder)):
                with open(self.path(folder, name), "rb") as a, open(os.path.join(ROOT, folder, name), "rb") as b:
                    self.assertEqual(a.read(), b.read(), name)

    def test_each_stale_file_is_named(self):
        generate(self.root)
        self.change("chat", lambda d: d["records"][0]["fields"][1].update(max=1000))
        run = generate(self.root, "--check")
        self.assertEqual(run.returncode, 1)
        for name in ("schemas/gen/chat.c", "schemas/gen/chat.h", "docs/protocol.md", "parlance/messages.py"):
            self.assertIn(name, run.stdout)
        self.assertNotIn("admin.c", run.stdout)

    def test_a_file_that_nothing_generates_is_named(self):
        generate(self.root)
        with open(self.path("schemas", "gen", "old.c"), "w", encoding="utf-8"):
            pass
        run = generate(self.root, "--check")
        self.assertEqual(run.returncode, 1)
        self.assertIn("schemas/gen/old.c", run.stdout)


class BadSchemaTest(Copy):
    def refused(self, change, *words, unit="chat"):
        self.change(unit, change)
        run = generate(self.root)
        self.assertEqual(run.returncode, 1, words)
        for word in words:
            self.assertIn(word, run.stderr)
        self.assertNotIn("Traceback", run.stderr)
        shutil.copy(os.path.join(ROOT, "schemas", unit + ".json"), self.path("schemas", unit + ".json"))

    def field(self, **changes):
        return lambda d: d["records"][0]["fields"][1].update(changes)

    def test_a_key_that_is_not_known_is_refused(self):
        self.refused(self.field(maxx=3), "message.content", "'maxx'")
        self.refused(lambda d: d["records"][0].update(colour="red"), "message", "'colour'")
        self.refused(lambda d: d.update(version=1), "chat.json", "'version'")

    def test_a_type_that_is_not_known_is_refused(self):
        self.refused(self.field(type="string"), "message.content", "'string'")
        self.refused(self.field(type="list:bool"), "message.content", "list:bool")
        self.refused(self.field(type="rec:nothing", max=None), "no such part")
        self.refused(lambda d: d["records"][0]["fields"][1].update(type="map") or d["records"][0]["fields"][1].pop("max"),
                     "only the envelope")

    def test_a_name_that_stands_twice_is_refused(self):
        self.refused(self.field(name="role"), "'role'", "twice")
        self.refused(lambda d: d["records"][1].update(name="message"), "message", "twice")
        self.refused(lambda d: d["records"][1].update(c_name="chat_request"), "pl_chat_request")
        self.refused(lambda d: d["errors"][1].update(number=1), "twice", unit="errors")

    def test_a_json_key_that_stands_twice_is_refused(self):
        with open(self.path("schemas", "chat.json"), "r+", encoding="utf-8") as f:
            text = f.read().replace('"unit": "chat",', '"unit": "chat", "unit": "chat",', 1)
            f.seek(0)
            f.write(text)
        run = generate(self.root)
        self.assertEqual(run.returncode, 1)
        self.assertIn("'unit' stands twice", run.stderr)

    def test_limits_that_are_missing_or_wrong_are_refused(self):
        self.refused(lambda d: d["records"][0]["fields"][1].pop("max"), "message.content", "'max'")
        self.refused(self.field(min=9, max=3), "message.content", "above")
        self.refused(self.field(type="list:str"), "message.content", "'max_items'")
        self.refused(self.field(type="u32", max=2**40), "message.content", "out of range")
        self.refused(self.field(type="bool"), "message.content", "no min and max")

    def test_defaults_outside_the_limits_are_refused(self):
        self.refused(self.field(default="x", min=2), "message.content", "outside the limits")
        self.refused(self.field(type="u32", default=1.0), "message.content", "not a number of type u32")
        self.refused(self.field(default="x", optional=True), "message.content", "not both")

    def test_names_that_c_cannot_have_are_refused(self):
        for name in ("Content", "con-tent", "int", "unknown", ""):
            self.refused(self.field(name=name), "usable name")

    def test_parts_that_hold_themselves_are_refused(self):
        self.refused(lambda d: d["records"][0]["fields"].append(
            {"name": "inner", "type": "list:message", "max_items": 2, "doc": "x"}), "message", "holds itself")

    def test_a_unit_that_nothing_names_is_refused(self):
        shutil.copy(self.path("schemas", "chat.json"), self.path("schemas", "extra.json"))
        run = generate(self.root)
        self.assertEqual(run.returncode, 1)
        self.assertIn("extra.json", run.stderr)


class MessagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.m = load_messages()

    def refused(self, cls, wire, field):
        with self.assertRaises(self.m.InvalidMessage) as caught:
            cls.from_wire(wire)
        self.assertEqual(caught.exception.field, field)

    def test_the_code_is_python_3_9(self):
        for path in (MESSAGES, os.path.join(ROOT, "schemas", "generate.py")):
            with open(path, encoding="utf-8") as f:
                ast.parse(f.read(), feature_version=(3, 9))

    def test_a_request_survives_the_wire(self):
        m = self.m
        part = m.ChatMessagePart(role="user", content="h\u00e4")
        request = m.ChatRequest(messages=[part], tools=["clock"], seed=2**64 - 1, temperature=0)
        wire = request.to_wire()
        self.assertNotIn("text", wire)
        self.assertEqual(wire["messages"], [{"role": "user", "content": "h\u00e4"}])
        self.assertIs(type(wire["temperature"]), float)
        self.assertEqual(m.ChatRequest.from_wire(wire), request)

    def test_every_message_with_only_what_is_required_survives(self):
        samples = {"bool": True, "u32": 1, "u64": 1, "i64": 1, "f64": 1.0, "str": "x", "bin": b"x"}

        def sample(cls):
            values = {}
            for f in cls.FIELDS:
                if f.required:
                    part = sample(getattr(self.m, f.part)) if f.part else None
                    values[f.attr] = part or (f.words[0] if f.words else samples[f.form])
            return cls(**values)

        for name, cls in self.m.MESSAGES.items():
            record = sample(cls)
            self.assertEqual(cls.NAME, name)
            self.assertEqual(cls.from_wire(record.to_wire()), record)

    def test_unknown_keys_are_kept(self):
        read = self.m.Pong.from_wire({"version": "1", "model": "m", "model_digest": "", "ready": True, "credit": 1, "later": [1]})
        self.assertEqual(read.unknown, {"later": [1]})
        self.assertEqual(read.to_wire()["later"], [1])

    def test_limits_are_refused_by_field_name(self):
        m = self.m
        self.refused(m.ChatRequest, {"max_tokens": 0}, "max_tokens")
        self.refused(m.ChatRequest, {"max_tokens": 1.0}, "max_tokens")
        self.refused(m.ChatRequest, {"max_tokens": True}, "max_tokens")
        self.refused(m.ChatRequest, {"temperature": 2.5}, "temperature")
        self.refused(m.ChatRequest, {"temperature": float("nan")}, "temperature")
        self.refused(m.ChatRequest, {"temperature": 10**400}, "temperature")
        self.refused(m.ChatRequest, {"text": ""}, "text")
        self.refused(m.ChatRequest, {"text": "\u00e4" * 131073}, "text")
        self.refused(m.ChatRequest, {"text": "\ud800"}, "text")
        self.refused(m.ChatRequest, {"stop": ["x"] * 17}, "stop")
        self.refused(m.ChatRequest, {"stop": ["x", "x" * 257]}, "stop[1]")
        self.refused(m.ChatRequest, {"messages": [{"role": "robot", "content": ""}]}, "messages[0].role")
        self.refused(m.ChatRequest, [], "")
        self.refused(m.FeedbackAdd, {"turn": "t"}, "stars")
        self.refused(m.Envelope, {"type": "ping", "id": "a\x85"}, "id")
        self.refused(m.Envelope, {"type": "ping", "body": {1: 2}}, "body")

    def test_what_is_sent_is_checked_too(self):
        with self.assertRaises(self.m.InvalidMessage) as caught:
            self.m.FeedbackAdd(turn="t", stars=6).to_wire()
        self.assertEqual(caught.exception.field, "stars")

    def test_nil_is_absent_only_where_a_field_is_optional(self):
        self.assertIsNone(self.m.ChatRequest.from_wire({"text": None}).text)
        self.refused(self.m.ChatRequest, {"max_tokens": None}, "max_tokens")

    def test_the_words_of_python_are_no_attributes(self):
        envelope = self.m.Envelope.from_wire({"type": "ping", "from": "me"})
        self.assertEqual(envelope.from_, "me")
        self.assertEqual(envelope.to_wire(), {"v": 1, "type": "ping", "from": "me"})


if __name__ == "__main__":
    unittest.main()
