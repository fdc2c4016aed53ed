#!/usr/bin/env python3
"""The command line: what stands on stdout, exit codes, JSON, with a service and without one."""

import json
import os
import re
import tempfile
import unittest

import support
from support import cli, cli_json

QUESTION = "Rewrite this sentence in the past tense: She walks to school."


class WithoutService(unittest.TestCase):
    def test_help_names_every_command(self):
        page = cli("--help").decode()
        for name in ("chat", "send", "sessions export", "feedback add", "retrain status", "models inspect", "generate", "tokenize",
                     "perplexity", "bench"):
            self.assertIn(name, page)
            self.assertIn("--data", cli(*name.split(), "--help").decode())

    def test_help_of_a_family_lists_its_commands(self):
        for name, line in (("sessions", "sessions show SESSION"), ("feedback", "feedback stats"), ("models", "models inspect FILE")):
            self.assertIn(line, cli(name, "--help").decode())

    def test_wrong_usage_is_exit_code_2(self):
        for words in ((), ("nothing",), ("sessions",), ("generate", "--modl", "x"), ("generate", "--model", "hash"),
                      ("send", "a", "b"), ("sessions", "show"), ("feedback", "add", "--stars", "9"), ("--data", "x", "ping"), ("chat", "--json")):
            cli(*words, expect=2)

    def test_a_service_that_is_not_there_is_exit_code_3(self):
        with tempfile.TemporaryDirectory() as data:
            for words in (("send", "x"), ("chat",), ("sessions", "list"), ("feedback", "stats"), ("retrain", "status")):
                self.assertEqual(cli(*words, "--data", data, "--wait", "0.1", expect=3), b"")

    def test_a_model_that_is_not_there_is_exit_code_1(self):
        cli("generate", "--model", "/nonexistent.gguf", "--prompt", "x", expect=1)
        cli("models", "inspect", "/nonexistent.gguf", expect=1)

    def test_generate_prints_only_the_text(self):
        text = cli("generate", "--model", "hash", "--prompt", "hello", "--greedy")
        made = cli_json("generate", "--model", "hash", "--prompt", "hello", "--greedy")
        self.assertEqual(text.decode(), made["text"])
        self.assertEqual(made["finish_reason"], "stop")
        self.assertEqual(made["ids"][-1], 257)

    def test_a_prompt_file_is_read_byte_for_byte(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"a\r\n\xff \n")
            f.flush()
            made = cli_json("generate", "--model", "hash", "--raw", "--prompt-file", f.name, "-n", "3", "--greedy")
        self.assertEqual(made["prompt_ids"], [97, 13, 10, 255, 32, 10])
        self.assertEqual((len(made["ids"]), made["finish_reason"]), (3, "length"))

    def test_forced_ids_do_not_stop_early_and_its_own_choice_is_told(self):
        own = cli_json("generate", "--model", "hash", "--raw", "--prompt", "x", "-n", "4", "--greedy")["ids"]
        with tempfile.NamedTemporaryFile("w") as f:
            json.dump([257, 257, 65], f)
            f.flush()
            made = cli_json("generate", "--model", "hash", "--raw", "--prompt", "x", "--force-ids", f.name)
            self.assertEqual(len(made["ids"]), 3)
            self.assertEqual(made["ids"][0], own[0])
            f.seek(0)
            f.write("[1, 99999999]")
            f.flush()
            cli("generate", "--model", "hash", "--raw", "--prompt", "x", "--force-ids", f.name, expect=2)

    def test_the_same_seed_gives_the_same_text(self):
        words = ("generate", "--model", "hash", "--prompt", "x", "--seed", "7", "--temperature", "1")
        self.assertEqual(cli(*words), cli(*words))

    def test_tokenize_gives_one_line(self):
        self.assertEqual(cli("tokenize", "--model", "hash", stdin=b"A\n\xfe<|im_end|>"), b"65 10 254 257\n")
        self.assertEqual(cli("tokenize", "--model", "hash", stdin=b""), b"\n")

    def test_the_environment_of_the_daemon_does_not_change_a_request(self):
        os.environ["PARLANCE_PROMPT"] = "from the environment"
        self.addCleanup(os.environ.pop, "PARLANCE_PROMPT")
        cli("generate", "--model", "hash", expect=2)


class WithRealModel(unittest.TestCase):
    def setUp(self):
        self.model = support.real_model("smollm2")
        if not self.model:
            self.skipTest("the default model is not in the cache")

    def test_the_question_of_the_readme_is_answered_rightly(self):
        self.assertIn(b"She walked to school", cli("generate", "--model", self.model, "--prompt", QUESTION, "--greedy", "-n", "24"))

    def test_a_character_that_n_cuts_is_replaced_in_json_only(self):
        words = ("generate", "--model", self.model, "--raw", "--prompt", "\U0001f600\U0001f600\U0001f600", "--greedy", "-n")
        for n in ("1", "2", "3"):
            raw, made = cli(*words, n), cli_json(*words, n)
            self.assertEqual(made["text"], raw.decode("utf-8", "replace"))

    def test_a_text_is_scored(self):
        made = cli_json("perplexity", "--model", self.model, stdin=b"The cat sat on the mat and looked at the dog.")
        self.assertGreater(made["tokens"], 5)
        self.assertTrue(0.5 < made["mean_nll"] < 6)

    def test_inspect_shows_what_is_in_the_file(self):
        made = cli_json("models", "inspect", self.model)
        self.assertEqual(len(made["tensors"]), 272)
        self.assertEqual(sorted(made["types"]), ["F32", "Q4_1", "Q8_0"])
        self.assertTrue(made["template"]["known"])
        self.assertEqual((made["served"], made["why"]), (True, None))
        page = cli("models", "inspect", self.model)
        self.assertIn(b"general.architecture", page)
        self.assertEqual(page.splitlines()[-1], b"served: yes")

    def test_bench_has_its_keys(self):
        if not support.LONG:
            self.skipTest("minutes: PL_TEST_LONG=1")
        made = cli_json("bench", "--model", self.model, timeout=3600)
        self.assertEqual(list(made["decode_tok_s"]), ["1", "2", "4", "8", "16", "32"])
        self.assertTrue(made["prefill_tok_s"] > 0 and made["peak_rss_bytes"] > 0 and made["threads"] > 0)


class WithService(unittest.TestCase):
    def setUp(self):
        self.service = support.Service(self)

    def run_on(self, *words, **how):
        return cli(*words, "--endpoint", self.service.endpoint, **how)

    def test_send_prints_the_answer_alone(self):
        made = json.loads(self.run_on("send", "hello", "--greedy", "--json"))
        self.assertEqual(self.run_on("send", "hello", "--greedy").decode(), made["text"] + "\n")
        self.assertEqual(self.run_on("send", "hello", "--greedy", "--stream").decode(), made["text"] + "\n")
        self.assertEqual(self.run_on("send", "--greedy", stdin=b"hello\n").decode(), made["text"] + "\n")
        self.assertIsNone(made["adapter_digest"])

    def test_the_admin_socket_of_a_data_directory_takes_questions_too(self):
        self.assertEqual(self.service.admin("send", "hello", "--greedy"), self.run_on("send", "hello", "--greedy"))

    def test_a_stream_of_json_ends_with_the_answer(self):
        lines = [json.loads(line) for line in self.run_on("send", "hello", "--stream", "--json").splitlines()]
        self.assertEqual((lines[0]["type"], lines[-1]["type"]), ("chat.accepted", "chat.done"))
        self.assertEqual("".join(m["text"] for m in lines[1:-1]), lines[-1]["text"])

    def test_a_refusal_is_exit_code_1(self):
        self.run_on("send", "x", "--tools", "nothing", expect=1)
        self.run_on("feedback", "add", "--turn", "t-nothing", "--stars", "1", expect=1)

    def test_sessions_are_listed_shown_exported_and_deleted(self):
        for i in range(3):
            self.run_on("send", "question %d" % i, "--session", "s1", "--user", "ann", "--id", "m-%d" % i)
        self.run_on("send", "other", "--session", "s2")
        rows = {r["session"]: r for r in json.loads(self.service.admin("sessions", "list", "--json"))}
        self.assertEqual((rows["s1"]["turns"], rows["s1"]["user"]), (3, "ann"))
        self.assertIn(b"s2", self.service.admin("sessions", "list"))
        turns = [json.loads(line) for line in self.service.admin("sessions", "export", "s1").splitlines()]
        self.assertEqual([t["id"] for t in turns], ["m-0", "m-1", "m-2"])
        for key in ("id", "turn", "session", "user", "prompt", "text", "finish_reason", "usage", "model_digest", "seed"):
            self.assertIn(key, turns[0])
        self.assertIsNone(turns[0]["adapter_digest"])
        self.assertEqual(len(self.service.admin("sessions", "export").splitlines()), 4)
        self.assertIn(b"question 1", self.service.admin("sessions", "show", "s1"))
        self.assertEqual(json.loads(self.service.admin("sessions", "show", "s1", "--json")), turns)
        self.service.admin("sessions", "delete", "s1")
        self.service.admin("sessions", "delete", "s1", expect=1)
        self.assertEqual(len(self.service.admin("sessions", "export").splitlines()), 1)

    def test_an_export_goes_through_all_pages(self):
        with self.service.client() as client:
            for i in range(40):
                client.chat("question %d" % i, session="long", max_tokens=4)
        turns = [json.loads(line) for line in self.service.admin("sessions", "export", "long").splitlines()]
        self.assertEqual([t["prompt"] for t in turns], ["question %d" % i for i in range(40)])

    def test_ratings_are_listed_and_counted(self):
        turn = json.loads(self.run_on("send", "hello", "--json"))["turn"]
        stored = json.loads(self.run_on("feedback", "add", "--turn", turn, "--stars", "2", "--correction", "Hello.", "--json"))
        self.assertEqual((stored["ratings_below_3"], stored["due"]), (1, False))
        rows = json.loads(self.service.admin("feedback", "list", "--json"))
        self.assertEqual([(r["turn"], r["stars"], r["correction"]) for r in rows], [(turn, 2, "Hello.")])
        self.assertEqual(json.loads(self.service.admin("feedback", "stats", "--json"))["total"], 1)
        self.assertIn(turn.encode(), self.service.admin("feedback", "list"))

    def test_a_retraining_can_be_asked_for(self):
        self.assertFalse(json.loads(self.service.admin("retrain", "status", "--json"))["due"])
        self.service.admin("retrain", "request", "--reason", "a test")
        state = json.loads(self.service.admin("retrain", "status", "--json"))
        self.assertEqual((state["due"], state["reason"], state["ratings_below_3"]), (True, "a test", 0))
        self.service.admin("retrain", "status")

    def test_chat_reads_a_question_a_line(self):
        script = b"hello\n/good\nmore\n/rate 2\n/edit\nBetter.\nMuch.\n\n/nothing\n/quit\nnot read\n"
        answers = self.run_on("chat", "--session", "c", "--greedy", stdin=script).splitlines()
        turns = [json.loads(line) for line in self.service.admin("sessions", "export", "c").splitlines()]
        self.assertEqual([t["prompt"] for t in turns], ["hello", "more"])
        self.assertEqual([a.decode() for a in answers], [t["text"] for t in turns])
        rows = json.loads(self.service.admin("feedback", "list", "--json"))
        self.assertEqual([r["stars"] for r in rows if r["turn"] == turns[0]["turn"]], [5])
        self.assertEqual(rows[-1]["correction"], "Better.\nMuch.")

    def test_only_answers_to_edit_that_are_there_are_edited(self):
        self.run_on("chat", "--session", "e", "--greedy", stdin=b"/edit\nNot a question.\n\nhello\n")
        turns = [json.loads(line) for line in self.service.admin("sessions", "export", "e").splitlines()]
        self.assertEqual([t["prompt"] for t in turns], ["hello"])
        self.assertEqual(json.loads(self.service.admin("feedback", "list", "--json")), [])

    def test_ping_tells_what_runs(self):
        self.assertTrue(re.match(rb"parlanced \S+, model hash, ready\n", self.run_on("ping")))


if __name__ == "__main__":
    unittest.main()
