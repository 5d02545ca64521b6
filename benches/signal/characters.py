"""A decoder of bytes from several starts: its loss before training, and after it at the best rate.

`transformer:6x64:256:gelu` on texts of 64 bytes, eight weight seeds at three learning rates, 250 steps of 16 texts of AdamW (weight decay 0.1).
Losses are of 256 texts that nothing is trained on. `python characters.py SEMILLA FOLDER`: FOLDER has the sources that are read."""

import math
import statistics
import sys
from pathlib import Path

import numpy as np
import torch
from starts import tensors
from torch import nn
from torch.nn import functional
from training import DEVICE

BLOCKS, WIDTH, HEADS, WORDS, LENGTH = 6, 64, 1, 256, 64
SEEDS, RATES, STEPS, BATCH, TESTED = 8, [0.001, 0.003, 0.01], 250, 16, 256
STARTS = {"PyTorch": ["--recipe", "pytorch"], "auto": ["--recipe", "auto"], "gpt2": ["--recipe", "gpt2"]}


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv, self.proj = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)

    def forward(self, x):
        parts = self.qkv(x).unflatten(-1, (3, HEADS, WIDTH // HEADS)).permute(2, 0, 3, 1, 4)
        made = functional.scaled_dot_product_attention(*parts, is_causal=True)
        return self.proj(made.transpose(1, 2).flatten(2))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)

    def forward(self, x):
        return self.fc2(functional.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn, self.mlp = Attention(), Mlp()

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte, self.wpe = nn.Embedding(WORDS, WIDTH), nn.Embedding(1024, WIDTH)
        self.blocks = nn.Sequential(*(Block() for _ in range(BLOCKS)))
        self.ln_f, self.lm_head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WORDS, bias=False)

    def forward(self, words):
        x = self.wte(words) + self.wpe(torch.arange(words.shape[1], device=words.device))
        return self.lm_head(self.ln_f(self.blocks(x)))


def texts(folder):
    files = sorted(Path(folder).rglob("*.rs"))
    read = np.frombuffer(b"".join(file.read_bytes() for file in files), np.uint8)
    return torch.from_numpy(read[: len(read) // (LENGTH + 1) * (LENGTH + 1)].astype(np.int64)).view(-1, LENGTH + 1)


def loss(model, batch):
    return functional.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())


def train(start, rate, pool, test):
    """The loss on the test's texts before and after."""
    model = Decoder().to(DEVICE)
    pool, test = pool.to(DEVICE), test.to(DEVICE)
    model.load_state_dict(start)
    order = torch.Generator().manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.1)
    losses = []
    for step in range(STEPS + 1):
        if step in (0, STEPS):
            with torch.no_grad():
                losses.append(loss(model, test).item())
        optimizer.zero_grad()
        loss(model, pool[torch.randint(len(pool), (BATCH,), generator=order).to(DEVICE)]).backward()
        optimizer.step()
    return [value if math.isfinite(value) else math.inf for value in losses]


def main(semilla, folder):
    every = texts(folder)
    every = every[torch.randperm(len(every), generator=torch.Generator().manual_seed(0))]
    pool, test = every[TESTED:], every[:TESTED]
    print(f"{'start':10} {'first loss':>10} {'loss':>7} {'error':>6} {'rate':>6}   (ln {WORDS} = {math.log(WORDS):.2f})")
    for name, options in STARTS.items():
        made = tensors(semilla, [f"transformer:{BLOCKS}x{WIDTH}:{WORDS}:gelu"], options, SEEDS, 1)
        starts = [{key: value[seed].float() for key, value in made.items()} for seed in range(SEEDS)]
        found = {rate: [train(start, rate, pool, test) for start in starts] for rate in RATES}
        rate = min(RATES, key=lambda rate: statistics.mean(last for _, last in found[rate]))
        firsts, lasts = zip(*found[rate])
        error = statistics.stdev(lasts) / math.sqrt(SEEDS)
        print(f"{name:10} {statistics.mean(firsts):10.2f} {statistics.mean(lasts):7.3f} {error:6.3f} {rate:6}", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
