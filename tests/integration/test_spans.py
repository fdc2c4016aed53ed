#!/usr/bin/env python3
"""Traces in, spans out: the tree of a request's spans, their times, what is not written."""

import json
import os
import subprocess
import sys
import tempfile
import unittest

import msgpack
import zmq

import support

sys.path.insert(0, os.path.join(support.HERE, "tools"))
import make_scripted  # noqa: E402

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


def traceparent(flags="01"):
    return "00-%s-%s-%s" % (TRACE, PARENT, flags)


class Spans(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.model = os.path.join(cls.folder.name, "model.gguf")
        make_scripted.write(cls.model, [("calculator", '{"expression": "6*7"}')])

    def setUp(self):
        self.file = os.path.join(tempfile.mkdtemp(dir=self.folder.name), "spans")
        self.service = support.Service(self, self.model, spans=self.file, log_level="debug", tools="calculator")

    def ask(self, text="hello", **how):
        """The spans that one question leaves: all are written before its last answer but the request's own."""
        with self.service.client() as client:
            client.chat(text, temperature=0, **how)
        self.service.stop()
        with open(self.file, encoding="utf-8") as f:
            return [json.loads(line) for line in f]

    def one(self, spans, name):
        found = [s for s in spans if s["name"] == name]
        self.assertEqual(len(found), 1, name)
        return found[0]

    def test_a_request_with_a_tool_leaves_a_tree_whose_times_nest(self):
        spans = self.ask(make_scripted.MARKS[0], tools=["calculator"], trace=traceparent())
        root = self.one(spans, "frontdoor.request")
        self.assertEqual((root["parentSpanId"], root["kind"]), (PARENT, 2))
        self.assertLessEqual({"frontdoor.request", "session.queue", "batcher.prefill", "batcher.decode", "tool.call", "store.commit"},
                             {s["name"] for s in spans})
        self.assertEqual(len({s["spanId"] for s in spans}), len(spans))
        for s in spans:
            self.assertEqual(s["traceId"], TRACE)
            self.assertRegex(s["spanId"], "^[0-9a-f]{16}$")
            begin, end = int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"])
            self.assertLessEqual(begin, end)
            self.assertEqual(s["status"], {"code": 1})
            if s is not root:
                self.assertEqual(s["parentSpanId"], root["spanId"])
                self.assertLessEqual(int(root["startTimeUnixNano"]), begin, s["name"])
                self.assertLessEqual(end, int(root["endTimeUnixNano"]), s["name"])
        tool = self.one(spans, "tool.call")
        self.assertIn({"key": "tool", "value": {"stringValue": "calculator"}}, tool["attributes"])
        decodes = [s for s in spans if s["name"] == "batcher.decode"]
        self.assertEqual(len(decodes), 2)  # before the call and after its result
        self.assertLessEqual(int(decodes[0]["endTimeUnixNano"]), int(tool["startTimeUnixNano"]))
        self.assertLessEqual(int(tool["endTimeUnixNano"]), int(decodes[1]["startTimeUnixNano"]))

    def test_a_request_without_a_trace_begins_one(self):
        spans = self.ask()
        root = self.one(spans, "frontdoor.request")
        self.assertNotIn("parentSpanId", root)
        self.assertEqual({s["traceId"] for s in spans}, {root["traceId"]})
        self.assertGreater(len(spans), 4)

    def test_a_trace_that_is_not_sampled_has_no_spans(self):
        self.assertEqual(self.ask(trace=traceparent("00")), [])

    def test_no_text_of_a_user_is_written(self):
        self.ask("SECRETWORD", trace=traceparent())
        with open(self.file, encoding="utf-8") as f:
            self.assertNotIn("SECRETWORD", f.read())
        self.assertEqual(os.stat(self.file).st_mode & 0o777, 0o600)

    def test_an_answer_has_the_trace_that_its_request_had(self):
        context = zmq.Context()
        self.addCleanup(context.destroy, 0)
        socket = context.socket(zmq.DEALER)
        self.addCleanup(socket.close, 0)
        socket.connect(self.service.endpoint)
        for name, more in (("m1", {"trace": traceparent()}), ("m2", {})):
            socket.send(msgpack.packb(dict(more, v=1, id=name, type="chat.request", session=name, body={"text": "x"})))
        traces, left = {"m1": set(), "m2": set()}, {"m1", "m2"}
        while left:
            self.assertTrue(socket.poll(support.PATIENCE_S * 1000))
            envelope = msgpack.unpackb(socket.recv())
            traces[envelope["correlation"]].add(envelope.get("trace"))
            if envelope["type"] == "chat.done":
                left.discard(envelope["correlation"])
        self.assertEqual(traces, {"m1": {traceparent()}, "m2": {None}})

    def test_what_is_no_traceparent_is_refused_by_name(self):
        with self.service.client() as client:
            for trace in ("x", traceparent().upper(), "00-%s-%s-01" % ("0" * 32, PARENT), traceparent() + "-x"):
                with self.assertRaises(support.parlance.ParlanceError) as caught:
                    client.chat("x", trace=trace)
                self.assertEqual((caught.exception.code, caught.exception.field), ("invalid", "trace"))


class NoSpans(unittest.TestCase):
    def test_a_file_that_cannot_be_made_is_named(self):
        data = tempfile.TemporaryDirectory()
        self.addCleanup(data.cleanup)
        run = subprocess.run([os.path.join(support.BIN, "parlanced"), "--model", "hash", "--data", os.path.join(data.name, "d"), "--spans",
                              "/nonexistent/spans"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=support.environment(),
                             timeout=support.PATIENCE_S, check=False)
        self.assertNotEqual(run.returncode, 0)
        self.assertIn(b"/nonexistent/spans", run.stdout)


if __name__ == "__main__":
    unittest.main()
