"""Runs every peer as a worker process, asks them in turn, and prints one table of speeds.

For each number of threads the workers are started on that many CPUs. For each job, every worker
first runs it once unmeasured (unless that takes very long). Rounds follow, in which each worker
runs it once, one after the other, so that whatever else slows the machine slows all of
them alike. A ratio is the median over the rounds of (peer's seconds / Semilla's seconds in the
same round)."""

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
RUST_WORKER = HERE / "target/release/semilla-peers"

RUST_PEERS = ["semilla", "fill", "rand StdRng", "rand SmallRng", "candle", "burn"]
PYTHON_PEERS = ["torch", "numpy", "jax"]

ORTHOGONAL_SIDE = 2048
# Seconds from which on a peer's first run counts for all the rounds.
SLOW = 20
JOBS = {
    "constant f32": ("fill", "f32"),
    "uniform f32": ("uniform", "f32"),
    "normal f32": ("normal", "f32"),
    "truncated normal f32, ±2σ": ("truncated", "f32"),
    "truncated normal f32, σ = 0.02, ±2": ("truncated-wide", "f32"),
    "normal bf16": ("normal", "bf16"),
    f"orthogonal f32, {ORTHOGONAL_SIDE}²": ("orthogonal", "f32"),
}


class Worker:
    """A peer in its own process, confined to `threads` CPUs."""

    def __init__(self, peer, threads):
        program = [RUST_WORKER] if peer in RUST_PEERS else [sys.executable, HERE / "worker.py"]
        cpus = sorted(os.sched_getaffinity(0))[:threads]
        self.peer = peer
        self.process = subprocess.Popen(
            [*program, peer, str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "JAX_PLATFORMS": "cpu"},
            preexec_fn=lambda: os.sched_setaffinity(0, cpus),
        )

    def run(self, kind, dtype, elements):
        """The seconds the job took, or None if the peer has no such operation."""
        print(kind, dtype, elements, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"the worker of {self.peer} ended while it ran: {kind} {dtype} {elements}")
        seconds = json.loads(answer)
        self.settle()
        return seconds

    def settle(self):
        """Waits until the worker is idle: some free their memory only after they have answered."""
        before = None
        while before != (now := self.ticks()):
            before = now
            time.sleep(0.05)

    def ticks(self):
        """The CPU time that the worker has used, in the kernel's ticks of 10 ms."""
        after_name = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")")[1].split()
        return int(after_name[11]) + int(after_name[12])

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(workers, job, elements, rounds):
    """The seconds of each round, for each peer that can do the job."""
    first = {worker: worker.run(*job, elements) for worker in workers}
    able = {worker: time for worker, time in first.items() if time is not None}
    quick = [worker for worker, time in able.items() if time < SLOW]
    seconds = {worker.peer: [time] * rounds for worker, time in able.items() if time >= SLOW}
    seconds |= {worker.peer: [] for worker in quick}
    for _ in range(rounds):
        for worker in quick:
            seconds[worker.peer].append(worker.run(*job, elements))
    return seconds


def cell(peer, seconds, elements):
    """Millions of elements per second, and how many times as fast Semilla was."""
    if peer not in seconds:
        return ""
    speed = elements / statistics.median(seconds[peer]) / 1e6
    text = f"{speed:,.0f}" if speed >= 10 else f"{speed:.1f}"
    if peer != "semilla" and "semilla" in seconds:
        paired = zip(seconds[peer], seconds["semilla"], strict=True)
        text += f" ({statistics.median(theirs / ours for theirs, ours in paired):.2f}×)"
    return text


def table(rows):
    """The table in Markdown; a peer that did no job gets no column."""
    did = {peer for _, _, seconds, _ in rows for peer in seconds}
    peers = [peer for peer in RUST_PEERS + PYTHON_PEERS if peer in did]
    yield "| job | threads | " + " | ".join(peers) + " |"
    yield "| --- | ---: | " + " | ".join("---:" for _ in peers) + " |"
    for name, threads, seconds, elements in rows:
        cells = (cell(peer, seconds, elements) for peer in peers)
        yield f"| {name} | {threads} | " + " | ".join(cells) + " |"


def machine():
    cpu = platform.processor()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    versions = (f"{name} {importlib.metadata.version(name)}" for name in PYTHON_PEERS)
    load = os.getloadavg()[0]
    return f"{cpu}, {os.cpu_count()} CPUs, load at the start {load:.1f}; " + ", ".join(versions)


def arguments():
    parser = argparse.ArgumentParser(description="Measures Semilla against its peers.")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--elements", type=int, default=64 * 2**20)
    parser.add_argument("--peers", nargs="+", default=RUST_PEERS + PYTHON_PEERS)
    return parser.parse_args()


def main():
    options = arguments()
    print(machine() + "\n", flush=True)
    rows = []
    for threads in options.threads:
        workers = [Worker(peer, threads) for peer in options.peers]
        for name, job in JOBS.items():
            elements = ORTHOGONAL_SIDE**2 if job[0] == "orthogonal" else options.elements
            seconds = measure(workers, job, elements, options.rounds)
            rows.append((name, threads, seconds, elements))
            print(f"{name}, {threads} threads: done", file=sys.stderr)
        for worker in workers:
            worker.close()
    print(f"Millions of elements per second, {options.elements} elements, median of")
    print(f"{options.rounds} rounds (how many times as fast Semilla was in the same round).\n")
    print("\n".join(table(rows)))


if __name__ == "__main__":
    main()
