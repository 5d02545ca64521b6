"""Plans of the suite's models beside the truth: `python -m conformance.suite [LIBRARY...]` prints the table."""

import collections
import json
import os
import pickle
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# What `command` imports wants one.
os.environ.setdefault("KERAS_BACKEND", "jax")

from command import SEMILLA  # noqa: E402

from . import review  # noqa: E402
from .collect import config_file  # noqa: E402
from .verdict import fault, is_inferred  # noqa: E402

LIBRARIES = ("plain", "torchvision", "timm", "transformers", "keras")
TYPES = {
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64", "int32": "I32",
    "bool": "BOOL", "uint8": "U8",
}
# What nothing decides is kept, so that a plan says what it makes of the rest.
RECIPE = 'name = "auto"\nextends = "auto"\nunmatched = "keep"\n'
PYTHON = Path(__file__).resolve().parents[1]


class Tally:
    """What a plan says of one model."""

    def __init__(self, model):
        self.model = model
        self.counts = collections.Counter()
        # What is wrong, in words: in silence, and although it is marked as an inference.
        self.silent, self.inferred, self.unknown, self.reasons = [], [], [], []

    def add(self, line, expected):
        self.counts["tensors"] += 1
        if line["role"] == "unknown":
            self.counts["unknown"] += 1
            self.unknown.append(f"{self.model}: {line['name']} {line['shape']}")
            return
        found, guessed = fault(line, expected.truth), is_inferred(line)
        self.counts[("inferred " if guessed else "") + ("wrong" if found else "right")] += 1
        if found:
            (self.inferred if guessed else self.silent).append(f"{self.model}: {line['name']}: {found}")
        false = review.falsehood(line, expected)
        if false:
            self.counts["false reasons"] += 1
            self.reasons.append(f"{self.model}: {line['name']}: {line['reason']}: {false}")

    def row(self):
        numbers = [self.counts[column] for column in COLUMNS]
        return f"{self.model:44}" + "".join(f"{number:>16}" for number in numbers)


COLUMNS = ("tensors", "right", "inferred right", "inferred wrong", "wrong", "unknown", "false reasons")


def header():
    return f"{'':44}" + "".join(f"{column:>16}" for column in COLUMNS)


def collect(libraries, folder):
    """What the modules say, by library and model; each library in a process of its own."""
    def run(library):
        out = folder / f"{library}.pkl"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "KERAS_BACKEND": "torch", "PYTHONPATH": str(PYTHON)}
        command = [sys.executable, "-m", "conformance.collect", library, str(out)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=PYTHON)
        assert done.returncode == 0, done.stderr
        return library, pickle.loads(out.read_bytes())

    with ThreadPoolExecutor(2) as pool:
        return dict(pool.map(run, libraries))


def shapes_of(expected, folder):
    """A list of names and shapes, as a file."""
    shapes = folder / "shapes.json"
    entries = {one.name: {"dtype": TYPES[one.dtype], "shape": list(one.shape)} for one in expected if one.dtype in TYPES}
    shapes.write_text(json.dumps(entries))
    return shapes


def compared(model, expected, folder, *arguments):
    """A tally of the plan that the command makes of these arguments; `None` of a family that it does not describe."""
    recipe = folder / "auto.toml"
    recipe.write_text(RECIPE)
    command = [SEMILLA, "plan", *map(str, arguments), "--recipe", str(recipe), "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if "is not described" in done.stderr:
        return None
    assert done.returncode == 0, f"{model}: {done.stderr}"
    lines = json.loads(done.stdout)["tensors"]
    by_name = {one.name: one for one in expected}
    tally = Tally(model)
    for line in lines:
        if line["name"] in by_name:
            tally.add(line, by_name[line["name"]])
    tally.reasons += (miscounted := review.counted(lines, model))
    tally.counts["false reasons"] += len(miscounted)
    return tally


def total(tallies):
    whole = Tally("all")
    for tally in tallies:
        whole.counts.update(tally.counts)
        whole.silent += tally.silent
        whole.inferred += tally.inferred
        whole.unknown += tally.unknown
        whole.reasons += tally.reasons
    return whole


def tallies(libraries, folder):
    for library, found in collect(libraries, folder).items():
        for name, expected in found.items():
            if library == "onnx":
                yield compared(f"onnx/{name}", expected, folder, folder / f"{name}.onnx")
                continue
            shapes = shapes_of(expected, folder)
            yield compared(f"{library}/{name}", expected, folder, shapes)
            if library == "transformers":
                config = folder / config_file(name)
                with_config = compared(f"config/{name}", expected, folder, shapes, "--config", config)
                if with_config:
                    yield with_config


def main(libraries):
    with tempfile.TemporaryDirectory() as folder:
        print(header())
        done = []
        for tally in tallies(libraries or (*LIBRARIES, "onnx"), Path(folder)):
            print(tally.row(), flush=True)
            done.append(tally)
    whole = total(done)
    print(whole.row())
    for line in whole.silent + whole.reasons + whole.unknown:
        print(line)


if __name__ == "__main__":
    main(sys.argv[1:])
