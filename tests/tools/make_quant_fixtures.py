#!/usr/bin/env python3
"""Writes tests/fixtures/quants.bin: random blocks of every weight type and what they mean in float32.

The judge is the PyPI package `gguf` (needs numpy): run this in a virtual environment that has it. The tests only read
the file. Little-endian: "PLQ1", count, then per type: dtype, rows, cols, bytes (uint32 each), the rows, the floats.
"""
import pathlib
import struct

import gguf
import numpy as np

ROWS, COLS, SEED = 2, 512, 20240611
OUT = pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "quants.bin"

# type: offsets of the float16 fields of a block
HALVES = {
    "Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q8_0": [0],
    "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208],
}


def random_halves(rng, count):
    """Scales as files have them, and now and then a subnormal, a zero or a negative one."""
    values = rng.normal(0, 0.02, count).astype(np.float16)
    odd = np.array([0x0001, 0x83FF, 0x0000, 0x7BFF], dtype=np.uint16).view(np.float16)
    where = rng.random(count) < 0.1
    values[where] = rng.choice(odd, where.sum())
    return values


def random_rows(rng, name):
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = ROWS * COLS // block
    if name == "F32":
        return rng.normal(0, 1, (ROWS, COLS)).astype(np.float32).view(np.uint8)
    if name in ("F16", "BF16"):
        bits = rng.integers(0, 0x7B00, (ROWS, COLS)).astype(np.uint16)
        return (bits | rng.integers(0, 2, (ROWS, COLS)).astype(np.uint16) << 15).view(np.uint8)
    data = rng.integers(0, 256, (blocks, size)).astype(np.uint8)
    for at in HALVES[name]:
        data[:, at:at + 2] = random_halves(rng, blocks).view(np.uint8).reshape(blocks, 2)
    return data.reshape(ROWS, -1)


def main():
    rng = np.random.default_rng(SEED)
    names = ["F32", "F16", "BF16", *HALVES]
    out = [b"PLQ1", struct.pack("<I", len(names))]
    for name in names:
        kind = gguf.GGMLQuantizationType[name]
        rows = np.ascontiguousarray(random_rows(rng, name))
        floats = rows.view(np.float32) if name == "F32" else gguf.quants.dequantize(rows, kind)
        floats = np.ascontiguousarray(floats, dtype="<f4").reshape(ROWS, COLS)
        out += [struct.pack("<4I", kind.value, ROWS, COLS, rows.nbytes), rows.tobytes(), floats.tobytes()]
    OUT.write_bytes(b"".join(out))
    print(f"{OUT}: {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
