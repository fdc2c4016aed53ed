#!/usr/bin/env python3
"""Writes a tiny model with random weights, so that tests run where no real model is.

usage: make_tiny.py OUT.gguf [options]

  --arch llama|qwen2       default llama; qwen2 has biases on q, k and v
  --types LIST             weight types, given to the matrices in turn; default F32
                           (F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q4_K, Q5_K, Q6_K)
  --template NAME          smollm2, qwen2 or none; default the one that goes with the architecture
  --dim N --ff N --layers N --heads N --kv-heads N --context N
                           default 64, 128, 2, 4, 2, 512; 256 and 512 where a type has blocks of 256
  --untied                 an output matrix of its own
  --seed N                 default 1; the same seed gives the same bytes

The vocabulary is that of pl_vocab_create_bytes: 256 bytes, 256 <|im_start|>, 257 <|im_end|>, 258 <|endoftext|>.
"""
import argparse
import json
import os
import random
import struct
import sys

import gguf_write as gw

CONTROLS = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]


def letters():
    """The visible characters that byte-level vocabularies write for the 256 bytes."""
    own = list(range(0x21, 0x7F)) + list(range(0xA1, 0xAD)) + list(range(0xAE, 0x100))
    others = [b for b in range(256) if b not in own]
    return [chr(b) if b in own else chr(0x100 + others.index(b)) for b in range(256)]


def template_text(name):
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "fixtures", "templates.json"), encoding="utf-8") as f:
        return json.load(f)["sources"][name]


def options():
    p = argparse.ArgumentParser(description=__doc__, usage=argparse.SUPPRESS,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("out")
    p.add_argument("--arch", choices=("llama", "qwen2"), default="llama")
    p.add_argument("--types", default="F32")
    p.add_argument("--template", choices=("smollm2", "qwen2", "none"))
    for name in ("dim", "ff"):
        p.add_argument("--" + name, type=int)
    for name, value in (("layers", 2), ("heads", 4), ("kv-heads", 2), ("context", 512), ("seed", 1)):
        p.add_argument("--" + name, type=int, default=value)
    p.add_argument("--untied", action="store_true")
    o = p.parse_args()
    o.types = o.types.split(",")
    for t in o.types:
        if t not in gw.TYPES:
            sys.exit("make_tiny: no such type: " + t)
    wide = any(gw.TYPES[t][1] == 256 for t in o.types)
    o.dim = o.dim or (256 if wide else 64)
    o.ff = o.ff or 2 * o.dim
    if o.dim % o.heads or o.heads % o.kv_heads:
        sys.exit("make_tiny: dim must be a multiple of heads, and heads of kv-heads")
    o.template = o.template or ("smollm2" if o.arch == "llama" else "qwen2")
    return o


def write_keys(w, o):
    w.key("general.architecture", gw.STRING, o.arch)
    w.key("general.name", gw.STRING, "tiny %s %s" % (o.arch, ",".join(o.types)))
    w.key("general.quantization_version", gw.U32, 2)
    for name, value in (("block_count", o.layers), ("context_length", o.context), ("embedding_length", o.dim),
                        ("feed_forward_length", o.ff), ("attention.head_count", o.heads),
                        ("attention.head_count_kv", o.kv_heads)):
        w.key("%s.%s" % (o.arch, name), gw.U32, value)
    w.key(o.arch + ".rope.freq_base", gw.F32, 10000.0)
    w.key(o.arch + ".attention.layer_norm_rms_epsilon", gw.F32, 1e-5)


def write_tokenizer(w, o):
    tokens = letters() + CONTROLS
    w.key("tokenizer.ggml.model", gw.STRING, "gpt2")
    w.key("tokenizer.ggml.pre", gw.STRING, "smollm" if o.arch == "llama" else "qwen2")
    w.array("tokenizer.ggml.tokens", gw.STRING, tokens)
    w.array("tokenizer.ggml.token_type", gw.I32, [1] * 256 + [3] * len(CONTROLS))
    w.array("tokenizer.ggml.merges", gw.STRING, [])
    w.key("tokenizer.ggml.bos_token_id", gw.U32, 258)
    w.key("tokenizer.ggml.eos_token_id", gw.U32, 257)
    w.key("tokenizer.ggml.add_bos_token", gw.BOOL, False)
    if o.template != "none":
        w.key("tokenizer.chat_template", gw.STRING, template_text(o.template))
    return len(tokens)


class Weights:
    """Adds tensors; the matrices take the types in turn."""

    def __init__(self, w, o):
        self.w, self.types, self.turn, self.rng = w, o.types, 0, random.Random(o.seed)

    def matrix(self, name, columns, rows):
        dtype = self.types[self.turn % len(self.types)]
        self.turn += 1
        data = gw.random_rows([columns, rows], dtype, columns ** -0.5, self.rng)
        self.w.tensor(name + ".weight", [columns, rows], dtype, data)

    def vector(self, name, n, mean):
        data = struct.pack("<%df" % n, *(self.rng.gauss(mean, 0.1) for _ in range(n)))
        self.w.tensor(name, [n], "F32", data)


def write_layer(t, o, layer):
    kv, b = o.dim // o.heads * o.kv_heads, "blk.%d." % layer
    t.vector(b + "attn_norm.weight", o.dim, 1.0)
    for name, rows in (("attn_q", o.dim), ("attn_k", kv), ("attn_v", kv)):
        t.matrix(b + name, o.dim, rows)
        if o.arch == "qwen2":
            t.vector(b + name + ".bias", rows, 0.0)
    t.matrix(b + "attn_output", o.dim, o.dim)
    t.vector(b + "ffn_norm.weight", o.dim, 1.0)
    t.matrix(b + "ffn_gate", o.dim, o.ff)
    t.matrix(b + "ffn_up", o.dim, o.ff)
    t.matrix(b + "ffn_down", o.ff, o.dim)


def main():
    o = options()
    w = gw.Writer()
    write_keys(w, o)
    vocab = write_tokenizer(w, o)
    t = Weights(w, o)
    t.matrix("token_embd", o.dim, vocab)
    for layer in range(o.layers):
        write_layer(t, o, layer)
    t.vector("output_norm.weight", o.dim, 1.0)
    if o.untied:
        t.matrix("output", o.dim, vocab)
    w.write(o.out)


main()
