"""Values on their way into a PyTorch tensor of any kind.

A CPU tensor is written where it lies, whatever its strides, and so is a CUDA tensor whose elements
are drawn one by one. Everything else (a matrix for a CUDA tensor, another device, a subclass that
keeps its values elsewhere) is made on the host and copied. Of a sharded tensor only the part that
this process holds is made. A meta tensor has no values.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from semilla._dtypes import NAMES

__all__ = [
    "PLAIN",
    "Destination",
    "destination",
    "dtype_name",
    "dtype_named",
    "fill",
    "has_values",
    "is_sharded",
    "changed",
    "opened",
    "part",
]

# What the compiled part needs to know: address, element type, shape, strides (None if contiguous),
# and the part of the whole tensor that is held, if it is not all.
Destination = tuple[int, str, Any, Any, Any]
# What the whole tensor of a shape and an element type is drawn from, or `None`.
Drawn = Callable[[Sequence[int], str], Any]

_NAMES = {getattr(torch, name): stored for name, stored in NAMES.items()}
_TYPES = {stored: dtype for dtype, stored in _NAMES.items()}
PLAIN = {Tensor, torch.nn.Parameter, torch.nn.Buffer}
_STRIDED = torch.strided
#: Tells autograd that tensors were changed: what torch.autograd.graph.increment_version calls. A
#: small fill takes little longer than that.
changed = torch._C._increment_version


def dtype_name(dtype: torch.dtype) -> str:
    """The name of an element type in files and plans, such as ``"BF16"``.

    Raises
    ------
    TypeError
        Semilla has no such type.
    """
    name = _NAMES.get(dtype)
    if name is None:
        raise TypeError(f"{dtype} is not an element type that Semilla writes")
    return name


def dtype_named(name: str) -> torch.dtype:
    """The element type of this name."""
    return _TYPES[name.upper()]


def fill(tensor: Tensor, initializer: Any, key: int, layout: str | None = None) -> None:
    """Writes an initializer's values under a key of the stream into a tensor, in place."""
    if _is_plain(tensor):
        initializer.fill(destination(tensor), key, layout)
        changed((tensor,))
        return
    found = opened(tensor, lambda shape, name: initializer.drawn(shape, name, key, layout))
    if found is not None:
        goal, done = found
        initializer.fill(goal, key, layout)
        done()


def opened(tensor: Tensor, drawn: Drawn) -> tuple[Destination, Callable[[], None]] | None:
    """A destination for a tensor's values, and what to call once they are written.

    ``None`` where nothing is left to do: for a tensor without values (meta, fake), and for one whose
    elements its device has just drawn, as ``drawn`` says. The destination is valid as long as the
    second item is held.

    Raises
    ------
    RuntimeError
        An inference tensor outside of inference mode, as PyTorch refuses it.
    TypeError
        An element type or a layout that cannot be written.
    """
    if _is_plain(tensor):
        return destination(tensor), lambda: changed((tensor,))
    held = _held(tensor)
    if held is None:
        return None
    local, part = held
    if local.is_cpu and _has_memory(local):
        return destination(local, part), lambda: _written(local, tensor)
    if local.is_cuda and _has_memory(local) and _is_made_there(local, part, drawn):
        _written(local, tensor)
        return None
    return _on_host(local, part)


def _is_plain(tensor: Tensor) -> bool:
    """Whether it is what nearly every tensor is, and needs none of the questions below."""
    is_plain = type(tensor) in PLAIN and tensor.is_cpu and tensor.layout is _STRIDED
    return is_plain and not tensor.is_inference()


def _held(tensor: Tensor) -> tuple[Tensor, Any] | None:
    """The tensor that this process holds, and which part of the whole it is (``None`` for all);
    ``None`` without values. Raises as :func:`opened`."""
    part = None
    if is_sharded(tensor):
        from semilla.torch import sharded

        tensor, part = sharded.held(tensor)
    if not has_values(tensor):
        return None
    if tensor.is_inference() and not torch.is_inference_mode_enabled():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make "
            "a clone to get a normal tensor before doing inplace update."
        )
    if tensor.layout != torch.strided or tensor.is_quantized:
        kind = "quantized" if tensor.is_quantized else str(tensor.layout)
        raise TypeError(f"a {kind} tensor cannot be initialized; use a plain one")
    return tensor, part


def part(tensor: Tensor) -> Any:
    """The part of a sharded tensor that this process holds; ``None`` for all of a tensor.

    Raises as :func:`opened`, which writes nothing yet either.
    """
    held = _held(tensor)
    if held is None:
        return None
    local, part = held
    dtype_name(local.dtype)
    if local.is_cpu and _has_memory(local):
        destination(local)
    return part


def destination(tensor: Tensor, part: Any = None) -> Destination:
    """A destination in a CPU tensor's memory; valid as long as the tensor is held.

    Raises
    ------
    TypeError
        Semilla has no such element type.
    ValueError
        The storage was freed, or resized to less than the tensor.
    """
    dtype = tensor.dtype
    name = _NAMES.get(dtype) or dtype_name(dtype)
    held = tensor.untyped_storage().nbytes()
    if tensor.is_contiguous():
        offset = tensor.storage_offset()
        strides, end = None, tensor.nbytes + (offset and offset * dtype.itemsize)
    else:
        strides, end = tensor.stride(), held + 1  # looked at more closely
    if held < end and held < _end(tensor, strides):
        raise ValueError(
            "the tensor's storage was freed or is smaller than the tensor; materialize it first"
        )
    return (tensor.data_ptr(), name, tensor.shape, strides, part)


def _end(tensor: Tensor, strides: Sequence[int] | None) -> int:
    """The bytes from the storage's beginning to the end of the tensor's last element."""
    last = tensor.numel()
    if last == 0:
        return 0
    if strides is not None:
        last = 1 + sum((n - 1) * step for n, step in zip(tensor.shape, strides, strict=True))
    return (int(tensor.storage_offset()) + last) * tensor.element_size()


def _is_made_there(local: Tensor, part: Any, drawn: Drawn) -> bool:
    """Writes the elements of a CUDA tensor on its device, if they are drawn one by one; whether it
    did."""
    whole, ranges = part or (local.shape, [[(0, size)] for size in local.shape])
    numbers = drawn(whole, dtype_name(local.dtype))
    if numbers is None:
        return False
    from semilla.torch import cuda

    local = local.detach()
    with torch.no_grad():
        for offset, place in _pieces(ranges):
            piece = local[place]
            made = piece if piece.is_contiguous() else torch.empty_like(
                piece, memory_format=torch.contiguous_format
            )
            if not cuda.fill(made, numbers, whole, offset):
                return False
            if made is not piece:
                piece.copy_(made)
    return True


def _pieces(
    ranges: Sequence[Sequence[tuple[int, int]]],
) -> Iterator[tuple[list[int], tuple[slice, ...]]]:
    """The boxes that a process holds: where each begins in the whole tensor, and its place here."""
    axes = []
    for held in ranges:
        ends = itertools.accumulate((length for _, length in held), initial=0)
        axes.append([(start, slice(at, at + n)) for (start, n), at in zip(held, ends)])
    for box in itertools.product(*axes):
        yield [start for start, _ in box], tuple(place for _, place in box)


def _on_host(tensor: Tensor, part: Any) -> tuple[Destination, Callable[[], None]]:
    """Values are made on the host and copied."""
    host = torch.empty(tensor.shape, dtype=tensor.dtype, device="cpu")

    def copy() -> None:
        with torch.no_grad():
            tensor.copy_(host)

    return destination(host, part), copy


def _written(*tensors: Tensor) -> None:
    # Autograd must learn that saved values have changed; inference tensors keep no count.
    for tensor in tensors:
        if not tensor.is_inference():
            changed((tensor,))


def _has_memory(tensor: Tensor) -> bool:
    """Whether the tensor's class leaves its values where PyTorch puts them."""
    kind = type(tensor)
    return kind in PLAIN or kind.__torch_dispatch__ is Tensor.__torch_dispatch__


def is_sharded(tensor: Any) -> bool:
    """Whether this process holds a part of the tensor (``DTensor``)."""
    loaded = sys.modules.get("torch.distributed.tensor")
    return loaded is not None and isinstance(tensor, loaded.DTensor)


def has_values(tensor: Tensor) -> bool:
    """Whether the tensor is more than a shape: neither meta nor fake."""
    if tensor.is_meta:
        return False
    loaded = None if type(tensor) in PLAIN else sys.modules.get("torch._subclasses.fake_tensor")
    return loaded is None or not isinstance(tensor, loaded.FakeTensor)
