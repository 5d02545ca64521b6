"""Dequantizes a checkpoint from FP8 to BF16, until it is on the disk: the weights of a model whose
matrices are stored as DeepSeek-V3's, with a scale for each block of 128 x 128.

`cp` of the output and Semilla take turns. The time includes flushing the file (fsync); the files that
are read are in the page cache. Usage: dequantizing.py SEMILLA FOLDER ROUNDS"""

import json
import os
import random
import subprocess
import sys
from pathlib import Path

from measure import cost, flush, in_turns, machine, ratio, table

LAYERS, WIDTH, BLOCK = 119, 4096, 128


def header(tensors):
    """A header of safetensors, and the bytes of all tensors together."""
    listed, end = {}, 0
    for name, (dtype, shape, size) in tensors.items():
        length = size * shape[0] * shape[1]
        listed[name] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    text = json.dumps(listed).encode()
    return len(text).to_bytes(8, "little") + text, end


def prepare(folder):
    """Writes the checkpoint and the list of what it becomes."""
    names = [f"layers.{layer}.weight" for layer in range(LAYERS)]
    stored = {}
    for name in names:
        stored[name] = "F8_E4M3", [WIDTH, WIDTH], 1
        stored[name + "_scale_inv"] = "F32", [WIDTH // BLOCK, WIDTH // BLOCK], 4
    start, _ = header(stored)
    draw = random.Random(0)
    # No NaN: their codes are 0x7f and 0xff.
    some = bytes(code for code in draw.randbytes(2 * WIDTH * WIDTH) if code & 0x7F != 0x7F)[:WIDTH * WIDTH]
    scale = b"".join(int(0x3C000000 + draw.randrange(1 << 23)).to_bytes(4, "little") for _ in range((WIDTH // BLOCK) ** 2))
    source = folder / "fp8.safetensors"
    with open(source, "wb") as file:
        file.write(start)
        for _ in names:
            file.write(some)
            file.write(scale)
    flush(source)
    model = {name: {"dtype": "BF16", "shape": [WIDTH, WIDTH]} for name in names}
    (folder / "model.json").write_text(json.dumps(model))
    return source, folder / "model.json"


def main(semilla, folder, rounds):
    print(machine() + "\n", flush=True)
    source, model = prepare(folder)
    dequantized = folder / "bf16.safetensors"
    command = [semilla, "init", model, "--from", source, "-o"]
    subprocess.run([*command, dequantized], check=True, stdout=subprocess.DEVNULL)
    flush(dequantized)

    def arm(name, command):
        def run():
            out = folder / f"{name}.safetensors"
            out.unlink(missing_ok=True)
            os.sync()
            return cost([*command, out], wrote=out)

        return run

    arms = {"cp": arm("copy", ["cp", dequantized]), "semilla": arm("ours", command)}
    costs = in_turns(arms, rounds)
    subprocess.run(["cmp", folder / "copy.safetensors", folder / "ours.safetensors"], check=True)
    print(f"{source.stat().st_size / 1e9:.2f} GB of FP8 to {dequantized.stat().st_size / 1e9:.2f} GB of BF16; "
          f"medians of {rounds} rounds\n")
    print("\n".join(table(costs, "cp")))
    print(f"\nsemilla: {ratio(costs, 'semilla', 'cp'):.2f} times as long as cp of its output")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
