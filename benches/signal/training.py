"""Networks that are trained side by side: all weight seeds at all learning rates as one batch of networks, on handwritten digits."""

from pathlib import Path
from typing import NamedTuple

import torch
from images import Images, digits, standard
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional

CLASSES, SIDE = 10, 14
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

    def __init__(self, inputs, depth, activation, width=48):
        super().__init__()
        self.sizes = [inputs, *[width] * depth, CLASSES]
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(self.sizes, self.sizes[1:]))
        self.activation = activation

    def forward(self, x):
        x = x.flatten(1)
        for layer in self.layers[:-1]:
            x = ACTIVATIONS[self.activation](layer(x))
        return self.layers[-1](x)

    def model(self, _):
        """The arguments that name it to `semilla`; other networks need a folder for their graph."""
        return [f"mlp:{'-'.join(map(str, self.sizes))}:{self.activation}"]


class Graph(nn.Module):
    """A module that is handed over as its ONNX graph."""

    # Two samples, and any other number: an axis of size 1 would be taken for one that is always so.
    samples, is_open, side = 2, True, SIDE
    # Weights that the exporter transposes lose their names.
    is_folded = True

    def model(self, folder):
        path = folder / "model.onnx"
        batch = torch.zeros(self.samples, 1, self.side, self.side)
        axes = {"dynamic_axes": {"x": {0: "batch"}}} if self.is_open else {}
        torch.onnx.export(self, (batch,), path, input_names=["x"], opset_version=20, dynamo=False, do_constant_folding=self.is_folded, **axes)
        return [str(path)]


class Block(nn.Module):
    """x + f(x), f being two convolutions that are normalized, or three in a bottleneck; a ReLU behind all but the last and the sum."""

    def __init__(self, inputs, outputs, stride, is_bottleneck):
        super().__init__()
        middle = outputs // 4 if is_bottleneck else outputs
        sizes = [(inputs, middle, 1, 1), (middle, middle, 3, stride), (middle, outputs, 1, 1)] if is_bottleneck else [(inputs, middle, 3, stride), (middle, outputs, 3, 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, size, s, padding=size // 2, bias=False) for a, b, size, s in sizes)
        self.norms = nn.ModuleList(batch_norm(b) for _, b, _, _ in sizes)
        is_same = inputs == outputs and stride == 1
        self.project = None if is_same else nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), batch_norm(outputs))

    def forward(self, x):
        y = x
        for conv, norm in zip(self.convs, self.norms):
            y = norm(conv(y if y is x else torch.relu(y)))
        return torch.relu(y + (x if self.project is None else self.project(x)))


def batch_norm(channels):
    """By the batch's own statistics, also where it is tested."""
    return nn.BatchNorm2d(channels, track_running_stats=False)


class Normalized(Graph):
    """Convolutions, each followed by a batch normalization and a ReLU: a plain stack, or stages of residual blocks."""

    # Normalizations without statistics of their own are written for one size.
    samples, is_open = 64, False

    def __init__(self, depth=0, blocks=(), is_bottleneck=False, channels=16):
        super().__init__()
        sizes = [1, *[channels] * max(depth, 1)]
        strides = [2 if depth and place == 0 else 1 for place in range(len(sizes) - 1)]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, s, padding=1, bias=False) for a, b, s in zip(sizes, sizes[1:], strides))
        self.norms = nn.ModuleList(batch_norm(channels) for _ in strides)
        self.blocks = nn.ModuleList()
        for stage, count in enumerate(blocks):
            for place in range(count):
                made = channels * 2**stage
                before = channels if not self.blocks else last
                self.blocks.append(Block(before, made, 2 if place == 0 and stage > 0 else 1, is_bottleneck))
                last = made
        self.head = nn.Linear(last if blocks else channels, CLASSES)

    def forward(self, x):
        for conv, norm in zip(self.convs, self.norms):
            x = torch.relu(norm(conv(x)))
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Found(NamedTuple):
    """What each seed (a row) reaches on the test set at each rate (a column): a loss, and a score of which more is better."""

    losses: torch.Tensor
    scores: torch.Tensor


def data(folder, side, mixed=False):
    """Images to train on and to test on, so many pixels wide, of mean 0 and variance 1. The test's are other people's, unless mixed."""
    pool, test = digits(Path(folder), side)
    if mixed:
        both = Images(*(torch.cat(parts) for parts in zip(pool, test)))
        order = torch.randperm(len(both.classes), generator=torch.Generator().manual_seed(0))
        pool, test = both.at(order[: len(pool.classes)]), both.at(order[len(pool.classes) :])
    return standard(pool, pool), standard(test, pool)


class Momentum:
    """SGD with momentum 0.9: what is subtracted from a tensor, times the rate."""

    def __init__(self, value):
        self.speed = torch.zeros_like(value)

    def step(self, gradient):
        return self.speed.mul_(0.9).add_(gradient)


class Adam:
    """Adam as PyTorch has it (Kingma & Ba 2015): what is subtracted from a tensor, times the rate."""

    def __init__(self, value):
        self.steps, self.mean, self.square = 0, torch.zeros_like(value), torch.zeros_like(value)

    def step(self, gradient):
        self.steps += 1
        self.mean.mul_(0.9).add_(gradient, alpha=0.1)
        self.square.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
        return self.mean / (1 - 0.9**self.steps) / ((self.square / (1 - 0.999**self.steps)).sqrt() + 1e-8)


def classified(logits, classes):
    """The loss of each network, and its accuracy."""
    each = functional.cross_entropy(logits.flatten(0, 1), classes.repeat(len(logits)), reduction="none")
    return each.view(len(logits), -1).mean(1), (logits.argmax(2) == classes).float().mean(1)


def redrawn(pictures, wanted):
    """The mean squared error of each network, and the part of the variance that it explains."""
    error = (pictures - wanted).square().flatten(1).mean(1)
    return error, 1 - error / wanted.var()


def mapped(network):
    """The outputs of a module with each of the stacked weights."""
    if getattr(network, "is_mapped", True):
        return vmap(lambda parameters, x: functional_call(network, parameters, (x,)), in_dims=(0, None))

    def run(parameters, x):
        names, stacks = parameters.keys(), zip(*parameters.values())
        return torch.stack([functional_call(network, dict(zip(names, one)), (x,)) for one in stacks])

    return run


def train(network, made, pool, test, rates, steps, batch=64, optimizer=Momentum, judge=classified):
    """Trains a module from the tensors of `starts.tensors`, each seed at all rates, with one order of samples for all."""
    pool, test = (Images(*(part.to(DEVICE) for part in images)) for images in (pool, test))
    network = network.to(DEVICE)
    parameters = {name: value.float().to(DEVICE).requires_grad_() for name, value in made.items()}
    optimizers = {name: optimizer(value) for name, value in parameters.items()}
    seeds = len(next(iter(made.values()))) // len(rates)
    rates = torch.tensor(rates, device=DEVICE).repeat(seeds)
    order = torch.Generator().manual_seed(0)
    run = mapped(network)

    def judged(images):
        return judge(run(parameters, images.pixels), images.classes)

    for _ in range(steps):
        loss, _ = judged(pool.at(torch.randint(len(pool.classes), (batch,), generator=order).to(DEVICE)))
        gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
        with torch.no_grad():
            for (name, value), gradient in zip(parameters.items(), gradients):
                value.sub_(rates.view(-1, *[1] * (value.dim() - 1)) * optimizers[name].step(gradient))
    with torch.no_grad():
        loss, score = judged(test)
    # One that diverged has the worst loss there is.
    loss = torch.nan_to_num(loss, nan=1e9, posinf=1e9)
    score = torch.nan_to_num(score, nan=-1).clamp(min=-1)
    return Found(loss.view(seeds, -1).cpu(), score.view(seeds, -1).cpu())
