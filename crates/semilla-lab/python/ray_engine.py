"""Runs Semilla's trials as tasks of a Ray cluster.

Usage: python ray_engine.py SEMILLA < trials.jsonl > outcomes.jsonl

SEMILLA is the command as the cluster's machines have it. Each line of the input is a trial, each
line of the output an outcome, in any order. A task whose worker dies is run again; since an outcome
is a function of its trial, it is the same one. RAY_ADDRESS names the cluster; without it, one is
started on this machine.
"""

import os
import subprocess
import sys

import ray

# Starting a process costs a few milliseconds, and so does a task.
BATCH = 8


@ray.remote(num_cpus=1, max_retries=5)
def run(semilla, trials, folder):
    command = [semilla, "trial", "-", "--json", "--threads", "1"]
    # Paths of models and data are relative to where the comparison was started.
    folder = folder if os.path.isdir(folder) else None
    done = subprocess.run(command, input="\n".join(trials), capture_output=True, text=True, cwd=folder)
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return done.stdout.splitlines()


def answers():
    """Where outcomes are written. What Ray prints, such as that a worker died, goes to standard error."""
    own = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return own


def main():
    semilla, output = sys.argv[1], answers()
    trials = [line for line in sys.stdin.read().splitlines() if line]
    ray.init(log_to_driver=False, logging_level="ERROR")
    batches = [trials[first : first + BATCH] for first in range(0, len(trials), BATCH)]
    pending = [run.remote(semilla, batch, os.getcwd()) for batch in batches]
    while pending:
        done, pending = ray.wait(pending)
        try:
            outcomes = ray.get(done[0])
        except ray.exceptions.RayTaskError as error:
            sys.exit(str(error.cause))
        for outcome in outcomes:
            print(outcome, file=output, flush=True)


if __name__ == "__main__":
    main()
