"""The verdict of `semilla check` against training: one line per cell (depth, activation, initialization), then how well they agree.

A cell is trained from two weight seeds at six learning rates (SGD with momentum 0.9, 200 steps of 64 samples, the same order of
samples for all); its loss is the mean over seeds at the rate that has the least. All replicas of a cell train side by side. The headline's
form and the limits were chosen on ReLU and tanh; GELU, sigmoid and SELU are held out. `python verdict.py SEMILLA FOLDER`"""

import json
import subprocess
import sys

import numpy as np
import torch
from scipy.stats import spearmanr
from starts import STARTS, tensors
from training import CLASSES, Plain, data, train

SIDE, SEEDS, STEPS = 14, 2, 200
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
DEPTHS = [3, 10, 24]
FITTED = ["relu", "tanh"]
HELD_OUT = ["gelu", "sigmoid", "selu"]
# A network that guesses has an accuracy of 0.1.
TRAINED = 0.5


def main(semilla, folder):
    torch.set_num_threads(2)
    pool, test = data(folder, SIDE)
    cells = []
    print(f"{'cell':28} {'lost':>7} {'ln g1/gL':>9} {'verdict':8} {'loss':>7} {'accuracy':>8}")
    for activation in FITTED + HELD_OUT:
        for depth in DEPTHS:
            network = Plain(SIDE**2, depth, activation)
            model, = network.model(folder)
            for name, options in STARTS.items():
                lost, gradients, passes = check(semilla, model, options)
                made = tensors(semilla, [model], options, SEEDS, len(RATES))
                loss, accuracy = best(train(network, made, pool, test, RATES, STEPS))
                cells.append((activation in FITTED, lost, abs(gradients), passes, loss, accuracy))
                verdict = "passes" if passes else "fails"
                print(f"{activation:5} {depth:3} {name:18} {lost:7.1f} {gradients:9.1f} {verdict:8} {loss:7.3f} {accuracy:8.3f}", flush=True)
    for name, part in (("fitted", [c for c in cells if c[0]]), ("held out", [c for c in cells if not c[0]]), ("all", cells)):
        judge(name, part)


def check(semilla, model, options):
    found = subprocess.run([semilla, "check", model, *options, "--json"], capture_output=True, text=True)
    verdict = json.loads(found.stdout)["verdict"]
    # JSON has no infinity: where nothing arrives there is no number.
    number = lambda value: float("inf") if value is None else value
    return number(verdict["trouble"]["total"]), number(verdict["log_gradients"]), verdict["passes"]


def best(found):
    """Loss and accuracy on the test set at the best rate."""
    at = found.losses.median(0).values.argmin()
    return found.losses[:, at].mean().item(), found.accuracies[:, at].mean().item()


def judge(name, cells):
    _, lost, gradients, passes, loss, accuracy = (np.array(column) for column in zip(*cells))
    # Cells that diverge or stay at chance are alike.
    loss = np.minimum(loss, np.log(CLASSES))
    trained = accuracy > TRAINED
    fails = ~passes
    print(f"{name}: {len(cells)} cells; Spearman with the loss at the best rate: {spearmanr(lost, loss).statistic:.2f} of what is lost, {spearmanr(gradients, loss).statistic:.2f} of |ln g1/gL|")
    print(f"{name}: 'fails': precision {np.mean(~trained[fails]):.2f}, recall {np.mean(fails[~trained]):.2f} of the {np.sum(~trained)} that did not train")


main(*sys.argv[1:])
