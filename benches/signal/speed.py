"""`semilla check` against PyTorch's forward + backward: a line per network, times as the best of several rounds in turns.

`python speed.py RELEASE FOLDER [MODEL...]`: RELEASE has the command and the example `run`; exported models stay in FOLDER.
- torch: forward + backward in training mode, from a warm process, without loading anything.
- run: the executor alone, forward + backward; the same model, batch and threads.
- check: the whole command with one seed: reading the model, planning and making its weights, both passes, all statistics.
With one thread, torch and check are timed by the CPU seconds that they take, so that other work on the machine does not count.
Memory is the greatest resident size of each process; torch's is without what its import takes."""

import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

THREADS = int(os.environ.get("THREADS", "2"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
# One thread is as fast as the seconds that it is given.
CLOCK = time.process_time if THREADS == 1 else time.perf_counter
ENVIRONMENT = {**os.environ, "RAYON_NUM_THREADS": str(THREADS), "OMP_NUM_THREADS": str(THREADS)}


def mlp():
    from torch import nn

    widths = [784, 1024, 1024, 1024, 1024, 10]
    layers = [part for a, b in zip(widths, widths[1:]) for part in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers[:-1])


def lstm():
    from torch import nn

    class Last(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.LSTM(64, 256, num_layers=2, batch_first=True)
            self.head = nn.Linear(256, 10)

        def forward(self, x):
            return self.head(self.layer(x)[0][:, -1])

    return Last()


def resnet(name):
    import torchvision

    return getattr(torchvision.models, name)(num_classes=1000)


def vit():
    import timm

    return timm.create_model("vit_tiny_patch16_224", img_size=64, patch_size=8)


def gpt2():
    import transformers
    from torch import nn

    config = transformers.GPT2Config(vocab_size=1000, n_embd=256, n_head=8, n_layer=6, n_positions=128, use_cache=False,
                                     resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
    config._attn_implementation = "eager"

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = transformers.GPT2LMHeadModel(config)

        def forward(self, tokens):
            return self.model(tokens).logits

    return Logits()


MODELS = {
    "ResNet-50": (lambda: resnet("resnet50"), (32, 3, 64, 64)),
    "ResNet-18": (lambda: resnet("resnet18"), (32, 3, 64, 64)),
    "ViT-tiny": (vit, (32, 3, 64, 64)),
    "GPT-2-tiny": (gpt2, (16, 64)),
    "MLP": (mlp, (256, 784)),
    "LSTM": (lstm, (32, 50, 64)),
}


def batch(shape):
    import torch

    return torch.randn(*shape) if len(shape) != 2 or shape[1] == 784 else torch.randint(0, 1000, shape)


def export(name, folder):
    """The model's file, and a batch with a gradient at its output."""
    import torch
    from safetensors.torch import save_file

    path = folder / f"{name}.onnx"
    given = path.with_suffix(".safetensors")
    if path.exists() and given.exists():
        return path, given
    make, shape = MODELS[name]
    torch.manual_seed(0)
    model, x = make().eval(), batch(shape)
    torch.onnx.export(model, (x,), path, input_names=["x"], output_names=["y"], dynamo=True, optimize=False, verbose=False,
                      external_data=False)
    save_file({"x": x, "seed:y": torch.randn_like(model(x))}, given)
    return path, given


def in_torch(name):
    """Runs in a process of its own: seconds and bytes for each line that is read."""
    import torch

    torch.set_num_threads(THREADS)
    make, shape = MODELS[name]
    # What the import of torch and of the model's library takes.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    model = make().train()
    x = batch(shape)
    y = model(x)
    seed = torch.randn_like(y)
    (y * seed).sum().backward()
    print("ready", flush=True)
    for _ in sys.stdin:
        model.zero_grad(set_to_none=True)
        start = CLOCK()
        model(x).backward(seed)
        seconds = CLOCK() - start
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(json.dumps([seconds, grown * 1024]), flush=True)


def timed(command):
    """Seconds, greatest resident bytes and output of a command."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    printed, errors = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), errors
    seconds = usage.ru_utime + usage.ru_stime if THREADS == 1 else time.perf_counter() - start
    return seconds, usage.ru_maxrss * 1024, printed


def compare(name, release, folder):
    path, given = export(name, folder)
    peer = subprocess.Popen([sys.executable, __file__, "--torch", name], env=ENVIRONMENT, stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert peer.stdout.readline().strip() == "ready"
    torch, executor, command = [], [], []
    for _ in range(ROUNDS):
        peer.stdin.write("again\n")
        peer.stdin.flush()
        torch.append(json.loads(peer.stdout.readline()))
        run = [release / "examples" / "run", path, given, folder / "made.safetensors", "--training"]
        words = timed(run)[2].split()
        executor.append(float(words[1]) + float(words[3]))
        check = [release / "semilla", "check", path, "--seeds", "1", "--json"]
        command.append(timed(check)[:2])
    peer.stdin.close()
    peer.wait()
    best, whole = min(seconds for seconds, _ in torch), min(seconds for seconds, _ in command)
    return [name, *(f"{seconds * 1000:.0f}" for seconds in (best, min(executor), whole)), f"{min(executor) / best:.2f}",
            f"{whole / best:.2f}", *(f"{max(b for _, b in found) / 2**20:.0f}" for found in (torch, command))]


def main(release, folder, names):
    folder.mkdir(parents=True, exist_ok=True)
    header = ["network", "torch ms", "run ms", "check ms", "run/torch", "check/torch", "torch MiB", "check MiB"]
    print("".join(f"{title:>13}" for title in header))
    for name in names or MODELS:
        print("".join(f"{cell:>13}" for cell in compare(name, release, folder)), flush=True)


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--torch", name]:
            in_torch(name)
        case [release, folder, *names]:
            main(Path(release).resolve(), Path(folder), names)
