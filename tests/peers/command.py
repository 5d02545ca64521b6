"""The `semilla` command as the tests use it. Only this file knows its arguments and its JSON."""

import json
import os
import subprocess
from pathlib import Path

from draws import Draw

ROOT = Path(__file__).resolve().parents[2]
# Built by `cargo build --release`, unless another is named.
SEMILLA = Path(os.environ.get("SEMILLA", ROOT / "target/release/semilla"))


def semilla(*arguments):
    """Runs the command and returns what it printed."""
    done = subprocess.run([SEMILLA, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, f"semilla {arguments}: {done.stderr}"
    return done.stdout


def write_manifest(path, shapes, dtype="F32"):
    """A shapes manifest: the form of a model that needs no weights."""
    entries = {name: {"dtype": dtype, "shape": list(shape)} for name, shape in shapes.items()}
    path.write_text(json.dumps(entries))
    return path


def write_rule(path, scheme, layout, **arguments):
    """A recipe of one rule: every tensor by this scheme."""
    init = json.dumps(scheme)
    if arguments:
        pairs = ", ".join(f"{name} = {json.dumps(value)}" for name, value in arguments.items())
        init = f"{{ {scheme} = {{ {pairs} }} }}"
    lines = [f"init = {init}", f"layout = {json.dumps(layout)}"]
    path.write_text("\n".join(['name = "test"', "[[rule]]", 'match = "*"', *lines]) + "\n")
    return path


def planned(model, recipe, seed=0):
    """The draw that Semilla plans for each tensor, by name."""
    plan = json.loads(semilla("plan", model, "--recipe", recipe, "--seed", seed, "--json"))
    return {tensor["name"]: _draw(tensor) for tensor in plan["tensors"]}


def _draw(tensor):
    (kind, fill), = tensor["fill"].items()
    match kind:
        case "normal":
            return Draw.of("normal", fill["mean"], fill["std"])
        case "uniform":
            return Draw.of("uniform", fill["low"], fill["high"])
        case "truncated_normal":
            return Draw.of("truncated", fill["mean"], fill["std"], fill["low"], fill["high"])
        case "padded":
            return _draw({"fill": fill["of"]})
        case "constant":
            return Draw.of("constant", fill["value"])
        case "orthogonal":
            return Draw.of("orthogonal", fill["gain"])


def initialized(model, out, recipe, seed=0, dtype=None):
    """Writes the weights and returns the file's path."""
    cast = ["--dtype", dtype] if dtype else []
    semilla("init", model, "-o", out, "--recipe", recipe, "--seed", seed, *cast)
    return out
