"""What a forward did, step by step: calls of layers and functions, attributes that were asked for."""

from __future__ import annotations

import dataclasses
import threading
from typing import Any

import torch
from torch import fx, nn

from semilla.torch.layers import WRAPPERS, Layers

__all__ = ["ONE_AT_A_TIME", "Step", "Steps", "declared", "inner", "is_conv1d", "is_leaf"]

#: Two that record would restore each other's changes of PyTorch.
ONE_AT_A_TIME = threading.Lock()
#: Kinds of values that are taken as they are, without a look inside.
_ATOMS = {int, float, bool, str, type(None), torch.dtype, torch.device, type(...)}


class Step:
    """A call, or an attribute that was asked for."""

    __slots__ = ("args", "inputs", "kwargs", "meta", "name", "op", "target")

    def __init__(self, op: str, target: Any, name: str) -> None:
        #: ``placeholder``, ``call_module``, ``call_function``, ``call_method``, ``get_attr`` or
        #: ``output``.
        self.op = op
        #: The module, the function, or a name.
        self.target = target
        self.name = name
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.meta: dict[str, Any] = {}  # fx writes into it
        #: The steps that are taken, each once, in order.
        self.inputs: dict[Step, None] = {}


class Steps:
    """The steps of a forward, in order."""

    def __init__(self, layers: Layers) -> None:
        self.all: list[Step] = []
        #: The steps that made tensors, by the tensors' identity.
        self.made: dict[int, Step] = {}
        #: The names of tensors, by their identity.
        self.names = dict(layers.tensors)

    def add(self, op: str, target: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
        """A new step, behind those of its attributes."""
        step = Step(op, target, "")
        step.args = tuple([self._lowered(item, step.inputs) for item in args])
        if kwargs:
            step.kwargs = self._lowered(kwargs, step.inputs)
        step.name = str(len(self.all))
        self.all.append(step)
        return step

    def _lowered(self, value: Any, inputs: dict[Step, None]) -> Any:
        """What is recorded of an argument; the steps in it are noted."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        if isinstance(value, fx.Proxy):
            node = value.node
            inputs[node] = None
            return node
        if kind is tuple or kind is list or isinstance(value, (tuple, list)):
            return tuple([self._lowered(item, inputs) for item in value])
        if isinstance(value, dict):
            return {key: self._lowered(item, inputs) for key, item in value.items()}
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return slice(*(self._lowered(end, inputs) for end in ends))
        if isinstance(value, torch.Tensor):
            step = self.made.get(id(value)) or self._attribute(value)
            inputs[step] = None
            return step
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return tuple([self._lowered(item, inputs) for item in vars(value).values()])
        return value

    def _attribute(self, value: torch.Tensor) -> Step:
        name = self.names.get(id(value))
        step = Step("get_attr", name or f"%constant {len(self.all)}", str(len(self.all)))
        self.all.append(step)
        return step


def declared(module: nn.Module) -> list[str]:
    """The arguments that a model of transformers says it reads, the main one first; none of others."""
    config: Any = getattr(module, "config", None)
    main = getattr(module, "main_input_name", None)
    if not getattr(config, "model_type", None) or not isinstance(main, str):
        return []
    return [main, *["decoder_input_ids"] * bool(getattr(config, "is_encoder_decoder", False))]


def inner(layer: nn.Module) -> nn.Module:
    """The module that a wrapper runs in its own way."""
    for name in WRAPPERS:
        held = layer._modules.get(name)
        if held is not None:
            return held
    return layer


def is_leaf(layer: nn.Module) -> bool:
    """Whether a module is one step: a layer of PyTorch's own."""
    kind = type(layer)
    if kind.__module__.startswith(("torch.nn", "torch.ao.nn")):
        return not isinstance(layer, nn.Sequential)
    return is_conv1d(layer)


def is_conv1d(layer: nn.Module) -> bool:
    """Whether it is GPT-2's layer in transformers, which stores ``[in, out]``."""
    return type(layer).__name__ == "Conv1D" and hasattr(layer, "nf")
