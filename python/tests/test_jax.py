"""`semilla.jax` in the place of `jax.nn.initializers`."""

import inspect
import os

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

import numpy as np
import pytest
from scipy import stats

jax = pytest.importorskip("jax")

import jax.nn.initializers as theirs
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

import semilla.jax as ours

KEY = jax.random.key(3)
NAMES = [name for name in dir(theirs) if not name.startswith("_") and name != "annotations"]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_jaxs(name):
    def parameters(function):
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))
    assert name in ours.__all__


@pytest.mark.parametrize(
    "name", ["he_normal", "he_uniform", "glorot_normal", "glorot_uniform", "lecun_normal"]
)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((3, 3, 20, 50), {}), ((50, 200), {"in_axis": 1, "out_axis": 0}), ((4, 30, 40), {"batch_axis": 0})],
)
def test_distributions(name, shape, axes):
    one = getattr(ours, name)(**axes)(KEY, shape)
    two = getattr(theirs, name)(**axes)(KEY, shape)
    assert stats.ks_2samp(np.ravel(one), np.ravel(two)).pvalue > 1e-4


def test_keys_decide():
    init = ours.normal(1.0)
    values = init(KEY, (8, 4))
    np.testing.assert_array_equal(values, init(jax.random.PRNGKey(3), (8, 4)))
    np.testing.assert_array_equal(values, jax.jit(lambda key: init(key, (8, 4)))(KEY))
    assert (values != init(jax.random.key(4), (8, 4))).all()
    keys = jax.random.split(KEY, 3)
    many = jax.vmap(lambda key: init(key, (8, 4)))(keys)
    np.testing.assert_array_equal(many[1], init(keys[1], (8, 4)))
    rbg = jax.random.key(3, impl="rbg")
    assert (init(rbg, (8, 4)) != init(jax.random.fold_in(rbg, 1), (8, 4))).all()


@pytest.mark.skipif(jax.device_count() < 4, reason="needs four devices")
@pytest.mark.parametrize("name", ["orthogonal", "he_uniform", "truncated_normal"])
def test_devices_get_their_slices(name):
    mesh = jax.make_mesh((2, 2), ("x", "y"))
    init = getattr(ours, name)()
    whole = init(KEY, (8, 12))
    for spec in (PartitionSpec("x", "y"), PartitionSpec(None, ("x", "y")), PartitionSpec()):
        sharding = NamedSharding(mesh, spec)
        parts = init(KEY, (8, 12), out_sharding=sharding)
        assert parts.sharding.is_equivalent_to(sharding, 2)
        np.testing.assert_array_equal(parts, whole)


def test_types():
    single = ours.he_normal()(KEY, (16, 8))
    for dtype in (jnp.bfloat16, jnp.float16, jnp.float8_e4m3fn):
        low = ours.he_normal(dtype=dtype)(KEY, (16, 8))
        assert low.dtype == dtype
        np.testing.assert_array_equal(low, single.astype(dtype))
    assert ours.normal()(KEY, (3,), jnp.complex64).dtype == jnp.complex64
    with pytest.raises(TypeError, match="I32"):
        ours.normal()(KEY, (3,), jnp.int32)


def test_flax():
    nn = pytest.importorskip("flax.linen")
    from flax import nnx

    module = nn.Dense(5, kernel_init=ours.orthogonal())
    abstract = jax.eval_shape(module.init, KEY, jnp.ones((2, 7)))
    made = jax.jit(module.init)(KEY, jnp.ones((2, 7)))
    assert jax.tree.map(jnp.shape, made) == jax.tree.map(lambda leaf: leaf.shape, abstract)
    kernel = np.asarray(made["params"]["kernel"])
    np.testing.assert_allclose(kernel.T @ kernel, np.eye(5), atol=1e-5)
    linear = nnx.Linear(3, 4, kernel_init=ours.drawn("looks_linear"), rngs=nnx.Rngs(0))
    assert np.isfinite(linear.kernel[...]).all()


@pytest.mark.parametrize(
    ("init", "shape"),
    [
        (ours.normal(-1.0), (3,)),
        (ours.he_normal(), (3,)),
        (ours.variance_scaling(1.0, "fan_sum", "normal"), (3, 3)),
        (ours.variance_scaling(1.0, "fan_in", "cauchy"), (3, 3)),
        (ours.variance_scaling(1.0, "fan_in", "normal", in_axis=5), (3, 3)),
        (ours.orthogonal(), (3,)),
        (ours.orthogonal(column_axis=1), (3, 3, 3)),
        (ours.delta_orthogonal(), (3, 3)),
        (ours.delta_orthogonal(), (3, 5, 4)),
    ],
)
def test_mistakes_are_exceptions(init, shape):
    with pytest.raises(ValueError):
        init(KEY, shape)
