"""Semilla against PyTorch and JAX: a line per peer, ratios as medians over rounds in turns.

`python speed.py SPEED [WORKLOAD...]`: SPEED is the example `speed` of semilla-lab."""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from peer import PEERS
from workloads import RATE, WORKLOADS, arithmetic, data, model

THREADS = os.environ.get("THREADS", "2")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
ENVIRONMENT = {**os.environ, "THREADS": THREADS, "RAYON_NUM_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}
# Of the peers, those that this finds.
WANTED = re.compile(os.environ.get("PEERS", ""))
HERE = Path(__file__).parent


class Own:
    def __init__(self, speed, work, folder):
        path = folder / "data.npz"
        x, y = data(work)
        np.savez(path, x=x, labels=y)
        numbers = [work["batch"], work["replicas"], work["steps"]]
        self.command = [speed, model(work), str(path), *map(str, numbers), "momentum", str(RATE)]

    def measure(self):
        """Milliseconds per step and replica, and the accuracy."""
        return tuple(map(float, subprocess.check_output(self.command, env=ENVIRONMENT, text=True).split()))


class Peer:
    def __init__(self, peer, name):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, str(HERE / "peer.py"), peer, name], env=ENVIRONMENT, **pipes)

    def measure(self):
        """Milliseconds per step and replica, and the accuracy; `None` if the peer does not run."""
        try:
            self.process.stdin.write("\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            return None
        line = self.process.stdout.readline()
        return tuple(map(float, line.split())) if line else None

    def why(self):
        return (self.process.stderr.read().strip().splitlines() or ["no reason"])[-1]


def compare(speed, name, folder):
    work = WORKLOADS[name]
    own = Own(speed, work, folder)
    kind = "mlp" if "sizes" in work else "cnn"
    peers = {peer: Peer(peer, name) for peer, (_, kinds) in PEERS.items() if kind in kinds and WANTED.search(peer)}
    found = {peer: [] for peer in ["semilla", *peers]}
    for round in range(ROUNDS + 1):
        measured = own.measure()
        if round:  # The first round warms up.
            found["semilla"].append(measured)
        for peer, process in list(peers.items()):
            measured = process.measure()
            if measured is None:
                print(f"{name}: {peer} does not run: {process.why()[:100]}", file=sys.stderr)
                peers.pop(peer), found.pop(peer)
            elif round:
                found[peer].append(measured)
    print(f"\n{name}: {work}; {arithmetic(work) / 1e6:.1f} million operations a step")
    print("\n| | ms a step and replica | times semilla | billion operations a second | accuracy |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for peer, measured in found.items():
        times = [time for time, _ in measured]
        rate = arithmetic(work) / statistics.median(times) / 1e6
        ratios = [time / own for time, (own, _) in zip(times, found["semilla"])]
        reach = f"{min(ratios):.2f} to {max(ratios):.2f}"
        print(f"| {peer} | {statistics.median(times):.3f} | {statistics.median(ratios):.2f} ({reach}) | {rate:.0f} | {statistics.mean(a for _, a in measured):.3f} |")
    for process in peers.values():
        process.process.stdin.close()


def limit():
    """Billion operations a second of a large product, on as many threads: the limit of arithmetic."""
    import torch

    torch.set_num_threads(int(THREADS))
    a = torch.randn(1536, 1536)
    times = []
    for _ in range(2 * ROUNDS + 1):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * len(a) ** 3 / min(times) / 1e9


def scale(speed, folder):
    """How Semilla scales with replicas and with width: billion operations a second."""
    print("\n| replicas, mlp | ms a step and replica | billion operations a second |\n| --- | ---: | ---: |")
    for replicas in [1, 2, 4, 16, 64]:
        show(speed, folder, str(replicas), {**WORKLOADS["mlp"], "replicas": replicas})
    print("\n| width, 2 hidden layers | ms a step and replica | billion operations a second |\n| --- | ---: | ---: |")
    for width in [32, 64, 128, 256, 512, 1024]:
        work = {**WORKLOADS["wide"], "sizes": [64, width, width, 10], "steps": max(20, 20000 // width)}
        show(speed, folder, str(width), work)


def show(speed, folder, what, work):
    own = Own(speed, work, folder)
    time = statistics.median(own.measure()[0] for _ in range(ROUNDS))
    print(f"| {what} | {time:.4f} | {arithmetic(work) / time / 1e6:.0f} |", flush=True)


def main():
    speed, *names = sys.argv[1:]
    print(f"{THREADS} threads; a product of 1536² matrices: {limit():.0f} billion operations a second")
    with tempfile.TemporaryDirectory() as folder:
        for name in names or [*WORKLOADS, "scale"]:
            match name:
                case "scale":
                    scale(speed, Path(folder))
                case _:
                    compare(speed, name, Path(folder))


if __name__ == "__main__":
    main()
