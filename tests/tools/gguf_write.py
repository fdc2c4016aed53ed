"""Writes GGUF files (version 3), for tests. Only Python's standard library.

    w = Writer()
    w.key("general.architecture", STRING, "llama")
    w.array("tokenizer.ggml.scores", F32, [0.0, 1.5])
    w.tensor("token_embd.weight", [64, 512], "F32", data)   # ne: the contiguous dimension first
    w.write("model.gguf")

Blocks of random weights for every type that the engine reads: random_rows.
"""
import struct

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
_FORMATS = {U8: "B", I8: "b", U16: "H", I16: "h", U32: "I", I32: "i", F32: "f", BOOL: "?", U64: "Q", I64: "q", F64: "d"}

# name: (GGUF's number, elements a block, bytes a block)
TYPES = {"F32": (0, 1, 4), "F16": (1, 1, 2), "Q4_0": (2, 32, 18), "Q4_1": (3, 32, 20), "Q5_0": (6, 32, 22),
         "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q5_K": (13, 256, 176), "Q6_K": (14, 256, 210), "BF16": (30, 1, 2)}


def _string(text):
    raw = text if isinstance(text, bytes) else text.encode("utf-8")
    return struct.pack("<Q", len(raw)) + raw


def _value(kind, value):
    return _string(value) if kind == STRING else struct.pack("<" + _FORMATS[kind], value)


def tensor_bytes(ne, dtype):
    """Bytes of a tensor; ValueError when its rows are no whole blocks."""
    _, block, size = TYPES[dtype]
    if ne[0] % block:
        raise ValueError("%d columns are no multiple of %s's block of %d" % (ne[0], dtype, block))
    count = 1
    for n in ne:
        count *= n
    return count // block * size


class Writer:
    def __init__(self, alignment=32):
        self.alignment = alignment
        self.keys, self.tensors = [], []
        if alignment != 32:
            self.key("general.alignment", U32, alignment)

    def key(self, name, kind, value):
        self.keys.append(_string(name) + struct.pack("<I", kind) + _value(kind, value))

    def array(self, name, kind, values):
        head = _string(name) + struct.pack("<IIQ", ARRAY, kind, len(values))
        self.keys.append(head + b"".join(_value(kind, v) for v in values))

    def tensor(self, name, ne, dtype, data):
        if len(data) != tensor_bytes(ne, dtype):
            raise ValueError("%s has %d bytes, not %d" % (name, len(data), tensor_bytes(ne, dtype)))
        self.tensors.append((name, ne, dtype, data))

    def _pad(self, n):
        return b"\0" * (-n % self.alignment)

    def write(self, path):
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.keys)) + b"".join(self.keys)
        offset = 0
        for name, ne, dtype, data in self.tensors:
            head += _string(name) + struct.pack("<I%dQ" % len(ne), len(ne), *ne)
            head += struct.pack("<IQ", TYPES[dtype][0], offset)
            offset += len(data) + len(self._pad(len(data)))
        with open(path, "wb") as f:
            f.write(head + self._pad(len(head)))
            for _, _, _, data in self.tensors:
                f.write(data + self._pad(len(data)))


def _half(x):
    return struct.pack("<e", x)


def _block(dtype, s, rng):
    """One block of weights with mean about 0 and standard deviation about S; every bit pattern of the integers occurs."""
    if dtype == "Q8_0":
        return _half(s / 74) + rng.randbytes(32)
    if dtype == "Q4_0":
        return _half(s / 4.6) + rng.randbytes(16)
    if dtype == "Q4_1":
        return _half(s / 4.6) + _half(-7.5 * s / 4.6) + rng.randbytes(16)
    if dtype == "Q5_0":
        return _half(s / 9.2) + rng.randbytes(20)
    if dtype == "Q4_K":  # d * scale * q - dmin * min, all of them random
        return _half(s / 255) + _half(7.5 * s / 255) + rng.randbytes(140)
    if dtype == "Q5_K":
        return _half(s / 530) + _half(15.5 * s / 530) + rng.randbytes(172)
    if dtype == "Q6_K":
        return rng.randbytes(208) + _half(s / 1370)
    raise ValueError(dtype)


def random_rows(ne, dtype, s, rng):
    """Random weights of a tensor."""
    tensor_bytes(ne, dtype)
    count = 1
    for n in ne:
        count *= n
    if dtype in ("F32", "F16"):
        values = [rng.gauss(0, s) for _ in range(count)]
        return struct.pack("<%d%s" % (count, "f" if dtype == "F32" else "e"), *values)
    if dtype == "BF16":
        return b"".join(struct.pack("<f", rng.gauss(0, s))[2:] for _ in range(count))
    return b"".join(_block(dtype, s, rng) for _ in range(count // TYPES[dtype][1]))
