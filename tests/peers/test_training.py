"""Training against PyTorch: the same weights, batch and optimizer give the same losses and weights, step by step.

The example `run` of `crates/semilla-signal` trains whatever `semilla check` runs.
"""

import subprocess

import numpy as np
import pytest
import torch
from command import semilla
from safetensors.numpy import load_file, save_file
from test_signal import RUN, close
from torch import nn
from torch.nn.functional import cross_entropy

CNN = '[inputs]\nx = "numbers(2, 8, 8)"\n\n[network]\nlayers = ["0: conv(6) -> relu -> max_pool(2) -> 3: conv(4) -> tanh -> flatten -> 6: linear(5)"]\n'
MODELS = {
    "mlp": ("mlp:12-20-20-5:tanh", (12,), lambda: nn.Sequential(
        nn.Linear(12, 20), nn.Tanh(), nn.Linear(20, 20), nn.Tanh(), nn.Linear(20, 5))),
    "cnn": (CNN, (2, 8, 8), lambda: nn.Sequential(
        nn.Conv2d(2, 6, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 4, 3, padding=1), nn.Tanh(),
        nn.Flatten(), nn.Linear(64, 5))),
}
OPTIMIZERS = {
    "sgd": (0.1, lambda p, lr, decay: torch.optim.SGD(p, lr, weight_decay=decay)),
    "momentum": (0.05, lambda p, lr, decay: torch.optim.SGD(p, lr, momentum=0.9, weight_decay=decay)),
    "adam": (0.01, lambda p, lr, decay: torch.optim.Adam(p, lr, weight_decay=decay)),
    "adamw": (0.01, lambda p, lr, decay: torch.optim.AdamW(p, lr, weight_decay=decay)),
}
STEPS = 12


@pytest.mark.parametrize("decay", [0, 0.1])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("model", MODELS)
def test_steps_are_pytorchs(model, optimizer, decay, tmp_path):
    line, shape, make = MODELS[model]
    if "\n" in line:
        (tmp_path / "net.toml").write_text(line)
        line = str(tmp_path / "net.toml")
    weights = tmp_path / "weights.safetensors"
    semilla("init", line, "--recipe", "pytorch", "-o", weights)
    first = load_file(weights)
    # Layers in order, weights before biases.
    first = {name: first[name] for name in sorted(first, key=lambda name: (name.rsplit(".", 1)[0], "bias" in name))}
    module = make()
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), first.values()):
            assert parameter.shape == value.shape
            parameter.copy_(torch.from_numpy(value))
    generator = np.random.default_rng(0)
    x = generator.standard_normal((16, *shape), dtype=np.float32)
    labels = generator.integers(0, 5, 16)
    save_file({"x": x, "labels": labels}, tmp_path / "given.safetensors")
    rate, build = OPTIMIZERS[optimizer]
    made = tmp_path / "made.safetensors"
    found = subprocess.run([RUN, line, tmp_path / "given.safetensors", made, weights,
                            f"--steps={optimizer},{rate},{decay},{STEPS}"], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    trained = build(module.parameters(), rate, decay)
    expected = []
    for _ in range(STEPS):
        trained.zero_grad()
        loss = cross_entropy(module(torch.from_numpy(x)), torch.from_numpy(labels))
        loss.backward()
        trained.step()
        expected.append(loss.item())
    assert expected[-1] < expected[0]
    close(np.array([float(line) for line in found.stdout.split()]), np.array(expected), 1e-5, "losses")
    after = load_file(made)
    for name, parameter in zip(first, module.parameters()):
        close(after[name], parameter.detach().numpy(), 1e-3, name)
