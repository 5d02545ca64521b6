"""`semilla.numpy`: arrays."""

import numpy as np
import pytest

import semilla.numpy as initial
from semilla._semilla import Initializer

ml_dtypes = pytest.importorskip("ml_dtypes")


def test_any_array_gets_the_same_values():
    plain = initial.array("orthogonal", (6, 5, 4), seed=1, name="w")
    assert plain.dtype == np.float32
    for view in (
        np.empty((4, 5, 6), np.float32).T,
        np.empty((12, 5, 9), np.float32)[::-2, :, 1::2],
        np.ndarray((6, 5, 4), np.float32, buffer=bytearray(6 * 5 * 4 * 4 + 1), offset=1),
    ):
        filled = initial.fill(view, "orthogonal", seed=1, name="w")
        assert filled is view
        np.testing.assert_array_equal(view, plain)


@pytest.mark.parametrize("dtype", ["float16", ml_dtypes.bfloat16, ml_dtypes.float8_e4m3fn])
def test_low_precision_is_the_rounded_single_precision(dtype):
    single = initial.array("normal", (100,), seed=0)
    low = initial.array("normal", (100,), dtype, seed=0)
    np.testing.assert_array_equal(low, single.astype(dtype))


def test_layouts_say_what_the_axes_are():
    kernel = initial.array("lecun_uniform", (3, 3, 8, 64), seed=0)
    assert abs(kernel).max() <= np.sqrt(3 / 72)
    weight = initial.array("lecun_uniform", (64, 8, 3, 3), seed=0, layout="OI...")
    np.testing.assert_array_equal(kernel.ravel(), weight.ravel())
    with pytest.raises(ValueError, match="axes"):
        initial.array("lecun_uniform", (3, 4), seed=0, layout="OIHW")


def test_a_part_of_the_whole():
    drawn = Initializer("normal")
    whole = initial.fill(np.empty((10, 6), np.float32), drawn, seed=4, name="w")
    part = np.empty((5, 2), np.float32)
    ranges = [[(1, 3), (8, 2)], [(4, 2)]]
    drawn.fill(initial.destination(part, ((10, 6), ranges)), initial.key(4, "w"))
    np.testing.assert_array_equal(part, whole[[1, 2, 3, 8, 9]][:, 4:])
    with pytest.raises(ValueError, match="does not lie inside"):
        drawn.fill(initial.destination(part, ((10, 6), [[(6, 5)], [(4, 2)]])), 0)
    with pytest.raises(ValueError, match="per axis"):
        drawn.fill(initial.destination(part, ((10, 6), [[(0, 4)], [(4, 2)]])), 0)


def test_mistakes_are_exceptions():
    read_only = np.zeros(3)
    read_only.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        initial.fill(read_only, "normal", seed=0)
    assert not read_only.any()
    with pytest.raises(TypeError, match="complex64"):
        initial.array("normal", (3,), np.complex64, seed=0)
    with pytest.raises(TypeError, match="element type"):
        initial.array("normal", (3,), ">f4", seed=0)
    with pytest.raises(TypeError, match="I32"):
        initial.array("normal", (3,), np.int32, seed=0)
    with pytest.raises(TypeError, match="array of NumPy"):
        initial.fill([1.0, 2.0], "normal", seed=0)
    with pytest.raises(ValueError, match="multiples"):
        initial.fill(np.zeros(3, [("a", "f4"), ("b", "i2")])["a"], "normal", seed=0)
    with pytest.raises(RuntimeError, match="memory location"):
        initial.fill(np.lib.stride_tricks.as_strided(np.zeros(4), (3, 2), (8, 8)), "normal", seed=0)
