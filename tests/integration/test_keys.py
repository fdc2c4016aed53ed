"""Who may come in, for whom, and for what: keys over real CURVE sockets, tenants that never see each other, roles,
limits of a tenant."""

import json
import os
import signal
import subprocess
import unittest

import msgpack
import zmq

from crash_support import children, role_of
from support import BIN, PATIENCE_S, Service, cli, cli_json, environment, free_port, parlance


class KeyedService(Service):
    """Listens at 0.0.0.0 with keys. CONFIG: text of DATA/parlance.ini."""

    def __init__(self, test, keys, config="", **options):
        self.keys = {}
        self.wanted = keys
        self.config = config
        super().__init__(test, **options)

    def prepare(self):
        os.makedirs(self.data, mode=0o700)
        port = free_port()
        self.endpoint = "tcp://127.0.0.1:%d" % port
        self.listen = "tcp://0.0.0.0:%d" % port
        with open(os.path.join(self.data, "parlance.ini"), "w", encoding="utf-8") as file:
            file.write(self.config)
        for name, words in self.wanted.items():
            self.add_key(name, *words)
        self.add_key("ping")
        self.ping_words = ("--keys", self.keys["ping"])

    def add_key(self, name, *words):
        self.keys[name] = os.path.join(self.dir, name + ".json")
        self.admin("keys", "new", name, "--out", self.keys[name], "--endpoint", self.endpoint, *words)

    def client_of(self, name, **how):
        return parlance.Client(self.endpoint, keys=self.keys[name], **how)


class Wire:
    """A DEALER socket and single messages, so that a test may say what no client would."""

    def __init__(self, test, endpoint, keys=None):
        self.socket = zmq.Context.instance().socket(zmq.DEALER)
        test.addCleanup(self.socket.close, 0)
        if keys:
            with open(keys, encoding="utf-8") as file:
                pair = json.load(file)
            self.socket.curve_serverkey = pair["server"].encode()
            self.socket.curve_publickey = pair["public"].encode()
            self.socket.curve_secretkey = pair["secret"].encode()
        self.socket.connect(endpoint)

    def ask(self, type, body=None, id="w", **head):
        """The final answer: (type, body)."""
        self.socket.send(msgpack.packb(dict(head, v=1, type=type, id=id, body=body or {})))
        while True:
            if not self.socket.poll(PATIENCE_S * 1000):
                raise AssertionError("no answer to " + type)
            answer = msgpack.unpackb(self.socket.recv())
            if answer["type"] not in ("chat.accepted", "chat.delta"):
                return answer["type"], answer.get("body", {})


REQUEST = {"text": "hello", "max_tokens": 4, "temperature": 0}


class Keys(unittest.TestCase):
    def refused(self, answer, code, field=None):
        self.assertEqual(answer[0], "chat.error", answer)
        self.assertEqual(answer[1]["code"], code, answer)
        if field:
            self.assertEqual(answer[1].get("field"), field, answer)

    def test_an_open_address_without_keys_is_refused_with_what_to_do(self):
        service = Service(self)
        service.stop()
        run = subprocess.run([os.path.join(BIN, "parlanced"), "--model", "hash", "--data", service.data, "--listen",
                              "tcp://0.0.0.0:%d" % free_port()], stderr=subprocess.PIPE, env=environment(),
                             timeout=PATIENCE_S, check=False)
        self.assertEqual(run.returncode, 2)
        for part in (b"listen", b"parlance keys new", b"--out", service.data.encode()):
            self.assertIn(part, run.stderr)

    def test_a_known_key_gets_an_answer_and_a_stranger_none(self):
        service = KeyedService(self, {"till": ("--tenant", "acme")})
        with service.client_of("till") as client:
            self.assertTrue(client.chat("hello", max_tokens=4).turn)
        other = KeyedService(self, {"till": ("--tenant", "acme")})
        for keys in (other.keys["till"], None):  # a key of another service; no key at all
            with parlance.Client(service.endpoint, keys=keys) as client:
                with self.assertRaises((parlance.ParlanceError, parlance.Timeout)) as caught:
                    client.chat("hello", max_tokens=4, timeout=20)
                self.assertIn(getattr(caught.exception, "code", "forbidden"), ("forbidden", "deadline_exceeded", "gone"))
        listed = cli_json("sessions", "list", "--data", service.data, "--tenant", "acme")
        self.assertEqual(len(listed), 1)

    def test_a_revoked_key_is_refused_at_the_next_message_and_at_the_door(self):
        service = KeyedService(self, {"till": ("--tenant", "acme")})
        wire = Wire(self, service.endpoint, service.keys["till"])
        self.assertEqual(wire.ask("chat.request", REQUEST, id="a")[0], "chat.done")
        service.admin("keys", "revoke", "till")
        self.refused(wire.ask("chat.request", REQUEST, id="b"), "forbidden", "key")
        self.refused(wire.ask("ping"), "forbidden", "key")
        cli("ping", "--keys", service.keys["till"], "--wait", 5, expect=None)
        self.assertNotEqual(subprocess.run([os.path.join(BIN, "parlance"), "ping", "--keys", service.keys["till"]],
                                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(),
                                           timeout=PATIENCE_S, check=False).returncode, 0)
        # A broken table changes nothing: the other key goes on, the revoked one stays out.
        with open(os.path.join(service.data, "keys", "clients.json"), "w", encoding="utf-8") as file:
            file.write("{")
        self.refused(wire.ask("ping"), "forbidden", "key")
        cli("ping", "--keys", service.keys["ping"])
        self.assertIn("keys not read", service.log())

    def test_the_tenant_is_the_keys_unless_it_may_act_for_others(self):
        service = KeyedService(self, {"till": ("--tenant", "acme"), "broker": ("--tenant", "house", "--act-for")})
        till = Wire(self, service.endpoint, service.keys["till"])
        self.refused(till.ask("chat.request", REQUEST, id="a", tenant="other"), "forbidden", "tenant")
        self.refused(till.ask("chat.request", REQUEST, id="a", tenant="default"), "forbidden", "tenant")
        self.assertEqual(till.ask("chat.request", REQUEST, id="a", tenant="acme")[0], "chat.done")
        with service.client_of("broker", tenant="acme") as client:
            self.assertTrue(client.result("a", timeout=PATIENCE_S).turn)
        with service.client_of("broker") as client:
            with self.assertRaises(parlance.ParlanceError) as caught:
                client.result("a", timeout=PATIENCE_S)
            self.assertEqual(caught.exception.code, "not_found")

    def test_without_keys_the_tenant_counts_on_ipc_and_not_on_tcp(self):
        service = Service(self)
        wire = Wire(self, service.endpoint)
        self.assertEqual(wire.ask("chat.request", REQUEST, id="a", tenant="acme", session="s")[0], "chat.done")
        self.assertEqual(len(cli_json("sessions", "list", "--data", service.data, "--tenant", "acme")), 1)
        self.assertEqual(cli_json("sessions", "list", "--data", service.data), [])
        service.stop()
        service.endpoint = service.listen = "tcp://127.0.0.1:%d" % free_port()
        service.start()
        wire = Wire(self, service.endpoint)
        self.refused(wire.ask("chat.resume", id="a", tenant="acme"), "forbidden", "tenant")
        self.refused(wire.ask("chat.resume", id="a"), "not_found", "id")

    def test_no_message_reaches_what_is_another_tenants(self):
        """Each message that may come in, tried by a key of everything but acting for others."""
        roles = ("--role", "producer,operator,auditor")
        service = KeyedService(self, {"a": ("--tenant", "aaa") + roles, "b": ("--tenant", "bbb") + roles})
        mine = Wire(self, service.endpoint, service.keys["a"])
        kind, done = mine.ask("chat.request", dict(REQUEST, text="the secret of a"), id="one", session="s", user="ann")
        self.assertEqual(kind, "chat.done", done)
        self.assertEqual(mine.ask("feedback.add", {"turn": done["turn"], "stars": 1}, id="r")[0], "feedback.stored")
        theirs = Wire(self, service.endpoint, service.keys["b"])
        self.refused(theirs.ask("chat.resume", id="one"), "not_found", "id")
        self.refused(theirs.ask("chat.cancel", id="one"), "not_found", "id")
        self.refused(theirs.ask("feedback.add", {"turn": done["turn"], "stars": 5}, id="r2"), "not_found", "turn")
        self.refused(theirs.ask("sessions.show", session="s"), "not_found", "session")
        self.refused(theirs.ask("sessions.delete", session="s"), "not_found", "session")
        first = "00".encode().hex()
        for after in (None, "00", "616161007300", "6161610073000000000000", first):
            body = {"after": after} if after else {}
            for type, rows in (("sessions.list", "sessions"), ("sessions.show", "turns")):
                kind, answer = theirs.ask(type, body)
                self.assertEqual((kind, answer.get(rows)), (type.replace("list", "listed").replace("show", "shown"), []))
        self.assertEqual(theirs.ask("feedback.list")[1]["feedback"], [])
        self.assertNotIn("the secret of a", repr(theirs.ask("feedback.stats")) + repr(theirs.ask("retrain.status")))
        # The same id and session in another tenant are another request and another session.
        kind, own = theirs.ask("chat.request", dict(REQUEST, text="something else"), id="one", session="s")
        self.assertEqual(kind, "chat.done", own)
        self.assertNotEqual(own["turn"], done["turn"])
        self.assertEqual(len(theirs.ask("sessions.show")[1]["turns"]), 1)
        # What is about all tenants is for keys that may act for others.
        for type in ("node.top", "letters.list"):
            self.refused(theirs.ask(type), "forbidden", "type")
        self.assertEqual(mine.ask("chat.resume", id="one")[1]["turn"], done["turn"])
        self.assertEqual(len(mine.ask("sessions.show", session="s")[1]["turns"]), 1)

    def test_each_role_may_do_its_own(self):
        service = KeyedService(self, {role: ("--role", role) for role in ("producer", "tool", "operator", "auditor")})
        wires = {role: Wire(self, service.endpoint, service.keys[role])
                 for role in ("producer", "tool", "operator", "auditor")}
        may = {"ping": {"producer", "tool", "operator", "auditor"}, "chat.resume": {"producer"},
               "chat.cancel": {"producer"}, "sessions.list": {"operator", "auditor"},
               "feedback.stats": {"operator", "auditor"}, "retrain.status": {"operator", "auditor"},
               "sessions.delete": {"operator"}}
        for type, roles in may.items():
            for role, wire in wires.items():
                kind, answer = wire.ask(type, session="none")
                refused = kind == "chat.error" and answer["code"] == "forbidden"
                self.assertEqual(not refused, role in roles, (type, role, answer))
                if refused:
                    self.assertEqual(answer["field"], "type")
        listed = json.loads(cli("sessions", "list", "--keys", service.keys["operator"], "--json"))
        self.assertEqual(listed, [])

    def test_keys_can_be_asked_for_on_ipc_too(self):
        service = KeyedService(self, {"op": ("--role", "operator", "--act-for")}, require_keys=True)
        with self.assertRaises(AssertionError):
            service.admin("sessions", "list", "--wait", 5)
        service.admin("keys", "new", "here", "--role", "operator", "--out", os.path.join(service.dir, "here.json"))
        listed = service.admin("sessions", "list", "--json", "--keys", os.path.join(service.dir, "here.json"))
        self.assertEqual(json.loads(listed), [])

    def test_a_standby_asks_for_keys_as_its_primary_does(self):
        service = KeyedService(self, {"op": ("--role", "operator")}, require_keys=True)
        standby = subprocess.Popen([os.path.join(BIN, "parlanced"), "--standby", "--model", "hash", "--data", service.data,
                                    "--listen", service.listen, "--require-keys"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment())
        self.addCleanup(standby.wait)
        self.addCleanup(standby.kill)
        pair = os.path.join(service.dir, "local.json")
        service.admin("keys", "new", "local", "--role", "operator", "--out", pair)
        asked = ("sessions", "list", "--standby", "--json", "--wait", PATIENCE_S)
        self.assertEqual(json.loads(service.admin(*asked, "--keys", pair)), [])
        with self.assertRaises(AssertionError):
            service.admin("sessions", "list", "--standby", "--wait", 3)

    def test_keys_survive_the_edge(self):
        """The edge reads the table anew when it is started again."""
        service = KeyedService(self, {"till": ("--tenant", "acme")})
        wire = Wire(self, service.endpoint, service.keys["till"])
        self.assertEqual(wire.ask("ping")[0], "pong")
        edge = [pid for pid in children(service.process.pid) if role_of(pid) == "edge"]
        self.assertEqual(len(edge), 1)
        os.kill(edge[0], signal.SIGKILL)
        with service.client_of("till") as client:
            self.assertTrue(client.chat("hello", max_tokens=4, timeout=PATIENCE_S).turn)

    def test_the_acts_stand_in_the_audit_record(self):
        service = KeyedService(self, {"till": ("--tenant", "acme"), "boss": ("--tenant", "acme", "--role", "operator")})
        service.admin("keys", "revoke", "till")
        # Who did it is the key that it came under, not what the message says.
        boss = Wire(self, service.endpoint, service.keys["boss"])
        self.assertEqual(boss.ask("retrain.request", key="somebody")[0], "retrain.state")
        self.refused(boss.ask("sessions.delete", session="none", key="somebody"), "not_found")
        entries = cli_json("audit", "list", "--data", service.data)
        for act in ("retrain.request", "sessions.delete"):
            self.assertEqual({e["who"] for e in entries if e["act"] == act}, {"boss"}, act)
        acts = [(e["act"], e["outcome"], e["subject"]) for e in entries]
        for act in ("keys.new", "keys.revoke"):
            self.assertIn((act, "intent", "till"), acts)
            self.assertIn((act, "done", "till"), acts)


class Limits(unittest.TestCase):
    CONFIG = "[tenant slow]\nrate = 0.5\nburst = 2\n[tenant small]\nopen = 1\n[tenant poor]\nquota = 30\n"

    def test_limits_are_of_one_tenant(self):
        keys = {name: ("--tenant", name) for name in ("slow", "small", "poor", "free")}
        service = KeyedService(self, keys, config=self.CONFIG, metrics=True)
        slow = Wire(self, service.endpoint, service.keys["slow"])
        answers = [slow.ask("chat.request", REQUEST, id="i%d" % i) for i in range(3)]
        self.assertEqual([a[0] for a in answers], ["chat.done", "chat.done", "chat.error"])
        self.assertEqual(answers[2][1]["code"], "overloaded")
        self.assertGreater(answers[2][1]["retry_after_ms"], 0)
        self.assertLessEqual(answers[2][1]["retry_after_ms"], 2000)
        self.assertEqual(slow.ask("ping")[0], "pong")

        poor = Wire(self, service.endpoint, service.keys["poor"])
        self.spend(poor)
        with self.subTest("a restart forgets nothing"):
            service.stop()
            service.start()
            poor = Wire(self, service.endpoint, service.keys["poor"])
            kind, answer = poor.ask("chat.request", REQUEST, id="again")
            self.assertEqual((kind, answer.get("code")), ("chat.error", "quota_exceeded"), answer)
        free = Wire(self, service.endpoint, service.keys["free"])
        for i in range(5):
            self.assertEqual(free.ask("chat.request", REQUEST, id="f%d" % i)[0], "chat.done")
        metrics = service.metrics()
        self.assertTrue(any(k.startswith("parlance_tenant_refused_total{") and 'tenant="poor"' in k and 'why="quota"' in k
                            and v >= 1 for k, v in metrics.items()), "no metric of the refusal")

    def spend(self, wire):
        used = 0
        for i in range(30):
            kind, answer = wire.ask("chat.request", REQUEST, id="p%d" % i)
            if kind == "chat.error":
                self.assertEqual(answer["code"], "quota_exceeded", answer)
                self.assertGreater(answer["retry_after_ms"], 0)
                self.assertLessEqual(answer["retry_after_ms"], 86400000)
                self.assertGreaterEqual(used, 30)
                return
            self.assertLess(used, 30, "an answer over the quota")
            used += answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
        self.fail("the quota never ran out")

    def test_one_tenant_leaves_places_for_others(self):
        config = "[tenant greedy]\nopen = 2\n"
        service = KeyedService(self, {"greedy": ("--tenant", "greedy"), "other": ("--tenant", "other")}, config=config,
                               max_seqs=1, queue=3)
        greedy = Wire(self, service.endpoint, service.keys["greedy"])
        for i in range(4):
            greedy.socket.send(msgpack.packb({"v": 1, "type": "chat.request", "id": "g%d" % i, "session": "g%d" % i,
                                              "body": dict(REQUEST, max_tokens=2000)}))
        codes = []
        while len(codes) < 2:
            self.assertTrue(greedy.socket.poll(PATIENCE_S * 1000))
            answer = msgpack.unpackb(greedy.socket.recv())
            if answer["type"] == "chat.error":
                codes.append(answer["body"]["code"])
            self.assertNotEqual(answer["type"], "chat.done")
        self.assertEqual(codes, ["overloaded", "overloaded"])
        other = Wire(self, service.endpoint, service.keys["other"])
        for i in range(4):
            greedy.socket.send(msgpack.packb({"v": 1, "type": "chat.cancel", "id": "g%d" % i}))
        self.assertEqual(other.ask("chat.request", REQUEST, id="o")[0], "chat.done")


if __name__ == "__main__":
    unittest.main()
