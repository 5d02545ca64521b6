"""The first values that a model's own library gives its tensors, recorded from the code that does it.

``_init_weights`` of a model of transformers runs as it does when the model is made. What it asks of each
tensor is noted, and nothing is written.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import sys
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, Optional

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from semilla.torch.init import named_gain
from semilla.torch.layers import Layers
from semilla.torch.steps import ONE_AT_A_TIME, is_conv1d
from semilla.torch.untouched import memory_of, untouched

__all__ = ["starts"]

#: An initializer as recipes write it; ``None`` where it cannot be said.
Start = Optional[Any]
_KEPT = "keep"
#: Marks what transformers does not initialize again.
_FLAG = "_is_hf_initialized"


@lru_cache(maxsize=256)
def _signature(function: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(function)


def _constant(value: Any) -> Start:
    number = float(value)
    if number == 0:
        return "zeros"
    return {"constant": {"value": number}} if math.isfinite(number) else _KEPT


def _uniform(low: Any, high: Any) -> Start:
    return {"uniform": {"low": float(low), "high": float(high)}} if low != high else _constant(low)


def _normal(mean: Any, std: Any) -> Start:
    return {"normal": {"mean": float(mean), "std": float(std)}} if std else _constant(mean)


def _plain(name: str, *parameters: str) -> Callable[[dict[str, Any]], Start]:
    return lambda given: {name: {parameter: given[parameter] for parameter in parameters}}


def _kaiming(name: str) -> Callable[[dict[str, Any]], Start]:
    def start(given: dict[str, Any]) -> Start:
        return {name: {"mode": given["mode"].lower()} | named_gain(given["nonlinearity"], given["a"])}

    return start


#: What the functions of ``torch.nn.init`` and of those that transformers made of them ask for.
_ASKED: dict[str, Callable[[dict[str, Any]], Start]] = {
    "uniform_": lambda given: _uniform(given["a"], given["b"]),
    "normal_": lambda given: _normal(given["mean"], given["std"]),
    "trunc_normal_": lambda given: {
        "trunc_normal": {name: given[name] for name in ("mean", "std", "a", "b")} | {"units": "absolute"}
    },
    "constant_": lambda given: _constant(given["val"]),
    "ones_": lambda given: "ones",
    "zeros_": lambda given: "zeros",
    "eye_": lambda given: "eye",
    "dirac_": _plain("dirac", "groups"),
    "xavier_uniform_": _plain("xavier_uniform", "gain"),
    "xavier_normal_": _plain("xavier_normal", "gain"),
    "kaiming_uniform_": _kaiming("kaiming_uniform"),
    "kaiming_normal_": _kaiming("kaiming_normal"),
    "orthogonal_": _plain("orthogonal", "gain"),
    "sparse_": _plain("sparse", "sparsity", "std"),
    "copy_": lambda given: _KEPT,
}
#: What tensors' own methods ask for, behind the tensor.
_WRITTEN: dict[str, Callable[..., Start]] = {
    "aten::uniform_": lambda low=0.0, high=1.0: _uniform(low, high),
    "aten::normal_": lambda mean=0.0, std=1.0: _normal(mean, std),
    "aten::fill_": _constant,
    "aten::zero_": lambda: "zeros",
    "aten::copy_": lambda *_: _KEPT,
}
#: Where PyTorch's layers find the functions.
_PLACES = (
    "torch.nn.init", "torch.nn.modules.activation", "torch.nn.modules.batchnorm", "torch.nn.modules.conv",
    "torch.nn.modules.linear", "torch.nn.modules.normalization", "torch.nn.modules.rnn",
    "torch.nn.modules.sparse", "torch.nn.modules.transformer", "transformers.initialization",
)  # fmt: skip


def starts(module: nn.Module, layers: Layers) -> dict[str, Any]:
    """The initial values of tensors by their names, as the models of transformers that the module is,
    or has, ask for them. ``"keep"`` is of what their code computes, and of what it leaves as it is made.

    Nothing is said of tensors outside of such models, of those that are written in parts or by code that
    does not run here, and of models of timm within: those draw their weights as they are made.
    """
    loaded = sys.modules.get("transformers.modeling_utils")
    if loaded is None:
        return {}
    reached = list(_reached(module, None, loaded.PreTrainedModel))
    if not reached:
        return {}
    asked, made = _Asked(layers), _Asked(layers)
    with ONE_AT_A_TIME, untouched(layers), _unflagged(layers), torch.no_grad():
        with asked.recording():
            for layer, initialize in reached:
                asked.run(lambda: initialize(layer), layer)
        left = [layer for layer, _ in reached if asked.leaves(layer)]
        with made.recording():
            for layer in left:
                made.run(lambda: _make(layer), layer)
    inside = {id(tensor) for layer, _ in reached for tensor in _own(layer)}
    found = {}
    for identity, name in layers.tensors.items():
        if identity in inside:
            by = asked if name in asked.found else made
            start = by.found.get(name, _KEPT)
            if start is not None:
                row = by.silent.get(name)
                found[name] = start if row is None else {"padded": {"row": row, "of": start}}
    return found


def _make(layer: nn.Module) -> None:
    """Does what a layer's constructor does: what the library leaves alone stays so."""
    if is_conv1d(layer):
        nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
    elif type(layer).__module__.startswith("torch.nn.modules") and hasattr(layer, "reset_parameters"):
        layer.reset_parameters()


def _own(layer: nn.Module) -> Iterator[Tensor]:
    for held in (layer._parameters, layer._buffers):
        yield from (tensor for tensor in held.values() if tensor is not None)


def _reached(
    module: nn.Module, initialize: Callable[[nn.Module], Any] | None, kind: type
) -> Iterator[tuple[nn.Module, Callable[[nn.Module], Any]]]:
    """The modules within models of the library, and what initializes each: parts before the whole, and
    models within models by their own code."""
    if isinstance(module, kind):
        initialize = module._init_weights
    elif type(module).__module__.startswith("timm."):
        return
    for child in module.children():
        yield from _reached(child, initialize, kind)
    if initialize is not None:
        yield module, initialize


def _is_row(part: Tensor, table: Tensor, row: int) -> bool:
    begin = table.storage_offset() + row * table.stride(0)
    return part.numel() * table.shape[0] == table.numel() and part.storage_offset() == begin


@contextlib.contextmanager
def _unflagged(layers: Layers) -> Iterator[None]:
    """No tensor counts as initialized meanwhile."""
    flagged = []
    for _, layer in layers.all:
        for tensor in _own(layer):
            if _FLAG in vars(tensor):
                flagged.append((tensor, vars(tensor).pop(_FLAG)))
    try:
        yield
    finally:
        for tensor, flag in flagged:
            vars(tensor)[_FLAG] = flag


class _Asked(TorchDispatchMode):
    """Notes what is asked of a module's tensors instead of doing it."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        #: By name, what was asked last.
        self.found: dict[str, Start] = {}
        #: Rows of tables that were silenced since.
        self.silent: dict[str, int] = {}
        self._names = layers.tensors
        self._owners = {
            memory_of(tensor): tensor for _, layer in layers.all for tensor in _own(layer)
            if tensor.layout is torch.strided
        }  # fmt: skip
        self._rows = {
            id(layer._parameters["weight"]): layer.padding_idx for _, layer in layers.all
            if isinstance(getattr(layer, "padding_idx", None), int) and "weight" in layer._parameters
        }  # fmt: skip

    def run(self, action: Callable[[], Any], layer: nn.Module) -> None:
        """Runs code of others on a layer; where it fails, nothing is known of the layer's tensors."""
        try:
            action()
        except Exception:  # noqa: BLE001
            self.found.update((self._names[id(tensor)], None) for tensor in _own(layer))

    def leaves(self, layer: nn.Module) -> bool:
        """Whether nothing was asked of some tensor of a layer."""
        return any(self._names[id(tensor)] not in self.found for tensor in _own(layer))

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """While this is entered, all of this thread's writes are noted."""
        changed = []
        try:
            for place in _PLACES:
                home = vars(sys.modules[place]) if place in sys.modules else {}
                for name, start in _ASKED.items():
                    if name in home:
                        changed.append((home, name, home[name]))
                        home[name] = self._noting(home[name], start)
            with self:
                yield
        finally:
            for home, name, theirs in changed:
                home[name] = theirs

    def _noting(
        self, theirs: Callable[..., Any], start: Callable[[dict[str, Any]], Start]
    ) -> Callable[..., Any]:
        signature, thread = _signature(theirs), threading.get_ident()

        def noting(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() == thread:
                given = signature.bind(*args, **kwargs)
                given.apply_defaults()
                tensor = given.arguments["tensor"]
                if self._noted(tensor, lambda: start(given.arguments)):
                    return tensor
            return theirs(*args, **kwargs)

        return noting

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name, written = function._schema.name, args[0] if args else None
        if function._schema.is_mutable and isinstance(written, Tensor):
            given = args[1:] + tuple(v for k, v in (kwargs or {}).items() if k != "generator")
            start = _WRITTEN.get(name, lambda *_: None)
            if self._noted(written, lambda: start(*given)):
                return written
        return function(*args, **(kwargs or {}))

    def _noted(self, tensor: Tensor, start: Callable[[], Start]) -> bool:
        """Whether it is a tensor of the module, or a part of one: then nothing is to be done."""
        owner: Tensor | None = tensor
        if id(tensor) not in self._names:
            is_plain = tensor.layout is torch.strided
            owner = self._owners.get(memory_of(tensor)) if is_plain else None
        if owner is None:
            return False
        name, row = self._names[id(owner)], self._rows.get(id(owner))
        if tensor.numel() == owner.numel():
            self.found[name] = start()
            self.silent.pop(name, None)
        elif row is not None and _is_row(tensor, owner, row) and start() == "zeros":
            self.silent[name] = row
        else:
            self.found[name] = None if isinstance(owner, nn.Parameter) else _KEPT
        return True
