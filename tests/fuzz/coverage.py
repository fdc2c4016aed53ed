#!/usr/bin/env python3
"""coverage.py BUILD OUT - which share of each decoder's lines the fuzz targets reach: fails below 80%.

BUILD is of the preset `coverage`, and tests/fuzz/run has run there with LLVM_PROFILE_FILE in OUT (%p in its name).
The decoders are those of decoders.txt. Prints `figure: coverage FILE SHARE%` for each."""

import glob
import json
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
LEAST = 80.0


def tool(name):
    for candidate in (name, name + "-14"):
        if shutil.which(candidate):
            return candidate
    sys.exit("coverage.py: %s is not installed (Debian's package llvm)" % name)


def decoders():
    with open(os.path.join(HERE, "decoders.txt"), encoding="utf-8") as f:
        lines = [line.split() for line in f if line.strip() and not line.startswith("#")]
    return {words[0]: words[1:] for words in lines}


def shares(build, profile, targets, files):
    """Line coverage in percent of each file, over all targets."""
    programs = [os.path.join(build, "tests/fuzz/fuzz_" + t) for t in targets]
    command = [tool("llvm-cov"), "export", "-summary-only", "-instr-profile", profile, programs[0]]
    for program in programs[1:]:
        command += ["-object", program]
    report = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    out = {}
    for entry in report["data"][0]["files"]:
        for name in files:
            if entry["filename"].endswith("/" + name):
                out[name] = entry["summary"]["lines"]["percent"]
    return out


def main():
    build, out = sys.argv[1:]
    wanted = decoders()
    profile = os.path.join(out, "all.profdata")
    raw = glob.glob(os.path.join(out, "*.profraw"))
    subprocess.run([tool("llvm-profdata"), "merge", "-sparse", "-o", profile, *raw], check=True)
    targets = sorted({t for words in wanted.values() for t in words})
    got = shares(build, profile, targets, wanted)
    low = [name for name in wanted if got.get(name, 0.0) < LEAST]
    for name in wanted:
        print("figure: coverage %s %.1f%%" % (name, got.get(name, 0.0)))
    for name in low:
        print("%s: less than %.0f%% of its lines are reached" % (name, LEAST))
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
