"""Networks that are trained side by side: all weight seeds at all learning rates as one batch of networks, on handwritten digits."""

from pathlib import Path
from typing import NamedTuple

import torch
from images import Images, digits, standard
from torch import nn
from torch.func import functional_call, vmap
from torch.nn import functional

CLASSES = 10
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


DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class Found(NamedTuple):
    """What each seed (a row) reaches on the test set at each rate (a column)."""

    losses: torch.Tensor
    accuracies: torch.Tensor


def data(folder, side, mixed=False):
    """Images to train on and to test on, so many pixels wide, of mean 0 and variance 1. The test's are other people's, unless mixed."""
    pool, test = digits(Path(folder), side)
    if mixed:
        both = Images(*(torch.cat(parts) for parts in zip(pool, test)))
        order = torch.randperm(len(both.classes), generator=torch.Generator().manual_seed(0))
        pool, test = both.at(order[: len(pool.classes)]), both.at(order[len(pool.classes) :])
    return standard(pool, pool), standard(test, pool)


def train(network, made, pool, test, rates, steps, batch=64):
    """Trains a module from the tensors of `starts.tensors`, each seed at all rates: SGD with momentum 0.9, one order of samples for all."""
    pool, test = (Images(*(part.to(DEVICE) for part in images)) for images in (pool, test))
    network = network.to(DEVICE)
    parameters = {name: value.float().to(DEVICE).requires_grad_() for name, value in made.items()}
    speeds = {name: torch.zeros_like(value) for name, value in parameters.items()}
    seeds = len(next(iter(made.values()))) // len(rates)
    rates = torch.tensor(rates, device=DEVICE).repeat(seeds)
    order = torch.Generator().manual_seed(0)
    run = vmap(lambda parameters, x: functional_call(network, parameters, (x,)), in_dims=(0, None))

    def judged(images):
        logits = run(parameters, images.pixels)
        each = functional.cross_entropy(logits.flatten(0, 1), images.classes.repeat(len(rates)), reduction="none")
        return each.view(len(rates), -1).mean(1), (logits.argmax(2) == images.classes).float().mean(1)

    for _ in range(steps):
        loss, _ = judged(pool.at(torch.randint(len(pool.classes), (batch,), generator=order).to(DEVICE)))
        gradients = torch.autograd.grad(loss.sum(), list(parameters.values()))
        with torch.no_grad():
            for (name, value), gradient in zip(parameters.items(), gradients):
                speeds[name].mul_(0.9).add_(gradient)
                value.sub_(rates.view(-1, *[1] * (value.dim() - 1)) * speeds[name])
    with torch.no_grad():
        loss, accuracy = judged(test)
    # One that diverged has the worst loss there is.
    loss = torch.nan_to_num(loss, nan=1e9, posinf=1e9)
    return Found(loss.view(seeds, -1).cpu(), accuracy.view(seeds, -1).cpu())
