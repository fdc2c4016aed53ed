#!/usr/bin/env python3
"""Turns a llama2.c model (version 0: float32) and its tokenizer into a GGUF file.

usage: make_stories.py STORIES.bin TOK512.bin OUT.gguf

llama2.c rotates neighbouring pairs, which is GGUF's order for `llama`: the rows of q and k stay as they are.
"""
import struct
import sys

import gguf_write as gw


class Reader:
    def __init__(self, path):
        with open(path, "rb") as f:
            self.data = f.read()
        self.at = 0

    def take(self, n):
        if self.at + n > len(self.data):
            sys.exit("make_stories: the file is too short")
        self.at += n
        return self.data[self.at - n:self.at]

    def numbers(self, fmt):
        return struct.unpack("<" + fmt, self.take(struct.calcsize("<" + fmt)))


def read_tokens(path, count):
    r = Reader(path)
    r.numbers("i")  # longest token
    tokens, scores, types = [], [], []
    for i in range(count):
        score, length = r.numbers("fi")
        text, kind = r.take(length).decode("utf-8").replace(" ", "\u2581"), 1
        if i < 3:
            text, kind = ("<unk>", "<s>", "</s>")[i], 2 if i == 0 else 3
        elif i < 259:
            text, kind = "<0x%02X>" % (i - 3), 6
        tokens.append(text)
        scores.append(score)
        types.append(kind)
    return tokens, scores, types


def write_keys(w, dim, hidden, layers, heads, kv_heads, vocab, context):
    w.key("general.architecture", gw.STRING, "llama")
    w.key("general.name", gw.STRING, "stories")
    for name, value in (("block_count", layers), ("context_length", context), ("embedding_length", dim),
                        ("feed_forward_length", hidden), ("attention.head_count", heads),
                        ("attention.head_count_kv", kv_heads), ("vocab_size", vocab),
                        ("rope.dimension_count", dim // heads)):
        w.key("llama." + name, gw.U32, value)
    w.key("llama.rope.freq_base", gw.F32, 10000.0)
    w.key("llama.attention.layer_norm_rms_epsilon", gw.F32, 1e-5)


def write_tokenizer(w, path, vocab):
    tokens, scores, types = read_tokens(path, vocab)
    w.key("tokenizer.ggml.model", gw.STRING, "llama")
    w.array("tokenizer.ggml.tokens", gw.STRING, tokens)
    w.array("tokenizer.ggml.scores", gw.F32, scores)
    w.array("tokenizer.ggml.token_type", gw.I32, types)
    for name, value in (("bos", 1), ("eos", 2), ("unknown", 0)):
        w.key("tokenizer.ggml.%s_token_id" % name, gw.U32, value)
    w.key("tokenizer.ggml.add_bos_token", gw.BOOL, True)
    w.key("tokenizer.ggml.add_space_prefix", gw.BOOL, True)


def write_tensors(w, r, dim, hidden, layers, heads, kv_heads, vocab, context, tied):
    kv = dim // heads * kv_heads

    def stack(name, ne):  # llama2.c keeps one matrix of all layers behind each other
        for layer in range(layers):
            rows = ne[1] if len(ne) > 1 else 1
            w.tensor("blk.%d.%s.weight" % (layer, name), ne, "F32", r.take(4 * ne[0] * rows))

    w.tensor("token_embd.weight", [dim, vocab], "F32", r.take(4 * dim * vocab))
    for name, ne in (("attn_norm", [dim]), ("attn_q", [dim, dim]), ("attn_k", [dim, kv]), ("attn_v", [dim, kv]),
                     ("attn_output", [dim, dim]), ("ffn_norm", [dim]), ("ffn_gate", [dim, hidden]),
                     ("ffn_down", [hidden, dim]), ("ffn_up", [dim, hidden])):
        stack(name, ne)
    w.tensor("output_norm.weight", [dim], "F32", r.take(4 * dim))
    r.take(4 * context * (dim // heads))  # the tables of cos and sin
    if not tied:
        w.tensor("output.weight", [dim, vocab], "F32", r.take(4 * dim * vocab))


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    r = Reader(sys.argv[1])
    dim, hidden, layers, heads, kv_heads, vocab, context = r.numbers("7i")
    tied, vocab = vocab > 0, abs(vocab)
    w = gw.Writer()
    write_keys(w, dim, hidden, layers, heads, kv_heads, vocab, context)
    write_tokenizer(w, sys.argv[2], vocab)
    write_tensors(w, r, dim, hidden, layers, heads, kv_heads, vocab, context, tied)
    if r.at != len(r.data):
        sys.exit("make_stories: %d bytes are left over" % (len(r.data) - r.at))
    w.write(sys.argv[3])


main()
