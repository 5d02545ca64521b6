"""The calls that a forward makes when it is run on shapes: of models that say what they read.

Nothing is computed: weights and inputs are on the meta device. Unlike :mod:`semilla.torch.trace`, code may
ask for sizes and decide by them, as nearly all models of transformers do.
"""

from __future__ import annotations

import inspect
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_flatten

from semilla.torch.layers import Layers
from semilla.torch.steps import ONE_AT_A_TIME, Step, Steps, declared, inner, is_leaf
from semilla.torch.untouched import followed

__all__ = ["ran"]

#: What Python calls the methods behind its operators.
_METHODS = {
    "__add__": "add", "__radd__": "add", "__iadd__": "add", "__mul__": "mul", "__rmul__": "mul", "__imul__": "mul",
    "__sub__": "sub", "__isub__": "sub", "__truediv__": "div", "__itruediv__": "div", "__matmul__": "matmul",
    "__getitem__": "getitem", "T": "transpose", "mT": "transpose", "data": "clone",
}  # fmt: skip


def _same(x: Tensor, *_: Any, **__: Any) -> Tensor:
    return torch.empty_like(x)


#: What PyTorch takes long to find the shape of, as its rules for the meta device are written in Python.
_QUICK: dict[Any, Callable[..., Tensor]] = {
    torch.addmm: lambda _, x, weight: x.new_empty((x.shape[0], weight.shape[1])),
    F.linear: lambda x, weight, *_: x.new_empty((*x.shape[:-1], weight.shape[0])),
    F.scaled_dot_product_attention: lambda q, k, v, *_, **__: q.new_empty((*q.shape[:-1], v.shape[-1])),
    F.layer_norm: _same, F.dropout: _same, F.gelu: _same, F.silu: _same, F.relu: _same,
}  # fmt: skip
#: Functions of single elements.
_ELEMENTWISE = {
    "__add__", "__mul__", "__sub__", "__truediv__", "__neg__", "__radd__", "__rmul__", "__rsub__", "__pow__", "add",
    "mul", "sub", "div", "neg", "pow", "square", "sqrt", "rsqrt", "exp", "log", "tanh", "sigmoid", "clamp",
}  # fmt: skip
_TOKENS, _SIDE, _SAMPLES, _FRAMES = 8, 224, 16_000, 3_000


def ran(module: nn.Module, layers: Layers) -> list[Step] | None:
    """The steps of a model of transformers; ``None`` of others, whose inputs nobody knows.

    Raises
    ------
    Exception
        The module's own code runs without values, and may raise anything.
    """
    attempts = _inputs(module)
    for place, given in enumerate(attempts, 1):
        try:
            with ONE_AT_A_TIME:
                return _Run(layers).steps_of(module, given)
        except Exception:
            if place == len(attempts):
                raise
    return None


def _inputs(module: nn.Module) -> list[dict[str, Tensor]]:
    """What the model may be given: what it says that it mainly reads, then everything that is known."""
    needed = declared(module)
    if not needed:
        return []
    made = _known_inputs(module.config)
    taken = [name for name in inspect.signature(module.forward).parameters if name in made]
    choices = [[name for name in needed if name in taken], taken]
    return [{name: made[name] for name in names} for names in choices if needed[0] in names]


def _known_inputs(config: Any) -> dict[str, Tensor]:
    parts = [config, *(getattr(config, name, None) for name in ("vision_config", "backbone_config", "audio_config"))]

    def size(name: str, default: int) -> tuple[int, ...]:
        found = next((value for part in parts if (value := getattr(part, name, None))), default)
        return tuple(found) if isinstance(found, (list, tuple)) else (found,)

    side = (size("image_size", _SIDE) * 2)[:2]
    channels = size("num_channels", 3)
    features = (1, *size("num_mel_bins", 80)[:1], 2 * size("max_source_positions", _FRAMES // 2)[0])
    tokens = torch.empty((1, _TOKENS), dtype=torch.int64, device="meta")
    return {
        "input_ids": tokens,
        "decoder_input_ids": tokens,
        "pixel_values": torch.empty((1, *channels[:1], *side), device="meta"),
        "input_values": torch.empty((1, _SAMPLES), device="meta"),
        "input_features": torch.empty(features, device="meta"),
    }


class _Run(TorchFunctionMode):
    """Runs a forward in its own thread, and records what is called outside of PyTorch's layers."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers, self._steps = layers, Steps(layers)
        self._is_inside = False
        #: Weights without values, by the identity of those with.
        self._bare: dict[int, Tensor] = {}
        # Whose identity is known must live on.
        self._held: list[Any] = []

    def steps_of(self, module: nn.Module, given: dict[str, Tensor]) -> list[Step]:
        """The steps of a forward."""
        for name, value in given.items():
            self._made("placeholder", name, (), {}, value)
        following = followed(self._layers, self._call(), self._attribute)
        with following, torch.no_grad(), torch.device("meta"), self:
            result = module.forward(**given)
        self._steps.add("output", "output", (result,), {})
        return self._steps.all

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if function is Tensor.__bool__ and args[0].is_meta:
            return False  # masks are rarely full, layers rarely dropped
        if _writes(function):
            # What is made here has no values: these are the module's own.
            args = tuple(_copied(value) for value in args)
        result = _quick(function, args)(*args, **kwargs)
        if not self._is_inside and not isinstance(result, (int, float, bool, torch.Size)):
            self._made(*_called(function), args, kwargs, result)
        return result

    def _made(self, op: str, target: Any, args: Any, kwargs: Any, result: Any) -> None:
        tensors = [value for value in tree_flatten(result)[0] if isinstance(value, Tensor)]
        if tensors:
            step = self._steps.add(op, target, args, kwargs)
            self._held.extend(tensors)
            self._steps.made.update((id(tensor), step) for tensor in tensors)

    def _call(self) -> Callable[..., Any]:
        """What calls modules while this thread runs one."""
        theirs, thread, paths = nn.Module._call_impl, threading.get_ident(), self._layers.paths

        def call(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return theirs(layer, *args, **kwargs)
            # Hooks stay out: those of shards would gather them from all processes.
            if self._is_inside or not is_leaf(layer) or id(layer) not in paths:
                return inner(layer).forward(*args, **kwargs)
            self._is_inside = True
            try:
                result = layer.forward(*args, **kwargs)
            finally:
                self._is_inside = False
            self._made("call_module", layer, args, kwargs, result)
            return result

        return call

    def _attribute(self, theirs: Callable[..., Any]) -> Callable[..., Any]:
        """What hands out a kind of modules' tensors, without values, while this thread runs one."""
        thread, names = threading.get_ident(), self._layers.tensors

        def attribute(layer: nn.Module, name: str) -> Any:
            value = theirs(layer, name)
            known = names.get(id(value))
            if known is None or threading.get_ident() != thread:
                return value
            bare = self._bare.get(id(value))
            if bare is None:
                with torch._C.DisableTorchFunction():
                    bare = torch.empty_strided(
                        value.shape, value.stride(), dtype=value.dtype, device="meta"
                    )
                self._bare[id(value)] = bare
                self._steps.names[id(bare)] = known
            return bare

        return attribute


def _quick(function: Any, args: tuple[Any, ...]) -> Callable[..., Any]:
    """What gives the same shape as a function, sooner."""
    first = args[0] if args else None
    if not isinstance(first, Tensor) or not first.is_meta:
        return function  # type: ignore[no-any-return]
    if getattr(function, "__name__", None) in _ELEMENTWISE and first.is_floating_point():
        others = [value for value in args[1:] if isinstance(value, Tensor)]
        if all(value.shape == first.shape and value.dtype == first.dtype for value in others):
            return _same
    return _QUICK.get(function, function)


def _writes(function: Any) -> bool:
    name = str(getattr(function, "__name__", ""))
    is_operator = name.startswith("__i") or name == "__setitem__"
    return is_operator or name.endswith("_") and not name.startswith("_")


def _copied(value: Any) -> Any:
    has_values = isinstance(value, Tensor) and not value.is_meta
    return value.clone() if has_values else value


def _called(function: Any) -> tuple[str, Any]:
    """A method by its name, a function as it is."""
    name = getattr(function, "__name__", type(function).__name__)
    if name == "__get__":
        name = getattr(function.__self__, "__name__", name)
        return "call_method", _METHODS.get(name, name)
    if getattr(Tensor, name, None) is function:
        return "call_method", _METHODS.get(name, name)
    return "call_function", function
