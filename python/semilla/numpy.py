"""NumPy arrays filled by Semilla's initializers.

Examples
--------
>>> import semilla.numpy as initial
>>> w = initial.array("glorot_uniform", (784, 256), seed=0, name="dense/kernel")
>>> w.shape, str(w.dtype)
((784, 256), 'float32')
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from semilla._dtypes import NAMES
from semilla._semilla import Initializer, key

__all__ = ["array", "fill"]

#: Keras's and JAX's axes: kernel, inputs, outputs.
_LAYOUT = "...IO"


def array(
    initializer: str | Initializer,
    shape: Sequence[int],
    dtype: DTypeLike = np.float32,
    *,
    seed: int,
    name: str = "",
    layout: str | None = _LAYOUT,
    **parameters: Any,
) -> NDArray[Any]:
    """A new array with an initializer's values; see :func:`fill`."""
    made = np.empty(shape, np.dtype(dtype))
    return fill(made, initializer, seed=seed, name=name, layout=layout, **parameters)


def fill(
    array: NDArray[Any],
    initializer: str | Initializer,
    *,
    seed: int,
    name: str = "",
    layout: str | None = _LAYOUT,
    **parameters: Any,
) -> NDArray[Any]:
    """Fills an array in place with an initializer's values.

    Parameters
    ----------
    array
        Of any floating-point type (bfloat16 and f8 of ``ml_dtypes`` too) and any strides.
    initializer
        A name with or without parameters (``"normal(std=0.02)"``), or an ``Initializer``.
    seed, name
        The seed and the name of the tensor: the values are those of a plan's tensor of this name,
        shape and element type.
    layout
        The meaning of the axes, a letter for each (``"HWIO"``), or ``"...IO"`` (Keras, JAX) or
        ``"OI..."`` (PyTorch) for any number of kernel axes.
    **parameters
        The initializer's parameters.

    Returns
    -------
    ndarray
        The same array.

    Raises
    ------
    ValueError
        A read-only array, an unknown initializer, or a shape that it is not made for.
    TypeError
        An element type that cannot hold the values.
    """
    if isinstance(initializer, str):
        initializer = Initializer(initializer, **parameters)
    elif parameters:
        raise TypeError("give parameters to the Initializer itself")
    initializer.fill(destination(array), key(seed, name), layout)
    return array


def dtype_name(dtype: Any) -> str:
    """The name of an element type in files and plans, such as ``"BF16"``.

    Raises
    ------
    TypeError
        Semilla has no such type, or its bytes are in the other order.
    """
    dtype = np.dtype(dtype)
    name = NAMES.get(dtype.name)
    if name is None or not dtype.isnative:
        raise TypeError(f"{dtype} is not an element type that Semilla writes")
    return name


def destination(array: NDArray[Any], part: Any = None) -> tuple[int, str, Any, Any, Any]:
    """What the compiled part needs to know to write an array; valid as long as the array lives.

    Raises
    ------
    ValueError
        A read-only array, or one whose elements do not lie a whole number of elements apart.
    """
    if not isinstance(array, np.ndarray):
        raise TypeError(f"an array of NumPy is needed, not {type(array).__name__}")
    if not array.flags.writeable:
        raise ValueError("assignment destination is read-only")
    name, size = dtype_name(array.dtype), array.itemsize
    if any(stride % size for stride in array.strides):
        raise ValueError(f"strides {array.strides} are no multiples of the element size {size}")
    strides = tuple(stride // size for stride in array.strides)
    return (array.ctypes.data, name, array.shape, strides, part)
