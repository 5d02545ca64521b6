"""`semilla recommend` and `auto` against training: for each network its candidates' and the advice's test accuracy.

Every start is trained from two weight seeds at five learning rates (SGD with momentum 0.9, 150 steps of 64 samples, the same order of
samples for all) and counts with the rate that has the least median loss. A start is as good as the best where its accuracy is within two
points, or within two standard errors of the difference. `python recommend.py SEMILLA FOLDER`"""

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from images import digits, standard
from starts import STARTS, tensors
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional

SEEDS, STEPS, BATCH, CLASSES = 2, 150, 64, 10
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]
WIDTH, SIDE = 48, 14
ACTIVATIONS = {
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "mish": functional.mish,
    "elu": functional.elu,
    "selu": functional.selu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
    "hardswish": functional.hardswish,
    "sigmoid": torch.sigmoid,
}


class Plain(nn.Module):
    """Linear layers with nothing but activations between them."""

    def __init__(self, depth, activation, width=WIDTH):
        super().__init__()
        self.sizes = [SIDE * SIDE, *[width] * depth, CLASSES]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(self.sizes, self.sizes[1:]))
        self.activation = activation

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        return self.layers[-1](x)

    def model(self, _):
        return [f"mlp:{'-'.join(map(str, self.sizes))}:{self.activation}"]


class Graph(nn.Module):
    """A module that is handed over as its ONNX graph."""

    def model(self, folder):
        path = folder / "model.onnx"
        # Two samples: an axis of size 1 would be taken for one that is always so.
        batch = torch.zeros(2, 1, SIDE, SIDE)
        torch.onnx.export(self, (batch,), path, input_names=["x"], dynamic_axes={"x": {0: "batch"}}, opset_version=20, dynamo=False)
        return [str(path)]


class Block(nn.Module):
    def __init__(self, activation, normalized):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH) if normalized else nn.Identity()
        self.fc1, self.fc2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.activation = activation

    def forward(self, x):
        return self.fc2(ACTIVATIONS[self.activation](self.fc1(self.norm(x))))


class Residual(Graph):
    def __init__(self, depth, activation, normalized):
        super().__init__()
        self.stem = nn.Linear(SIDE * SIDE, WIDTH)
        self.blocks = nn.ModuleList(Block(activation, normalized) for _ in range(depth))
        self.norm = nn.LayerNorm(WIDTH) if normalized else nn.Identity()
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x):
        x = self.stem(x.flatten(1))
        for block in self.blocks:
            x = x + block(x)
        return self.head(self.norm(x))


class Normalized(Graph):
    """Plain, with a normalization before each activation."""

    def __init__(self, depth, activation):
        super().__init__()
        sizes = [SIDE * SIDE, *[WIDTH] * depth]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(depth))
        self.head = nn.Linear(WIDTH, CLASSES)
        self.activation = activation

    def forward(self, x):
        x = x.flatten(1)
        for layer, norm in zip(self.layers, self.norms):
            x = ACTIVATIONS[self.activation](norm(layer(x)))
        return self.head(x)


class Convolutions(Graph):
    def __init__(self, depth, activation, channels=12):
        super().__init__()
        sizes = [1, *[channels] * depth]
        strides = [2 if place == 1 else 1 for place in range(depth)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, stride=s) for a, b, s in zip(sizes, sizes[1:], strides))
        self.head = nn.Linear(channels * (SIDE // 2) ** 2, CLASSES)
        self.activation = activation

    def forward(self, x):
        for conv in self.convs:
            x = ACTIVATIONS[self.activation](conv(x))
        return self.head(x.flatten(1))


NETWORKS = {
    **{f"{depth} {a}": Plain(depth, a) for depth in (3, 12, 30) for a in ("relu", "tanh", "gelu", "sigmoid", "selu")},
    **{f"20 {a}": Plain(20, a) for a in ("silu", "elu", "softplus", "hardswish", "softsign")},
    "50 tanh": Plain(50, "tanh"),
    "8 leaky_relu, width 128": Plain(8, "leaky_relu", 128),
    "10 residual relu": Residual(10, "relu", False),
    "10 residual gelu": Residual(10, "gelu", False),
    "8 residual gelu, normalized": Residual(8, "gelu", True),
    "12 relu, normalized": Normalized(12, "relu"),
    "6 convolutions relu": Convolutions(6, "relu"),
    "6 convolutions tanh": Convolutions(6, "tanh"),
}


def main(semilla, folder, *only):
    torch.set_num_threads(2)
    pool, test = digits(Path(folder))
    smaller = lambda images: images._replace(pixels=functional.avg_pool2d(images.pixels, 2))
    pool, test = smaller(pool), smaller(test)
    pool, test = standard(pool, pool), standard(test, pool)
    good = {"recommended": 0, "auto": 0}
    names = [*STARTS, "recommended"]
    print(f"{'network':28}", *[f"{name:>11}" for name in names], " recommended is")
    networks = {name: network for name, network in NETWORKS.items() if not only or name in only}
    for name, network in networks.items():
        with tempfile.TemporaryDirectory() as place:
            model = network.model(Path(place))
            advice, recipe = recommend(semilla, model, Path(place))
            starts = {**STARTS, "recommended": ["--recipe", recipe]}
            # What is the same recipe is not trained twice.
            same = next((start for start, options in STARTS.items() if advice["options"] == " ".join(options)), None)
            found = {}
            for start, options in starts.items():
                if start == "recommended" and same:
                    found[start] = found[same]
                    continue
                made = tensors(semilla, model, options, SEEDS, len(RATES))
                found[start] = train(network, made, pool, test)
        best, error = max(found.values())
        for start in good:
            accuracy, own = found[start]
            good[start] += best - accuracy <= max(0.02, 2 * math.hypot(error, own))
        print(f"{name:28}", *[f"{found[start][0]:11.3f}" for start in names], f" {advice['name']}", flush=True)
    for start, count in good.items():
        print(f"{start}: within noise of the best in {count} of {len(networks)} networks")


def recommend(semilla, model, folder):
    path = folder / "recommended.toml"
    found = subprocess.run([semilla, "recommend", *model, "--json", "-o", path], capture_output=True, text=True)
    if found.returncode > 1:
        sys.exit(found.stderr)
    return json.loads(found.stdout)["ranked"][0], str(path)


def train(network, parameters, pool, test):
    """The mean accuracy on the test set at the best rate, and its standard error."""
    parameters = {name: value.float().requires_grad_() for name, value in parameters.items()}
    speeds = {name: torch.zeros_like(value) for name, value in parameters.items()}
    rates = torch.tensor(RATES).repeat(SEEDS)
    order = torch.Generator().manual_seed(0)
    run = vmap(lambda parameters, x: functional_call(network, parameters, (x,)), in_dims=(0, None))

    def losses(images):
        logits = run(parameters, images.pixels)
        each = functional.cross_entropy(logits.flatten(0, 1), images.classes.repeat(len(rates)), reduction="none")
        return each.view(len(rates), -1).mean(1), (logits.argmax(2) == images.classes).float().mean(1)

    for _ in range(STEPS):
        loss, _ = losses(pool.at(torch.randint(len(pool.classes), (BATCH,), generator=order)))
        gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
        with torch.no_grad():
            for (name, value), gradient in zip(parameters.items(), gradients):
                speeds[name].mul_(0.9).add_(gradient)
                value.sub_(rates.view(-1, *[1] * (value.dim() - 1)) * speeds[name])
    with torch.no_grad():
        loss, accuracy = losses(test)
    # A replica that diverged has the worst loss there is.
    loss = torch.nan_to_num(loss, nan=1e9, posinf=1e9).view(SEEDS, -1)
    chosen = accuracy.view(SEEDS, -1)[:, loss.median(0).values.argmin()]
    return chosen.mean().item(), chosen.std().item() / math.sqrt(SEEDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
