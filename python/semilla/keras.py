"""Keras initializers whose values are Semilla's, for every backend of Keras.

Each class has the name, the arguments and the configuration of Keras's own, and is a subclass of it:
``keras.layers.Dense(3, kernel_initializer=semilla.keras.HeNormal(seed=0))``. They are saved and
loaded with a model. As in Keras, an instance with an integer seed gives the same values at each call;
give a ``keras.random.SeedGenerator`` for new ones. :class:`Drawn` takes any initializer of Semilla;
:func:`init_` gives a whole model the values of a recipe.

Examples
--------
>>> import semilla.keras
>>> tuple(semilla.keras.GlorotUniform(seed=1)(shape=(3, 2)).shape)
(3, 2)
"""

from __future__ import annotations

import json
from typing import Any

import keras
import ml_dtypes  # noqa: F401 (gives NumPy bfloat16 and f8)
import numpy as np
from keras.initializers import STFT, Constant, Identity, Initializer, Ones, Zeros, serialize

from semilla import _semilla
from semilla._rules import Rules, as_json
from semilla._seeds import checked
from semilla.numpy import destination, dtype_name

__all__ = [
    "STFT",
    "Constant",
    "Drawn",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LecunNormal",
    "LecunUniform",
    "Ones",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
    "Zeros",
    "deserialize",
    "get",
    "init_",
    "plan",
    "serialize",
]

_theirs = keras.initializers
#: Keras's axes: kernel, inputs, outputs.
_LAYOUT = "...IO"


def _registered(kind: type) -> type:
    return keras.saving.register_keras_serializable("semilla")(kind)


def _key(seed: Any) -> int:
    """The key of a draw: of an integer always the same, of a generator the next."""
    if isinstance(seed, keras.random.SeedGenerator):
        words = keras.ops.convert_to_numpy(seed.next())
        seed = int(words[0]) << 32 | int(words[-1])
    return _semilla.key(int(seed) % 2**64, "")


def _tensor(
    initializer: _semilla.Initializer, key: int, shape: Any, dtype: Any, layout: str | None
) -> Any:
    dtype = keras.backend.standardize_dtype(dtype)
    # A scalar has the fans of a vector of one, as in Keras.
    host = np.empty(tuple(shape) or (1,), dtype)
    initializer.fill(destination(host), key, layout)
    return keras.ops.convert_to_tensor(host.reshape(shape), dtype=dtype)


class _Values:
    """Where the values of Keras's class come from."""

    seed: Any

    def _initializer(self) -> _semilla.Initializer:
        raise NotImplementedError

    def _layout(self, shape: Any) -> str | None:
        return _LAYOUT

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        return _tensor(self._initializer(), _key(self.seed), shape, dtype, self._layout(shape))


@_registered
class RandomNormal(_Values, _theirs.RandomNormal):
    """N(mean, stddev²); see ``keras.initializers.RandomNormal``."""

    def _initializer(self) -> _semilla.Initializer:
        return _semilla.Initializer("normal", mean=float(self.mean), std=float(self.stddev))


@_registered
class TruncatedNormal(_Values, _theirs.TruncatedNormal):
    """N(mean, stddev²) cut at two standard deviations; see ``keras.initializers``."""

    def _initializer(self) -> _semilla.Initializer:
        return _semilla.Initializer("trunc_normal", mean=float(self.mean), std=float(self.stddev))


@_registered
class RandomUniform(_Values, _theirs.RandomUniform):
    """U(minval, maxval); see ``keras.initializers.RandomUniform``."""

    def _initializer(self) -> _semilla.Initializer:
        low, high = float(self.minval), float(self.maxval)
        if low == high:
            return _semilla.Initializer("constant", value=low)
        return _semilla.Initializer("uniform", low=low, high=high)


class _Scaled(_Values):
    """The cases of variance scaling."""

    scale: float
    mode: str
    distribution: str
    input_axes: Any
    output_axes: Any

    def _initializer(self) -> _semilla.Initializer:
        are_stated = self.input_axes is not None and self.output_axes is not None
        return _semilla.Initializer(
            "variance_scaling",
            fans="exact" if are_stated else "keras",
            scale=self.scale,
            mode=self.mode,
            distribution=self.distribution,
        )

    def _layout(self, shape: Any) -> str | None:
        if self.input_axes is None or self.output_axes is None:
            return None  # Keras's rule reads the shape alone
        # As in Keras, what is neither belongs to no fan: stacked weights.
        letters = ["E"] * len(shape)
        for letter, axes in (("I", self.input_axes), ("O", self.output_axes)):
            for axis in axes:
                letters[axis] = letter
        return "".join(letters)


@_registered
class VarianceScaling(_Scaled, _theirs.VarianceScaling):
    """Variance scale / fan; see ``keras.initializers.VarianceScaling``."""


@_registered
class GlorotUniform(_Scaled, _theirs.GlorotUniform):
    """U(±√(6 / (fan_in + fan_out))); see ``keras.initializers.GlorotUniform``."""


@_registered
class GlorotNormal(_Scaled, _theirs.GlorotNormal):
    """Truncated normal of variance 2 / (fan_in + fan_out); see ``keras.initializers``."""


@_registered
class LecunUniform(_Scaled, _theirs.LecunUniform):
    """U(±√(3 / fan_in)); see ``keras.initializers.LecunUniform``."""


@_registered
class LecunNormal(_Scaled, _theirs.LecunNormal):
    """Truncated normal of variance 1 / fan_in; see ``keras.initializers.LecunNormal``."""


@_registered
class HeUniform(_Scaled, _theirs.HeUniform):
    """U(±√(6 / fan_in)); see ``keras.initializers.HeUniform``."""


@_registered
class HeNormal(_Scaled, _theirs.HeNormal):
    """Truncated normal of variance 2 / fan_in; see ``keras.initializers.HeNormal``."""


@_registered
class Orthogonal(_Values, _theirs.Orthogonal):
    """A random matrix with orthonormal rows or columns; see ``keras.initializers.Orthogonal``."""

    def _initializer(self) -> _semilla.Initializer:
        return _semilla.Initializer("orthogonal", gain=float(self.gain))

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        if len(shape) < 2:
            raise ValueError(
                "The tensor to initialize must be at least two-dimensional. "
                f"Received: shape={shape} of rank {len(shape)}."
            )
        return super().__call__(shape, dtype)


@_registered
class Drawn(Initializer):
    """Any initializer of Semilla, in a layer of Keras.

    Parameters
    ----------
    initializer : str
        A name, with or without parameters: ``"looks_linear"``, ``"normal(std=0.02)"``.
    seed : int
        The seed.
    name : str
        The name of the tensor: then the values are those of a plan's tensor of this name.
    layout : str
        The meaning of the axes, a letter for each, or ``"...IO"``.

    Examples
    --------
    >>> import keras
    >>> layer = keras.layers.Dense(8, kernel_initializer=Drawn("looks_linear", seed=3))
    """

    def __init__(
        self, initializer: str, seed: int = 0, name: str = "", layout: str | None = _LAYOUT
    ) -> None:
        _semilla.Initializer(initializer)  # refuses what cannot be read
        self.initializer = initializer
        self.seed = seed
        self.name = name
        self.layout = layout

    def __call__(self, shape: Any, dtype: Any = None) -> Any:
        key = _semilla.key(self.seed, self.name)
        return _tensor(_semilla.Initializer(self.initializer), key, shape, dtype, self.layout)

    def get_config(self) -> dict[str, Any]:
        return {
            "initializer": self.initializer,
            "seed": self.seed,
            "name": self.name,
            "layout": self.layout,
        }


def get(identifier: Any) -> Any:
    """As ``keras.initializers.get``, with this module's class for each of Keras's names.

    Examples
    --------
    >>> get("he_normal")  # doctest: +ELLIPSIS
    <semilla.keras.HeNormal object at ...>
    """
    return _ours(_theirs.get(identifier))


def deserialize(config: Any, custom_objects: Any = None) -> Any:
    """As ``keras.initializers.deserialize``, with this module's class for each of Keras's."""
    return _ours(_theirs.deserialize(config, custom_objects))


def _ours(found: Any) -> Any:
    ours = globals().get(type(found).__name__)
    is_theirs = type(found) is getattr(_theirs, type(found).__name__, None)
    if ours is None or not is_theirs or ours is type(found):
        return found
    return ours.from_config(found.get_config())


def plan(
    model: Any,
    recipe: str = "auto",
    seed: int = 0,
    *,
    rules: Rules | None = None,
) -> _semilla.Plan:
    """What every variable of a model gets, and why.

    Parameters
    ----------
    model
        A model or a layer that is built.
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
        A line for each variable. Their names are Keras's paths: ``sequential/dense/kernel``.

    Raises
    ------
    ValueError
        A model that is not built, a recipe that cannot be read, or a variable that nothing
        identifies: the error has the rule to write.
    """
    shapes = {
        path: {"dtype": dtype_name(_dtype(variable)), "shape": list(variable.shape)} | facts
        for path, (variable, facts) in _variables(model).items()
    }
    described = _semilla.Description.of_shapes(json.dumps(shapes), layout="keras")
    return described.plan(recipe, checked(seed), rules=as_json(rules))


def init_(
    model: Any,
    recipe: str = "auto",
    seed: int = 0,
    *,
    rules: Rules | None = None,
) -> _semilla.Plan:
    """Gives a model's variables the values of a recipe, in place, and returns the plan.

    Parameters, returns and errors are those of :func:`plan`.

    Examples
    --------
    >>> import keras
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> made = init_(model, "keras", seed=0)
    """
    made = plan(model, recipe, seed, rules=rules)
    variables = _variables(model)
    for place, path in made.filled:
        variable, _ = variables[path]
        host = np.empty(tuple(variable.shape), _dtype(variable))
        made.fill([(place, destination(host))])
        variable.assign(host)
    return made


def _dtype(variable: Any) -> Any:
    return np.dtype(keras.backend.standardize_dtype(variable.dtype))


def _variables(model: Any) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A model's variables by path, each with what its layer says of it."""
    if not isinstance(model, keras.Layer):
        raise TypeError(f"a Keras model or layer is needed, not {type(model).__name__}")
    if not model.built:
        raise ValueError(f"{model.name} is not built: give it an Input, or call it once")
    owners = {
        id(variable): layer
        for layer in model._flatten_layers()
        for variable in layer._trainable_variables + layer._non_trainable_variables
    }
    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    # Without the state of random generators, which is no weight.
    for variable in model.weights:
        if variable.path in found:
            raise ValueError(f"two variables have the path {variable.path}: name their layers apart")
        found[variable.path] = variable, _facts(owners.get(id(variable)), variable)
    return found


def _facts(layer: Any, variable: Any) -> dict[str, Any]:
    """What a layer says of a variable beyond its name and shape."""
    if isinstance(layer, keras.layers.Embedding) and len(variable.shape) == 2:
        return {"role": "embedding", "layout": "VO"}
    if isinstance(layer, keras.layers.Dense) and variable.name == "kernel":
        return {"role": "linear", "layout": "IO"}
    return {}
