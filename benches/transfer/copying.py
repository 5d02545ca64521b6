"""Copies a checkpoint of 2.5 GB under a prefix, with a new head, until it is on the disk.

`cp` of the file, Semilla, and torch in two ways take turns. The time includes flushing the file
(fsync); the files that are read are in the page cache. Usage: copying.py SEMILLA FOLDER ROUNDS"""

import os
import subprocess
import sys
from pathlib import Path

from shapes import classifier, gpt2, write
from measure import cost, flush, in_turns, machine, ratio, table

HERE = Path(__file__).parent
# GPT-2 large's shapes, 29 of its 36 layers.
LAYERS, WIDTH = 29, 1280


def prepare(semilla, folder):
    trunk = gpt2(LAYERS, WIDTH)
    write(trunk, folder / "trunk.json")
    write(classifier(trunk, WIDTH), folder / "list.json")
    source, pickle = folder / "trunk.safetensors", folder / "trunk.pt"
    run = [semilla, "init", folder / "trunk.json", "--scheme", "normal", "-o", source]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, HERE / "with_torch.py", "pickle", source, pickle], check=True)
    for path in (source, pickle):
        flush(path)
    return source, pickle


def main(semilla, folder, rounds):
    print(machine() + "\n", flush=True)
    source, pickle = prepare(semilla, folder)
    names, torch = folder / "list.json", [sys.executable, HERE / "with_torch.py"]
    commands = {
        "cp": lambda out: ["cp", source, out],
        "semilla": lambda out: [semilla, "init", names, "--from", source, "--may-miss", "score.*", "-o", out],
        "torch.load, load_state_dict, save_file": lambda out: [*torch, "usual", pickle, names, out],
        "load_file, load_state_dict(assign=True), save_file": lambda out: [*torch, "best", source, names, out],
    }

    def arm(place, command):
        def run():
            out = folder / f"{place}.safetensors"
            out.unlink(missing_ok=True)
            os.sync()
            return cost(command(out), wrote=out)

        return run

    arms = {name: arm(place, command) for place, (name, command) in enumerate(commands.items())}
    costs = in_turns(arms, rounds)
    for torchs in (2, 3):
        both = folder / "1.safetensors", folder / f"{torchs}.safetensors"
        subprocess.run([*torch, "same", *both], check=True)
    print(f"{source.stat().st_size / 1e9:.2f} GB, {len(gpt2(LAYERS, WIDTH))} tensors; medians of {rounds} rounds\n")
    print("\n".join(table(costs, "cp")))
    usual, best = (ratio(costs, name, "semilla") for name in list(commands)[2:])
    print(f"\nsemilla: {1 / ratio(costs, 'semilla', 'cp'):.2f} of cp's speed, "
          f"{usual:.1f} and {best:.1f} times as fast as torch")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
