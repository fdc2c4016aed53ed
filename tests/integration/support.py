"""What the integration tests share: a real parlanced in a directory of its own, the programs, the models, metrics.

A Service is up when it is made (it answered a ping and its model is loaded) and gone when the test is over. Nothing
sleeps: readiness is waited for on the socket, the end on the process. The time-outs are only there so that a failure
ends."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.environ.get("PL_TEST_SOURCE") or os.path.abspath(os.path.join(HERE, "..", ".."))
BUILD = os.environ.get("PL_TEST_BUILD") or os.path.join(SOURCE, "build", "release")
BIN = os.path.join(BUILD, "bin")
LONG = os.environ.get("PL_TEST_LONG") == "1"
PATIENCE_S = 300
MODEL_FILES = {"smollm2": "smollm2-135m-instruct-q4_1.gguf", "coder": "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"}

sys.path.insert(0, os.path.join(SOURCE, "ops", "clients", "python"))
import parlance  # noqa: E402


def real_model(name):
    """Path of a real model, or None: looked for in $PARLANCE_TEST_MODELS, then in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    for folder in (os.environ.get("PARLANCE_TEST_MODELS"), os.path.join(cache, "parlance", "models")):
        path = os.path.join(folder, MODEL_FILES[name]) if folder else None
        if path and os.path.exists(path):
            return path
    return None


def environment():
    """The caller's, without PARLANCE_* names that would change what is tested."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PARLANCE_")}


def cli(*words, stdin=b"", expect=0, timeout=PATIENCE_S):
    """Runs `parlance WORDS`; its stdout as bytes. EXPECT: the exit code, None for any."""
    run = subprocess.run([os.path.join(BIN, "parlance")] + [str(w) for w in words], input=stdin, stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, env=environment(), timeout=timeout, check=False)
    if expect is not None and run.returncode != expect:
        raise AssertionError("parlance %s: exit code %d, expected %d\n%s" %
                             (" ".join(map(str, words)), run.returncode, expect, run.stderr.decode(errors="replace")))
    return run.stdout


def cli_json(*words, **how):
    return json.loads(cli(*words, "--json", **how))


def free_port():
    """A port of the loopback that nobody listens at now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Service:
    """A running parlanced. OPTIONS are flags of it, with _ for -: Service(test, "hash", max_seqs=4)."""

    def __init__(self, test, model="hash", metrics=False, **options):
        self.dir = tempfile.mkdtemp(prefix="parlance-it-")
        test.addCleanup(shutil.rmtree, self.dir, ignore_errors=True)
        self.data = os.path.join(self.dir, "data")
        self.endpoint = "ipc://%s/data/clients.sock" % self.dir
        self.model = model
        self.metrics_port = free_port() if metrics else None
        self.flags = ["--metrics", "127.0.0.1:%d" % self.metrics_port] if metrics else []
        for name, value in options.items():
            self.flags += ["--" + name.replace("_", "-")] + ([] if value is True else [str(value)])
        self.process = None
        self.listen = self.endpoint
        self.ping_words = ()
        test.addCleanup(self.stop)
        self.prepare()
        self.start()

    def prepare(self):
        """What a kind of service does before its first start: keys, a file of options."""

    def start(self):
        os.makedirs(self.data, mode=0o700, exist_ok=True)
        with open(os.path.join(self.dir, "log"), "ab") as log:
            self.log_from = log.tell()
            self.process = subprocess.Popen(
                [os.path.join(BIN, "parlanced"), "--model", self.model, "--data", self.data, "--listen", self.listen] +
                self.flags, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment())
        try:
            cli("ping", "--endpoint", self.endpoint, "--wait", PATIENCE_S, *self.ping_words)
        except AssertionError as error:
            raise AssertionError("%s\n%s" % (error, self.log())) from None

    def stop(self, number=signal.SIGTERM):
        """Ends it and returns its exit code (None when it was not running)."""
        if self.process is None:
            return None
        process, self.process = self.process, None
        if process.poll() is None:
            process.send_signal(number)
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("parlanced does not end\n" + self.log()) from None

    def log(self):
        with open(os.path.join(self.dir, "log"), "rb") as f:
            f.seek(self.log_from)
            return f.read().decode(errors="replace")

    def client(self):
        return parlance.Client(self.endpoint)

    def admin(self, *words, **how):
        """`parlance WORDS` on this service's data directory."""
        return cli(*words, "--data", self.data, **how)

    def metrics(self):
        """{name with labels: value} of /metrics; the service was made with metrics=True."""
        with urllib.request.urlopen("http://127.0.0.1:%d/metrics" % self.metrics_port, timeout=PATIENCE_S) as page:
            text = page.read().decode()
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in text.splitlines()
                if line and not line.startswith("#")}
