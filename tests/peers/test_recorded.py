"""`semilla check --recorded` on what hooks record from a live PyTorch module: the verdict and the numbers of its ONNX export."""

import json
import subprocess

import numpy as np
import torch
from command import SEMILLA, semilla, write_manifest, write_rule
from safetensors.torch import load_file, save_file
from torch import nn


def record(model, x, seed):
    """Runs a module forward, and backward from a gradient of its output; layers in the order in which they ran."""
    found, order = {}, []

    def hook(name):
        def forward(module, _, output):
            number = len(order)
            order.append(name)
            found[f"{number}:{name}.weight:output"] = output.detach()
            output.register_hook(lambda gradient: found.__setitem__(f"{number}:{name}.weight:gradient", gradient))

        return forward

    layers = {name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))}
    hooks = [module.register_forward_hook(hook(name)) for name, module in layers.items()]
    model(x).backward(seed)
    for each in hooks:
        each.remove()
    for number, name in enumerate(order):
        found[f"{number}:{name}.weight:weight_gradient"] = layers[name].weight.grad
    return {name: value.contiguous() for name, value in found.items()}


def noise(folder, shape):
    """The gradient that the command gives the output: standard normal numbers, under this name and seed 0."""
    name = "the gradient of the output"
    manifest = write_manifest(folder / "noise.json", {name: shape})
    rule = write_rule(folder / "noise.toml", "normal", "OI", mean=0.0, std=1.0)
    semilla("init", manifest, "--recipe", rule, "--seed", 0, "-o", folder / "noise.safetensors")
    return load_file(folder / "noise.safetensors")[name]


def check(*arguments):
    done = subprocess.run([SEMILLA, "check", *map(str, arguments), "--json"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout), done.returncode


def models():
    plain = [part for _ in range(8) for part in (nn.Linear(32, 32), nn.Tanh())]
    yield "mlp", nn.Sequential(*plain, nn.Linear(32, 5)), (16, 32)
    yield "cnn", nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.ReLU(), nn.Flatten(),
                               nn.Linear(72, 4)), (16, 3, 9, 9)


def test_a_live_module_is_measured_as_its_export(tmp_path):
    for name, model, shape in models():
        torch.manual_seed(0)
        x = torch.randn(*shape)
        path = tmp_path / f"{name}.onnx"
        torch.onnx.export(model, (x,), path, input_names=["x"], output_names=["y"], dynamo=True, optimize=False, verbose=False,
                          external_data=False)
        save_file({"x": x}, tmp_path / "data.safetensors")
        save_file(dict(model.state_dict()), tmp_path / "weights.safetensors")
        exported, code = check(path, "--weights", tmp_path / "weights.safetensors", "--data", tmp_path / "data.safetensors")
        seed = noise(tmp_path, model(x).shape)
        save_file(record(model, x, seed), tmp_path / "live.safetensors")
        live, same = check("--recorded", tmp_path / "live.safetensors")
        assert same == code
        [a], [b] = exported["measurements"], live["measurements"]
        assert [layer["weight"] for layer in a["layers"]] == [layer["weight"] for layer in b["layers"]]
        for one, other in zip(a["layers"], b["layers"]):
            for key, value in one["forward"].items():
                assert np.isclose(value, other["forward"][key], rtol=1e-3, atol=1e-5), (one, other)
            assert np.isclose(one["backward"]["squared_norm"], other["backward"]["squared_norm"], rtol=1e-3)
            assert np.isclose(one["weight_gradient"], other["weight_gradient"], rtol=1e-3)
        assert len(a["path"]) == len(b["path"])
        one, other = (found["verdict"] for found in (exported, live))
        assert one["passes"] == other["passes"]
        assert np.isclose(one["log_gradients"], other["log_gradients"], rtol=1e-3, atol=1e-4)
