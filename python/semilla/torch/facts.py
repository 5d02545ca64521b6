"""What is known of a live module's tensors: kinds of layers, axes, groups, ties.

Nothing is decided here. What a module says is handed on, in the words of the lists of shapes that
the command reads too.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import nn

from semilla._dtypes import NAMES
from semilla.torch import graph, library, norms, parametrized
from semilla.torch.layers import WRAPPERS, Layers
from semilla.torch.steps import is_conv1d

Facts = dict[str, Any]

_TYPES = {getattr(torch, name) for name in NAMES}
# The recipe that decides as the model's own library does.
_BY_LIBRARY = "transformers"
_UNASKED: tuple[graph.Graph, str] = {"nodes": []}, f"the recipe {_BY_LIBRARY} asks for no graph"
# Wrappers around a whole model, which hold it as `module`.
_PARALLEL = (nn.parallel.DistributedDataParallel, nn.DataParallel)


class Known(NamedTuple):
    """A module's tensors by name, and what is known of them."""

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Facts]
    #: Names of one tensor: the later one, and the first.
    ties: list[tuple[str, str]]
    #: The names of parameters that are trained.
    trained: set[str]
    graph: graph.Graph
    #: Why the graph is that of the ``nn.Sequential`` parts only, if it is.
    untraced: str | None
    #: The model's configuration in transformers.
    config: str | None
    #: Weights under spectral normalization.
    spectral: list[parametrized.Spectral]

    def json(self, dtype: torch.dtype | None = None) -> str:
        """The list of shapes, in JSON. With a type, floating-point tensors are listed in it."""
        listed = {
            name: {"dtype": _dtype(tensor, dtype), "shape": list(tensor.shape)} | self.facts[name]
            for name, tensor in self.tensors.items()
        }
        return json.dumps(listed | {"__graph__": self.graph})


def of_module(module: nn.Module, recipe: Any = None) -> Known:
    """Everything that a module says of its parameters and persistent buffers; without its graph for the
    recipe that gives what the model's own library does.

    Raises
    ------
    TypeError
        Something else than a module, and tensors of a type or a kind that cannot be written.
    ValueError
        Lazy modules without shapes, and parameters that FSDP1 holds flattened.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"a torch.nn.Module is needed, not {type(module).__name__}")
    _refuse_flattened(module)
    with _uncollected():
        return _asked(unwrapped(module), recipe == _BY_LIBRARY)


@contextlib.contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing that is made here is garbage soon, and to look for some takes longer than all else in
    a process that has loaded a framework."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _asked(module: nn.Module, is_by_library: bool) -> Known:
    layers = Layers(module)
    made = _UNASKED if is_by_library else graph.of_module(module, layers)
    known = Known({}, {}, [], set(), *made, _config(module), [])
    for path, layer in layers.unique():
        known.spectral.extend(parametrized.spectral(path, layer))
    computed = parametrized.computed(layer for _, layer in layers.unique())
    fixed = _fixed(layers)
    owners: dict[int, str] = {}
    lazy = []
    for name, leaf, tensor, layer, is_buffer in layers.named():
        if nn.parameter.is_lazy(tensor):
            lazy.append(name)
            continue
        _refuse(tensor, name)
        known.tensors[name] = tensor
        owner_of = computed.get(id(layer), (layer, leaf))
        facts = {} if owner_of is None else _layer_facts(*owner_of, tensor)
        if owner_of is None or is_buffer and not facts or name in fixed:
            facts = {"buffer": True}
        known.facts[name] = facts
        if not is_buffer and tensor.requires_grad:
            known.trained.add(name)
        owner = owners.setdefault(id(tensor), name)
        if owner != name:
            known.ties.append((name, owner))
    if lazy:
        raise ValueError(
            f"{', '.join(lazy[:12])} have no shape yet: run the lazy module once on an input, "
            "or on one on the meta device, before it is initialized"
        )
    _add_starts(known, module, layers, is_by_library)
    return known


def _add_starts(known: Known, module: nn.Module, layers: Layers, is_by_library: bool) -> None:
    """Adds what the model's own library does: for a recipe that does the same to all tensors, else to those
    that no layer tells anything of."""
    asked = [name for name, facts in known.facts.items() if is_by_library or not facts]
    starts = library.starts(module, layers) if asked else {}
    for name in asked if starts else ():
        start = starts.get(layers.tensors[id(known.tensors[name])])
        if start is not None:
            # Which row stands for no token is a part of it.
            facts = {key: value for key, value in known.facts[name].items() if key != "padding"}
            known.facts[name] = facts | {"start": start}


def _fixed(layers: Layers) -> set[str]:
    """The parameters that the model's own code does not train, such as tables of sines: they belong
    to no layer of PyTorch's, and parameters around them are trained. Where a user froze a part, none
    around is; where a user froze most, as for adapters, nobody can tell."""
    names, trained, frozen = [], set[str](), []
    for name, _, tensor, layer, is_buffer in layers.named():
        if is_buffer:
            continue
        names.append(name)
        if tensor.requires_grad:
            trained.add(name)
        elif not _is_own(layer):
            frozen.append(name)
    if not frozen or 2 * len(trained) <= len(names):
        return set()
    parts = {part for name in trained for part in _around(name)}
    sizes = Counter(part for name in names for part in _around(name))
    return {name for name in frozen if _is_fixed(name, parts, sizes)}


def _is_fixed(name: str, trained: set[str], sizes: Counter[str]) -> bool:
    """Whether the smallest part of the model that holds another parameter trains one."""
    smallest = next((part for part in _around(name) if part in trained or sizes[part] > 1), None)
    return smallest in trained


def _around(name: str) -> Iterator[str]:
    """The parts of the model that a tensor lies in, the smallest first."""
    while name:
        name = name.rpartition(".")[0]
        yield name


def _is_own(layer: nn.Module) -> bool:
    """Whether a layer is one of PyTorch's, and no class made of one."""
    return type(layer).__module__.startswith("torch.nn")


def unwrapped(module: nn.Module) -> nn.Module:
    """The model itself: without what compiles it, or runs it on several processes."""
    while True:
        inner = module.module if isinstance(module, _PARALLEL) else None
        for name in WRAPPERS:
            inner = getattr(module, name, inner)
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def _refuse(tensor: torch.Tensor, name: str) -> None:
    """Refuses a tensor that no plan can have."""
    if tensor.dtype not in _TYPES:
        raise TypeError(f"{name}: {tensor.dtype} is not an element type that Semilla writes")
    if tensor.is_nested:
        raise TypeError(f"{name}: a nested tensor cannot be initialized; initialize its parts")


def _refuse_flattened(module: nn.Module) -> None:
    """Refuses FSDP1's parameters, except where they are summoned in full."""
    loaded = sys.modules.get("torch.distributed.fsdp.fully_sharded_data_parallel")
    if loaded is None:
        return
    for path, part in module.named_modules():
        if isinstance(part, loaded.FullyShardedDataParallel):
            if part.training_state != loaded.TrainingState.SUMMON_FULL_PARAMS:
                raise ValueError(
                    f"FullyShardedDataParallel ({path or 'the module itself'}) holds parameters "
                    "flattened: initialize before wrapping, or within FullyShardedDataParallel."
                    "summon_full_params(module); or shard with fully_shard"
                )


def _dtype(tensor: torch.Tensor, dtype: torch.dtype | None) -> str:
    return str(dtype if dtype is not None and tensor.is_floating_point() else tensor.dtype)


def _config(module: nn.Module) -> str | None:
    """The configuration of a model of transformers, as its `config.json` would have it."""
    config: Any = getattr(module, "config", None)
    if getattr(config, "model_type", None) and hasattr(config, "to_json_string"):
        values = json.loads(config.to_json_string(use_diff=False))
        values.setdefault("architectures", None)
        if not values["architectures"]:
            values["architectures"] = [type(module).__name__]
        return json.dumps(values)
    return None


# torch.nn's layers ---------------------------------------------------------------------------

_NORMS = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
)
_NORM = {
    "weight": "norm_weight",
    "bias": "norm_bias",
    "running_mean": "running_mean",
    "running_var": "running_var",
    "num_batches_tracked": "counter",
}


def _layer_facts(layer: nn.Module, leaf: str, tensor: torch.Tensor) -> Facts:
    """What the layer that owns a tensor says of it; nothing where only the name tells."""
    role = norms.role(layer, leaf, tensor)
    if role is not None:
        return {"role": role}
    if isinstance(layer, nn.modules.conv._ConvNd):
        return _convolution(layer, leaf)
    if isinstance(layer, nn.Linear):
        return _by_name(leaf, weight=_matrix("linear", "OI"))
    if isinstance(layer, (nn.Embedding, nn.EmbeddingBag)):
        facts = _matrix("embedding", "VO")
        if layer.padding_idx is not None:
            facts["padding"] = layer.padding_idx
        return facts if leaf == "weight" else {}
    if isinstance(layer, _NORMS):
        return {"role": _NORM[leaf]} if leaf in _NORM else {}
    if isinstance(layer, nn.PReLU):
        return {"role": "slope"} if leaf == "weight" else {}
    if isinstance(layer, (nn.RNNBase, nn.RNNCellBase)):
        return _recurrent(leaf)
    if isinstance(layer, nn.MultiheadAttention):
        return _attention(layer, leaf)
    if is_conv1d(layer):
        return _by_name(leaf, weight=_matrix("linear", "IO"))
    return {}


def _matrix(role: str, layout: str) -> Facts:
    return {"role": role, "layout": layout}


def _by_name(leaf: str, weight: Facts) -> Facts:
    return {"weight": weight, "bias": {"role": "bias"}}.get(leaf, {})


def _convolution(layer: nn.modules.conv._ConvNd, leaf: str) -> Facts:
    kernel = "DHW"[-len(layer.kernel_size) :]
    stride = math.prod(layer.stride)
    layout = ("IO" if layer.transposed else "OI") + kernel
    layout += f"/{layer.groups}" if layer.groups > 1 else ""
    layout += "^T" if layer.transposed else ""
    layout += f":{stride}" if stride > 1 else ""
    role = "conv_transpose" if layer.transposed else "conv"
    return _by_name(leaf, weight=_matrix(role, layout))


def _recurrent(leaf: str) -> Facts:
    if leaf.startswith("weight_ih"):
        return _matrix("recurrent_input", "OI")
    if leaf.startswith("weight_hh"):
        return _matrix("recurrent_hidden", "OI")
    if leaf.startswith("bias"):
        return {"role": "recurrent_bias"}
    return _matrix("linear", "OI") if leaf.startswith("weight_hr") else {}


def _attention(layer: nn.MultiheadAttention, leaf: str) -> Facts:
    if leaf == "in_proj_weight":
        parts = [{"role": role, "size": layer.embed_dim} for role in ("query", "key", "value")]
        return _matrix("qkv", "OI") | {"fused": {"parts": parts, "turns": 1}}
    separate = {"q_proj_weight": "query", "k_proj_weight": "key", "v_proj_weight": "value"}
    if leaf in separate:
        return _matrix(separate[leaf], "OI")
    return {"role": "bias"} if leaf == "in_proj_bias" else {}
