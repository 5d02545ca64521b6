"""What the weight of a normalization does: multiplied by ``w``, or by ``1 + w``. Both have the same
names and shapes, and a layer that starts at the other's value is silent or twice as loud."""

from __future__ import annotations

import copy
import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Optional

import torch
from torch import nn
from torch.utils._python_dispatch import _disable_current_modes

__all__ = ["role"]

Role = Optional[str]

#: Names that a factor has.
_FACTORS = ("weight", "scale", "gamma")
_SHIFTS = ("bias", "beta")
#: What PyTorch's own layers run: a class that inherits it says itself what its weight does.
_OWN = {
    nn.LayerNorm.forward, nn.RMSNorm.forward, nn.GroupNorm.forward, nn.BatchNorm1d.forward,
    nn.InstanceNorm1d.forward, nn.SyncBatchNorm.forward,
}  # fmt: skip
_TOLERANCE = 1e-3
#: What every module has a dozen of, besides its settings.
_TABLES = {dict, OrderedDict, set}


#: What kinds of layers with their settings answered, in this process; begun anew when it is long.
_known: dict[Any, Role] = {}
_MOST = 4096


def role(layer: nn.Module, leaf: str, tensor: torch.Tensor) -> Role:
    """``norm_weight`` or ``offset_norm_weight``; ``None`` of what is no normalization with code of
    its own, or cannot be run by itself.

    Asks the layer by running it: a copy, with weights of 0 and 1, on a few numbers. Layers of one
    kind and setting answer once.
    """
    if leaf not in _FACTORS or not _has_own_code(layer) or not _is_small(layer, tensor):
        return None
    kind = type(layer)
    settings = [(name, value) for name, value in vars(layer).items() if _is_plain(value)]
    key = (kind, kind.forward, leaf, tensor.shape, repr(settings))
    answer = _known.get(key) or _asked(layer, leaf, tensor)
    if answer is not None:  # what did not run may run another time
        if len(_known) >= _MOST:
            _known.clear()
        _known[key] = answer
    return answer


def _has_own_code(layer: nn.Module) -> bool:
    kind = type(layer)
    is_named = "norm" in kind.__name__.lower()
    return is_named and kind.forward not in _OWN and not layer._modules


def _is_small(layer: nn.Module, tensor: torch.Tensor) -> bool:
    """One factor along one axis, a shift at most, and no state that a run would change."""
    if any(value is not None for value in layer._buffers.values()):
        return False
    own = [name for name, value in layer._parameters.items() if value is not None]
    others = [name for name in own if name not in _FACTORS]
    is_pair = len(own) - len(others) == 1 and all(name in _SHIFTS for name in others)
    return is_pair and tensor.dim() == 1 and tensor.is_floating_point()


def _is_plain(value: Any) -> bool:
    is_table = type(value) in _TABLES
    return not is_table and isinstance(value, (bool, int, float, str, tuple, type(None)))


def _asked(layer: nn.Module, leaf: str, tensor: torch.Tensor) -> Role:
    """The forward is the layer's own code, and may raise anything."""
    size = len(tensor)
    for shape in ((1, 2, size), (1, size, 2, 2)):
        for inputs in (1, 2):  # gated ones take the gate, too
            try:
                # Under another's fake tensors numbers would be none.
                with _disable_current_modes():
                    found = _compared(_runner(layer, leaf, size, shape, inputs))
            except Exception:  # noqa: BLE001
                continue
            if found is not None:
                return found
    return None


def _runner(
    layer: nn.Module, leaf: str, size: int, shape: tuple[int, ...], inputs: int
) -> Callable[[float], torch.Tensor]:
    """Runs the layer with this value as its factor. Hooks are not run, and the layer stays as it is."""
    count = math.prod(shape)
    values = torch.arange(count, dtype=torch.float32, device="cpu").mul(0.7).sin().view(shape)

    def run(value: float) -> torch.Tensor:
        own = copy.copy(layer)
        # Past the modules' own attributes, which register what they are given.
        own.__dict__["_parameters"] = {
            name: None if held is None else torch.full(
                (size,), value if name == leaf else 0.0, dtype=torch.float32, device="cpu"
            )
            for name, held in layer._parameters.items()
        }
        with torch.no_grad():
            made = type(layer).forward(own, *[values] * inputs)
        return made.float()

    return run


def _compared(run: Callable[[float], torch.Tensor]) -> Role:
    """A factor of 0 silences a layer that multiplies by it; one that multiplies by 1 + w is twice as
    loud at 1."""
    silent, loud = run(0.0), run(1.0)
    size = float(loud.abs().max())
    if not math.isfinite(size) or size < _TOLERANCE or silent.shape != loud.shape:
        return None
    if float(silent.abs().max()) <= _TOLERANCE * size:
        return "norm_weight"
    if float((loud - 2.0 * silent).abs().max()) <= _TOLERANCE * size:
        return "offset_norm_weight"
    return None
