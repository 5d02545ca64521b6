"""The layers of flax.linen and flax.nnx that have parameters."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen, nnx, traverse_util

SLASH = True

D, H, OUT = 24, 40, 36


def once(module, *shape):
    return lambda: (module, shape)


def over_time(cell):
    return lambda: (linen.RNN(cell), (2, 5, D))


# Name: (the module, the shape of its input).
LAYERS = {
    "Dense_0": once(linen.Dense(OUT), 2, D),
    "DenseGeneral_0": once(linen.DenseGeneral((4, 9)), 2, D),
    "DenseGeneral_in": once(linen.DenseGeneral(OUT, axis=(-2, -1)), 2, 4, 6),
    "Einsum_0": once(linen.Einsum((D, OUT), "ab,bc->ac"), 2, D),
    "Conv_0": once(linen.Conv(OUT, (3, 5)), 2, 9, 9, 12),
    "Conv_1d": once(linen.Conv(OUT, (5,)), 2, 9, D),
    "Conv_grouped": once(linen.Conv(OUT, (3, 3), feature_group_count=4), 2, 9, 9, D),
    "ConvLocal_0": once(linen.ConvLocal(6, (3,)), 2, 9, 8),
    "ConvTranspose_0": once(linen.ConvTranspose(12, (3, 3)), 2, 9, 9, D),
    "Embed_0": once(linen.Embed(60, 30), 2),
    "MultiHeadDotProductAttention_0": once(linen.MultiHeadDotProductAttention(4), 2, 5, 32),
    "SelfAttention_0": once(linen.SelfAttention(4), 2, 5, 32),
    "LSTMCell_0": over_time(linen.LSTMCell(H)),
    "OptimizedLSTMCell_0": over_time(linen.OptimizedLSTMCell(H)),
    "GRUCell_0": over_time(linen.GRUCell(H)),
    "MGUCell_0": over_time(linen.MGUCell(H)),
    "SimpleCell_0": over_time(linen.SimpleCell(H)),
    "ConvLSTMCell_0": lambda: (linen.RNN(linen.ConvLSTMCell(8, (3, 3))), (2, 3, 9, 9, 4)),
    "BatchNorm_0": once(linen.BatchNorm(use_running_average=True), 2, OUT),
    "LayerNorm_0": once(linen.LayerNorm(), 2, OUT),
    "GroupNorm_0": once(linen.GroupNorm(4), 2, OUT),
    "RMSNorm_0": once(linen.RMSNorm(), 2, OUT),
    "InstanceNorm_0": once(linen.InstanceNorm(), 2, 5, OUT),
    "PReLU_0": once(linen.PReLU(), 2, OUT),
    "dense": lambda: (lambda rngs: nnx.Linear(D, OUT, rngs=rngs), None),
    "linear_general": lambda: (lambda rngs: nnx.LinearGeneral(D, (4, 9), rngs=rngs), None),
    "conv": lambda: (lambda rngs: nnx.Conv(12, OUT, (3, 5), rngs=rngs), None),
    "conv_transpose": lambda: (lambda rngs: nnx.ConvTranspose(12, OUT, (3, 5), rngs=rngs), None),
    "embed": lambda: (lambda rngs: nnx.Embed(60, 30, rngs=rngs), None),
    "attention": lambda: (lambda rngs: nnx.MultiHeadAttention(4, 32, decode=False, rngs=rngs), None),
    "lstm": lambda: (lambda rngs: nnx.LSTMCell(D, H, rngs=rngs), None),
    "optimized_lstm": lambda: (lambda rngs: nnx.OptimizedLSTMCell(D, H, rngs=rngs), None),
    "gru": lambda: (lambda rngs: nnx.GRUCell(D, H, rngs=rngs), None),
    "simple_cell": lambda: (lambda rngs: nnx.SimpleCell(D, H, rngs=rngs), None),
    "batch_norm": lambda: (lambda rngs: nnx.BatchNorm(OUT, rngs=rngs), None),
    "layer_norm": lambda: (lambda rngs: nnx.LayerNorm(OUT, rngs=rngs), None),
    "group_norm": lambda: (lambda rngs: nnx.GroupNorm(OUT, 4, rngs=rngs), None),
    "rms_norm": lambda: (lambda rngs: nnx.RMSNorm(OUT, rngs=rngs), None),
    "prelu": lambda: (lambda rngs: nnx.PReLU(), None),
}


def build(make, prefix):
    module, shape = make()
    if shape is None:
        return lambda seed: _of_nnx(module(nnx.Rngs(seed)), prefix.replace("/", "."))
    # Compiled once: a tree of keys would otherwise be traced for every seed.
    x = jnp.ones(shape, jnp.int32 if isinstance(module, linen.Embed) else jnp.float32)
    init = jax.jit(module.init)

    def of(seed):
        tree = init(jax.random.key(seed), x)
        flat = traverse_util.flatten_dict(dict(tree), sep="/")
        # A module inside another: the collection, the module's name, its own parameters.
        named = (name.split("/", 1) for name in flat)
        names = [f"{collection}/{prefix}{rest}" for collection, rest in named]
        return {name: np.asarray(value) for name, value in zip(names, flat.values())}

    return of


def _of_nnx(module, prefix):
    state = nnx.state(module, nnx.Not(nnx.RngState))
    found = {}
    for path, value in nnx.to_flat_state(state):
        found[prefix + ".".join(map(str, path))] = np.asarray(value.get_value())
    return found
