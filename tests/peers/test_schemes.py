"""What schemes ask beyond weights, against the authors' own package mup."""

import json

import mup
import pytest
import torch
from command import semilla, write_manifest
from torch import nn

BASE = 32


class Perceptron(nn.Module):
    """The model of `mlp:20-WIDTH-WIDTH-WIDTH-10:tanh`."""

    def __init__(self, width):
        super().__init__()
        sizes = [20, width, width, width]
        hidden = [nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])]
        self.layers = nn.ModuleList([*hidden, mup.MuReadout(width, 10)])


class Attention(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.proj = nn.Linear(width, width), nn.Linear(width, width)


class Block(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = Attention(width)
        fc1, fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.mlp = nn.ModuleDict({"fc1": fc1, "fc2": fc2})


class Transformer(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(100, width), nn.Embedding(50, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(2))
        self.ln_f = nn.LayerNorm(width)
        self.lm_head = mup.MuReadout(width, 100, bias=False)


def with_shapes(kind, width):
    model = kind(width)
    mup.set_base_shapes(model, kind(BASE), delta=kind(2 * BASE))
    return model


def lines(tmp_path, model):
    """The lines of a plan of the recipe mup at the base width, by name."""
    recipe = tmp_path / "mup.toml"
    recipe.write_text(f'name = "mine"\nextends = "mup"\nbase_width = {BASE}\n')
    plan = json.loads(semilla("plan", model, "--recipe", recipe, "--json"))
    assert "unmet" not in plan["scheme"]
    return {line["name"]: line for line in plan["tensors"]}


def model_of(kind, width, tmp_path, model):
    if kind is Perceptron:
        return f"mlp:20-{width}-{width}-{width}-10:tanh"
    shapes = {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}
    return write_manifest(tmp_path / "model.json", shapes)


CASES = [(kind, width) for kind in (Perceptron, Transformer) for width in (64, 256)]


@pytest.mark.parametrize("kind, width", CASES)
@pytest.mark.parametrize("optimizer, kept", [("adam", mup.MuAdam), ("sgd", mup.MuSGD)])
def test_learning_rates_are_those_of_the_package(tmp_path, kind, width, optimizer, kept):
    model = with_shapes(kind, width)
    ours = lines(tmp_path, model_of(kind, width, tmp_path, model))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    seen = 0
    for group in kept(model.parameters(), lr=1.0, weight_decay=1.0).param_groups:
        for parameter in group["params"]:
            name = names[id(parameter)]
            factor = ours[name].get("lr", {}).get(optimizer, 1.0)
            assert factor == pytest.approx(group["lr"], rel=1e-12), name
            assert 1 / factor == pytest.approx(group["weight_decay"], rel=1e-12), name
            seen += 1
    assert seen == len(ours) == len(names)


@pytest.mark.parametrize("kind, width", CASES)
def test_deviations_and_multipliers_are_those_of_the_package(tmp_path, kind, width):
    model = with_shapes(kind, width)
    ours = lines(tmp_path, model_of(kind, width, tmp_path, model))
    compared = 0
    for name, parameter in model.named_parameters():
        layer = model.get_submodule(name.rsplit(".", 1)[0])
        if not isinstance(layer, nn.Linear) or not name.endswith("weight"):
            continue
        if name.endswith("q_proj.weight"):
            assert ours[name]["std"] == 0.0
            continue
        fan_in, _ = nn.init._calculate_fan_in_and_fan_out(parameter)
        # What mup.init.kaiming_normal_ draws with, for a layer without an activation.
        std = mup.init._inf_fan_adjust_kaiming(fan_in**-0.5, parameter, "fan_in")
        assert ours[name]["std"] == pytest.approx(std, rel=1e-12), name
        is_output = isinstance(layer, mup.MuReadout)
        multiplier = 1 / layer.width_mult() if is_output else 1.0
        assert ours[name].get("multiplier", 1.0) == pytest.approx(multiplier, rel=1e-12), name
        compared += 1
    assert compared > 3


def test_the_optimizer_of_the_documentation_takes_the_plan(tmp_path):
    model = with_shapes(Transformer, 256)
    ours = lines(tmp_path, model_of(Transformer, 256, tmp_path, model))
    factor = {name: line.get("lr", {}).get("adam", 1.0) for name, line in ours.items()}
    groups = (
        {"params": [parameter], "lr": 0.1 * factor[name], "weight_decay": 0.01 / factor[name]}
        for name, parameter in model.named_parameters()
    )
    optimizer = torch.optim.AdamW(groups)
    rates = {group["lr"] for group in optimizer.param_groups}
    assert rates == {0.1, 0.1 * BASE / 256}
