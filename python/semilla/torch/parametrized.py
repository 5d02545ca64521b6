"""Weights that a module computes from others: whose they are, and what spectral normalization keeps
of them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from torch import nn
from torch.nn.utils import parametrizations, parametrize

__all__ = ["Spectral", "computed", "spectral"]

#: Their weights have the shape and the axes of the layer's own.
_ALIKE = (parametrizations._SpectralNorm, parametrizations._Orthogonal)


def computed(layers: Iterable[nn.Module]) -> dict[int, tuple[nn.Module, str] | None]:
    """For lists of parametrizations, by identity: the layer whose weight is computed, and its name,
    where ``original`` has the axes of that weight; ``None`` where it is no weight that could be
    drawn (Householder reflectors with signs)."""
    found: dict[int, tuple[nn.Module, str] | None] = {}
    for layer in layers:
        if _is_parametrized(layer):
            for name, parts in layer.parametrizations.items():
                if any(_is_reflectors(part) for part in parts):
                    found[id(parts)] = None
                elif all(isinstance(part, _ALIKE) for part in parts):
                    found[id(parts)] = layer, name
    return found


def _is_parametrized(layer: nn.Module) -> bool:
    # PyTorch's own question takes longer where the answer is no.
    return "parametrizations" in layer._modules and parametrize.is_parametrized(layer)


def _is_reflectors(part: nn.Module) -> bool:
    own = getattr(part, "orthogonal_map", None)
    return own is parametrizations._OrthMaps.householder


class Spectral(NamedTuple):
    """The largest singular value of a weight, as its vectors on both sides."""

    weight: str
    #: The names of ``u`` and ``v``.
    vectors: tuple[str, str]
    #: Reshapes the weight to a matrix.
    matrix: Any


def spectral(path: str, layer: nn.Module) -> Iterator[Spectral]:
    """The spectral normalizations of a layer whose own name is ``path``."""
    start = f"{path}." if path else ""
    if _is_parametrized(layer):
        for name, parts in layer.parametrizations.items():
            own = f"{start}parametrizations.{name}"
            for place, part in enumerate(parts):
                # Behind another one, it is not of a tensor that is held.
                if place == 0 and isinstance(part, parametrizations._SpectralNorm):
                    if hasattr(part, "_u"):
                        vectors = f"{own}.0._u", f"{own}.0._v"
                        yield Spectral(
                            f"{own}.original", vectors, part._reshape_weight_to_matrix
                        )
    if not layer._forward_pre_hooks:
        return
    # As a function, `torch.nn.utils.spectral_norm` hides the file of this name.
    kind = sys.modules["torch.nn.utils.spectral_norm"].SpectralNorm
    for hook in layer._forward_pre_hooks.values():
        if isinstance(hook, kind):
            own = f"{start}{hook.name}"
            yield Spectral(f"{own}_orig", (f"{own}_u", f"{own}_v"), hook.reshape_weight_to_matrix)
