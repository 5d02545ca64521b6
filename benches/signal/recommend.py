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
from starts import STARTS, tensors
from torch import nn
from training import ACTIVATIONS, CLASSES, SIDE, Graph, Plain, data, train

SEEDS, STEPS = 2, 150
RATES = [0.001, 0.003, 0.01, 0.03, 0.1]
WIDTH = 48

# Published starts of a kind of network, as rules: tried beside those that are tried on all.
FIXUP = """extends = "fixup\""""
SILENT = """extends = "auto"
[[rule]]
role = "residual_output"
init = "zeros\""""
DEPTHS = """extends = "auto"
[[rule]]
role = "residual_output"
init = "variance_scaling(scale=1 / branches)\""""
DELTA = """extends = "auto"
[[rule]]
role = "conv"
init = "delta_orthogonal(gain=GAIN)\""""
RESIDUAL = [FIXUP, SILENT, DEPTHS]


class Block(nn.Module):
    def __init__(self, activation, normalized):
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH) if normalized else nn.Identity()
        self.fc1, self.fc2 = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.activation = activation

    def forward(self, x):
        return self.fc2(ACTIVATIONS[self.activation](self.fc1(self.norm(x))))


class Residual(Graph):
    others = RESIDUAL

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


class ConvolutionBlock(nn.Module):
    def __init__(self, channels, activation):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
        self.activation = activation

    def forward(self, x):
        return self.conv2(ACTIVATIONS[self.activation](self.conv1(ACTIVATIONS[self.activation](x))))


class ResidualConvolutions(Graph):
    """Blocks of two convolutions without normalization."""

    others = RESIDUAL

    def __init__(self, depth, activation, channels=12):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, stride=2, padding=1)
        self.blocks = nn.ModuleList(ConvolutionBlock(channels, activation) for _ in range(depth))
        self.head = nn.Linear(channels, CLASSES)

    def forward(self, x):
        x = self.stem(x)
        for block in self.blocks:
            x = x + block(x)
        return self.head(x.mean((2, 3)))


class Convolutions(Graph):
    others = [DELTA.replace("GAIN", gain) for gain in ("1", "1.414")]

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
    **{f"{depth} {a}": Plain(SIDE**2, depth, a) for depth in (3, 12, 30) for a in ("relu", "tanh", "gelu", "sigmoid", "selu")},
    **{f"20 {a}": Plain(SIDE**2, 20, a) for a in ("silu", "elu", "softplus", "hardswish", "softsign")},
    "50 tanh": Plain(SIDE**2, 50, "tanh"),
    "8 leaky_relu, width 128": Plain(SIDE**2, 8, "leaky_relu", 128),
    "10 residual relu": Residual(10, "relu", False),
    "10 residual gelu": Residual(10, "gelu", False),
    "8 residual gelu, normalized": Residual(8, "gelu", True),
    "12 relu, normalized": Normalized(12, "relu"),
    "6 convolutions relu": Convolutions(6, "relu"),
    "6 convolutions tanh": Convolutions(6, "tanh"),
    "16 convolutions relu": Convolutions(16, "relu"),
    "8 residual convolutions relu": ResidualConvolutions(8, "relu"),
}


def main(semilla, folder, *only):
    torch.set_num_threads(2)
    pool, test = data(folder, SIDE)
    good = {"recommended": 0, "auto": 0}
    names = [*STARTS, "others", "recommended"]
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
                found[start] = best(train(network, made, pool, test, RATES, STEPS))
            for rules in getattr(network, "others", []):
                path = Path(place) / "other.toml"
                path.write_text(f'name = "other"\n{rules}')
                made = tensors(semilla, model, ["--recipe", str(path)], SEEDS, len(RATES))
                others = best(train(network, made, pool, test, RATES, STEPS))
                found["others"] = max(found.get("others", others), others)
        top, error = max(found.values())
        for start in good:
            accuracy, own = found[start]
            good[start] += top - accuracy <= max(0.02, 2 * math.hypot(error, own))
        cells = [f"{found[start][0]:.3f}" if start in found else "" for start in names]
        print(f"{name:28}", *[f"{cell:>11}" for cell in cells], f" {advice['name']}", flush=True)
    for start, count in good.items():
        print(f"{start}: within noise of the best in {count} of {len(networks)} networks")


def recommend(semilla, model, folder):
    path = folder / "recommended.toml"
    found = subprocess.run([semilla, "recommend", *model, "--json", "-o", path], capture_output=True, text=True)
    if found.returncode > 1:
        sys.exit(found.stderr)
    return json.loads(found.stdout)["ranked"][0], str(path)


def best(found):
    """The mean accuracy at the rate of the least median loss, and its standard error."""
    chosen = found.scores[:, found.losses.median(0).values.argmin()]
    return chosen.mean().item(), chosen.std().item() / math.sqrt(SEEDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
