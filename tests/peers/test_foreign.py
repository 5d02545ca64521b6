"""Pickles of NumPy's arrays as other libraries save them, read by Semilla: the same arrays."""

import pickle

import numpy as np
import pytest
from command import semilla
from safetensors.numpy import load_file

STATE = {"backbone.weight": np.arange(6, dtype="f4").reshape(2, 3), "backbone.bias": np.ones(3, "f4")}
WRAPPED = {
    "detectron2": {"model": STATE, "__author__": "someone", "matching_heuristics": True},
    "paddle": STATE | {"StructuredToParameterName@@": {"backbone.weight": "linear_0.w_0"}},
}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", WRAPPED)
def test_pickled_arrays(kind, protocol, tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps(WRAPPED[kind], protocol=protocol))
    (tmp_path / "model.json").write_text(
        str({name: {"dtype": "F32", "shape": list(array.shape)} for name, array in STATE.items()}).replace("'", '"'))
    semilla("init", tmp_path / "model.json", "--from", tmp_path / "model.pkl", "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    for name, array in STATE.items():
        assert found[name].tobytes() == array.tobytes(), name
