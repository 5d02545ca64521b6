"""`auto` in kinds of residual networks that normalize, trained as they usually are: the test accuracy of each start at its best rate.

Small networks on scikit-learn's digits (8 x 8 pixels; patches of 2 x 2), four weight seeds at three learning rates, 100 steps of 64 samples of
Adam. A start counts with the rate whose mean accuracy over the seeds is the best. `python kinds.py SEMILLA FOLDER [NETWORK]...`"""

import sys
import tempfile
from pathlib import Path

import torch
from starts import STARTS, tensors
from torch import nn
from torch.nn import functional
from training import CLASSES, Adam, Graph, data, train
from worth import best

SIDE, SEEDS, STEPS = 8, 4, 100
RATES = [0.001, 0.003, 0.01]
PATCHES = 16


class Kind(Graph):
    side, is_folded = SIDE, False


def patches(x):
    return x.reshape(-1, 4, 2, 4, 2).permute(0, 1, 3, 2, 4).flatten(3).flatten(1, 2)


class Attention(nn.Module):
    def __init__(self, width, heads=4):
        super().__init__()
        self.heads, self.qkv, self.proj = heads, nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        query, key, value = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5
        return self.proj((scores.softmax(-1) @ value).transpose(1, 2).flatten(2))


class Encoder(nn.Module):
    """Attention and a feed-forward branch, normalized before each or behind each sum."""

    def __init__(self, width, is_post):
        super().__init__()
        self.norm1, self.attn, self.norm2 = nn.LayerNorm(width), Attention(width), nn.LayerNorm(width)
        self.fc1, self.fc2, self.is_post = nn.Linear(width, 4 * width), nn.Linear(4 * width, width), is_post

    def forward(self, x):
        if self.is_post:
            x = self.norm1(x + self.attn(x))
            return self.norm2(x + self.fc2(functional.gelu(self.fc1(x))))
        x = x + self.attn(self.norm1(x))
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))


class ViT(Kind):
    def __init__(self, depth, is_post=False, width=32):
        super().__init__()
        self.patch_embed, self.pos_embed = nn.Linear(4, width), nn.Parameter(torch.zeros(1, PATCHES, width))
        self.blocks = nn.Sequential(*(Encoder(width, is_post) for _ in range(depth)))
        self.norm = nn.Identity() if is_post else nn.LayerNorm(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.patch_embed(patches(x)) + self.pos_embed)).mean(1))


class Mixing(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm1, self.tok1, self.tok2 = nn.LayerNorm(width), nn.Linear(PATCHES, 2 * PATCHES), nn.Linear(2 * PATCHES, PATCHES)
        self.norm2, self.fc1, self.fc2 = nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        x = x + self.tok2(functional.gelu(self.tok1(self.norm1(x).transpose(1, 2)))).transpose(1, 2)
        return x + self.fc2(functional.gelu(self.fc1(self.norm2(x))))


class Mixer(Kind):
    def __init__(self, depth, width=32):
        super().__init__()
        self.embed, self.blocks = nn.Linear(4, width), nn.Sequential(*(Mixing(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(patches(x)))).mean(1))


class ConvNeXtBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.dwconv, self.norm = nn.Conv2d(width, width, 3, padding=1, groups=width), nn.LayerNorm(width)
        self.pwconv1, self.pwconv2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        return x + self.pwconv2(functional.gelu(self.pwconv1(y))).permute(0, 3, 1, 2)


class ConvNeXt(Kind):
    def __init__(self, depth, width=16):
        super().__init__()
        self.stem, self.stem_norm = nn.Conv2d(1, width, 2, stride=2), nn.LayerNorm(width)
        self.blocks = nn.Sequential(*(ConvNeXtBlock(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        x = self.stem_norm(self.stem(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
        return self.head(self.norm(self.blocks(x).mean((2, 3))))


class GatedBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.down_proj = nn.LayerNorm(width), nn.Linear(2 * width, width, bias=False)
        self.gate_proj, self.up_proj = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))

    def forward(self, x):
        y = self.norm(x)
        return x + self.down_proj(functional.silu(self.gate_proj(y)) * self.up_proj(y))


class Gated(Kind):
    def __init__(self, depth, width=48):
        super().__init__()
        self.stem, self.layers = nn.Linear(SIDE**2, width), nn.Sequential(*(GatedBlock(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.layers(self.stem(x.flatten(1)))))


NETWORKS = {
    "ViT, 4 blocks": ViT(4),
    "transformer, post-norm, 6": ViT(6, is_post=True),
    "ConvNeXt, 6 blocks": ConvNeXt(6),
    "MLP-Mixer, 6 blocks": Mixer(6),
    "gated, 8 blocks": Gated(8),
}


def main(semilla, folder, *only):
    torch.set_num_threads(1)
    pool, test = data(folder, SIDE, mixed=True)
    print(f"{'network':26}", *[f"{name:>11}" for name in STARTS], "  auto behind the best by")
    for name, network in NETWORKS.items():
        if only and name not in only:
            continue
        found = {}
        with tempfile.TemporaryDirectory() as place:
            model = network.model(Path(place))
            for start, options in STARTS.items():
                made = tensors(semilla, model, options, SEEDS, len(RATES))
                found[start] = best(train(network, made, pool, test, RATES, STEPS, optimizer=Adam).accuracies)
        (top, error), (own, own_error) = max(found.values()), found["auto"]
        cells = [f"{accuracy:.3f}±{error:.3f}" for accuracy, error in found.values()]
        print(f"{name:26}", *[f"{cell:>11}" for cell in cells], f"  {top - own:.3f} ± {(error**2 + own_error**2) ** 0.5:.3f}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
