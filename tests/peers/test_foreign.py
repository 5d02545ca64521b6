"""Formats that are not read: the command that is printed makes a file that is."""

import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
from command import SEMILLA, semilla


@pytest.mark.parametrize("kind", ["detectron2", "paddle"])
def test_pickled_arrays(kind, tmp_path):
    arrays = {"backbone.weight": np.arange(6, dtype="f4").reshape(2, 3), "backbone.bias": np.ones(3, "f4")}
    state = {"model": arrays, "__author__": "x"} if kind == "detectron2" else arrays | {"StructuredToParameterName@@": {}}
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(state, protocol=2))
    done = subprocess.run([SEMILLA, "inspect", "model.pkl"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    code = re.search(r'python -c "(.*)"', done.stderr, re.S).group(1)
    subprocess.run([sys.executable, "-c", " ".join(code.split())], cwd=tmp_path, check=True)
    assert "backbone.weight" in semilla("inspect", tmp_path / "model.npz")
