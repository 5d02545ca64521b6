"""A module's own code writes into the module as it runs: counts of batches, attributes. Where it is only
asked what it computes, nothing of that may stay."""

from __future__ import annotations

import contextlib
import random
import threading
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from semilla.torch.layers import Layers

__all__ = ["Copies", "followed", "memory_of", "untouched"]


@contextlib.contextmanager
def _changed(kind: type, name: str, value: Any) -> Iterator[None]:
    """A class with another attribute."""
    own = vars(kind).get(name)
    setattr(kind, name, value)
    try:
        yield
    finally:
        if own is None:
            delattr(kind, name)
        else:
            setattr(kind, name, own)


def _kinds(layers: Iterable[nn.Module]) -> list[type]:
    """The classes of modules. They are few, and to change them takes less than to change the class of
    all modules, which has a thousand below it."""
    return list(dict.fromkeys(type(layer) for layer in layers))


@contextlib.contextmanager
def untouched(layers: Layers) -> Iterator[None]:
    """Attributes of modules that this thread sets while this is entered, and random numbers that it
    draws, are as before in the end."""
    attributes, numbers = _Attributes(layers), random.getstate()
    setters = [(kind, attributes.setter(kind)) for kind in _kinds(layer for _, layer in layers.all)]
    try:
        with torch.random.fork_rng(devices=()), contextlib.ExitStack() as changes:
            for kind, setter in setters:
                changes.enter_context(_changed(kind, "__setattr__", setter))
            yield
    finally:
        attributes.restore()
        random.setstate(numbers)


@contextlib.contextmanager
def followed(
    layers: Layers,
    call: Callable[..., Any],
    attribute: Callable[[Callable[..., Any]], Callable[..., Any]],
) -> Iterator[None]:
    """While this is entered, ``call`` calls the modules, and what ``attribute`` makes of the reader of a
    kind of modules reads their attributes; nothing that their code writes stays."""
    own = [layer for _, layer in layers.all]
    kinds = _kinds(layer for layer in own if layer._parameters or layer._buffers)
    readers = [(kind, attribute(kind.__getattr__)) for kind in kinds]
    with untouched(layers), contextlib.ExitStack() as changes:
        changes.enter_context(_changed(nn.Module, "_call_impl", call))
        # What is compiled in place is called past the other.
        if any(layer.__dict__.get("_compiled_call_impl") for layer in own):
            changes.enter_context(_changed(nn.Module, "__call__", nn.Module._call_impl))
        for kind, reader in readers:
            changes.enter_context(_changed(kind, "__getattr__", reader))
        yield


class Copies(TorchDispatchMode):
    """Operations that write into a module's tensors write into copies of them."""

    def __init__(self, layers: Layers) -> None:
        super().__init__()
        self._layers = layers

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        schema = function._schema
        if schema.is_mutable:
            given = list(args)
            for place, argument in enumerate(schema.arguments):
                if argument.alias_info is None or not argument.alias_info.is_write:
                    continue
                if place < len(given):
                    given[place] = self._copied(given[place])
                elif argument.name in kwargs:
                    kwargs[argument.name] = self._copied(kwargs[argument.name])
            args = tuple(given)
        return function(*args, **kwargs)

    def _copied(self, value: Any) -> Any:
        if isinstance(value, (list, tuple)):
            return [self._copied(item) for item in value]
        is_own = isinstance(value, Tensor) and memory_of(value) in self._held
        return value.clone() if is_own else value

    @cached_property
    def _held(self) -> set[int]:
        """The memory of the modules' tensors, whether they are registered or not."""
        parts = [layer for _, layer in self._layers.all]
        places = [place for part in parts for place in (part._buffers, part._parameters, vars(part))]
        found = [value for place in places for value in place.values()]
        return {memory_of(value) for value in found if isinstance(value, Tensor)}


def memory_of(tensor: Tensor) -> int:
    """What tells a tensor's memory from others."""
    return int(tensor.untyped_storage()._cdata)


class _Attributes:
    """What attributes of modules were before this thread set them."""

    def __init__(self, layers: Layers) -> None:
        self._own = layers.paths
        self._before: list[tuple[nn.Module, str, dict[str, Any] | None, Any]] = []

    def setter(self, kind: type) -> Callable[[Any, str, Any], None]:
        """What sets attributes of modules of a class."""
        theirs, thread = kind.__setattr__, threading.get_ident()

        def set_attribute(layer: Any, name: str, value: Any) -> None:
            if threading.get_ident() == thread and id(layer) in self._own:
                place = next((own for own in _places(layer) if name in own), None)
                self._before.append((layer, name, place, place and place[name]))
            theirs(layer, name, value)

        return set_attribute

    def restore(self) -> None:
        for layer, name, place, value in reversed(self._before):
            for other in _places(layer):
                if other is not place:
                    other.pop(name, None)
            if place is not None:
                place[name] = value


def _places(layer: nn.Module) -> tuple[dict[str, Any], ...]:
    return layer.__dict__, layer._parameters, layer._buffers, layer._modules
