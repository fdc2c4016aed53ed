"""Writes a model that says what a test wants: a real qwen2 file, run by the real engine, whose few weights are set by hand.

    write("m.gguf", calls=[("calculator", '{"expression": "6*7"}')], answer="It is done.")

The vocabulary is bytes and a few whole sentences. What comes after the prompt depends on marks in the user's text:
"\\u03b1" makes the model call the first tool of `calls`, "\\u03b2" the second and so on; LONG makes it count until
max_tokens; without a mark, and after the results of its calls, it says `answer`. It works so: attention is even over all
positions, so it counts marks; a call that was made takes its mark back; the last token's own dimension does the rest."""

import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "tools"))
import gguf_write as gw  # noqa: E402

MARKS = "\u03b1\u03b2\u03b3\u03b4"  # each is a byte 0xCE and one of its own
LONG = "\u03c9"
COUNT = [" one", " two", " three", " four", " five", " six", " seven", " eight"]
CONTROLS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
END, FIRST = 257, 259  # ids of <|im_end|> and of the first sentence
DIM = 64
SOFT, LOUD, CERTAIN = 100.0, 1e5, 1e9  # an answer, a mark, what must follow a token


def letters():
    """The visible characters that byte-level vocabularies write for the 256 bytes."""
    own = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    others = [b for b in range(256) if b not in own]
    return [chr(b) if b in own else chr(0x100 + others.index(b)) for b in range(256)]


def template_text():
    with open(os.path.join(HERE, "..", "..", "fixtures", "templates.json"), encoding="utf-8") as f:
        return json.load(f)["sources"]["qwen2"]


class Matrix:
    """Rows of zeros, a few cells of which are set."""

    def __init__(self, rows):
        self.rows = rows
        self.cells = {}

    def set(self, row, column, value):
        self.cells[row, column] = value

    def bytes(self):
        data = bytearray(4 * DIM * self.rows)
        for (row, column), value in self.cells.items():
            struct.pack_into("<f", data, 4 * (row * DIM + column), value)
        return bytes(data)


class Dimensions:
    """A dimension of the hidden state for each thing that matters."""

    def __init__(self):
        self.of = {}

    def __getitem__(self, name):
        return self.of.setdefault(name, len(self.of))


def sentences(calls, answer):
    text = ['<tool_call>\n{"name": "%s", "arguments": %s}\n</tool_call>' % call for call in calls]
    return text + [answer] + COUNT


def weights(n_calls, vocab):
    """Embedding, attention values and output."""
    embed, values, out = Matrix(vocab), Matrix(DIM), Matrix(vocab)
    d, said, newline = Dimensions(), FIRST + n_calls, ord("\n")
    embed.set(newline, d["newline"], 1)
    out.set(said, d["newline"], SOFT)
    ends = [said] + [FIRST + i for i in range(n_calls)]
    for token in ends:
        embed.set(token, d[token], 1)
        out.set(END, d[token], CERTAIN)
    for i, mark in enumerate(list(MARKS[:n_calls]) + [LONG]):
        byte = mark.encode()[1]
        embed.set(byte, d[mark], 1)
        values.set(d["seen", mark], d[mark], 1)
        first = FIRST + i if mark != LONG else said + 1
        out.set(first, d["seen", mark], LOUD)
        if mark != LONG:
            values.set(d["seen", mark], d[first], -1)
    for i in range(len(COUNT)):
        embed.set(said + 1 + i, d[said + 1 + i], 1)
        out.set(said + 1 + (i + 1) % len(COUNT), d[said + 1 + i], CERTAIN)
    return embed, values, out


def write_keys(w, tokens, context):
    w.key("general.architecture", gw.STRING, "qwen2")
    w.key("general.name", gw.STRING, "scripted")
    for name, value in (("block_count", 1), ("context_length", context), ("embedding_length", DIM),
                        ("feed_forward_length", DIM), ("attention.head_count", 1), ("attention.head_count_kv", 1)):
        w.key("qwen2." + name, gw.U32, value)
    w.key("qwen2.rope.freq_base", gw.F32, 10000.0)
    w.key("qwen2.attention.layer_norm_rms_epsilon", gw.F32, 1e-5)
    w.key("tokenizer.ggml.model", gw.STRING, "gpt2")
    w.key("tokenizer.ggml.pre", gw.STRING, "qwen2")
    w.array("tokenizer.ggml.tokens", gw.STRING, tokens)
    w.array("tokenizer.ggml.token_type", gw.I32, [1] * 256 + [3] * len(CONTROLS) + [1] * (len(tokens) - FIRST))
    w.array("tokenizer.ggml.merges", gw.STRING, [])
    w.key("tokenizer.ggml.bos_token_id", gw.U32, 258)
    w.key("tokenizer.ggml.eos_token_id", gw.U32, END)
    w.key("tokenizer.ggml.add_bos_token", gw.BOOL, False)
    w.key("tokenizer.chat_template", gw.STRING, template_text())


def write(path, calls=(), answer="It is done.", context=8192):
    names = letters()
    tokens = names + CONTROLS + ["".join(names[b] for b in s.encode()) for s in sentences(calls, answer)]
    embed, values, out = weights(len(calls), len(tokens))
    one = Matrix(DIM)
    for i in range(DIM):
        one.set(i, i, 1)
    ones, nothing = struct.pack("<64f", *[1.0] * DIM), struct.pack("<64f", *[0.0] * DIM)
    zero = Matrix(DIM)
    w = gw.Writer()
    write_keys(w, tokens, context)
    square, b = [DIM, DIM], "blk.0."
    w.tensor("token_embd.weight", [DIM, len(tokens)], "F32", embed.bytes())
    w.tensor(b + "attn_norm.weight", [DIM], "F32", ones)
    for name, matrix in (("attn_q", zero), ("attn_k", zero), ("attn_v", values)):
        w.tensor(b + name + ".weight", square, "F32", matrix.bytes())
        w.tensor(b + name + ".bias", [DIM], "F32", nothing)
    w.tensor(b + "attn_output.weight", square, "F32", one.bytes())
    w.tensor(b + "ffn_norm.weight", [DIM], "F32", ones)
    for name in ("ffn_gate", "ffn_up", "ffn_down"):
        w.tensor(b + name + ".weight", square, "F32", zero.bytes())
    w.tensor("output_norm.weight", [DIM], "F32", ones)
    w.tensor("output.weight", [DIM, len(tokens)], "F32", out.bytes())
    w.write(path)
