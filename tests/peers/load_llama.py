"""Whether a folder holds a Llama-3.2-1B that transformers loads completely:
`python tests/peers/load_llama.py FOLDER` (model.safetensors, or shards and their index)."""

import sys
from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaForCausalLM

sys.path.append(str(Path(__file__).resolve().parents[2] / "benches/peers"))
from llama import config


def main(folder):
    model, info = LlamaForCausalLM.from_pretrained(
        folder,
        config=config(),
        generation_config=GenerationConfig(),
        dtype=torch.bfloat16,
        local_files_only=True,
        output_loading_info=True,
    )
    wrong = {kind: keys for kind, keys in info.items() if keys}
    if wrong:
        sys.exit(f"{folder} does not hold the whole model: {wrong}")
    with torch.no_grad():
        logits = model(torch.arange(1000, 1008).view(1, 8)).logits
    if not logits.isfinite().all():
        sys.exit(f"{folder}: the model's output is not finite")
    print(f"{folder}: every key found, output finite")


if __name__ == "__main__":
    main(sys.argv[1])
