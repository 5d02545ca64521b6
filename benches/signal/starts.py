"""The starts that are compared, and their tensors."""

import subprocess
import tempfile
from pathlib import Path

import torch
from safetensors.torch import load_file

STARTS = {
    "PyTorch": ["--recipe", "pytorch"],
    "Xavier": ["--scheme", "xavier_normal"],
    "He": ["--scheme", "kaiming_normal"],
    "orthogonal": ["--scheme", "orthogonal"],
    "auto": ["--recipe", "auto"],
}


def tensors(semilla, model, options, seeds, times):
    """The tensors of so many seeds, stacked, each seed's so many times."""
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(seeds):
            path = Path(folder) / f"{seed}.safetensors"
            subprocess.run([semilla, "init", *model, *options, "--seed", str(seed), "-o", path], check=True, capture_output=True)
            files.append(load_file(path))
    return {name: torch.stack([file[name] for file in files]).repeat_interleave(times, 0) for name in files[0]}
