"""Google's ViT files, whose attention has an axis of heads: what timm makes of them."""

import re

import numpy as np
import torch
from command import semilla
from safetensors.torch import load_file, save_file
from timm.models.vision_transformer import VisionTransformer

WIDTH, HEADS, HIDDEN, DEPTH, CLASSES, PATCH, SIZE = 24, 3, 48, 2, 5, 4, 8
BLOCK = "Transformer/encoderblock_"
ATTENTION = "MultiHeadDotProductAttention_1"
NAMES = {
    "cls": "cls_token", "embedding": "patch_embed.proj", "Transformer/posembed_input/pos_embedding": "pos_embed",
    "Transformer/encoder_norm": "norm", "head": "head",
}
OF_BLOCK = {"LayerNorm_0": "norm1", "LayerNorm_2": "norm2", "MlpBlock_3/Dense_0": "mlp.fc1", "MlpBlock_3/Dense_1": "mlp.fc2",
            f"{ATTENTION}/out": "attn.proj"}


def arrays():
    random = np.random.default_rng(0)
    normal = lambda *shape: random.standard_normal(shape).astype(np.float32)
    kernel = lambda name, *shape: {f"{name}/kernel": normal(*shape)}
    size = WIDTH // HEADS
    found = {"cls": normal(1, 1, WIDTH), "Transformer/posembed_input/pos_embedding": normal(1, 1 + (SIZE // PATCH) ** 2, WIDTH)}
    found |= kernel("embedding", PATCH, PATCH, 3, WIDTH) | {"embedding/bias": normal(WIDTH)}
    found |= kernel("head", WIDTH, CLASSES) | {"head/bias": normal(CLASSES)}
    norms = ["Transformer/encoder_norm"]
    for block in range(DEPTH):
        start = f"{BLOCK}{block}/"
        norms += [f"{start}LayerNorm_0", f"{start}LayerNorm_2"]
        for part in ["query", "key", "value"]:
            found |= kernel(f"{start}{ATTENTION}/{part}", WIDTH, HEADS, size)
            found[f"{start}{ATTENTION}/{part}/bias"] = normal(HEADS, size)
        found |= kernel(f"{start}{ATTENTION}/out", HEADS, size, WIDTH) | {f"{start}{ATTENTION}/out/bias": normal(WIDTH)}
        for part, sizes in [("Dense_0", (WIDTH, HIDDEN)), ("Dense_1", (HIDDEN, WIDTH))]:
            found |= kernel(f"{start}MlpBlock_3/{part}", *sizes) | {f"{start}MlpBlock_3/{part}/bias": normal(sizes[1])}
    for norm in norms:
        found |= {f"{norm}/scale": normal(WIDTH), f"{norm}/bias": normal(WIDTH)}
    return found


def recipe(path):
    leaves = {"kernel": "weight", "scale": "weight", "bias": "bias"}
    renames = []
    for old, new in NAMES.items():
        renames += [(f"^{old}$", new)] + [(f"^{old}/{leaf}$", f"{new}.{name}") for leaf, name in leaves.items()]
    for old, new in OF_BLOCK.items():
        renames += [(rf"^{BLOCK}(\d+)/{old}/{leaf}$", f"blocks.${{1}}.{new}.{name}") for leaf, name in leaves.items()]
    parts = lambda leaf: [f"{BLOCK}$1/{ATTENTION}/{part}/{leaf}" for part in ["query", "key", "value"]]
    fuses = ", ".join(f"{{ target = '{target}', parts = {parts(leaf)} }}" for target, leaf in
                      [(r"blocks\.(\d+)\.attn\.qkv\.weight", "kernel"), (r"blocks\.(\d+)\.attn\.qkv\.bias", "bias")])
    used = [pair for pair in renames if any(re.search(pair[0], name) for name in arrays())]
    rename = ", ".join(f"['{old}', '{new}']" for old, new in used)
    path.write_text(f"""
name = "vit"
defaults = true
[[rule]]
match = "*"
init = {{ normal = {{ std = 0.02 }} }}
[[pretrained]]
from = "{path.with_suffix('.npz')}"
rename = [{rename}]
fuse = [{fuses}]
""")
    return path


def test_vit(tmp_path):
    model = VisionTransformer(img_size=SIZE, patch_size=PATCH, embed_dim=WIDTH, depth=DEPTH, num_heads=HEADS,
                              mlp_ratio=HIDDEN / WIDTH, num_classes=CLASSES)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    np.savez(tmp_path / "vit.npz", **arrays())
    model.load_pretrained(tmp_path / "vit.npz")
    semilla("init", tmp_path / "model.safetensors", "--recipe", recipe(tmp_path / "vit.toml"), "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    for name, weight in model.state_dict().items():
        assert torch.equal(found[name], weight), name
