#!/usr/bin/env python3
"""ratios.py BUILD - the benchmarks that have a peer, beside it: `figure:` lines, each a ratio.

Dispatch and CAF run on one core in turn, five times each; the ratio is of the medians. A missing peer is said. Nothing
fails by a figure: only a program that does not run does."""

import json
import os
import shutil
import statistics
import subprocess
import sys

RUNS = 5


def measure(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def on_one_core(program, *words):
    pinned = ["taskset", "-c", str(max(os.sched_getaffinity(0)))] if shutil.which("taskset") else []
    return measure(pinned + [program, *words])["ns"]


def dispatch(bench):
    ours, peer = os.path.join(bench, "bench_dispatch"), os.path.join(bench, "peer_caf")
    has_peer = os.path.exists(peer)
    times = {"ours": [], "full": [], "peer": []}
    for _ in range(RUNS):
        times["ours"].append(on_one_core(ours))
        times["full"].append(on_one_core(ours, "1000"))
        if has_peer:
            times["peer"].append(on_one_core(peer))
    middle = {k: statistics.median(v) for k, v in times.items() if v}
    print("figure: dispatch %.0f ns a message, %.0f ns with 1,000 under way" % (middle["ours"], middle["full"]))
    if has_peer:
        print("figure: dispatch against CAF's ping-pong (%.0f ns): %.1f times as fast, %.1f with 1,000 under way"
              % (middle["peer"], middle["peer"] / middle["ours"], middle["peer"] / middle["full"]))
    else:
        print("skipped: dispatch against CAF: build the target peer_caf (Debian's libcaf-dev)")


def main():
    build = sys.argv[1]
    bench = os.path.join(build, "tests", "bench")
    dispatch(bench)
    store = measure([os.path.join(bench, "bench_store"), build])
    print("figure: durable acceptance %(per_second).0f a second, %(one_sync_each).0f with a sync each: %(ratio).1f times" % store)
    trip = measure([os.path.join(bench, "bench_roundtrip"), os.path.join(build, "bin", "parlanced")])
    for way in ("edge", "service"):
        print("figure: round trip to the %s: p50 %%(p50_us).0f us, %%(p50_ratio).2f times a bare echo; p99 %%(p99_us).0f us, "
              "%%(p99_ratio).2f times" % way % trip[way])
    link = measure([os.path.join(bench, "bench_link")])
    print("figure: link round trip %(round_trip_us).0f us, bare ZeroMQ %(bare_round_trip_us).0f us: %(round_trip_ratio).2f times"
          % link)
    print("figure: link throughput %(per_second).0f a second, bare ZeroMQ %(bare_per_second).0f: %(throughput_ratio).2f of it"
          % link)


if __name__ == "__main__":
    main()
