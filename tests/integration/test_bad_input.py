#!/usr/bin/python3
"""Bad input of bad_input.json: each message gets its error code and field, and a good request is answered after each; each
model file and option ends `parlanced` with one sentence that names what is at fault, and leaves no process behind. And
tools that hang, crash and answer rubbish cost their call and nothing else.

A case of "messages" has one of: hex, the bytes as they are; message, a map to be packed (v and id are filled in; an id of
null is left out); build, a function below of that name with its argument. A code or field of "*" is any."""

import json
import math
import os
import random
import runpy
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import unittest

import msgpack
import zmq

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(HERE, "tools"), os.path.join(HERE, "..", "tools")]
import crash_support as cs  # noqa: E402
import gguf_write  # noqa: E402
import make_scripted  # noqa: E402

with open(os.path.join(HERE, "bad_input.json"), encoding="utf-8") as cases_file:
    CASES = json.load(cases_file)
HARD_MS = 30000  # a program that refuses to start is done long before


# --- what cannot be written down in JSON ---


def chat(body, id="bad"):
    return msgpack.packb({"v": 1, "type": "chat.request", "id": id, "body": body})


def raw(body):
    """A chat.request whose body is the packed bytes BODY."""
    head = msgpack.packb({"v": 1, "type": "chat.request", "id": "bad"})
    return bytes([head[0] + 1]) + head[1:] + msgpack.packb("body") + body


def nested(open_byte, depth):
    return b"\x81\xa4body" + open_byte * depth + b"\xc0"


BUILDERS = {
    "deep_arrays": lambda _: nested(b"\x91", 1000),
    "deep_maps": lambda _: nested(b"\x81\xa1x", 1000),
    "nine_levels": lambda _: raw(b"\x81\xa1x" + b"\x91" * 7 + b"\xc0"),
    "trailing": lambda _: chat({"text": "x"}) + b"\x00",
    "twice": lambda _: chat({"text": "x"}) * 2,
    "double_text": lambda _: raw(b"\x82\xa4text\xa1x\xa4text\xa1y"),
    "many_keys": lambda _: chat(dict({"k%d" % n: n for n in range(300)}, text="x")),
    "random_bytes": lambda _: random.Random(7).randbytes(4096),
    "text_bytes": lambda a: raw(b"\x81\xa4text" + bytes([0xA0 + len(a) // 2]) + bytes.fromhex(a)),
    "id_bytes": lambda a: b"\x83\xa1v\x01\xa4type\xa4ping\xa2id\xa1" + bytes.fromhex(a),
    "binary_text": lambda _: raw(b"\x81\xa4text\xc4\x02hi"),
    "many_messages": lambda _: chat({"messages": [{"role": "user", "content": "x"}] * 257}),
    "long_system": lambda _: chat({"text": "x", "system": "s" * 65537}),
    "long_text": lambda a: chat({"text": "x" * int(a)}),
    "long_message": lambda a: chat({"messages": [{"role": "user", "content": "x" * int(a)}]}),
    "long_comment": lambda _: msgpack.packb({"v": 1, "type": "feedback.add", "id": "bad",
                                             "body": {"turn": "t", "stars": 1, "comment": "c" * 8193}}),
    "number": lambda a: chat({"text": "x", a.split()[0]: float(a.split()[1])}),
    "nan32": lambda _: raw(b"\x82\xa4text\xa1x\xa5min_p\xca" + struct.pack(">f", math.nan)),
    "junk": lambda a: b"\xc1" * int(a),
    "two_frames": lambda _: [b"one", chat({"text": "x"})],
    "three_frames": lambda _: [chat({"text": "x"}), b"", chat({"text": "x"})],
}


def frames_of(case):
    if "hex" in case:
        return [bytes.fromhex(case["hex"])]
    if "build" in case:
        built = BUILDERS[case["build"]](case.get("argument"))
        return built if isinstance(built, list) else [built]
    message = dict({"v": 1, "id": "bad"}, **case["message"])
    if message["id"] is None:
        del message["id"]
    return [msgpack.packb(message)]


class MessageTest(cs.DaemonTest):
    def setUp(self):
        self.service = self.daemon().start()
        self.good = self.service.client()
        self.count = 0

    def check_good(self):
        self.count += 1
        answer = self.good.chat("good-%d" % self.count, "Still there?", session="good-%d" % self.count,
                                body={"max_tokens": 2, "seed": 1, "temperature": 0})
        self.assertIsNotNone(answer.done)
        self.first = getattr(self, "first", answer.text)
        self.assertEqual(answer.text, self.first)

    def check_case(self, case):
        with cs.Client(self.service.admin if case.get("socket") == "admin" else self.service.endpoint) as client:
            client.socket.send_multipart(frames_of(case))
            reply = client.receive()
        self.assertEqual(reply["type"], "chat.error", reply)
        body = reply["body"]
        if case["code"] != "*":
            self.assertEqual(body["code"], case["code"], body)
        if case.get("field") != "*":
            self.assertEqual(body.get("field"), case.get("field"), body)
        self.assertTrue(body["message"])

    def test_list(self):
        self.assertGreaterEqual(len(CASES["messages"]), 60)
        self.assertEqual(len({c["name"] for c in CASES["messages"]}), len(CASES["messages"]))
        for case in CASES["messages"]:
            with self.subTest(case["name"]):
                self.check_case(case)
                self.check_good()
        self.assertEqual(self.service.shown(self.service.operator(), "bad"), [])

    def test_message_of_more_than_a_mebibyte_cuts_the_connection(self):
        tap = cs.Tap(self.service)
        tap.send("ping", "before")
        self.assertEqual(tap.client.take("before")["type"], "pong")
        tap.client.send_bytes(b"\xc1" * (2 << 20))
        self.assertEqual(tap.read_to_end(), [])
        self.check_good()

    def test_random_bytes(self):
        rng = random.Random(cs.seed())
        with cs.Client(self.service.endpoint) as client:
            for n in range(300):
                good = bytearray(chat({"text": "hello", "stop": ["x"], "messages": [{"role": "user", "content": "y"}]}))
                for _ in range(rng.randrange(1, 6)):
                    good[rng.randrange(len(good))] = rng.randrange(256)
                client.send_bytes(bytes(good))
                client.receive()
        self.check_good()

    def test_strangers_on_the_socket(self):
        """What speaks no ZeroMQ, or begins and says nothing more."""
        path = self.service.endpoint[len("ipc://"):]
        strangers = []
        for words in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff", b"\xff" * 64, bytes(4096), os.urandom(4096)):
            stranger = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            stranger.connect(path)
            stranger.send(words)
            strangers.append(stranger)
            self.check_good()
        for stranger in strangers:
            stranger.close()
        self.check_good()

    def test_req_with_too_many_frames(self):
        with cs.Client(self.service.endpoint, zmq.REQ) as req:
            req.socket.send_multipart([b"a", b"b"])
            self.assertEqual(req.receive()["body"]["code"], "invalid")
        self.check_good()


# --- model files ---


class TinyWriter(gguf_write.Writer):
    """Writes make_tiny.py's model with the changes of one case."""

    case = {}

    def key(self, name, kind, value):
        changed = self.case.get("keys", {})
        if name != self.case.get("drop"):
            super().key(name, kind, changed.get(name, value))
        if name == "general.name" and "add" in self.case:
            super().key(self.case["add"][0], gguf_write.U32, self.case["add"][1])
        if "extra" in changed and name == changed["extra"][0]:
            super().key(name, kind, changed["extra"][1])

    def array(self, name, kind, values):
        if name != self.case.get("drop"):
            super().array(name, kind, values)

    def tensor(self, name, ne, dtype, data):
        if name == self.case.get("nan"):
            data = struct.pack("<f", math.nan) + data[4:]
        if name != self.case.get("drop_tensor"):
            super().tensor(name, ne, dtype, data)


def write_tiny(path, case):
    """The tiny model with the changes of CASE that are made while it is written."""
    writer, arguments = gguf_write.Writer, sys.argv
    TinyWriter.case, gguf_write.Writer, sys.argv = case, TinyWriter, ["make_tiny.py", path]
    try:
        runpy.run_path(os.path.join(cs.SOURCE, "tests", "tools", "make_tiny.py"))
    finally:
        gguf_write.Writer, sys.argv = writer, arguments


def patched(data, case):
    """DATA, a whole file, with the changes of CASE that are made to its bytes."""
    data = bytearray(data)

    def put(at, new):
        data[at:at + len(new)] = new

    def behind(name):
        return data.index(struct.pack("<Q", len(name)) + name.encode()) + 8 + len(name)

    if "patch" in case:
        put(case["patch"][0], bytes.fromhex(case["patch"][1]))
    if "after" in case:
        put(behind(case["after"][0]), bytes.fromhex(case["after"][1].replace(" ", "")))
    if "tensor" in case:
        name, what, value = case["tensor"]
        at = {"dims": 0, "ne0": 4, "ne1": 12, "type": 20, "offset": 24}[what]
        put(behind(name) + at, struct.pack("<I" if what in ("dims", "type") else "<Q", value))
    if "cut_after" in case:
        del data[behind(case["cut_after"]) + 6:]
    if "truncate" in case:
        del data[case["truncate"]:]
    if "truncate_half" in case:
        del data[len(data) // 2:]
    return bytes(data)


class StartTest(cs.DaemonTest):
    """parlanced refuses to start."""

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="parlance-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.data = os.path.join(self.directory, "data")

    def refuse(self, args, says, **more):
        """Runs it to its end; what it says must hold SAYS."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PARLANCE_")}
        with subprocess.Popen([cs.PARLANCED] + args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, cwd=self.directory, env=environment, **more) as process:
            try:
                # Children would hold the pipes: that they close says that no child is left.
                out, err = process.communicate(timeout=HARD_MS / 1000)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError("it did not end:\n" + process.communicate()[1].decode()) from None
        text = err.decode()
        self.assertNotEqual(process.returncode, 0, text)
        self.assertGreater(process.returncode, 0, "a signal ended it: " + text)
        self.assertEqual(out, b"")
        # What only the weights' reader can find is in the log line of the executor, whose end ends the service.
        self.assertTrue(text.splitlines()[-1].startswith("parlanced: "), text)
        if '"model_failed"' not in text:
            self.assertEqual(text.count("\n"), 1, text)
        self.assertIn(says, text)

    def endpoint(self):
        return ["--data", self.data, "--listen", "ipc://%s/clients.sock" % self.data]

    def make_file(self, case):
        if "path" in case:
            return case["path"]
        path = os.path.join(self.directory, "model.gguf")
        write_tiny(path, case)
        with open(path, "rb") as f:
            data = case["content"].encode() if "content" in case else patched(f.read(), case)
        with open(path, "wb") as f:
            f.write(data)
        return path

    def test_files(self):
        for case in CASES["files"]:
            with self.subTest(case["name"]):
                self.refuse(["--model", self.make_file(case)] + self.endpoint(), case["says"])

    def test_the_model_without_a_change_is_served(self):
        daemon = self.daemon(model=self.make_file({})).start()
        self.assertIsNotNone(daemon.client().chat("a", "hello", body={"max_tokens": 3}).done)

    def test_fifo_and_device_are_no_models(self):
        path = os.path.join(self.directory, "fifo")
        os.mkfifo(path)
        self.refuse(["--model", path] + self.endpoint(), "no regular file")
        self.refuse(["--model", "/dev/zero"] + self.endpoint(), "no regular file")

    def test_options(self):
        with open(os.path.join(self.directory, "file"), "w", encoding="ascii") as f:
            f.write("not a directory\n")
        for case in CASES["options"]:
            with self.subTest(case["name"]):
                shutil.rmtree(self.data, ignore_errors=True)
                args = [] if case.get("no_model") else ["--model", "hash"]
                args += self.endpoint()
                if "data" in case:
                    args += ["--data", os.path.join(self.directory, case["data"])]
                if "config" in case:
                    with open(os.path.join(self.directory, "test.ini"), "w", encoding="ascii") as f:
                        f.write(case["config"])
                    args += ["--config", "test.ini"]
                self.refuse(args + case["args"], case["says"])

    def test_port_in_use(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            at = "127.0.0.1:%d" % taken.getsockname()[1]
            self.refuse(["--model", "hash", "--data", self.data, "--listen", "tcp://" + at], "listen")
            self.refuse(["--model", "hash", "--metrics", at] + self.endpoint(), "metrics")

    @unittest.skipIf(os.geteuid() == 0, "root may write anywhere")
    def test_data_directory_that_cannot_be_written(self):
        os.mkdir(self.data, 0o500)
        self.refuse(["--model", "hash", "--data", self.data + "/below"], "data")

    def test_data_directory_of_the_kernel(self):
        """Root cannot write there either."""
        self.refuse(["--model", "hash", "--data", "/proc/parlance"], "data")

    def test_a_text_file_for_a_tool(self):
        with open(os.path.join(self.directory, "calculator.so"), "w", encoding="ascii") as f:
            f.write("I am no shared object\n")
        self.refuse(["--model", "hash", "--tools-dir", self.directory] + self.endpoint(), "calculator.so")


# --- tools ---


def tool_library(name, folder):
    """Path of a tool for tests: the built one, or compiled here from its one file."""
    built = os.path.join(cs.BUILD, "test-tools", name + ".so")
    path = os.path.join(folder, name + ".so")
    if os.path.exists(built):
        shutil.copy(built, path)
    else:
        source = os.path.join(HERE, "tools", name + ".c")
        subprocess.run([os.environ.get("CC", "cc"), "-shared", "-fPIC", "-I", cs.SOURCE, "-o", path, source], check=True)
    return path


class ToolTest(cs.DaemonTest):
    """A model of a few weights set by hand calls tools that misbehave."""

    CALLS = [("hang", "{}"), ("crash", "{}"), ("rubbish", "{}"), ("calculator", '{"expression": "6*7"}')]
    CODES = {"hang": "tool_timeout", "crash": "tool_failed", "rubbish": "tool_failed", "calculator": "ok"}

    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="parlance-")
        for name in ("hang", "crash", "rubbish"):
            tool_library(name, cls.directory)
        shutil.copy(os.path.join(cs.BUILD, "tools", "calculator.so"), cls.directory)
        cls.model = os.path.join(cls.directory, "m.gguf")
        make_scripted.write(cls.model, cls.CALLS)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.directory)

    def start(self, model=None):
        return self.daemon("--tools", ",".join(self.CODES), "--tools-dir", self.directory,
                           model=model or self.model).start()

    def ask(self, client, id, text, tools):
        answer = client.chat(id, text, session=id, body={"tools": tools, "temperature": 0})
        self.assertIsNotNone(answer.done, answer.error)
        self.assertEqual((answer.text, answer.done["finish_reason"]), ("It is done.", "stop"))
        return [(t["tool"], t["code"]) for t in answer.done.get("tools", [])]

    def test_bad_tools(self):
        service = self.start()
        client = service.client()
        for n in range(3):
            for i, (name, code) in enumerate(self.CODES.items()):
                self.assertEqual(self.ask(client, "%s-%d" % (name, n), make_scripted.MARKS[i], [name]), [(name, code)])
                good = self.ask(client, "good-%s-%d" % (name, n), make_scripted.MARKS[3], ["calculator"])
                self.assertEqual(good, [("calculator", "ok")])

    def test_all_in_one_answer(self):
        client = self.start().client()
        calls = self.ask(client, "all", make_scripted.MARKS, list(self.CODES))
        self.assertEqual(sorted(calls), sorted(self.CODES.items()))

    def test_a_request_waits_for_a_tool_that_is_starting(self):
        """A tool of the configuration that has not told of itself yet is no unknown tool."""
        tool_library("late", self.directory)
        gate = os.path.join(self.directory, "gate")
        os.mkfifo(gate)
        model = os.path.join(self.directory, "late.gguf")
        make_scripted.write(model, [("late", "{}")])
        service = self.daemon("--tools", "late", "--tools-dir", self.directory, model=model).start(PARLANCE_TEST_GATE=gate)
        client = service.client()
        client.send("chat.request", "w", {"text": make_scripted.MARKS[0], "tools": ["late"], "temperature": 0}, session="w")
        self.assertEqual(client.take("w")["type"], "chat.accepted")
        with open(gate, "w"):  # returns when the tool reads; its end lets the tool go on
            pass
        answer = cs.Answer(client.until("w", "chat.done"))
        self.assertEqual([(t["tool"], t["code"]) for t in answer.done.get("tools", [])], [("late", "ok")])

    def test_a_tool_that_fails_often_is_closed(self):
        """After five failures in a row it is not called for some seconds, and that is said at once."""
        client = self.start().client()
        codes = [self.ask(client, "c%d" % n, make_scripted.MARKS[2], ["rubbish"])[0][1] for n in range(6)]
        self.assertEqual(codes, ["tool_failed"] * 5 + ["unavailable"])
        self.assertEqual(self.ask(client, "good", make_scripted.MARKS[3], ["calculator"]), [("calculator", "ok")])

    def test_bad_arguments(self):
        """Arguments that do not fit the schema, or make no sense to the tool, are told to the model, which goes on."""
        for n, arguments in enumerate(('{}', '{"expression": 5}', '{"expression": "6*"}', '{"other": "1"}')):
            model = os.path.join(self.directory, "arguments.gguf")
            make_scripted.write(model, [("calculator", arguments)])
            client = self.start(model).client()
            self.assertEqual(self.ask(client, "a%d" % n, make_scripted.MARKS[0], ["calculator"]), [("calculator", "invalid")])

    def test_call_of_a_tool_that_was_not_offered(self):
        client = self.start().client()
        calls = self.ask(client, "o", make_scripted.MARKS[0] + make_scripted.MARKS[3], ["calculator"])
        self.assertEqual(calls, [("hang", "not_found"), ("calculator", "ok")])

    def test_hung_tool_does_not_hold_up_the_end(self):
        service = self.start()
        client = service.client()
        client.send("chat.request", "h", {"text": make_scripted.MARKS[0], "tools": ["hang"]}, session="h")
        self.assertEqual(client.take("h")["type"], "chat.accepted")
        self.assertEqual(service.kill(cs.signal.SIGTERM), 0)
        self.assertTrue(service.children_gone())


if __name__ == "__main__":
    unittest.main()
