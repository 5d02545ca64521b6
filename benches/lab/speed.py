"""Semilla against PyTorch and JAX: a line per peer, ratios as medians over rounds in turns.

`python speed.py SPEED [WORKLOAD...]`: SPEED is the example `speed` of semilla-lab."""

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from peer import PEERS
from workloads import RATE, WORKLOADS, arithmetic, data, model

THREADS = os.environ.get("THREADS", "2")
ROUNDS = int(os.environ.get("ROUNDS", "5"))
ENVIRONMENT = {**os.environ, "THREADS": THREADS, "RAYON_NUM_THREADS": THREADS, "OMP_NUM_THREADS": THREADS}
HERE = Path(__file__).parent


class Own:
    def __init__(self, speed, name, folder):
        work = WORKLOADS[name]
        path = folder / f"{name}.npz"
        x, y = data(work)
        np.savez(path, x=x, labels=y)
        numbers = [work["batch"], work["replicas"], work["steps"]]
        self.command = [speed, model(work), str(path), *map(str, numbers), "momentum", str(RATE)]

    def measure(self):
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
    own = Own(speed, name, folder)
    kind = "mlp" if "sizes" in work else "cnn"
    peers = {peer: Peer(peer, name) for peer, (_, kinds) in PEERS.items() if kind in kinds}
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
    for peer, measured in found.items():
        times = [time for time, _ in measured]
        ratios = [time / own for time, (own, _) in zip(times, found["semilla"])]
        reach = f"{min(ratios):.1f} to {max(ratios):.1f}"
        print(f"| {peer} | {statistics.median(times):.3f} ms | {statistics.median(ratios):.1f} ({reach}) | {statistics.mean(a for _, a in measured):.3f} |")
    for process in peers.values():
        process.process.stdin.close()


def main():
    speed, *names = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name in names or WORKLOADS:
            compare(speed, name, Path(folder))


if __name__ == "__main__":
    main()
