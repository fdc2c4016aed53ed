"""The two clients behind one face, so that one test runs against both: the Python library, and the C library through
tools/client_driver.c."""

import json
import os
import subprocess
from types import SimpleNamespace

import support
from parlance import Delta, ParlanceError, Timeout

KINDS = ("answer", "reasoning", "tool")


class PythonClient:
    """parlance.Client as it is."""

    def __init__(self, test, endpoint, keys=None, retry=False):
        self.client = support.parlance.Client(endpoint, keys=keys, retry=retry)
        test.addCleanup(self.client.close)

    def __getattr__(self, name):
        return getattr(self.client, name)

    def stream(self, text, pause=None, cancel=None, at_pause=None, **options):
        """(deltas, answer). At the delta PAUSE the reading waits for AT_PAUSE to return."""
        stream, deltas = self.client.stream(text, **options), []
        for delta in stream:
            deltas.append(delta)
            if len(deltas) == cancel:
                stream.cancel()
            if len(deltas) == pause:
                at_pause()
        return deltas, stream.answer


class CClient:
    """The C library in a process of its own."""

    def __init__(self, test, endpoint, keys=None, retry=False):
        words = [os.path.join(support.BUILD, "tests", "integration", "tools", "client_driver"), endpoint, keys or ""]
        self.process = subprocess.Popen(words + (["retry"] if retry else []), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        test.addCleanup(self.close)
        self._read()

    def close(self):
        """Its end is waited for: a client that hangs at its end fails the test."""
        if self.process.returncode is None:
            self.process.stdin.close()
            self.process.wait(support.PATIENCE_S)
            self.process.stdout.close()

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError("client_driver ended with %d" % self.process.wait())
        said = json.loads(line)
        error = said.get("error")
        if error is None:
            return said
        wait = None if error["retry_after_ms"] < 0 else error["retry_after_ms"]
        if error["timeout"]:
            raise Timeout("ask", error["id"] or None, error["message"])
        raise ParlanceError(error["code"], error["field"] or None, error["message"], wait, error["id"] or None)

    def _send(self, **args):
        self.process.stdin.write(json.dumps({k: v for k, v in args.items() if v is not None}).encode() + b"\n")
        self.process.stdin.flush()

    def _ask(self, **args):
        self._send(**args)
        return self._read()

    @staticmethod
    def _answer(said):
        answer = said["answer"]
        usage = {k: answer.pop(k) for k in ("prompt_tokens", "completion_tokens")}
        return SimpleNamespace(usage=SimpleNamespace(**usage), **answer)

    def ping(self, timeout=2):
        return SimpleNamespace(**self._ask(call="ping", timeout=timeout)["pong"])

    def chat(self, text=None, **options):
        return self._answer(self._ask(call="chat", text=text, **options))

    def submit(self, text, **options):
        return self._ask(call="submit", text=text, **options)["id"]

    def result(self, id, timeout=300):
        return self._answer(self._ask(call="result", id=id, timeout=timeout))

    def cancel(self, id, timeout=10):
        return self._answer(self._ask(call="cancel", id=id, timeout=timeout))

    def rate(self, turn, stars, **options):
        return SimpleNamespace(**self._ask(call="rate", turn=turn, stars=stars, **options)["rated"])

    def stream(self, text, pause=None, cancel=None, at_pause=None, **options):
        self._send(call="stream", text=text, pause=pause, cancel=cancel, **options)
        deltas = []
        while True:
            said = self._read()
            if "answer" in said:
                return deltas, self._answer(said)
            delta = Delta(said["delta"]["text"])
            delta.seq, delta.kind = said["delta"]["seq"], KINDS[said["delta"]["kind"]]
            deltas.append(delta)
            if len(deltas) == pause:
                at_pause()
                self._send(go="on")
