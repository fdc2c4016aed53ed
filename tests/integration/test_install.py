#!/usr/bin/env python3
"""What an operator installs: files, manual pages, completions, the service file, the container's recipe."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

import support
from support import cli

OPS = os.path.join(support.SOURCE, "ops")


def commands():
    """The first words of each line of --help, such as "sessions list"."""
    lines = re.findall(r"^  (\S.*?)  +\S", cli("--help").decode(), re.M)
    return [" ".join(w for w in line.split() if w.islower()) for line in lines]


def run(*words, **how):
    return subprocess.run([str(w) for w in words], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=support.PATIENCE_S,
                          check=False, **how)


class Pages(unittest.TestCase):
    def test_the_manual_names_every_command_and_every_option_of_the_daemon(self):
        page = cli("man", "parlance").decode()
        for name in commands():
            self.assertIn('.SS "' + name.replace("-", "\\-"), page)
        daemon = cli("man", "parlanced").decode()
        text = subprocess.run([os.path.join(support.BIN, "parlanced"), "--help"], stdout=subprocess.PIPE, check=True).stdout.decode()
        for flag, doc in re.findall(r"^  --(\S+).*\n +(.*)", text, re.M):
            self.assertEqual(".B \\-\\-" + flag.replace("-", "\\-") + "" in daemon, not doc.startswith("internal:"), flag)
        cli("man", "nothing", expect=2)

    def test_the_manual_is_clean_for_its_formatter(self):
        if not shutil.which("groff"):
            self.skipTest("groff is not installed")
        for name in ("parlance", "parlanced"):
            page = run("groff", "-man", "-ww", "-Tutf8", "-z", input=cli("man", name))
            self.assertEqual((page.returncode, page.stdout), (0, b""))


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers for the last of WORDS."""
        script = cli("completion", "bash").decode() + '\nCOMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _parlance; printf "%s\\n" "${COMPREPLY[@]}"'
        made = run("bash", "-c", script, *words)
        self.assertEqual(made.returncode, 0, made.stdout)
        return made.stdout.decode().split()

    def test_bash_completes_words_options_and_choices(self):
        self.assertEqual(sorted(set(n.split()[0] for n in commands())), sorted(self.complete("bash", "parlance", "")[0:]))
        self.assertEqual(self.complete("bash", "parlance", "sessions", "l"), ["list"])
        self.assertEqual(self.complete("bash", "parlance", "sessions", "list", "--js"), ["--json"])
        self.assertEqual(self.complete("bash", "parlance", "generate", "--isa", "av"), ["avx2", "avx512"])
        self.assertIn("--placement-store", self.complete("bash", "parlanced", "--pl"))
        self.assertEqual(self.complete("bash", "parlanced", "--incarnation"), [])

    def test_every_command_is_in_every_completion(self):
        for shell in ("bash", "zsh", "fish"):
            text = cli("completion", shell).decode()
            for name in commands():
                for word in name.split():
                    self.assertIn(word, text)
        cli("completion", "tcsh", expect=2)

    def test_other_shells_can_read_theirs(self):
        for shell in ("zsh", "fish"):
            if not shutil.which(shell):
                print("skipped: %s is not installed" % shell)
                continue
            made = run(shell, "-n", "/dev/stdin", input=cli("completion", shell))
            self.assertEqual((made.returncode, made.stdout), (0, b""))

    def test_a_mistyped_command_is_told_the_nearest(self):
        for words, near in ((("sesions",), "sessions"), (("tpo",), "top"), (("sessions", "lst"), "sessions list")):
            made = run(os.path.join(support.BIN, "parlance"), *words, env=support.environment())
            self.assertEqual(made.returncode, 2)
            self.assertIn(("the nearest is `%s`" % near).encode(), made.stdout)


class Installed(unittest.TestCase):
    def test_what_is_installed_runs_from_any_prefix(self):
        if not os.path.exists(os.path.join(support.BUILD, "pages", "parlance.1")):
            self.skipTest("a sanitizer's build makes no pages")
        with tempfile.TemporaryDirectory() as root:
            made = run("cmake", "--install", support.BUILD, "--prefix", "/opt/p", env=dict(os.environ, DESTDIR=root))
            self.assertEqual(made.returncode, 0, made.stdout)
            prefix = os.path.join(root, "opt", "p")
            for path in ("bin/parlance", "bin/parlanced", "lib/parlance/tools/calculator.so", "include/parlance_tool.h",
                         "share/man/man1/parlance.1", "share/man/man8/parlanced.8", "share/bash-completion/completions/parlance",
                         "share/parlance/c/parlance.h", "share/parlance/python/parlance/client.py", "lib/systemd/system/parlanced.service"):
                self.assertGreater(os.path.getsize(os.path.join(prefix, path)), 0, path)
            inside = support.BIN
            support.BIN = os.path.join(prefix, "bin")
            try:  # it serves, with the tool that was installed
                service = support.Service(self)
                self.assertIn(b"ready", cli("ping", "--endpoint", service.endpoint))
                service.stop()
                self.assertIn("tool.calculator", service.log())
            finally:
                support.BIN = inside
            client = run("/usr/bin/python3", "-B", "-c", "import parlance", env={"PYTHONPATH": os.path.join(prefix, "share/parlance/python")})
            self.assertEqual(client.returncode, 0, client.stdout)


class Unit(unittest.TestCase):
    """The service file, as far as it can be judged without a running systemd."""

    def setUp(self):
        with open(os.path.join(OPS, "systemd", "parlanced.service"), encoding="utf-8") as f:
            self.text = f.read()

    def copy(self, folder):
        """With the programs of this build; the manual page is not installed here."""
        path = os.path.join(folder, "parlanced.service")
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub("^Documentation=.*\n", "", self.text.replace("/usr/bin/", support.BIN + "/"), flags=re.M))
        return path

    def test_its_commands_are_commands_of_ours(self):
        for line in re.findall("^Exec[A-Za-z]*=(.*)$", self.text, re.M):
            program, *words = line.split()
            page = run(os.path.join(support.BIN, os.path.basename(program)), *([words[0]] if program.endswith("parlance") else []), "--help")
            for flag in (w for w in words if w.startswith("--")):
                self.assertIn(flag.encode() + b" ", page.stdout)

    def test_systemd_has_nothing_to_say(self):
        if not shutil.which("systemd-analyze"):
            self.skipTest("systemd-analyze is not installed")
        with tempfile.TemporaryDirectory() as folder:
            made = run("systemd-analyze", "verify", "--man=no", self.copy(folder))
            said = [line for line in made.stdout.decode().splitlines() if "parlanced" in line]
            self.assertEqual((made.returncode, said), (0, []))
            made = run("systemd-analyze", "security", "--offline=true", self.copy(folder))
            level = re.search(r"exposure level for parlanced.service: ([0-9.]+)", made.stdout.decode())
            if not level:
                self.skipTest("this systemd-analyze judges no files")
            print("figure: exposure of parlanced.service %s of 10" % level.group(1))
            self.assertLess(float(level.group(1)), 2.5)


class Container(unittest.TestCase):
    def setUp(self):
        with open(os.path.join(OPS, "container", "Dockerfile"), encoding="utf-8") as f:
            self.text = f.read().replace("\\\n", " ")

    def test_its_first_stage_has_the_packages_that_building_needs(self):
        with open(os.path.join(OPS, "packages.txt"), encoding="utf-8") as f:
            wanted = {line.split()[1] for line in f if line.startswith("run ")} - {"python3-pip", "ca-certificates"}
        self.assertLessEqual(wanted, set(self.text.split("FROM")[1].split()))

    def test_its_second_stage_has_the_libraries_that_the_programs_load(self):
        if not shutil.which("dpkg"):
            self.skipTest("no dpkg")
        given = set(self.text.split("FROM")[2].split())
        for program in ("parlanced", "parlance"):
            needed = run("objdump", "-p", os.path.join(support.BIN, program)).stdout.decode()
            for name in re.findall(r"NEEDED +(\S+)", needed):
                owners = set(re.findall(r"^([^:\s]+)", run("dpkg", "-S", "*/" + name).stdout.decode(), re.M))
                if re.match(r"lib(asan|ubsan|tsan)\.", name):
                    self.skipTest("a sanitizer's build has libraries of its own")
                self.assertTrue(owners & (given | {"libc6", "libgcc-s1", "libstdc++6"}), "%s is in %s" % (name, owners))

    def test_it_runs_as_no_root_and_says_whether_it_is_well(self):
        last = self.text.split("FROM")[2]
        self.assertRegex(last, r"\nUSER (?!root)\w+")
        health = re.search(r'HEALTHCHECK .*CMD \["parlance", "ping"', last)
        self.assertTrue(health)


if __name__ == "__main__":
    unittest.main()
