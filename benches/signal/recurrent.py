"""Small recurrent networks that read a digit in strips of pixels."""

import torch
from torch import nn
from training import CLASSES

STEPS, PIXELS = 16, 4


class Recurrent(nn.Module):
    # PyTorch's recurrent layers cannot be mapped over stacks of weights.
    is_mapped = False

    def __init__(self, kind, layers=2, width=32, **options):
        super().__init__()
        self.rnn, self.head = kind(PIXELS, width, layers, batch_first=True, **options), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.rnn(x.reshape(-1, STEPS, PIXELS))[0][:, -1])


class Causal(nn.Module):
    """Two causal convolutions over time and a sum, no normalization (TCN; Bai et al. 2018)."""

    def __init__(self, inputs, outputs, dilation):
        super().__init__()
        self.pad = nn.ConstantPad1d((2 * dilation, 0), 0.0)
        self.conv1, self.conv2 = nn.Conv1d(inputs, outputs, 3, dilation=dilation), nn.Conv1d(outputs, outputs, 3, dilation=dilation)
        self.downsample = nn.Identity() if inputs == outputs else nn.Conv1d(inputs, outputs, 1)

    def forward(self, x):
        y = torch.relu(self.conv1(self.pad(x)))
        return torch.relu(self.downsample(x) + torch.relu(self.conv2(self.pad(y))))


class Temporal(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        sizes = [PIXELS, *[width] * 4]
        self.blocks = nn.Sequential(*(Causal(a, b, 2**place) for place, (a, b) in enumerate(zip(sizes, sizes[1:]))))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.blocks(x.reshape(-1, STEPS, PIXELS).transpose(1, 2))[:, :, -1])
