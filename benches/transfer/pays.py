"""Does initialization from pretrained weights pay?

A small convolutional network is trained on five classes of Fashion-MNIST (30,000 images). Its trunk
then starts networks for two other tasks: `clothes`, the other five classes, and `digits`,
handwritten digits of a different data set. All first weights come from Semilla:

- fresh: its recipe `auto`, here He's initialization, in each of three widths;
- `transferred`: the trunk in the same width;
- `selected`: the trunk in half the width;
- `grown`: the trunk in twice the width.

Each is compared with fresh weights in its own width, by accuracy on few labelled images.

What makes the comparison fair:

- A draw is a set of labelled images, a seed of Semilla and an order of images, the same for all
  arms; a smaller set is part of a larger one. Each draw has its own trunk, pretrained from a
  different seed, so that no result rests on one lucky trunk.
- Both arms of a width have the same head, bit for bit, and train all their weights for the same
  number of steps.
- Each arm has its own learning rate for each task and number of labels: of the same six rates, the
  best on average over six draws for tuning. All rates run on two of those draws, the better half on
  all six, measured on images that the draw does not label. Draws for tuning do not count in the
  results, and no test image chose anything.
- All arms are tested on the same images, which no draw holds: 400 per class for clothes, 50 per
  class for digits.
- The table gives means over the draws, and the mean difference within a draw with its 95 % interval
  (Student's t). The intervals hold for these test images, and each on its own: there are thirty, so
  one or two may exclude 0 by chance.

Classes, widths and steps were fixed before the first run. Three choices changed after it:

- There were four rates, up to 0.01, which was chosen in half of all cases, more often for fresh
  weights. So 0.03 and 0.1 were added.
- There were two draws for tuning. Their choices were so noisy that they alone moved differences
  from 10 labels on by up to 5 points. So there are six.
- The grown network had even shares. Its copies stayed equal bit for bit below the last convolution.

The differences at 1 and 3 labels were much the same in all of these.

What the experiment cannot show: the trunk is small and saw 30,000 images; there are 300 steps
whatever the number of labels; only one network and one way to train it are tested, and not, for
example, a frozen trunk. With 100 labelled digits per class, draws share most of their images, since
there are 1,797 in all.

Usage: pays.py SEMILLA CACHE FIGURE.svg. Every accuracy is kept in CACHE, under a hash of the code
that produced it. A new version of Semilla with different bits is not noticed: delete the folder
then."""

import hashlib
import json
import sys
from pathlib import Path

import torch
from arms import WIDTH, WIDTHS, pretrain, start
from figure import figure
from images import draw, load
from network import accuracy, train
from paired import estimate

HERE = Path(__file__).parent
LABELS = [1, 3, 10, 30, 100]
RATES = [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1]
STEPS, BATCH = 300, 32
TUNING = range(6)
DRAWS = range(100, 112)


class Runs:
    """Known accuracies, by what they depend on: a line of JSON each, so that an interrupted run
    continues where it stopped."""

    def __init__(self, path):
        self.path = path
        lines = path.read_text().splitlines() if path.exists() else []
        self.known = {tuple(key): value for key, value in map(json.loads, lines)}

    def get(self, key, measure):
        if key not in self.known:
            self.known[key] = measure()
            with self.path.open("a") as file:
                print(json.dumps([key, self.known[key]]), file=file)
        return self.known[key]


class Experiment:
    def __init__(self, semilla, cache):
        self.semilla = semilla
        self.folder = cache / code()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.runs = Runs(self.folder / "runs.jsonl")
        self.old, self.tasks = load(cache)

    def trunk(self, number):
        path = self.folder / f"trunk-{number}.safetensors"
        if not path.exists():
            pretrain(self.semilla, self.old, 1000 + number, path)
        return path

    def run(self, name, arm, labels, number, rate):
        """The accuracy of one arm in one draw: on the test images; for a draw for tuning, on images of
        the pool that it does not label."""

        def measure():
            task = self.tasks[name]
            labelled, rest = draw(task.pool, labels, number)
            network = start(self.semilla, arm, task.classes, self.trunk(number), number)
            train(network, labelled, rate, STEPS, BATCH, number)
            return accuracy(network, rest if number in TUNING else task.test)

        return self.runs.get((name, arm, labels, number, rate), measure)

    def tuned(self, name, arm, labels):
        """The best rate over the draws for tuning: all rates run on the first two, the better half on
        the others too."""

        def best(rates, draws):
            total = {rate: sum(self.run(name, arm, labels, number, rate) for number in draws) for rate in rates}
            return sorted(rates, key=total.get, reverse=True)

        return best(best(RATES, TUNING[:2])[: len(RATES) // 2], TUNING)[0]

    def arm(self, name, arm, labels):
        """The accuracies of an arm at its best rate, one per draw."""
        rate = self.tuned(name, arm, labels)
        return [self.run(name, arm, labels, number, rate) for number in DRAWS]

    def results(self):
        """The accuracies of each task, arm and number of labels, one per draw."""
        found = {}
        for name in self.tasks:
            for labels in LABELS:
                for arm in WIDTH:
                    found[name, arm, labels] = self.arm(name, arm, labels)
                print(f"{name}, {labels} labels per class: done", file=sys.stderr, flush=True)
        return found


def code():
    """A hash of the code and settings that the accuracies depend on, besides Semilla."""
    sources = [HERE / name for name in ("arms.py", "images.py", "network.py")]
    settings = repr((STEPS, BATCH)).encode()
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources) + settings).hexdigest()[:12]


def table(results):
    pairs = WIDTHS.values()
    heads = [head for pair in pairs for head in (*pair, "difference")]
    yield f"| task | labels per class | {' | '.join(heads)} |"
    yield "| --- | ---: |" + " ---: |" * len(heads)
    for name, labels in dict.fromkeys((name, labels) for name, _, labels in results):
        cells = []
        for pair in pairs:
            fresh, pretrained = (results[name, arm, labels] for arm in pair)
            difference = estimate([b - a for a, b in zip(fresh, pretrained, strict=True)])
            cells += [f"{estimate(fresh).mean:.1f}", f"{estimate(pretrained).mean:.1f}", signed(difference)]
        yield f"| {name} | {labels} | {' | '.join(cells)} |"


def signed(difference):
    """A difference and its interval; in bold where the interval excludes 0."""
    low, high = difference.mean - difference.half, difference.mean + difference.half
    text = f"{difference.mean:+.1f} [{low:+.1f}, {high:+.1f}]"
    return f"**{text}**" if low > 0 or high < 0 else text


def main(semilla, cache, drawing):
    torch.set_num_threads(1)
    experiment = Experiment(semilla, cache)
    results = experiment.results()
    print(f"Accuracy in %, means of {len(DRAWS)} draws; pretrained less fresh within a draw, with 95 % intervals\n")
    print("\n".join(table(results)))
    rates = [experiment.tuned(*key) for key in results]
    print(f"\nOf {len(rates)} rates chosen, {rates.count(RATES[0])} are the grid's least, {rates.count(RATES[-1])} its greatest.")
    drawing.write_text(figure(results, LABELS))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
