#!/usr/bin/env python3
"""The command line says what independent references say: greedy answers by the rule of the golden files, mean NLL,
tokenizer vectors, a story to the letter.

The rule for an engine that quantises activations: running free it may leave the reference only at a step whose two best
logits lie within 0.5 of each other; fed the reference's ids, its best id is the reference's at every step with a wider
margin. Mean NLL within 0.5%."""

import json
import os
import subprocess
import tempfile
import unittest

import support
from model_support import figure, long_only, real_model, shared
from support import cli, cli_json

CLEAR_MARGIN = 0.5
NLL_TOLERANCE = 0.005
GAP = "\n__ggml_vocab_test__\n"


def margin(prompt, step):
    best, second = prompt["top2"][step]
    return best - second


class Golden:
    """The tests, for one model."""

    model = None
    tokens, prompts = 48, 8  # of each prompt; of the file's prompts

    @classmethod
    def setUpClass(cls):
        with open(shared("models", "golden", cls.model + ".json"), encoding="utf-8") as f:
            cls.golden = json.load(f)
        cls.path = real_model(cls.model)

    def generate(self, prompt, *more):
        with tempfile.NamedTemporaryFile() as f:
            f.write(prompt["text"].encode())
            f.flush()
            made = cli_json("generate", "--model", self.path, "--raw", "--greedy", "--prompt-file", f.name, *more)
        self.assertEqual(made["prompt_ids"], prompt["ids"])
        return made["ids"]

    def wanted(self, prompt):
        return prompt["greedy"][:self.tokens]

    def test_free_running_leaves_the_reference_only_at_a_narrow_step(self):
        same = steps = 0
        for prompt in self.golden["prompts"][:self.prompts]:
            want = self.wanted(prompt)
            ids = self.generate(prompt, "-n", len(want))
            left = next((i for i, pair in enumerate(zip(ids, want)) if pair[0] != pair[1]), None)
            if left is None:
                self.assertEqual(ids, want, prompt["text"])
                same += 1
            else:
                self.assertLess(margin(prompt, left), CLEAR_MARGIN, "step %d of %r" % (left, prompt["text"]))
            steps += len(want) if left is None else left
        figure("golden, %s, free-running" % self.model, "%d of %d prompts to their end, %d ids as the reference" %
               (same, self.prompts, steps))

    def test_teacher_forced_the_best_id_is_the_references(self):
        judged = right = total = 0
        for prompt in self.golden["prompts"][:self.prompts]:
            want = self.wanted(prompt)
            with tempfile.NamedTemporaryFile("w") as f:
                json.dump(want, f)
                f.flush()
                ids = self.generate(prompt, "--force-ids", f.name)
            self.assertEqual(len(ids), len(want))
            for step, pair in enumerate(zip(ids, want)):
                total += 1
                right += pair[0] == pair[1]
                if margin(prompt, step) > CLEAR_MARGIN:
                    judged += 1
                    self.assertEqual(pair[0], pair[1], "step %d of %r" % (step, prompt["text"]))
        figure("golden, %s, teacher-forced" % self.model,
               "all %d clear steps right, %d of all %d" % (judged, right, total))

    def test_mean_nll_is_the_references(self):
        with open(shared("models", "golden", "nll.txt"), "rb") as f:
            scored = cli_json("perplexity", "--model", self.path, stdin=f.read())
        want = self.golden["nll"]
        self.assertEqual(scored["tokens"], want["tokens"])
        off = scored["mean_nll"] / want["mean"] - 1
        figure("golden, %s, mean NLL" % self.model,
               "%.6f, reference %.6f (%+.4f%%)" % (scored["mean_nll"], want["mean"], 100 * off))
        self.assertLess(abs(off), NLL_TOLERANCE)

class SmolLM2(Golden, unittest.TestCase):
    model = "smollm2"
    tokens, prompts = (48, 8) if support.LONG else (8, 3)


class Coder(Golden, unittest.TestCase):
    model = "coder"

    @classmethod
    def setUpClass(cls):
        long_only("the 0.5B model")
        super().setUpClass()


class Vectors(unittest.TestCase):
    """46 texts each and the ids that llama.cpp makes of them."""

    def check(self, name, model):
        with open(shared("models", "tokenizers", "vectors", name + ".gguf.inp"), newline="", encoding="utf-8") as f:
            texts = f.read().split(GAP)[:-1]
        with open(shared("models", "tokenizers", "vectors", name + ".gguf.out"), encoding="utf-8") as f:
            wanted = [line.split() for line in f.read().split("\n")]
        self.assertEqual(len(texts), 46)
        for text, ids in zip(texts, wanted):
            got = cli("tokenize", "--model", model, "--no-special", stdin=text.encode()).decode()
            self.assertEqual(got.split(), ids, repr(text))
            self.assertEqual(got.count("\n"), 1)
        figure("tokenizer vectors, %s" % name, "46 of 46")

    def test_gpt_2(self):
        self.check("ggml-vocab-gpt-2", shared("models", "tokenizers", "vectors", "ggml-vocab-gpt-2.gguf"))

    def test_llama_spm(self):
        self.check("ggml-vocab-llama-spm", shared("models", "tokenizers", "vectors", "ggml-vocab-llama-spm.gguf"))

    def test_qwen2(self):
        self.check("ggml-vocab-qwen2", real_model("coder"))


class Stories(unittest.TestCase):
    def test_200_greedy_tokens_are_told_to_the_letter(self):
        source = shared("models", "stories260K", "stories260K.bin")
        with open(shared("models", "stories260K", "golden_greedy_200.txt"), encoding="utf-8") as f:
            want = f.read().rstrip("\n")
        with tempfile.TemporaryDirectory() as folder:
            model = os.path.join(folder, "stories.gguf")
            subprocess.run(["/usr/bin/python3", "-B", os.path.join(support.SOURCE, "tests", "tools", "make_stories.py"), source,
                            shared("models", "stories260K", "tok512.bin"), model], check=True)
            made = cli_json("generate", "--model", model, "--raw", "--bos", "--prompt", "", "--greedy", "-n", 200)
        self.assertEqual(len(made["ids"]), 200)
        # A sentence piece puts a space before its first word; the reference does not write it.
        self.assertEqual(made["text"][made["text"].startswith(" "):], want)
        figure("golden, stories260K", "200 greedy tokens exactly, F32")


if __name__ == "__main__":
    unittest.main()
