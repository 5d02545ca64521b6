"""Recipes that are named after a library do what it does: for every layer that has parameters, and
model by model.

What a recipe plans for a module is held against what the installed package makes of it, parameter
by parameter: constants exactly, what is drawn by its bounds, its deviation and a Kolmogorov-Smirnov
test. A last test prints how many (module, parameter) pairs of each recipe were compared.
"""

import os
from collections import Counter, defaultdict

os.environ["KERAS_BACKEND"] = "torch"
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import pytest
from libraries import flax_layers, keras_layers, models, torch_layers
from libraries.compare import compared
from libraries.sample import sampled

# Names tell nothing of these alone: an encoder and a decoder in one module are `nn.Transformer`'s,
# whose matrices are Xavier's, only if it is called so.
BY_NAME_ONLY = {"transformer"}

# What a recipe does not know and says so: buffers that PyTorch draws, and a vector that may be
# anything where its module has no name.
UNKNOWN = {
    "torch": ("._u", "._v", "parametrizations.weight.original", "weight.0.base"),
    "nameless": ("weight",),
}

counts = defaultdict(Counter)


def layers():
    for name, make in torch_layers.LAYERS.items():
        yield pytest.param("pytorch", torch_layers.build(make, f"{name}."), "torch", id=f"torch-{name}")
        if name not in BY_NAME_ONLY:
            for prefix in ("", "0.", "net.3."):
                build = torch_layers.build(make, prefix)
                yield pytest.param("pytorch", build, "nameless", id=f"torch-{name}-{prefix}")
    for name, make in keras_layers.LAYERS.items():
        build = keras_layers.build(make, f"{name}/")
        yield pytest.param("keras", build, "keras", id=f"keras-{name}")
    for name, make in flax_layers.LAYERS.items():
        build = flax_layers.build(make, f"{name}/")
        yield pytest.param("jax", build, "flax", id=f"flax-{name}")


@pytest.mark.parametrize("recipe,build,kind", list(layers()))
def test_layer(recipe, build, kind, tmp_path):
    outcomes = compared(sampled(build), recipe, tmp_path)
    judge(recipe, outcomes, kind)


def all_models():
    for recipe, builders in models.MODELS.items():
        for name, make in builders.items():
            yield pytest.param(recipe, make, id=f"{recipe}-{name.replace(' ', '-')}")


@pytest.mark.parametrize("recipe,make", list(all_models()))
def test_model(recipe, make, tmp_path):
    outcomes = compared(sampled(models.build(make, "")), recipe, tmp_path)
    judge(recipe, outcomes, "model")


def judge(recipe, outcomes, kind):
    counts[recipe].update(outcomes.values())
    wrong = {name: said for name, said in outcomes.items() if said != "equal"}
    if kind == "nameless":
        # A guess that is said to be one is no silent contradiction; what follows from it is none.
        guessed = {name for name, said in wrong.items() if said == "inferred"}
        guessed |= {name.removesuffix("weight") + "bias" for name in guessed}
        wrong = {name: said for name, said in wrong.items() if name not in guessed}
    known = {
        name: said
        for name, said in wrong.items()
        if not (said == "unknown" and name.endswith(UNKNOWN.get(kind, ()) + UNKNOWN["torch"]))
    }
    assert not known


def test_totals():
    for recipe, count in sorted(counts.items()):
        said = ", ".join(f"{number} {word}" for word, number in sorted(count.items()))
        print(f"{recipe}: {count.total()} (module, parameter) pairs: {said}")
    assert counts
