"""Diffusion models as their authors publish them, small, with the published initialization.

Peebles & Xie, *Scalable Diffusion Models with Transformers*, 2023 (DiT's `initialize_weights`);
Dhariwal & Nichol, *Diffusion Models Beat GANs on Image Synthesis*, 2021 (ADM's `zero_module`).
"""

from torch import nn

WIDTH = 32


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(WIDTH, 4 * WIDTH)
        self.fc2 = nn.Linear(4 * WIDTH, WIDTH)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = Attention()
        self.mlp = Mlp()
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 6 * WIDTH))


class FinalLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(WIDTH, 2 * 2 * 8)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(WIDTH, 2 * WIDTH))


class Part(nn.Module):
    """A module with one part of a given name."""

    def __init__(self, name, part):
        super().__init__()
        self.add_module(name, part)


class DiT(nn.Module):
    def __init__(self):
        super().__init__()
        self.x_embedder = Part("proj", nn.Conv2d(4, WIDTH, 2, stride=2))
        steps = nn.Sequential(nn.Linear(64, WIDTH), nn.SiLU(), nn.Linear(WIDTH, WIDTH))
        self.t_embedder = Part("mlp", steps)
        self.y_embedder = Part("embedding_table", nn.Embedding(11, WIDTH))
        self.blocks = nn.ModuleList([Block() for _ in range(2)])
        self.final_layer = FinalLayer()
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)
        patches = self.x_embedder.proj
        nn.init.xavier_uniform_(patches.weight.data.view([WIDTH, -1]))
        nn.init.zeros_(patches.bias)
        nn.init.normal_(self.y_embedder.embedding_table.weight, std=0.02)
        nn.init.normal_(steps[0].weight, std=0.02)
        nn.init.normal_(steps[2].weight, std=0.02)
        closed = [block.adaLN_modulation[-1] for block in self.blocks]
        for layer in [*closed, self.final_layer.adaLN_modulation[-1], self.final_layer.linear]:
            zero_module(layer)


def zero_module(module):
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class ResBlock(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.in_layers = nn.Sequential(
            nn.GroupNorm(4, inputs), nn.SiLU(), nn.Conv2d(inputs, outputs, 3, padding=1)
        )
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(4 * WIDTH, 2 * outputs))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(4, outputs), nn.SiLU(), nn.Dropout(), zero_module(nn.Conv2d(outputs, outputs, 3, padding=1))
        )
        if inputs != outputs:
            self.skip_connection = nn.Conv2d(inputs, outputs, 1)


class AttentionBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.GroupNorm(4, WIDTH)
        self.qkv = nn.Conv1d(WIDTH, 3 * WIDTH, 1)
        self.proj_out = zero_module(nn.Conv1d(WIDTH, WIDTH, 1))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.time_embed = nn.Sequential(
            nn.Linear(WIDTH, 4 * WIDTH), nn.SiLU(), nn.Linear(4 * WIDTH, 4 * WIDTH)
        )
        self.label_emb = nn.Embedding(10, 4 * WIDTH)
        first = nn.Sequential(nn.Conv2d(3, WIDTH, 3, padding=1))
        self.input_blocks = nn.ModuleList(
            [first, nn.Sequential(ResBlock(WIDTH, WIDTH), AttentionBlock())]
        )
        self.middle_block = nn.Sequential(
            ResBlock(WIDTH, WIDTH), AttentionBlock(), ResBlock(WIDTH, WIDTH)
        )
        self.output_blocks = nn.ModuleList(
            [nn.Sequential(ResBlock(2 * WIDTH, WIDTH), AttentionBlock())]
        )
        self.out = nn.Sequential(
            nn.GroupNorm(4, WIDTH), nn.SiLU(), zero_module(nn.Conv2d(WIDTH, 3, 3, padding=1))
        )
