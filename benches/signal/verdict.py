"""The verdict of `semilla check` against training: one line per cell (depth, activation, initialization), then how well they agree.

A cell is trained from eight weight seeds at six learning rates (SGD with momentum 0.9, 200 steps of 64 samples, the same order of
samples for all); its loss is the mean over seeds at the rate that has the least. All replicas of a cell train side by side, on a GPU if
there is one. The headline's form and the limits were chosen on ReLU and tanh; the other activations are held out, six of them at other
depths too, and so are networks of convolutions with batch normalization, plain and residual.
`python verdict.py SEMILLA FOLDER [PART|CELL...]`"""

import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from starts import STARTS, tensors
from training import CLASSES, SIDE, Normalized, Plain, data, train

SEEDS, STEPS = int(os.environ.get("SEEDS", "8")), int(os.environ.get("STEPS", "200"))
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]


def plain(activations, depths):
    return {f"{activation:10} {depth:3}": partial(Plain, SIDE**2, depth, activation) for activation in activations for depth in depths}


PARTS = {
    "fitted": plain(["relu", "tanh"], [3, 10, 24]),
    "held out": plain(["gelu", "sigmoid", "selu"], [3, 10, 24]),
    "other depths": plain(["leaky_relu", "silu", "mish", "elu", "softplus", "softsign"], [6, 16, 32]),
    "normalized": {
        **{f"batch norm {depth}": partial(Normalized, depth) for depth in (8, 24, 48)},
        "ResNet-18": partial(Normalized, blocks=(2, 2, 2, 2), channels=8),
        "ResNet-34": partial(Normalized, blocks=(3, 4, 6, 3), channels=8),
        "ResNet-50": partial(Normalized, blocks=(3, 4, 6, 3), is_bottleneck=True),
    },
}
# A network that guesses has an accuracy of 0.1.
TRAINED = 0.5


def main(semilla, folder, *only):
    torch.set_num_threads(2)
    pool, test = data(folder, SIDE)
    cells = {part: [] for part in PARTS}
    print(f"{'cell':28} {'lost':>7} {'ln g1/gL':>9} {'verdict':8} {'loss':>7} {'accuracy':>8}")
    for part, networks in PARTS.items():
        for label, make in networks.items():
            if only and label.strip() not in only and part not in only:
                continue
            network = make()
            with tempfile.TemporaryDirectory() as place:
                model, = network.model(Path(place))
                for name, options in STARTS.items():
                    if name not in os.environ.get("STARTS", ",".join(STARTS)).split(","):
                        continue
                    lost, gradients, passes = check(semilla, model, options)
                    made = tensors(semilla, [model], options, SEEDS, len(RATES))
                    loss, accuracy = best(train(network, made, pool, test, RATES, STEPS))
                    cells[part].append((lost, abs(gradients), passes, loss, accuracy))
                    verdict = "passes" if passes else "fails"
                    print(f"{label:14} {name:13} {lost:7.1f} {gradients:9.1f} {verdict:8} {loss:7.3f} {accuracy:8.3f}", flush=True)
    for part, own in cells.items():
        if own:
            judge(part, own)
    judge("all", sum(cells.values(), []))


def check(semilla, model, options):
    found = subprocess.run([semilla, "check", model, *options, "--json"], capture_output=True, text=True)
    verdict = json.loads(found.stdout)["verdict"]
    # JSON has no infinity: where nothing arrives there is no number.
    number = lambda value: float("inf") if value is None else value
    return number(verdict["trouble"]["total"]), number(verdict["log_gradients"]), verdict["passes"]


def best(found):
    """Loss and accuracy on the test set at the best rate."""
    at = found.losses.median(0).values.argmin()
    return found.losses[:, at].mean().item(), found.scores[:, at].mean().item()


def judge(name, cells):
    lost, gradients, passes, loss, accuracy = (np.array(column) for column in zip(*cells))
    # Cells that diverge or stay at chance are alike.
    loss = np.minimum(loss, np.log(CLASSES))
    trained = accuracy > TRAINED
    fails = ~passes
    print(f"{name}: {len(cells)} cells; Spearman with the loss at the best rate: {spearmanr(lost, loss).statistic:.2f} of what is lost, {spearmanr(gradients, loss).statistic:.2f} of |ln g1/gL|")
    print(f"{name}: 'fails': precision {np.mean(~trained[fails]):.2f}, recall {np.mean(fails[~trained]):.2f} of the {np.sum(~trained)} that did not train")


main(*sys.argv[1:])
