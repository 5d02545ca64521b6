"""A module's parts by name: walked through once, for all who ask."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn

__all__ = ["WRAPPERS", "Layers"]

#: Wrappers that add to names what the model itself does not have.
WRAPPERS = frozenset({"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"})


class Layers:
    """The modules within a module and the tensors that they hold, under the names that its state
    dict has, without what wrappers add.

    Raises
    ------
    ValueError
        A module that is a part of itself.
    """

    def __init__(self, module: nn.Module) -> None:
        #: Every module at every place where it is, in order.
        self.all: list[tuple[str, nn.Module]] = []
        _walk(module, "", self.all, {})
        #: The first name of each module, by identity.
        self.paths: dict[int, str] = {}
        #: The first name of each parameter, by identity.
        self.parameters: dict[int, str] = {}
        buffers: dict[int, str] = {}
        for path, layer in self.all:
            if id(layer) in self.paths:
                continue
            self.paths[id(layer)] = path
            start = f"{path}." if path else ""
            for leaf, parameter in layer._parameters.items():
                if parameter is not None:
                    self.parameters.setdefault(id(parameter), start + leaf)
            for leaf, buffer in layer._buffers.items():
                if buffer is not None:
                    buffers.setdefault(id(buffer), start + leaf)
        #: The first name of each parameter and buffer, by identity.
        self.tensors = buffers | self.parameters

    def unique(self) -> Iterator[tuple[str, nn.Module]]:
        """Every module once, under its first name."""
        seen: set[int] = set()
        for path, layer in self.all:
            if id(layer) not in seen:
                seen.add(id(layer))
                yield path, layer

    def named(self) -> Iterator[tuple[str, str, torch.Tensor, nn.Module, bool]]:
        """The tensors of the state dict in its order: name, own name, tensor, module, whether it is
        a buffer."""
        for path, layer in self.all:
            start = f"{path}." if path else ""
            for leaf, parameter in layer._parameters.items():
                if parameter is not None:
                    yield start + leaf, leaf, parameter, layer, False
            for leaf, buffer in layer._buffers.items():
                if buffer is not None and leaf not in layer._non_persistent_buffers_set:
                    yield start + leaf, leaf, buffer, layer, True


def _walk(
    layer: nn.Module, path: str, found: list[tuple[str, nn.Module]], around: dict[int, str]
) -> None:
    if id(layer) in around:
        outer = around[id(layer)]
        raise ValueError(f"{path} is {outer or 'the module itself'}, which it is a part of")
    around[id(layer)] = path
    found.append((path, layer))
    for name, part in layer._modules.items():
        if part is None:
            continue
        if name in WRAPPERS:
            _walk(part, path, found, around)
        else:
            _walk(part, f"{path}.{name}" if path else name, found, around)
    del around[id(layer)]
