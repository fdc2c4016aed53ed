#!/usr/bin/env python3
"""The layers: includes point down only, each header compiles alone, and libraries use no symbol that is not theirs to use."""

import os
import re
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

ROOT = os.environ.get("PL_TEST_SOURCE") or os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
BUILD = os.environ.get("PL_TEST_BUILD") or os.path.join(ROOT, "build", "release")

# What a layer may include of the others, beside itself. None: any file; a tuple: these files only.
MAY = {
    "schemas": {},
    "kernels": {"schemas": ("schemas/err.h", "schemas/gen/errors.h")},
    "runtime": {"schemas": None},
    "actors": {"schemas": None, "runtime": None, "kernels": None, "plugins": ("plugins/parlance_tool.h",)},
    "plugins": {"plugins": ("plugins/parlance_tool.h",)},
    "ops": {"schemas": None, "runtime": None, "kernels": None, "actors": None, "plugins": None},
}
LAYERS = list(MAY)
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^">]+)[">]', re.M)


def files(layer, *endings):
    for folder, folders, names in os.walk(os.path.join(ROOT, layer)):
        folders[:] = [f for f in folders if f != "__pycache__"]
        for name in sorted(names):
            if name.endswith(endings):
                yield os.path.relpath(os.path.join(folder, name), ROOT)


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


class IncludesTest(unittest.TestCase):
    def test_includes_point_down_only(self):
        wrong = []
        for layer in LAYERS:
            for path in files(layer, ".c", ".h"):
                for included in INCLUDE.findall(read(path)):
                    other = included.split("/")[0]
                    if other not in MAY or other == layer:
                        continue
                    allowed = MAY[layer].get(other, ())
                    if allowed is not None and included not in allowed:
                        wrong.append("%s includes %s" % (path, included))
        self.assertEqual(wrong, [])

    def test_files_are_included_from_the_root(self):
        """But for the C client, which people copy into programs of their own."""
        wrong = []
        alone = os.path.join("ops", "clients", "c", "parlance.h")
        for layer in LAYERS:
            for path in files(layer, ".c", ".h"):
                for included in re.findall(r'^\s*#\s*include\s*"([^"]+)"', read(path), re.M):
                    beside = os.path.join(os.path.dirname(path), included)
                    if not os.path.exists(os.path.join(ROOT, included)) and beside != alone:
                        wrong.append("%s includes %s" % (path, included))
        self.assertEqual(wrong, [])

    def test_each_header_compiles_alone(self):
        def compile_one(path):
            with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
                f.write('#include "%s"\n' % path)
                f.flush()
                run = subprocess.run(["gcc", "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter",
                                      "-Wno-missing-field-initializers", "-fsyntax-only", "-I", ROOT, f.name],
                                     stderr=subprocess.PIPE, universal_newlines=True, check=False)
            return "" if run.returncode == 0 else "%s:\n%s" % (path, run.stderr)

        paths = [path for layer in LAYERS for path in files(layer, ".h")]
        self.assertGreater(len(paths), 40)
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            self.assertEqual([e for e in pool.map(compile_one, paths) if e], [])


class SymbolsTest(unittest.TestCase):
    def undefined(self, library):
        path = os.path.join(BUILD, library)
        if not os.path.exists(path):
            self.skipTest(path + " is not built")
        out = subprocess.run(["nm", "-u", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True,
                             check=True).stdout
        return {line.split()[-1] for line in out.splitlines() if line.strip().startswith("U ")}

    def test_actors_touch_the_world_through_the_runtime_only(self):
        forbidden = re.compile(r"^(uv_|zmq_|rocksdb_|RAND_).*|^(clock_gettime|time|gettimeofday|nanosleep|clock_nanosleep|usleep|"
                               r"sleep|rand|random|srand|srandom|rand_r|drand48|getrandom|getentropy|arc4random)$")
        self.assertEqual(sorted(s for s in self.undefined("actors/libpl_actors.a") if forbidden.match(s)), [])

    def test_kernels_use_of_the_maths_library_only_what_is_exact(self):
        names = ("sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 expm1 exp10 log log2 log10 log1p "
                 "pow cbrt hypot erf erfc lgamma tgamma sincos").split()
        maths = {name + suffix for name in names for suffix in ("", "f", "l")}
        self.assertEqual(sorted(self.undefined("kernels/libpl_kernels.a") & maths), [])

    def test_kernels_know_nothing_of_actors(self):
        self.assertEqual(sorted(s for s in self.undefined("kernels/libpl_kernels.a")
                                if re.match(r"^(uv_|zmq_|rocksdb_|pl_msg_|pl_node_|pl_actor_|pl_loop_)", s)), [])


if __name__ == "__main__":
    unittest.main()
