"""A training state that four processes saved together, read by Semilla: the model as `full_tensor()` has it."""

import distributed_fixtures
import torch
from command import semilla
from safetensors.torch import load_file


def test_a_training_state_of_four_processes(tmp_path):
    distributed_fixtures.make(tmp_path / "state", "trainer")
    expected = load_file(tmp_path / "state.safetensors")
    semilla("init", tmp_path / "state.safetensors", "--from", tmp_path / "state", "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name
    told = semilla("inspect", tmp_path / "state")
    assert "exp_avg" in told and "objects that are no tensors" in told
