"""A recipe's plan for a module against the library's own values of it."""

import dataclasses
import json

from command import semilla
from safetensors.numpy import load_file

from .laws import difference, laws


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One (module type, parameter) pair: what was compared, and how it came out."""

    module: str
    name: str
    # "equal", "unknown" (the plan asks for a rule), "inferred" (wrong, and said to be a guess), or
    # the difference.
    said: str

    @property
    def is_wrong(self):
        return self.said not in ("equal", "unknown", "inferred")


DTYPES = {"float32": "F32", "float64": "F64", "float16": "F16", "int64": "I64", "int32": "I32"}
DTYPES |= {"uint8": "U8", "bool": "BOOL", "uint32": "U32"}


def compared(module, samples, recipe, folder, rules=""):
    """An Outcome for each tensor of a module. `rules` are a user's, before the recipe's own."""
    shapes = {
        name: {"dtype": DTYPES[sample.dtype.name], "shape": list(sample.shape)}
        for name, sample in samples.items()
    }
    model = folder / "model.json"
    model.write_text(json.dumps(shapes))
    asked = folder / "asked.toml"
    # What the recipe has no rule for is kept, which no other tensor is.
    top = f'name = "asked"\nextends = "{recipe}"\nunmatched = "keep"\n'
    asked.write_text(top + rules)
    plan = json.loads(semilla("plan", model, "--recipe", asked, "--json"))
    lines = {line["name"]: line for line in plan["tensors"]}
    assert lines.keys() == samples.keys()
    outcomes = []
    for name, sample in samples.items():
        line = lines[name]
        values = lambda: written(model, line, asked, folder)
        found = (
            difference(law, part, sample) for part, law in laws(line["fill"], sample.shape, values)
        )
        said = next((text for text in found if text), "equal")
        if said not in ("equal", "unknown") and "inferred: " in line.get("reason", ""):
            said = "inferred"
        outcomes.append(Outcome(module, name, said))
    return outcomes


def written(model, line, recipe, folder):
    """What Semilla writes into one tensor."""
    out, plan = folder / "values.safetensors", folder / "plan.json"
    text = json.loads(semilla("plan", model, "--recipe", recipe, "--json"))
    text["tensors"] = [entry for entry in text["tensors"] if entry["name"] == line["name"]]
    plan.write_text(json.dumps(text))
    semilla("init", "--plan", plan, "-o", out)
    return load_file(out)[line["name"]]
