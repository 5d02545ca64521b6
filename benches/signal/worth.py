"""What the choice of first weights is worth: a line per network, the test accuracy of each start at its best rate.

Networks of width 48 on scikit-learn's digits (64 inputs), six weight seeds at seven learning rates, 300 steps of 64 samples of SGD with
momentum 0.9. A start counts with the rate whose mean accuracy over the seeds is the best. "known" is the best start by theory that was known
before `auto` chose by depth. A start is as good as another where it is at most one point of accuracy, or two standard errors of the
difference, behind. `python worth.py SEMILLA FOLDER [NETWORK]...`"""

import math
import sys
import tempfile
from pathlib import Path

from recommend import recommend
from starts import STARTS, tensors
from training import Plain, data, train

SIDE, SEEDS, STEPS = 8, 6, 300
RATES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3]
DEPTHS = [3, 12, 30]
ACTIVATIONS = ["relu", "tanh", "gelu", "sigmoid", "selu"]
# The gain of orthogonal weights, and the deviation of biases.
KNOWN = {
    "relu": (math.sqrt(2), 0),
    "tanh": (1, 0),
    "gelu": (1.547, 0.2),
    "sigmoid": (4.72, 0),
    "selu": (1, 0),
    "30 selu": (math.sqrt(0.76023), 0.1),
}


def known(depth, activation, folder):
    gain, deviation = KNOWN.get(f"{depth} {activation}", KNOWN[activation])
    path = folder / "known.toml"
    path.write_text(f'name = "known"\nextends = "auto"\n[[rule]]\nrole = "matrix"\ninit = "orthogonal(gain={gain})"\n'
                    f'[[rule]]\nrole = "bias"\ninit = "normal(std={deviation})"\n')
    return ["--recipe", str(path)]


def main(semilla, folder, *only):
    pool, test = data(folder, SIDE, mixed=True)
    networks = {f"{depth} {activation}": (depth, activation) for depth in DEPTHS for activation in ACTIVATIONS}
    columns = [*STARTS, "known", "recommended"]
    print(f"{'network':12}", *[f"{name:>11}" for name in columns], " recommended is")
    behind = []
    for name, (depth, activation) in networks.items():
        if only and name not in only:
            continue
        network = Plain(SIDE**2, depth, activation)
        with tempfile.TemporaryDirectory() as place:
            place = Path(place)
            advice, recipe = recommend(semilla, network.model(place), place)
            starts = {**STARTS, "known": known(depth, activation, place), "recommended": ["--recipe", recipe]}
            # What is the same recipe is not trained twice.
            same = next((start for start, options in STARTS.items() if advice["options"] == " ".join(options)), None)
            found = {}
            for start, options in starts.items():
                if start == "recommended" and same:
                    found[start] = found[same]
                    continue
                made = tensors(semilla, network.model(place), options, SEEDS, len(RATES))
                found[start] = best(train(network, made, pool, test, RATES, STEPS).scores)
        top, error = max(found.values())
        behind += [(name, start) for start in ("auto", "recommended")
                   if top - found[start][0] > max(0.01, 2 * math.hypot(error, found[start][1]))]
        cells = [f"{found[start][0]:.3f}±{found[start][1]:.3f}" for start in columns]
        print(f"{name:12}", *[f"{cell:>11}" for cell in cells], f" {advice['name']}", flush=True)
    print("behind the best:", ", ".join(f"{start} of {name}" for name, start in behind) or "none")


def best(scores):
    """The mean over the seeds at the best rate, and its standard error."""
    chosen = scores[:, scores.mean(0).argmax()]
    return chosen.mean().item(), chosen.std().item() / math.sqrt(len(chosen))


if __name__ == "__main__":
    main(*sys.argv[1:])
