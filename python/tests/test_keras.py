"""`semilla.keras` in the place of `keras.initializers`, on the backend of `KERAS_BACKEND`."""

import inspect
import os

os.environ.setdefault("KERAS_BACKEND", "jax")

import numpy as np
import pytest
from scipy import stats

keras = pytest.importorskip("keras")

import semilla.keras as ours
from semilla.numpy import array

DRAWN = [
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "LecunNormal",
    "LecunUniform",
    "Orthogonal",
    "RandomNormal",
    "RandomUniform",
    "TruncatedNormal",
    "VarianceScaling",
]


def numbers(tensor):
    return keras.ops.convert_to_numpy(tensor)


@pytest.mark.parametrize("name", DRAWN)
def test_classes_are_keras_own_with_other_values(name):
    shape = (3, 3, 16, 32)
    kind, theirs = getattr(ours, name), getattr(keras.initializers, name)
    assert issubclass(kind, theirs)
    assert inspect.signature(kind) == inspect.signature(theirs)
    one, two = numbers(kind(seed=1)(shape)), numbers(theirs(seed=1)(shape))
    assert stats.ks_2samp(one.ravel(), two.ravel()).pvalue > 1e-4
    np.testing.assert_array_equal(one, numbers(kind(seed=1)(shape)))
    assert (one != numbers(kind(seed=2)(shape))).mean() > 0.9


@pytest.mark.parametrize("name", DRAWN)
def test_they_are_saved_and_loaded(name):
    made = getattr(ours, name)(seed=5)
    config = keras.saving.serialize_keras_object(made)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(made)
    np.testing.assert_array_equal(numbers(again((4, 3))), numbers(made((4, 3))))
    assert type(ours.get(name)) is type(made)


def test_a_generator_moves_on():
    init = ours.HeNormal(seed=keras.random.SeedGenerator(1))
    first = numbers(init((4, 3)))
    assert (first != numbers(init((4, 3)))).all()
    again = ours.HeNormal(seed=keras.random.SeedGenerator(1))
    np.testing.assert_array_equal(first, numbers(again((4, 3))))


def test_axes_may_be_stated():
    stated = {"input_axes": [0], "output_axes": [1, 2]}
    one = numbers(ours.LecunUniform(seed=0, **stated)((8, 4, 6)))
    assert 0.9 < abs(one).max() / np.sqrt(3 / 8) <= 1
    vector = numbers(ours.HeUniform(seed=0)((50,)))
    assert abs(vector).max() <= np.sqrt(6 / 50)
    assert numbers(ours.HeNormal(seed=0)(())).shape == ()
    assert (numbers(ours.RandomUniform(0.5, 0.5, seed=0)((3,))) == 0.5).all()


def test_a_model_with_any_initializer(tmp_path):
    looks_linear = ours.Drawn("looks_linear", seed=3, name="dense/kernel")
    model = keras.Sequential(
        [
            keras.Input((4,)),
            keras.layers.Dense(8, kernel_initializer=looks_linear),
            keras.layers.Dense(2, kernel_initializer=ours.GlorotUniform(seed=1)),
        ]
    )
    expected = array("looks_linear", (4, 8), seed=3, name="dense/kernel")
    np.testing.assert_array_equal(numbers(model.layers[0].kernel), expected)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert loaded.layers[0].kernel_initializer.get_config() == looks_linear.get_config()
    with pytest.raises(ValueError, match="did you mean"):
        ours.Drawn("ortogonal")


def test_types():
    assert keras.backend.standardize_dtype(ours.HeNormal(seed=1)((5, 2), "bfloat16").dtype) == (
        "bfloat16"
    )
    with pytest.raises(ValueError, match="two-dimensional"):
        ours.Orthogonal(seed=1)((3,))


def test_a_model_by_a_recipe():
    model = keras.Sequential(
        [
            keras.Input((12,), dtype="int32"),
            keras.layers.Embedding(50, 16),
            keras.layers.LSTM(8),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.BatchNormalization(),
        ]
    )
    plan = ours.init_(model, "keras", seed=4)
    assert set(plan.names) == {variable.path for variable in model.weights}
    again = {variable.path: numbers(variable) for variable in model.weights}
    ours.init_(model, "keras", seed=4)
    for variable in model.weights:
        np.testing.assert_array_equal(numbers(variable), again[variable.path])
    kernel = model.layers[2].kernel
    expected = array("xavier_uniform", kernel.shape, seed=4, name=kernel.path)
    np.testing.assert_array_equal(numbers(kernel), expected)
    assert (numbers(model.layers[3].moving_variance) == 1).all()
    with pytest.raises(ValueError, match="not built"):
        ours.init_(keras.Sequential([keras.layers.Dense(3)]))


def test_what_is_no_model_and_paths_that_two_variables_have():
    with pytest.raises(TypeError, match="a Keras model or layer"):
        ours.init_(3)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="a")])
    with pytest.raises(ValueError, match="seed -1"):
        ours.init_(model, seed=-1)
    twice = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4), keras.layers.Dense(4)])
    for layer in twice.layers:
        layer.kernel._path = "same/kernel"
    with pytest.raises(ValueError, match="two variables have the path same/kernel"):
        ours.init_(twice)
