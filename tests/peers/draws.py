"""What the peers' own code draws: their initializers run with the random functions replaced by ones
that write down their arguments. So the expected numbers are computed by the peers, and exactly."""

import contextlib
import dataclasses
import unittest.mock as mock

import jax
import jax.numpy as jnp
import timm.layers.weight_init
import torch
from jax._src.nn import initializers as jax_initializers
from keras.src.initializers import random_initializers as keras_initializers

jax.config.update("jax_enable_x64", True)


@dataclasses.dataclass(frozen=True)
class Draw:
    """A distribution and its numbers: normal (mean, std), uniform (low, high), truncated (mean, std
    of the parent, low, high), constant (value), orthogonal (gain)."""

    distribution: str
    numbers: tuple

    @classmethod
    def of(cls, distribution, *numbers):
        return cls(distribution, tuple(float(number) for number in numbers))


class TorchDraws:
    """Remembers the last draw into each parameter while it is active. Nothing is really drawn."""

    def __init__(self):
        self._draws = {}
        self._patches = contextlib.ExitStack()

    def __enter__(self):
        record = self._record
        tensor, init = torch.Tensor, torch.nn.init

        def normal(t, mean=0.0, std=1.0, generator=None):
            return record(t, Draw.of("normal", mean, std))

        def uniform(t, a=0.0, b=1.0, generator=None, **names):
            return record(t, Draw.of("uniform", names.get("from", a), names.get("to", b)))

        def fill(t, value):
            return record(t, Draw.of("constant", value))

        def zero(t):
            return record(t, Draw.of("constant", 0))

        def truncated(t, mean, std, a, b, generator=None):
            return record(t, Draw.of("truncated", mean, std, a, b))

        def orthogonal(t, gain=1, generator=None):
            return record(t, Draw.of("orthogonal", gain))

        for owner, name, stand_in in [
            (tensor, "normal_", normal),
            (tensor, "uniform_", uniform),
            (tensor, "fill_", fill),
            (tensor, "zero_", zero),
            (init, "_no_grad_trunc_normal_", truncated),
            (timm.layers.weight_init, "_trunc_normal_", truncated),
            (init, "orthogonal_", orthogonal),
        ]:
            self._patches.enter_context(mock.patch.object(owner, name, stand_in))
        return self

    def __exit__(self, *failure):
        self._patches.close()

    def _record(self, tensor, draw):
        # Kept with its tensor, whose address would otherwise be free for the next one.
        self._draws[tensor.data_ptr(), tensor.numel()] = (draw, tensor)
        return tensor

    def of(self, tensor):
        return self._draws[tensor.data_ptr(), tensor.numel()][0]


def torch_draw(shape, initialize):
    """The draw of a `torch.nn.init` call on a tensor of this shape."""
    tensor = torch.empty(shape, dtype=torch.float64)
    with TorchDraws() as draws:
        initialize(tensor)
    return draws.of(tensor)


def model_draws(build):
    """The draw of each parameter of the model that `build` makes, by name; and the model."""
    with TorchDraws() as draws:
        model = build()
    return {name: draws.of(tensor) for name, tensor in model.named_parameters()}, model


def keras_draw(shape, initializer):
    """The draw of a `keras.initializers` object for a weight of this shape."""
    drawn = []

    def normal(shape, mean=0.0, stddev=1.0, **_):
        drawn.append(Draw.of("normal", mean, stddev))

    def truncated(shape, mean=0.0, stddev=1.0, **_):
        cut = 2 * stddev
        drawn.append(Draw.of("truncated", mean, stddev, mean - cut, mean + cut))

    def uniform(shape, minval=0.0, maxval=1.0, **_):
        drawn.append(Draw.of("uniform", minval, maxval))

    with mock.patch.multiple(
        keras_initializers.random, normal=normal, truncated_normal=truncated, uniform=uniform
    ):
        initializer(shape)
    (draw,) = drawn
    return draw


def jax_draw(shape, initializer):
    """The draw of a `jax.nn.initializers` function for a weight of this shape."""
    kinds = []

    def unit(kind, value):
        def stand_in(key, *arguments, **_):
            kinds.append(kind)
            return jnp.asarray(value, jnp.float64)

        return stand_in

    with mock.patch.multiple(
        jax_initializers.random,
        normal=unit("normal", 1),
        truncated_normal=unit("truncated", 1),
        uniform=unit("uniform", 1),
    ):
        scale = float(initializer(jax.random.key(0), shape, jnp.float64))
    match kinds:
        case ["normal"]:
            return Draw.of("normal", 0, scale)
        case ["truncated"]:
            return Draw.of("truncated", 0, scale, -2 * scale, 2 * scale)
        case ["uniform"]:
            return Draw.of("uniform", -scale, scale)
        case _:
            raise AssertionError(f"drew {kinds}")
