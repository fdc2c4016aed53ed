#!/usr/bin/env python3
"""Adds up what the test programs of one ctest run report: count_results.py NAME JUNIT.xml

A program of libcheck or unittest counts with its own tests, any other as one. Prints `PASSED FAILED SKIPPED`; the output
of what failed, each figure and the reason of each skip go to stderr."""

import re
import sys
import xml.etree.ElementTree as ElementTree

CHECK = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.M)
UNITTEST = re.compile(r"^Ran (\d+) tests? in .*\n\n(?:OK|FAILED)(?: \((.*)\))?$", re.M)
FIGURE = re.compile(r"^figure: .*$", re.M)
SKIP = re.compile(r"^skipped: .*$|^.*\.\.\. skipped .*$", re.M)


def numbers(text):
    return {key.strip(): int(value) for key, value in re.findall(r"([a-z ]+)=(\d+)", text or "")}


def count(status, output):
    """(passed, failed, skipped) of one program."""
    if status in ("notrun", "disabled"):
        return 0, 0, 1
    lines = SKIP.findall(output)
    tests, failed, skipped = 0, 0, 0
    for checks, failures, errors in CHECK.findall(output):
        tests, failed = tests + int(checks), failed + int(failures) + int(errors)
        skipped = len(lines)
    for ran, tail in UNITTEST.findall(output):
        said = numbers(tail)
        tests, failed = tests + int(ran), failed + said.get("failures", 0) + said.get("errors", 0)
        skipped = said.get("skipped", 0)
    if tests == 0:
        tests, skipped = 1, min(1, len(lines))
    if status == "fail" and failed == 0:
        failed = 1  # it crashed or ran out of time
    return max(0, tests - failed - skipped), failed, skipped


def main():
    name, path = sys.argv[1:]
    total = [0, 0, 0]
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        output = case.findtext("system-out") or ""
        got = count(case.get("status"), output)
        total = [a + b for a, b in zip(total, got)]
        for line in FIGURE.findall(output):
            print("%s: %s" % (name, line), file=sys.stderr)
        for line in SKIP.findall(output):
            print("%s: %s: %s" % (name, case.get("name"), line.strip()), file=sys.stderr)
        if got[1]:
            print("%s: %s failed:\n%s" % (name, case.get("name"), output[-6000:]), file=sys.stderr)
    print(*total)


if __name__ == "__main__":
    main()
