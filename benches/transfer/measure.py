"""Runs commands in turns and compares them, for `copy` and `plan`. Imports nothing large, since the
peak memory of a child process includes its parent's at the start."""

import contextlib
import os
import platform
import statistics
import sys
import time
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    seconds: float
    peak_mib: float


def cost(command, wrote=None):
    """Runs a command without its output; with `wrote`, until that file is on the disk."""
    start = time.perf_counter()
    nothing = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    arguments = [os.fspath(argument) for argument in command]
    child = os.posix_spawnp(arguments[0], arguments, os.environ, file_actions=nothing)
    _, status, usage = os.wait4(child, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"failed: {' '.join(arguments)}")
    if wrote:
        flush(wrote)
    return Cost(time.perf_counter() - start, usage.ru_maxrss / 1024)


def flush(path):
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def in_turns(arms, rounds):
    """The costs of each arm, by name. Every round runs all arms, one after the other, so that
    whatever else slows the machine slows all of them. A warm-up round is not counted."""
    costs = {name: [] for name in arms}
    for number in range(rounds + 1):
        for name, run in arms.items():
            found = run()
            if number > 0:
                costs[name].append(found)
        print(f"round {number} of {rounds}", file=sys.stderr)
    return costs


def ratio(costs, name, base):
    """How many times as long as `base` an arm took in the same round; median of the rounds."""
    pairs = zip(costs[name], costs[base], strict=True)
    return statistics.median(ours.seconds / theirs.seconds for ours, theirs in pairs)


def table(costs, base, unit="s"):
    """Markdown: median seconds (or milliseconds), the ratio to `base`, and the largest peak."""
    scale = {"s": 1, "ms": 1000}[unit]
    yield f"| | {unit} | times {base} | peak MiB |"
    yield "| --- | ---: | ---: | ---: |"
    for name, found in costs.items():
        median = statistics.median(cost.seconds for cost in found) * scale
        peak = max(cost.peak_mib for cost in found)
        yield f"| {name} | {median:.2f} | {ratio(costs, name, base):.2f} | {peak:,.0f} |"


def machine():
    cpu = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return f"{cpu}, {os.cpu_count()} CPUs, load at the start {os.getloadavg()[0]:.1f}"
