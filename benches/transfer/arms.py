"""The arms of the experiment: what a network starts with. All of these weights are made by `semilla init`."""

import subprocess
import tempfile
from pathlib import Path

from network import Network, train
from safetensors.torch import load_file, save_file

# The trunk's width is that of its first layer; the next have twice and four times as many channels.
BASE = 16
# For each width the arm with fresh weights and the one with pretrained weights, and how those are made to fit.
WIDTHS = {BASE // 2: ("fresh small", "selected"), BASE: ("fresh base", "transferred"), 2 * BASE: ("fresh large", "grown")}
ADAPT = {"selected": ["--adapt", "*=select"], "transferred": [], "grown": ["--adapt", "*=grow:shares=uneven"]}
WIDTH = {arm: width for width, pair in WIDTHS.items() for arm in pair}
# The head is always new: its tensors depend on their names and the seed alone, so both arms of a width have the same.
NEW_HEAD = ["--exclude", "classifier.*", "--may-miss", "classifier.*"]


def start(semilla, arm, classes, trunk, seed):
    options = ["--from", trunk, *NEW_HEAD, *ADAPT[arm]] if arm in ADAPT else []
    return initialized(semilla, WIDTH[arm], classes, seed, options)


def initialized(semilla, width, classes, seed, options=()):
    widths = [width, 2 * width, 4 * width]
    model = f"conv:1-{'-'.join(map(str, widths))}:{classes}:relu"
    network = Network(widths, classes)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "start.safetensors"
        command = [semilla, "init", model, "--seed", str(seed), *options, "-o", out]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        network.load_state_dict(load_file(out))
    return network


def pretrain(semilla, images, seed, path):
    """Three epochs of the classes to pretrain on. The seed is never one of an arm's: no head is known to the trunk."""
    network = initialized(semilla, BASE, len(images.by_class()), seed)
    train(network, images, rate=0.003, steps=3 * len(images.classes) // 128, batch=128, seed=seed)
    save_file(network.state_dict(), path)
    return network
