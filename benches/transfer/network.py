"""The network, its training and its accuracy."""

import torch
from torch import nn
from torch.nn import functional


class Network(nn.Module):
    """What Semilla's line `conv:1-16-32-64:10:relu` describes, under the same names: 3x3 convolutions (here by steps of 2), each
    with batch normalization and ReLU, the mean over all places, and a linear head."""

    def __init__(self, widths, classes):
        super().__init__()
        pairs = zip([1, *widths], widths)
        self.features = nn.ModuleList(nn.ModuleDict(layer(old, new)) for old, new in pairs)
        self.classifier = nn.Linear(widths[-1], classes)

    def forward(self, x):
        for part in self.features:
            x = functional.relu(part["norm"](part["conv"](x)))
        return self.classifier(x.mean((2, 3)))


def layer(old, new):
    return {"conv": nn.Conv2d(old, new, 3, stride=2, padding=1, bias=False), "norm": nn.BatchNorm2d(new)}


def train(network, images, rate, steps, batch, seed):
    """Adam, its rate falling to 0 in a straight line; each step takes other images."""
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), fused=True)
    network.train()
    for step in range(steps):
        optimizer.param_groups[0]["lr"] = rate * (1 - step / steps)
        some = images.at(torch.randperm(len(images.classes), generator=generator)[:batch])
        optimizer.zero_grad()
        functional.cross_entropy(network(some.pixels), some.classes).backward()
        optimizer.step()
    return network


@torch.inference_mode()
def accuracy(network, images):
    """In percent."""
    network.eval()
    parts = zip(images.pixels.split(500), images.classes.split(500), strict=True)
    right = sum((network(pixels).argmax(1) == classes).sum().item() for pixels, classes in parts)
    return 100 * right / len(images.classes)
