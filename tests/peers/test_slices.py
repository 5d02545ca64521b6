"""Slices of tensor parallelism that torch cut, merged by Semilla: the model as `full_tensor()` has it, bit for bit."""

import subprocess

import pytest
import slices_fixtures
import torch
from command import SEMILLA, semilla
from safetensors.torch import load_file


KINDS = ["llama", "llama3", "megatron", "gated"]


@pytest.fixture(scope="module")
def slices(tmp_path_factory):
    root = tmp_path_factory.mktemp("slices")
    slices_fixtures.make(root, KINDS, 2)
    return root


@pytest.mark.parametrize("kind", KINDS)
def test_merged(kind, slices, tmp_path):
    expected = load_file(slices / f"{kind}.safetensors")
    semilla("init", slices / f"{kind}.safetensors", "--from", slices / kind, "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        assert torch.equal(found[name], weight), name
    max((slices / kind).rglob("*.pt*")).unlink()
    done = subprocess.run([SEMILLA, "inspect", slices / kind], capture_output=True, text=True)
    assert done.returncode == 2 and "missing" in done.stderr, done.stderr
