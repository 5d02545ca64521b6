"""Small networks that make pictures of digits: from a few numbers, or from noisy pictures."""

import torch
from convnets import conv
from torch import nn
from training import batch_norm

SIDE = 8


class Autoencoder(nn.Module):
    """Linear layers down to a few numbers and back."""

    def __init__(self, sizes=(SIDE**2, 48, 32, 12, 32, 48, SIDE**2)):
        super().__init__()
        self.layers, self.code = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:])), len(sizes) // 2

    def forward(self, x):
        y = x.flatten(1)
        for place, layer in enumerate(self.layers, 1):
            y = layer(y)
            # Neither the code nor the picture is cut off at 0.
            y = y if place in (self.code, len(self.layers)) else torch.relu(y)
        return y.view(-1, 1, SIDE, SIDE)


class ConvolutionalAutoencoder(nn.Module):
    """Strided convolutions down to a few numbers, transposed ones back."""

    def __init__(self, channels=12, code=12):
        super().__init__()
        self.down = nn.Sequential(nn.Conv2d(1, channels, 3, 2, 1), nn.ReLU(), nn.Conv2d(channels, 2 * channels, 3, 2, 1), nn.ReLU())
        self.encode, self.decode = nn.Linear(8 * channels, code), nn.Linear(code, 8 * channels)
        up = nn.ConvTranspose2d(2 * channels, channels, 4, 2, 1)
        self.up = nn.Sequential(nn.ReLU(), up, nn.ReLU(), nn.ConvTranspose2d(channels, 1, 4, 2, 1))
        self.channels = 2 * channels

    def forward(self, x):
        code = self.encode(self.down(x).flatten(1))
        return self.up(self.decode(code).view(-1, self.channels, 2, 2))


class Pair(nn.Module):
    def __init__(self, inputs, outputs, is_normalized):
        super().__init__()
        self.conv1, self.conv2 = conv(inputs, outputs, bias=not is_normalized), conv(outputs, outputs, bias=not is_normalized)
        self.norm1, self.norm2 = (batch_norm(outputs) if is_normalized else nn.Identity() for _ in range(2))

    def forward(self, x):
        return torch.relu(self.norm2(self.conv2(torch.relu(self.norm1(self.conv1(x))))))


class UNet(nn.Module):
    """Down by maxima, up by transposed convolutions, and what was on the way down beside (Ronneberger et al. 2015)."""

    def __init__(self, is_normalized, channels=8):
        super().__init__()
        sizes = [channels, 2 * channels, 4 * channels]
        self.down = nn.ModuleList(Pair(a, b, is_normalized) for a, b in zip([1, *sizes], sizes))
        self.pool = nn.MaxPool2d(2)
        self.wider = nn.ModuleList(nn.ConvTranspose2d(b, a, 2, 2) for a, b in zip(sizes, sizes[1:]))
        self.up = nn.ModuleList(Pair(2 * a, a, is_normalized) for a in sizes[:-1])
        self.head = nn.Conv2d(channels, 1, 1)

    def forward(self, x):
        kept = []
        for level, pair in enumerate(self.down):
            x = pair(self.pool(x) if level else x)
            kept.append(x)
        for level in (1, 0):
            x = self.up[level](torch.cat([kept[level], self.wider[level](x)], 1))
        return self.head(x)
