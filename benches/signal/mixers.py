"""Small networks of the digits that mix patches or features: transformers, a Mixer, blocks of linear layers."""

import torch
from torch import nn
from torch.nn import functional
from training import CLASSES

SIDE, PATCHES = 8, 16


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


class ViT(nn.Module):
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


class Mixer(nn.Module):
    def __init__(self, depth, width=32):
        super().__init__()
        self.embed, self.blocks = nn.Linear(4, width), nn.Sequential(*(Mixing(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.blocks(self.embed(patches(x)))).mean(1))


class GatedBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.norm, self.down_proj = nn.LayerNorm(width), nn.Linear(2 * width, width, bias=False)
        self.gate_proj, self.up_proj = (nn.Linear(width, 2 * width, bias=False) for _ in range(2))

    def forward(self, x):
        y = self.norm(x)
        return x + self.down_proj(functional.silu(self.gate_proj(y)) * self.up_proj(y))


class Gated(nn.Module):
    def __init__(self, depth, width=48):
        super().__init__()
        self.stem, self.layers = nn.Linear(SIDE**2, width), nn.Sequential(*(GatedBlock(width) for _ in range(depth)))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.norm(self.layers(self.stem(x.flatten(1)))))


class ResidualBlock(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        return x + self.fc2(functional.gelu(self.fc1(x)))


class Residual(nn.Module):
    """Blocks without normalizations."""

    def __init__(self, depth, width=48):
        super().__init__()
        self.stem, self.blocks = nn.Linear(SIDE**2, width), nn.Sequential(*(ResidualBlock(width) for _ in range(depth)))
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x.flatten(1))))
