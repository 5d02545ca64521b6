"""Plans a transfer from a checkpoint of 1000 tensors, as whole processes.

Semilla plans the model alone, then with the checkpoint. torch maps the same tensors and puts them
into a module on the meta device; a Python process that only imports torch shows how much of that is
its start. Usage: planning.py SEMILLA FOLDER ROUNDS"""

import subprocess
import sys
from pathlib import Path

from shapes import classifier, gpt2, write
from measure import cost, in_turns, machine, ratio, table

HERE = Path(__file__).parent
# 12 tensors a layer, and 4.
LAYERS, WIDTH = 83, 128


def main(semilla, folder, rounds):
    trunk = gpt2(LAYERS, WIDTH)
    assert len(trunk) == 1000
    names, target, source, pickle = (folder / name for name in ("trunk.json", "list.json", "trunk.safetensors", "trunk.pt"))
    write(trunk, names)
    write(classifier(trunk, WIDTH), target)
    torch = [sys.executable, HERE / "with_torch.py"]
    for command in ([semilla, "init", names, "-o", source], [*torch, "pickle", source, pickle]):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    transfer = [semilla, "plan", target, "--may-miss", "score.*", "--json", "--from"]
    commands = {
        "semilla, the model alone": [semilla, "plan", target, "--json"],
        "semilla, from .safetensors": [*transfer, source],
        "semilla, from .pt": [*transfer, pickle],
        "import torch": [sys.executable, "-c", "import torch"],
        "torch.load(mmap=True), load_state_dict(assign=True) on meta": [*torch, "plan", pickle, target],
    }
    costs = in_turns({name: lambda command=command: cost(command) for name, command in commands.items()}, rounds)
    print(f"{machine()}\n\n{len(trunk)} tensors; medians of {rounds} rounds\n")
    print("\n".join(table(costs, "semilla, from .safetensors", unit="ms")))
    print(f"\ntorch takes {ratio(costs, list(commands)[-1], 'semilla, from .pt'):.0f} times as long for the .pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
