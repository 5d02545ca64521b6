"""`semilla drift` on networks that PyTorch trained from weights that Semilla wrote."""

import json
import subprocess

import numpy as np
import pytest
import torch
from command import SEMILLA, initialized, semilla
from safetensors.torch import load_file, save_file
from torch import nn

MODEL = "mlp:64-48-32-10:relu"


def trained(start, steps=60, frozen=()):
    """The weights after some steps of SGD on a task that two directions of the input decide."""
    torch.manual_seed(0)
    model = nn.ParameterDict({name.replace(".", "_"): nn.Parameter(value.clone()) for name, value in start.items()})
    names = {name.replace(".", "_"): name for name in start}
    for key, name in names.items():
        model[key].requires_grad_(name not in frozen)
    x = torch.randn(512, 64)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    layers = sorted({name.rsplit(".", 1)[0] for name in start})
    for _ in range(steps):
        h = x
        for place, layer in enumerate(layers):
            key = layer.replace(".", "_")
            h = nn.functional.linear(h, model[f"{key}_weight"], model[f"{key}_bias"])
            h = torch.relu(h) if place < len(layers) - 1 else h
        loss = nn.functional.cross_entropy(h, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {names[key]: value.detach().clone() for key, value in model.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drift")
    path = initialized(MODEL, folder / "start.safetensors", "auto", seed=3)
    start = load_file(path)
    frozen = next(name for name in start if name.endswith("weight"))
    end = trained(start, frozen=[frozen])
    save_file(end, folder / "trained.safetensors")
    return folder, start, end, frozen


def drift(*arguments):
    return json.loads(semilla("drift", *arguments, "--recipe", "auto", "--seed", 3, "--json"))


def test_numbers_are_torchs(both):
    folder, start, end, frozen = both
    found = drift(folder / "trained.safetensors", MODEL, "--full")
    assert not found["missing"] and not found["added"] and not found["reshaped"]
    assert len(found["tensors"]) == len(start)
    for tensor in found["tensors"]:
        a, b = (weights[tensor["name"]].double() for weights in (start, end))
        assert tensor["unmoved"] == (a == b).sum().item()
        assert np.isclose(tensor["distance"], (b - a).norm().item(), rtol=1e-9, atol=1e-12)
        if a.norm() > 0:
            assert np.isclose(tensor["moved"], ((b - a).norm() / a.norm()).item(), rtol=1e-9, atol=1e-12)
            assert np.isclose(tensor["norm_ratio"], (b.norm() / a.norm()).item(), rtol=1e-9)
            assert np.isclose(tensor["cosine"], (a * b).sum().item() / (a.norm() * b.norm()).item(), rtol=1e-9)
        if tensor["units"]:
            rows = [unit["moved"] for unit in tensor["units"]["each"]]
            assert np.allclose(rows, ((b - a).norm(dim=1) / a.norm(dim=1)).numpy(), rtol=1e-9)
            still = (a == b).all(1).nonzero()[:, 0].tolist()
            assert tensor["units"]["unmoved"] == still
        if tensor["name"] == frozen:
            assert tensor["unmoved"] == tensor["elements"] and tensor["spectrum"] is None
        elif tensor["spectrum"]:
            values = torch.linalg.svdvals(b - a)
            assert np.isclose(tensor["spectrum"]["largest"][0], values[0].item(), rtol=1e-6)
            assert np.isclose(tensor["spectrum"]["stable_rank"], ((values**2).sum() / values[0] ** 2).item(), rtol=1e-6)
            # What was learned is a few directions, not noise.
            assert 1 <= tensor["spectrum"]["beyond_noise"] <= 12


def test_a_random_walk_is_noise(both):
    folder, start, _, _ = both
    torch.manual_seed(1)
    walked = {name: value + 0.01 * torch.randn_like(value) for name, value in start.items()}
    save_file(walked, folder / "walked.safetensors")
    for tensor in drift(folder / "walked.safetensors", MODEL)["tensors"]:
        if tensor["spectrum"]:
            assert tensor["spectrum"]["beyond_noise"] == 0, tensor["name"]


def test_low_rank_is_counted(both):
    folder, start, _, _ = both
    torch.manual_seed(1)
    name = next(name for name, value in start.items() if value.ndim == 2)
    rows, columns = start[name].shape
    change = torch.randn(rows, 3) @ torch.randn(3, columns)
    save_file({**start, name: (start[name].double() + change.double()).float()}, folder / "low.safetensors")
    found = {tensor["name"]: tensor for tensor in drift(folder / "low.safetensors", MODEL)["tensors"]}
    assert found[name]["spectrum"]["beyond_noise"] == 3


def test_the_difference_is_written_and_applied(both):
    folder, start, end, _ = both
    other = load_file(initialized(MODEL, folder / "other.safetensors", "auto", seed=9))
    drift(folder / "trained.safetensors", MODEL, "--difference", folder / "task.safetensors", "--apply-to",
          folder / "other.safetensors", "--scale", 0.5, "-o", folder / "both.safetensors")
    task, both_ = load_file(folder / "task.safetensors"), load_file(folder / "both.safetensors")
    for name in start:
        assert torch.equal(task[name], (end[name].double() - start[name].double()).float())
        expected = other[name].double() + 0.5 * (end[name].double() - start[name].double())
        assert torch.equal(both_[name], expected.float())


def test_half_precision_starts_are_rounded(both):
    folder, start, _, _ = both
    save_file({name: value.bfloat16() for name, value in start.items()}, folder / "half.safetensors")
    for tensor in drift(folder / "half.safetensors", MODEL)["tensors"]:
        assert tensor["unmoved"] == tensor["elements"], tensor["name"]


def test_a_strange_model_is_refused(both):
    folder, *_ = both
    save_file({"x": torch.zeros(2)}, folder / "x.safetensors")
    done = subprocess.run([SEMILLA, "drift", folder / "x.safetensors", MODEL], capture_output=True, text=True)
    assert done.returncode == 2 and "none of the plan's" in done.stderr
