"""A comparison whose trainings are tasks of a Ray cluster: what comes of it is what this machine's
own cores find, to the byte, also when a worker is killed in the middle.

Ray is no requirement of the other tests: `pip install ray` beside the peers runs these too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from command import SEMILLA

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install ray")

COMPARED = ["compare", "mlp:64-32-10:relu", "--recipes", "he,xavier,auto", "--seeds", "6",
            "--tuning-seeds", "2", "--steps", "600", "--json"]


@pytest.fixture(scope="module")
def local():
    return subprocess.run([SEMILLA, *COMPARED], check=True, capture_output=True).stdout


@pytest.fixture
def cluster():
    """A cluster of this test's own, with two workers."""
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield ray.get_runtime_context().gcs_address
    ray.shutdown()


def start(address, store, compared=COMPARED, folder=None):
    environment = {**os.environ, "SEMILLA_PYTHON": sys.executable, "RAY_ADDRESS": address}
    command = [SEMILLA, *compared, "--engine", "ray", "--store", store]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=environment, cwd=folder, **pipes)


def outcome(sweep):
    found, error = sweep.communicate(timeout=240)
    assert sweep.returncode == 0, error.decode()
    return found


def workers():
    """The processes that run a task now: descendants of this one, as its cluster is."""
    parents, tasks = {}, []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command = (process / "cmdline").read_bytes()
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # It has ended.
            continue
        parents[int(process.name)] = int(fields[1])
        if command.startswith(b"ray::run"):
            tasks.append(int(process.name))

    def is_own(process):
        while process in parents:
            if process == os.getpid():
                return True
            process = parents[process]
        return False

    return [task for task in tasks if is_own(task)]


def test_the_same_as_on_this_machine(cluster, local, tmp_path):
    assert outcome(start(cluster, tmp_path / "runs")) == local


def test_a_worker_killed_in_the_middle_loses_and_doubles_nothing(cluster, local, tmp_path):
    store = tmp_path / "runs"
    sweep = start(cluster, store)
    deadline = time.monotonic() + 120
    # Some trainings have ended, and others are under way.
    while time.monotonic() < deadline:
        is_begun = store.exists() and store.read_bytes().count(b"\n") > 4
        if is_begun and workers():
            break
        assert sweep.poll() is None, sweep.communicate()[1].decode()
        time.sleep(0.02)
    os.kill(workers()[0], signal.SIGKILL)
    assert outcome(sweep) == local
    lines = store.read_bytes().splitlines()
    assert len(lines) == len(set(lines))


def test_paths_are_those_of_where_it_was_started(cluster, tmp_path):
    rows = [f"{i % 7},{i % 5},{i % 2}" for i in range(60)]
    (tmp_path / "own.csv").write_text("\n".join(["a,b,label", *rows]))
    compared = ["compare", "mlp:2-8-2:relu", "--data", "own.csv", "--recipes", "he,xavier", "--seeds", "2",
                "--tuning-seeds", "1", "--steps", "10", "--json"]
    expected = subprocess.run([SEMILLA, *compared], check=True, capture_output=True, cwd=tmp_path).stdout
    assert outcome(start(cluster, tmp_path / "runs", compared, tmp_path)) == expected
