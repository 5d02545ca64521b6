"""`semilla.jax` in the place of `jax.nn.initializers`."""

import inspect
import os
from dataclasses import dataclass

os.environ.setdefault("XLA_FLAGS", "--xla_force_host_platform_device_count=4")

import numpy as np
import pytest
from scipy import stats

jax = pytest.importorskip("jax")

import jax.nn.initializers as theirs
import jax.numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec

import semilla.jax as ours
from semilla.numpy import array

KEY = jax.random.key(3)
NAMES = [name for name in dir(theirs) if not name.startswith("_") and name != "annotations"]


@pytest.mark.parametrize("name", NAMES)
def test_signatures_are_jaxs(name):
    def parameters(function):
        return [(p.name, p.default) for p in inspect.signature(function).parameters.values()]

    assert parameters(getattr(ours, name)) == parameters(getattr(theirs, name))
    assert name in ours.__all__


@pytest.mark.parametrize(
    "name", ["he_normal", "glorot_uniform"]
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


def models():
    """Models of nnx and linen, by their shapes, with a name that each must have."""
    nn = pytest.importorskip("flax.linen")
    from flax import nnx

    class Plain(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.BatchNorm(use_running_average=True)(nn.Conv(8, (3, 3))(x))
            return nn.Dense(5)(nn.relu(x).mean((1, 2)))

    class Parts(nnx.Module):
        def __init__(self, rngs):
            self.first = nnx.Linear(6, 8, rngs=rngs)
            self.norm = nnx.LayerNorm(8, rngs=rngs)

    linen = jax.eval_shape(Plain().init, KEY, jnp.ones((1, 8, 8, 3)))
    return [
        (linen, "params/Dense_0/kernel"),
        (nnx.state(nnx.eval_shape(lambda: Parts(nnx.Rngs(0)))), "first/kernel"),
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_models_from_their_shapes(which):
    abstract, name = models()[which]
    made = ours.init(abstract, "jax", seed=1)
    assert jax.tree.structure(made) == jax.tree.structure(abstract)
    same = jax.tree.map(lambda a, b: a.shape == b.shape and a.dtype == b.dtype, made, abstract)
    assert all(jax.tree.leaves(same))
    line = ours.plan(abstract, "jax", seed=1)[name]
    assert "lecun" in line.initializer
    arrays = {ours._name(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(made)}
    expected = array("lecun_normal", line.shape, seed=1, name=name)
    np.testing.assert_array_equal(arrays[name], expected)


@pytest.mark.skipif(jax.device_count() < 4, reason="needs four devices")
def test_models_on_devices():
    mesh = jax.make_mesh((4,), ("x",))
    abstract = {"dense": {"kernel": jax.ShapeDtypeStruct((8, 12), jnp.bfloat16)}}
    sharding = NamedSharding(mesh, PartitionSpec("x"))
    rules = [{"match": "*", "init": "orthogonal"}]
    parts = ours.init(abstract, seed=2, rules=rules, shardings=sharding)
    whole = ours.init(abstract, seed=2, rules=rules)
    assert parts["dense"]["kernel"].sharding.is_equivalent_to(sharding, 2)
    np.testing.assert_array_equal(parts["dense"]["kernel"], whole["dense"]["kernel"])


def test_attributes_are_named_with_dots():
    @jax.tree_util.register_dataclass
    @dataclass
    class Linear:
        weight: object
        bias: object

    abstract = Linear(jax.ShapeDtypeStruct((4, 3), "float32"), jax.ShapeDtypeStruct((4,), "float32"))
    made = ours.init(abstract, "pytorch", seed=0)
    assert isinstance(made, Linear) and abs(made.weight).max() <= 1 / np.sqrt(3)


def test_equinox_modules_say_what_their_layers_are():
    eqx = pytest.importorskip("equinox")

    class Net(eqx.Module):
        conv: eqx.nn.Conv2d
        up: eqx.nn.ConvTranspose2d
        norm: eqx.nn.GroupNorm
        table: eqx.nn.Embedding
        mlp: eqx.nn.MLP
        cell: eqx.nn.GRUCell
        attention: eqx.nn.MultiheadAttention

        def __init__(self, key):
            self.conv = eqx.nn.Conv2d(4, 8, 3, groups=2, key=key)
            self.up = eqx.nn.ConvTranspose2d(8, 3, 3, key=key)
            self.norm = eqx.nn.GroupNorm(2, 8)
            self.table = eqx.nn.Embedding(11, 6, key=key)
            self.mlp = eqx.nn.MLP(4, 3, 8, 2, key=key)
            self.cell = eqx.nn.GRUCell(4, 5, key=key)
            self.attention = eqx.nn.MultiheadAttention(2, 8, key=key)

    abstract = eqx.filter_eval_shape(Net, KEY)
    made = ours.init(abstract, "pytorch", seed=1)
    assert made.mlp(jnp.ones(4)).shape == (3,)
    assert abs(made.conv.weight).max() <= 1 / np.sqrt(2 * 9)
    plan = ours.plan(abstract, "auto", rules={"*.bias": "zeros"})
    assert plan["conv.weight"].layout == "OIHW/2"
    assert plan["conv.bias"].values == plan["mlp.layers.0.bias"].values == "0"
    assert plan["table.weight"].role == "embedding"
    assert plan["cell.weight_hh"].role == "recurrent_hidden"
    assert plan["norm.weight"].values == "1"


def test_haiku_models_with_their_state():
    hk = pytest.importorskip("haiku")

    def forward(x):
        x = hk.BatchNorm(True, True, 0.9)(hk.Conv2D(8, 3)(x), is_training=True)
        x = hk.Embed(11, 8)(jnp.zeros(1, int)) + x.mean((1, 2))
        x, _ = hk.LSTM(5)(x, hk.LSTM(5).initial_state(1))
        return hk.Linear(3)(hk.LayerNorm(-1, True, True)(x))

    net = hk.transform_with_state(forward)
    x = jnp.ones((1, 8, 8, 3))
    abstract = jax.eval_shape(net.init, KEY, x)
    params, state = ours.init(abstract, "auto", seed=1)
    assert net.apply(params, state, KEY, x)[0].shape == (1, 3)
    # Haiku's own have seen a batch by now.
    assert not any(jnp.any(leaf) for leaf in jax.tree.leaves(state))
    plan = ours.plan(abstract, "auto")
    assert plan["0/conv2_d/w"].layout == "HWIO" and plan["0/batch_norm/scale"].values == "1"


def test_wrong_keys_shapes_and_seeds_are_told():
    make = ours.normal()
    for key in (3, None, jnp.zeros(2)):
        with pytest.raises(TypeError, match="a key is needed"):
            make(key, (2, 3))
    for keys in (jax.random.split(KEY, 2), jax.random.key_data(jax.random.split(KEY, 2))):
        with pytest.raises(ValueError, match="use jax.vmap"):
            make(keys, (2, 3))
    with pytest.raises(TypeError, match="float"):
        make(KEY, (1.5, 3))
    tree = {"dense": {"kernel": jnp.zeros((3, 4))}}
    with pytest.raises(ValueError, match="seed -1"):
        ours.init(tree, seed=-1)
    twice = {"a": {"b/kernel": jnp.zeros((3, 4))}, "a/b": {"kernel": jnp.zeros((3, 4))}}
    with pytest.raises(ValueError, match="two arrays have the name a/b/kernel"):
        ours.init(twice)
