"""What models of JAX's libraries say of their arrays beyond names: kinds of layers, axes.

The facts are in the words of lists of shapes. Flax says all by its names.
"""

from __future__ import annotations

import sys
from typing import Any

Facts = dict[str, Any]

_NORM = {"weight": {"role": "norm_weight"}, "bias": {"role": "norm_bias"}}
# Haiku's names of what is no weight of a layer; its moving averages all start at 0.
_HAIKU = {
    "scale": {"role": "norm_weight"},
    "offset": {"role": "norm_bias"},
    "hidden": {"role": "running_mean"},
    "average": {"role": "running_mean"},
    "counter": {"role": "counter"},
}
_HAIKU_WEIGHTS = {"w", "b", "embeddings", "w_i", "w_h"}


def of_equinox(tree: Any, path: tuple[Any, ...]) -> Facts:
    """What the module of Equinox that owns an array says of it."""
    if "equinox" not in sys.modules:
        return {}
    import equinox.nn as eqx

    owner = tree
    for key in path[:-1]:
        if hasattr(key, "name"):
            owner = getattr(owner, key.name)
        else:
            owner = owner[key.idx if hasattr(key, "idx") else key.key]
    leaf = getattr(path[-1], "name", "")
    if isinstance(owner, (eqx.Conv, eqx.ConvTranspose)):
        is_turned = isinstance(owner, eqx.ConvTranspose)
        layout = "OI" + "DHW"[-owner.num_spatial_dims :]
        layout += f"/{owner.groups}" if owner.groups > 1 else ""
        layout += "^T" if is_turned else ""
        role = "conv_transpose" if is_turned else "conv"
        return {"weight": {"role": role, "layout": layout}, "bias": {"role": "bias"}}.get(leaf, {})
    if isinstance(owner, eqx.Linear):
        weight = {"role": "linear", "layout": "OI"}
        return {"weight": weight, "bias": {"role": "bias"}}.get(leaf, {})
    if isinstance(owner, eqx.Embedding):
        return {"role": "embedding", "layout": "VO"} if leaf == "weight" else {}
    if isinstance(owner, (eqx.GRUCell, eqx.LSTMCell)):
        kinds = {"weight_ih": "recurrent_input", "weight_hh": "recurrent_hidden"}
        if leaf in kinds:
            return {"role": kinds[leaf], "layout": "OI"}
        return {"role": "recurrent_bias"}
    if isinstance(owner, (eqx.LayerNorm, eqx.GroupNorm, eqx.RMSNorm, eqx.BatchNorm)):
        return _NORM.get(leaf, {})
    return {"role": "slope"} if isinstance(owner, eqx.PReLU) else {}


def is_haiku(names: list[str]) -> bool:
    """Whether these are the names of a tree of Haiku: modules, and in them arrays of few names."""
    leaves = {name.rsplit("/", 1)[-1] for name in names}
    return bool(leaves & _HAIKU_WEIGHTS) and leaves <= _HAIKU_WEIGHTS | _HAIKU.keys()


def of_haiku(name: str) -> Facts:
    """What the name of an array of Haiku says of it."""
    return _HAIKU.get(name.rsplit("/", 1)[-1], {})
