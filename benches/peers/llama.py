"""Writes a freshly initialized Llama-3.2-1B as users of transformers do: builds the model from its
configuration in bf16, then calls `save_pretrained`. Prints one JSON object with the seconds of each
phase and of flushing the files to disk, and the peak memory.

    python benches/peers/llama.py FOLDER            measures
    python benches/peers/llama.py --manifest FILE   writes the model's shapes, as Semilla reads them
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM


def config():
    """The published shape of Llama-3.2-1B."""
    return LlamaConfig(
        vocab_size=128256,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=16,
        num_attention_heads=32,
        num_key_value_heads=8,
        head_dim=64,
        max_position_embeddings=131072,
        rms_norm_eps=1e-5,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
        },
        tie_word_embeddings=True,
        dtype="bfloat16",
    )


def manifest():
    """Every stored tensor's type and shape; the tied head is stored with the embedding."""
    with torch.device("meta"):
        model = LlamaForCausalLM(config())
    tied = set(model.all_tied_weights_keys)
    return {
        name: {"dtype": "BF16", "shape": list(tensor.shape)}
        for name, tensor in model.state_dict().items()
        if name not in tied
    }


def flush(folder):
    for path in folder.iterdir():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def measure(folder):
    start = time.perf_counter()
    model = AutoModelForCausalLM.from_config(config(), dtype=torch.bfloat16)
    made = time.perf_counter()
    model.save_pretrained(folder)
    saved = time.perf_counter()
    flush(folder)
    flushed = time.perf_counter()
    return {
        "initialize": made - start,
        "save": saved - made,
        "flush": flushed - saved,
        "total": saved - start,
        "total_flushed": flushed - start,
        "bytes": sum(path.stat().st_size for path in folder.glob("*.safetensors")),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def write_manifest(path):
    lines = (f"  {json.dumps(name)}: {json.dumps(entry)}" for name, entry in manifest().items())
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--manifest", path]:
            write_manifest(Path(path))
        case [folder]:
            print(json.dumps(measure(Path(folder))))
        case _:
            sys.exit(__doc__)
