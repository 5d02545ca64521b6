"""A recipe's plan for a module against the library's own values of it."""

import json

from command import semilla
from safetensors.numpy import load_file

from .laws import about, difference, laws

DTYPES = {
    "bool": "BOOL",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "int32": "I32",
    "int64": "I64",
    "uint8": "U8",
    "uint32": "U32",
}

# Norms of other tensors' rows: PyTorch measures them, a plan knows how large they are.
MEASURED = ("original0", "weight_g")


def compared(samples, recipe, folder):
    """What the comparison says of each tensor, by name: "equal", "unknown" (the recipe asks for a
    rule), "inferred" (wrong, and said to be a guess), or the difference."""
    model = folder / "model.json"
    shapes = {
        name: {"dtype": DTYPES[sample.dtype.name], "shape": list(sample.shape)}
        for name, sample in samples.items()
    }
    model.write_text(json.dumps(shapes))
    asked = folder / "asked.toml"
    # What the recipe has no rule for is kept, which nothing else is.
    asked.write_text(f'name = "asked"\nextends = "{recipe}"\nunmatched = "keep"\n')
    plan = json.loads(semilla("plan", model, "--recipe", asked, "--json"))
    lines = {line["name"]: line for line in plan["tensors"]}
    assert lines.keys() == samples.keys()

    def said(line):
        sample = samples[line["name"]]

        def values():
            only = folder / "plan.json"
            only.write_text(json.dumps(plan | {"tensors": [line]}))
            out = folder / "values.safetensors"
            semilla("init", "--plan", only, "-o", out)
            return load_file(out)[line["name"]]

        differ = about if line["name"].endswith(MEASURED) else difference
        parts = laws(line["fill"], sample.shape, values)
        found = next(filter(None, (differ(law, part, sample) for part, law in parts)), "equal")
        is_guess = "inferred: " in line.get("reason", "") and found not in ("equal", "unknown")
        return "inferred" if is_guess else found

    return {name: said(lines[name]) for name in samples}
