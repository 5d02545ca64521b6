"""JAX initializers whose values are Semilla's.

The names, arguments and defaults of ``jax.nn.initializers``: builders that return functions
``(key, shape, dtype, out_sharding)``. They serve Flax, Equinox and Haiku as JAX's own do, under
``jax.jit`` too (there the values are made on the host, by ``jax.pure_callback``). With
``out_sharding`` each device gets its own slice and no other is made.

:func:`init` makes the arrays of a whole model from its shapes, by a recipe.

Complex types get JAX's own values.

Examples
--------
>>> import jax, semilla.jax as initializers
>>> init = initializers.he_normal()
>>> init(jax.random.key(0), (784, 256)).shape
(784, 256)
>>> import flax.linen as nn
>>> shapes = jax.eval_shape(nn.Dense(5).init, jax.random.key(0), jax.numpy.ones((1, 3)))
>>> initializers.init(shapes, "jax", seed=0)["params"]["kernel"].shape
(3, 5)
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.nn import initializers as _theirs
from jax.nn.initializers import Initializer, constant, ones, zeros
from jax.sharding import NamedSharding, PartitionSpec

from semilla import _semilla, _trees
from semilla._rules import Rules, as_json
from semilla._seeds import checked
from semilla.numpy import destination, dtype_name

__all__ = [
    "Initializer",
    "constant",
    "delta_orthogonal",
    "drawn",
    "glorot_normal",
    "glorot_uniform",
    "he_normal",
    "he_uniform",
    "init",
    "kaiming_normal",
    "kaiming_uniform",
    "lecun_normal",
    "lecun_uniform",
    "normal",
    "ones",
    "orthogonal",
    "plan",
    "truncated_normal",
    "uniform",
    "variance_scaling",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]

#: For a shape: what is drawn, and the layout of its axes.
_Choice = Callable[[tuple[int, ...]], "tuple[_semilla.Initializer, str | None]"]


def _builder(choice: _Choice, dtype: Any, theirs: Any) -> Any:
    """JAX's calling convention around a choice; complex values are drawn as ``theirs`` does."""

    def init(key: Any, shape: Any, dtype: Any = dtype, out_sharding: Any = None) -> Any:
        dtype = jax.dtypes.canonicalize_dtype(float if dtype is None else dtype)
        if jnp.issubdtype(dtype, jnp.complexfloating):
            return theirs()(key, shape, dtype, out_sharding)
        shape = tuple(operator.index(size) for size in shape)
        initializer, layout = choice(shape)
        # Letters beyond the shape's axes stand for axes of size 1.
        more = 0 if layout is None or "." in layout else len(layout) - len(shape)

        def values(words: Any, part: Any, held: tuple[int, ...]) -> Any:
            made = np.empty(held, dtype)
            view = made.reshape(*held, *[1] * more)
            if part is not None:
                part = ((*part[0], *[1] * more), [*part[1], *[[(0, 1)]] * more])
            initializer.fill(destination(view, part), _key(words), layout)
            return made

        return _array(values, _words(key), shape, dtype, _sharding(out_sharding))

    return init


def _array(values: Any, words: Any, shape: tuple[int, ...], dtype: Any, sharding: Any) -> Any:
    if isinstance(words, jax.core.Tracer):
        made = jax.pure_callback(
            lambda words: values(words, None, shape),
            jax.ShapeDtypeStruct(shape, dtype),
            words,
            vmap_method="sequential",
        )
        return made if sharding is None else jax.lax.with_sharding_constraint(made, sharding)
    words = np.asarray(words)
    if sharding is None:
        return jnp.asarray(values(words, None, shape))
    return jax.make_array_from_callback(
        shape,
        sharding,
        lambda index: values(words, *_part(index, shape)),
        dtype=dtype,
    )


def _part(index: tuple[slice, ...], shape: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
    """A slice of the whole as a part of it, and the slice's shape."""
    bounds = [slice_.indices(size)[:2] for slice_, size in zip(index, shape)]
    ranges = [[(start, stop - start)] for start, stop in bounds]
    return (shape, ranges), tuple(stop - start for start, stop in bounds)


def _words(key: Any) -> Any:
    """The words of a key, old or new."""
    dtype = getattr(key, "dtype", None)
    if dtype is not None and jnp.issubdtype(dtype, jax.dtypes.prng_key):
        shape, key = key.shape, jax.random.key_data(key)
    elif dtype == np.uint32 and key.ndim > 0:
        shape = key.shape[:-1]
    else:
        kind = type(key).__name__ if dtype is None else f"{dtype} of shape {key.shape}"
        raise TypeError(f"a key is needed, as jax.random.key makes them, not {kind}")
    if shape != ():
        raise ValueError(f"one key is needed, not an array of them of shape {shape}: use jax.vmap")
    return key


def _key(words: Any) -> int:
    """The stream's key of JAX's."""
    high, low, *more = np.asarray(words, np.uint32).ravel().tolist()
    return _semilla.key(high << 32 | low, "".join(f"{word:08x}" for word in more))


def _sharding(given: Any) -> Any:
    if isinstance(given, PartitionSpec):
        mesh = jax.sharding.get_mesh()
        return NamedSharding(mesh, given)
    return given


def uniform(scale: Any = 1e-2, dtype: Any = None) -> Initializer:
    """U(0, scale)."""

    def choice(shape: tuple[int, ...]) -> Any:
        high = float(scale)
        if high == 0:
            return _semilla.Initializer("zeros"), None
        low, high = min(high, 0.0), max(high, 0.0)
        return _semilla.Initializer("uniform", low=low, high=high), None

    return _builder(choice, dtype, lambda: _theirs.uniform(scale))


def normal(stddev: Any = 1e-2, dtype: Any = None) -> Initializer:
    """N(0, stddev²)."""

    def choice(shape: tuple[int, ...]) -> Any:
        return _semilla.Initializer("normal", std=float(stddev)), None

    return _builder(choice, dtype, lambda: _theirs.normal(stddev))


def truncated_normal(
    stddev: Any = 1e-2, dtype: Any = None, lower: Any = -2.0, upper: Any = 2.0
) -> Initializer:
    """N(0, stddev²) cut to [lower, upper], counted in standard deviations."""

    def choice(shape: tuple[int, ...]) -> Any:
        given = {"std": float(stddev), "a": float(lower), "b": float(upper)}
        return _semilla.Initializer("trunc_normal", **given), None

    theirs = _theirs.truncated_normal
    return _builder(choice, dtype, lambda: theirs(stddev, lower=lower, upper=upper))


def variance_scaling(
    scale: Any,
    mode: str,
    distribution: str,
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """Variance scale / fan.

    Parameters
    ----------
    scale
        A positive factor.
    mode
        ``"fan_in"``, ``"fan_out"``, ``"fan_avg"`` or ``"fan_geo_avg"``.
    distribution
        ``"truncated_normal"`` (at two standard deviations, widened so that the variance holds),
        ``"normal"`` or ``"uniform"``.
    in_axis, out_axis, batch_axis
        The axes of inputs, outputs, and stacked weights; all others are a kernel's.
    dtype
        The element type where a call gives none.

    Raises
    ------
    ValueError
        At the call: an unknown mode or distribution, or a shape without such axes.
    """

    def choice(shape: tuple[int, ...]) -> Any:
        drawn = _semilla.Initializer(
            "variance_scaling", scale=float(scale), mode=mode, distribution=distribution
        )
        return drawn, _letters(shape, in_axis, out_axis, batch_axis)

    def theirs() -> Any:
        return _theirs.variance_scaling(scale, mode, distribution, in_axis, out_axis, batch_axis)

    return _builder(choice, dtype, theirs)


def _letters(shape: tuple[int, ...], *axes: int | Sequence[int]) -> str:
    """The layout of a shape whose axes of inputs, outputs and stacked weights are given.

    Inputs or outputs without an axis get one of size 1 at the end.
    """
    letters = ["W"] * len(shape)
    for letter, places in zip("IOE", axes):
        if letter == "I" and places == -2 and len(shape) < 2:
            raise ValueError(
                f"Can't compute input and output sizes of a {len(shape)}-dimensional weights "
                "tensor with default in_axis. Must be at least 2D or specify in_axis explicitly."
            )
        for place in [places] if isinstance(places, int) else places:
            if not -len(shape) <= place < len(shape):
                raise ValueError(f"a shape of {len(shape)} axes has no axis {place}: {shape}")
            letters[place] = letter
    missing = [letter for letter in "IO" if letter not in letters]
    return "".join(letters + missing)


def glorot_uniform(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """U(±√(6 / (fan_in + fan_out))); see :func:`variance_scaling`."""
    return variance_scaling(1.0, "fan_avg", "uniform", in_axis, out_axis, batch_axis, dtype)


def glorot_normal(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """Truncated normal of variance 2 / (fan_in + fan_out); see :func:`variance_scaling`."""
    return variance_scaling(1.0, "fan_avg", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def lecun_uniform(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """U(±√(3 / fan_in)); see :func:`variance_scaling`."""
    return variance_scaling(1.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def lecun_normal(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """Truncated normal of variance 1 / fan_in; see :func:`variance_scaling`."""
    return variance_scaling(1.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


def he_uniform(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """U(±√(6 / fan_in)); see :func:`variance_scaling`."""
    return variance_scaling(2.0, "fan_in", "uniform", in_axis, out_axis, batch_axis, dtype)


def he_normal(
    in_axis: int | Sequence[int] = -2,
    out_axis: int | Sequence[int] = -1,
    batch_axis: int | Sequence[int] = (),
    dtype: Any = None,
) -> Initializer:
    """Truncated normal of variance 2 / fan_in; see :func:`variance_scaling`."""
    return variance_scaling(2.0, "fan_in", "truncated_normal", in_axis, out_axis, batch_axis, dtype)


xavier_uniform = glorot_uniform
xavier_normal = glorot_normal
kaiming_uniform = he_uniform
kaiming_normal = he_normal


def orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """A random matrix with orthonormal rows or columns, times ``scale``.

    ``column_axis`` is the axis of the outputs: the last, or the first.
    """

    def choice(shape: tuple[int, ...]) -> Any:
        if len(shape) < 2:
            raise ValueError("orthogonal initializer requires at least a 2D shape")
        if column_axis % len(shape) not in (0, len(shape) - 1):
            raise ValueError(f"column_axis must be the first or the last axis, not {column_axis}")
        layout = "OI..." if column_axis % len(shape) == 0 else "...IO"
        return _semilla.Initializer("orthogonal", gain=float(scale)), layout

    return _builder(choice, dtype, lambda: _theirs.orthogonal(scale, column_axis))


def delta_orthogonal(scale: Any = 1.0, column_axis: int = -1, dtype: Any = None) -> Initializer:
    """A convolution that is orthogonal at its kernel's centre, and zero around it."""

    def choice(shape: tuple[int, ...]) -> Any:
        if len(shape) not in (3, 4, 5):
            raise ValueError("Delta orthogonal initializer requires a 3D, 4D or 5D shape.")
        if shape[-1] < shape[-2]:
            raise ValueError("`fan_in` must be less or equal than `fan_out`. ")
        return _semilla.Initializer("delta_orthogonal", gain=float(scale)), "...IO"

    return _builder(choice, dtype, lambda: _theirs.delta_orthogonal(scale, column_axis))


def drawn(initializer: str, layout: str | None = "...IO", dtype: Any = None) -> Initializer:
    """Any initializer of Semilla: ``drawn("siren(first=true)")``."""
    made = _semilla.Initializer(initializer)
    return _builder(lambda shape: (made, layout), dtype, None)


def plan(
    abstract: Any,
    recipe: str = "auto",
    seed: int = 0,
    *,
    rules: Rules | None = None,
) -> _semilla.Plan:
    """What every array of a model gets, and why.

    Parameters
    ----------
    abstract
        A pytree of shapes and types: what ``jax.eval_shape`` returns for a model's own
        initialization (Flax, Haiku), ``nnx.eval_shape`` or ``nnx.state`` (nnx),
        ``eqx.filter_eval_shape`` (Equinox). Leaves that are no arrays are left alone.
    recipe
        The name of a recipe, or a file.
    seed
        The seed of every weight.
    rules
        Rules that go before the recipe's: ``{"*head*": "zeros"}``, or a list of tables as a
        recipe's ``[[rule]]`` has them.

    Returns
    -------
    Plan
        A line for each array. Their names are the paths in the tree: ``params/Dense_0/kernel``,
        ``layers/0/kernel``; ``layers.0.weight`` where the tree is made of attributes alone, as
        Equinox's modules are: these are read as PyTorch's.

    Raises
    ------
    ValueError
        A recipe that cannot be read, or an array that nothing identifies: the error has the rule to
        write.
    """
    leaves = _named(abstract)
    are_attributes = all("/" not in name for name in leaves)
    facts = _facts(abstract)
    shapes = {
        name: {"dtype": dtype_name(leaf.dtype), "shape": list(leaf.shape)} | facts[name]
        for name, leaf in leaves.items()
    }
    described = _semilla.Description.of_shapes(
        json.dumps(shapes), layout="pytorch" if are_attributes else "jax"
    )
    return described.plan(recipe, checked(seed), rules=as_json(rules))


def init(
    abstract: Any,
    recipe: str = "auto",
    seed: int = 0,
    *,
    rules: Rules | None = None,
    shardings: Any = None,
) -> Any:
    """The arrays of a model, from their shapes: the values of ``semilla init`` for the same names.

    Parameters
    ----------
    abstract, recipe, seed, rules
        As for :func:`plan`.
    shardings
        A sharding for each leaf, as a pytree or one for all; by default the leaves' own. Each device
        gets its own slice, and only slices of this process's devices are made.

    Returns
    -------
    pytree
        As ``abstract``, with arrays in the place of shapes.
    """
    made = plan(abstract, recipe, seed, rules=rules)
    given = _spread(shardings, abstract)
    arrays = {
        name: _planned(made, place, leaf, given.get(name) or getattr(leaf, "sharding", None))
        for place, (name, leaf) in enumerate(_named(abstract).items())
    }
    return jax.tree_util.tree_map_with_path(
        lambda path, leaf: arrays[_name(path)] if _is_array(leaf) else leaf, abstract
    )


def _planned(plan: _semilla.Plan, place: int, leaf: Any, sharding: Any) -> Any:
    shape, dtype = tuple(leaf.shape), leaf.dtype

    def values(part: Any, held: tuple[int, ...]) -> Any:
        array = np.empty(held, dtype)
        plan.fill([(place, destination(array, part))])
        return array

    if sharding is None:
        return jnp.asarray(values(None, shape))
    return jax.make_array_from_callback(
        shape, sharding, lambda index: values(*_part(index, shape)), dtype=dtype
    )


def _spread(shardings: Any, abstract: Any) -> dict[str, Any]:
    """A sharding for each named leaf, of a tree of them or of one for all."""
    if shardings is None:
        return {}
    if isinstance(shardings, jax.sharding.Sharding):
        return dict.fromkeys(_named(abstract), shardings)
    leaves = jax.tree_util.tree_leaves_with_path(shardings)
    return {_name(path): sharding for path, sharding in leaves}


def _named(abstract: Any) -> dict[str, Any]:
    leaves = jax.tree_util.tree_leaves_with_path(abstract)
    found: dict[str, Any] = {}
    for path, leaf in leaves:
        if _is_array(leaf):
            name = _name(path)
            if name in found:
                raise ValueError(f"two arrays have the name {name}: rename a part of the tree")
            found[name] = leaf
    return found


def _facts(abstract: Any) -> dict[str, dict[str, Any]]:
    """What is known of each array beyond its name."""
    paths = jax.tree_util.tree_leaves_with_path(abstract)
    named = {_name(path): path for path, leaf in paths if _is_array(leaf)}
    if _trees.is_haiku(list(named)):
        return {name: _trees.of_haiku(name) for name in named}
    return {name: _trees.of_equinox(abstract, path) for name, path in named.items()}


def _is_array(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")


def _name(path: tuple[Any, ...]) -> str:
    """A leaf's name as users see it; boxes around arrays (``.value``) have none."""
    keys = list(path)
    is_boxed = isinstance(keys[-1], jax.tree_util.GetAttrKey) and keys[-1].name == "value"
    if is_boxed:
        keys.pop()
    are_attributes = not any(isinstance(key, jax.tree_util.DictKey) for key in keys)
    parts = [
        str(getattr(key, "name", getattr(key, "idx", getattr(key, "key", None)))) for key in keys
    ]
    return ("." if are_attributes and not is_boxed else "/").join(parts)
