"""The stream on CUDA devices: the bits that a processor makes, made where they are wanted.

``stream.cu`` is compiled for the device when it is first used, by the compiler library (NVRTC)
that comes with PyTorch. Where that is not to be had, the caller fills on the host and copies: the
same bits, at the speed of the bus.
"""

from __future__ import annotations

import ctypes
import functools
import math
import warnings
from collections.abc import Sequence
from importlib import resources
from typing import Any

import torch

_AXES = 8
_KINDS = {"uniform": 0, "normal": 1, "truncated_normal": 2}
_NAMES = {
    torch.float64: "f64",
    torch.float32: "f32",
    torch.float16: "f16",
    torch.bfloat16: "bf16",
    torch.float8_e4m3fn: "f8e4m3fn",
    torch.float8_e5m2: "f8e5m2",
}
_THREADS = 256
# Blocks for each multiprocessor: enough to hide memory, few enough to prepare the law rarely.
_WAVES = 16


class _Order(ctypes.Structure):
    """What is written where: ``Order`` of ``stream.cu``."""

    _fields_ = [
        ("out", ctypes.c_void_p),
        ("count", ctypes.c_uint64),
        ("key", ctypes.c_uint64),
        ("part", ctypes.c_uint64),
        ("first", ctypes.c_uint64),
        ("size", ctypes.c_uint64 * _AXES),
        ("stride", ctypes.c_uint64 * _AXES),
        ("law", ctypes.c_double * 8),
        ("kind", ctypes.c_int),
        ("axes", ctypes.c_int),
    ]


def fill(
    out: torch.Tensor,
    drawn: Any,
    shape: Sequence[int],
    offset: Sequence[int] | None = None,
) -> bool:
    """Write a tensor's elements, or a box of them, on its device.

    Parameters
    ----------
    out
        A contiguous CUDA tensor: the box.
    drawn
        What the elements are drawn from: ``key``, ``sequence``, ``law`` and ``numbers``.
    shape
        The shape of the whole tensor.
    offset
        Where the box begins in it; at its beginning if absent.

    Returns
    -------
    bool
        Whether the elements were written. ``False`` leaves ``out`` as it was: the type is none
        that is drawn, or kernels cannot be compiled here (a warning says why, once).
    """
    name = _NAMES.get(out.dtype)
    first, axes = _box(shape, offset or [0] * len(shape), out.shape)
    if name is None or len(axes) > _AXES or torch.version.hip is not None:
        return False
    if out.numel() == 0:
        return True
    with torch.cuda.device(out.device):
        kernels = _kernels(out.device.index)
        if kernels is None:
            return False
        order = _order(out, drawn, first, axes)
        processors = torch.cuda.get_device_properties(out.device).multi_processor_count
        blocks = min(math.ceil(out.numel() / _THREADS), processors * _WAVES)
        stream = torch.cuda.current_stream(out.device).cuda_stream
        kernels.launch(f"fill_{name}", blocks, stream, order)
    return True


def _box(
    shape: Sequence[int], offset: Sequence[int], size: Sequence[int]
) -> tuple[int, list[tuple[int, int]]]:
    """The index of a box's first element, and its (size, stride) pairs, last axis first.

    Axes that lie in one run are one; a box that is one run has none.
    """
    first, stride = 0, 1
    axes: list[tuple[int, int]] = []
    for whole, start, length in zip(reversed(shape), reversed(offset), reversed(size), strict=True):
        first += start * stride
        if axes and math.prod(axes[-1]) == stride:
            axes[-1] = (axes[-1][0] * length, axes[-1][1])
        elif length != 1:
            axes.append((length, stride))
        stride *= whole
    is_run = not axes or (len(axes) == 1 and axes[0][1] == 1)
    return first, [] if is_run else axes


def _order(out: torch.Tensor, drawn: Any, first: int, axes: list[tuple[int, int]]) -> _Order:
    order = _Order(
        out=out.data_ptr(),
        count=out.numel(),
        key=drawn.key,
        part=drawn.sequence,
        first=first,
        kind=_KINDS[drawn.law],
        axes=len(axes),
    )
    for i, (size, stride) in enumerate(axes):
        order.size[i], order.stride[i] = size, stride
    for i, number in enumerate(drawn.numbers):
        order.law[i] = number
    return order


class _Kernels:
    """The kernels of ``stream.cu``, compiled for one device and loaded into it."""

    def __init__(self, device: int) -> None:
        from cuda.bindings import driver

        self._driver = driver
        self._binary = _compile("sm_{}{}".format(*torch.cuda.get_device_capability(device)))
        self._module = _checked(driver.cuModuleLoadData(self._binary))
        self._functions: dict[str, Any] = {}

    def launch(self, name: str, blocks: int, stream: int, order: _Order) -> None:
        if name not in self._functions:
            found = self._driver.cuModuleGetFunction(self._module, name.encode())
            self._functions[name] = _checked(found)
        arguments = (ctypes.c_void_p * 1)(ctypes.addressof(order))
        launched = self._driver.cuLaunchKernel(
            self._functions[name],
            *(blocks, 1, 1),
            *(_THREADS, 1, 1),
            0,
            stream,
            ctypes.addressof(arguments),
            0,
        )
        _checked(launched)


@functools.cache
def _kernels(device: int) -> _Kernels | None:
    """The kernels for a device; ``None``, with a warning, where there can be none."""
    try:
        return _Kernels(device)
    except (ImportError, RuntimeError) as error:
        warnings.warn(
            f"weights for cuda:{device} are made on the processor and copied, because the "
            f"kernels could not be compiled: {error}",
            RuntimeWarning,
            stacklevel=2,
        )
        return None


@functools.cache
def _compile(architecture: str) -> bytes:
    from cuda.bindings import nvrtc

    source = resources.files("semilla.torch").joinpath("stream.cu").read_bytes()
    program = _checked(nvrtc.nvrtcCreateProgram(source, b"stream.cu", 0, [], []))
    try:
        # Fused operations are written out in the source: the compiler must make no others.
        options = [f"--gpu-architecture={architecture}".encode(), b"-fmad=false"]
        (status,) = nvrtc.nvrtcCompileProgram(program, len(options), options)
        if int(status) != 0:
            log = b" " * _checked(nvrtc.nvrtcGetProgramLogSize(program))
            nvrtc.nvrtcGetProgramLog(program, log)
            raise RuntimeError(log.decode(errors="replace").strip("\0 \n"))
        binary = b" " * _checked(nvrtc.nvrtcGetCUBINSize(program))
        _checked(nvrtc.nvrtcGetCUBIN(program, binary))
        return binary
    finally:
        nvrtc.nvrtcDestroyProgram(program)


def _checked(answer: tuple[Any, ...]) -> Any:
    """The value of a call that answers with a status first."""
    status, *values = answer
    if int(status) != 0:
        raise RuntimeError(f"{type(status).__name__}: {status.name}")
    return values[0] if values else None
