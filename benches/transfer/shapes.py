"""Lists of tensors as Semilla reads them: name to type and shape."""

import json
from pathlib import Path


def gpt2(layers, width, vocabulary=50257, positions=1024):
    """The tensors of GPT-2 (Radford et al. 2019) under the names of its published checkpoints."""
    shapes = {"wte.weight": [vocabulary, width], "wpe.weight": [positions, width]}
    for layer in range(layers):
        blocks = {
            "ln_1": ([width], width),
            "attn.c_attn": ([width, 3 * width], 3 * width),
            "attn.c_proj": ([width, width], width),
            "ln_2": ([width], width),
            "mlp.c_fc": ([width, 4 * width], 4 * width),
            "mlp.c_proj": ([4 * width, width], width),
        }
        for name, (weight, bias) in blocks.items():
            shapes[f"h.{layer}.{name}.weight"] = weight
            shapes[f"h.{layer}.{name}.bias"] = [bias]
    return shapes | {"ln_f.weight": [width], "ln_f.bias": [width]}


def classifier(trunk, width, classes=10):
    """The same tensors under a prefix, and a new head, as in `GPT2ForSequenceClassification`."""
    return {f"transformer.{name}": shape for name, shape in trunk.items()} | {"score.weight": [classes, width]}


def write(shapes, path):
    entries = {name: {"dtype": "F32", "shape": shape} for name, shape in shapes.items()}
    Path(path).write_text(json.dumps(entries, indent=1))


def read(path):
    return {name: entry["shape"] for name, entry in json.loads(Path(path).read_text()).items()}
