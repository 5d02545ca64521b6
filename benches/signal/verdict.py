"""The verdict of `semilla check` against training: one line per cell (depth, activation, initialization), then how well they agree.

A cell is trained from two weight seeds at six learning rates (SGD with momentum 0.9, 200 steps of 64 samples, the same order of
samples for all); its loss is the mean over seeds at the rate that has the least. All replicas of a cell train side by side. The headline's
form and the limits were chosen on ReLU and tanh; GELU, sigmoid and SELU are held out. `python verdict.py SEMILLA FOLDER`"""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
from images import digits, standard
from scipy.stats import spearmanr
from starts import STARTS, tensors
from torch.nn import functional

WIDTH, SIDE, SEEDS, STEPS, BATCH, CLASSES = 48, 14, 2, 200, 64, 10
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
DEPTHS = [3, 10, 24]
FITTED = {"relu": torch.relu, "tanh": torch.tanh}
HELD_OUT = {"gelu": functional.gelu, "sigmoid": torch.sigmoid, "selu": functional.selu}
ACTIVATIONS = FITTED | HELD_OUT
# A network that guesses has an accuracy of 0.1.
TRAINED = 0.5


def main(semilla, folder):
    torch.set_num_threads(2)
    pool, test = digits(Path(folder))
    smaller = lambda images: images._replace(pixels=functional.avg_pool2d(images.pixels, 28 // SIDE))
    pool, test = smaller(pool), smaller(test)
    pool, test = standard(pool, pool), standard(test, pool)
    flat = [images._replace(pixels=images.pixels.flatten(1)) for images in (pool, test)]
    cells = []
    print(f"{'cell':28} {'lost':>7} {'ln g1/gL':>9} {'verdict':8} {'loss':>7} {'accuracy':>8}")
    for activation in ACTIVATIONS:
        for depth in DEPTHS:
            for name, options in STARTS.items():
                model = f"mlp:{SIDE * SIDE}-{'-'.join([str(WIDTH)] * depth)}-{CLASSES}:{activation}"
                lost, gradients, passes = check(semilla, model, options)
                loss, accuracy = train(weights(semilla, model, options), ACTIVATIONS[activation], *flat)
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


def weights(semilla, model, options):
    """Weight and bias of each layer, of all seeds and rates."""
    made = tensors(semilla, [model], options, SEEDS, len(RATES))
    return [(made[f"layers.{i}.weight"], made[f"layers.{i}.bias"]) for i in range(len(made) // 2)]


def train(layers, activation, pool, test):
    """Loss and accuracy on the test set at the best rate."""
    parameters = [p.requires_grad_() for layer in layers for p in layer]
    speeds = [torch.zeros_like(p) for p in parameters]
    rates = torch.tensor(RATES).repeat(SEEDS)
    order = torch.Generator().manual_seed(0)

    def run(x):
        x = x.expand(len(rates), *x.shape)
        for place, (weight, bias) in enumerate(layers):
            x = torch.baddbmm(bias.unsqueeze(1), x, weight.transpose(1, 2))
            x = activation(x) if place + 1 < len(layers) else x
        return x

    def losses(x, classes):
        logits = run(x)
        each = functional.cross_entropy(logits.flatten(0, 1), classes.repeat(len(rates)), reduction="none")
        return each.view(len(rates), -1).mean(1), (logits.argmax(2) == classes).float().mean(1)

    for _ in range(STEPS):
        places = torch.randint(len(pool.classes), (BATCH,), generator=order)
        loss, _ = losses(pool.pixels[places], pool.classes[places])
        gradients = torch.autograd.grad(loss.sum(), parameters)
        with torch.no_grad():
            for parameter, speed, gradient in zip(parameters, speeds, gradients):
                rate = rates.view(-1, *[1] * (parameter.dim() - 1))
                speed.mul_(0.9).add_(gradient)
                parameter.sub_(rate * speed)
    with torch.no_grad():
        loss, accuracy = losses(test.pixels, test.classes)
    # A replica that diverged has the worst loss there is.
    loss = torch.nan_to_num(loss, nan=1e9, posinf=1e9).view(SEEDS, -1)
    best = loss.median(0).values.argmin()
    return loss[:, best].mean().item(), accuracy.view(SEEDS, -1)[:, best].mean().item()


def judge(name, cells):
    _, lost, gradients, passes, loss, accuracy = (np.array(column) for column in zip(*cells))
    # Cells that diverge or stay at chance are alike.
    loss = np.minimum(loss, np.log(CLASSES))
    trained = accuracy > TRAINED
    fails = ~passes
    print(f"{name}: {len(cells)} cells; Spearman with the loss at the best rate: {spearmanr(lost, loss).statistic:.2f} of what is lost, {spearmanr(gradients, loss).statistic:.2f} of |ln g1/gL|")
    print(f"{name}: 'fails': precision {np.mean(~trained[fails]):.2f}, recall {np.mean(fails[~trained]):.2f} of the {np.sum(~trained)} that did not train")


main(*sys.argv[1:])
