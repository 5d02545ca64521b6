"""The truth about the variables of Keras models."""

import math

from .truth import Expected, Truth


def expected(model):
    """Every variable of a model with the truth about it."""
    found = {}
    for layer in model._flatten_layers():
        for variable in layer._trainable_variables + layer._non_trainable_variables:
            if variable.path in found or "seed_generator" in variable.path:
                continue
            truth = of_layer(layer, variable)
            if truth:
                found[variable.path] = Expected(
                    name=variable.path, shape=tuple(variable.shape), dtype="float32", truth=truth, owner=type(layer).__name__,
                )
    return list(found.values())


def of_layer(layer, variable):
    leaf = variable.path.rpartition("/")[2]
    kind = type(layer).__name__
    shape = tuple(variable.shape)
    if leaf in ("moving_mean", "moving_variance"):
        return Truth({"moving_mean": "running_mean", "moving_variance": "running_var"}[leaf])
    if kind.endswith("Normalization"):
        return {"gamma": Truth("norm_weight"), "beta": Truth("norm_bias")}.get(leaf)
    if kind in ("LSTMCell", "GRUCell"):
        gates = {"LSTMCell": 4, "GRUCell": 3}[kind]
        kinds = {"kernel": "recurrent_input", "recurrent_kernel": "recurrent_hidden", "bias": "recurrent_bias"}
        fans = (shape[0], shape[-1] / gates) if leaf != "bias" else None
        return Truth(kinds[leaf], fans, blocks=gates)
    if kind == "LayerScale":
        return Truth("branch_scale")
    if kind == "PReLU":
        return Truth("slope")
    if kind == "Embedding":
        return Truth("table")
    if leaf == "bias":
        return Truth("bias")
    if leaf == "depthwise_kernel" or (kind == "DepthwiseConv2D" and leaf == "kernel"):
        field = math.prod(shape[:-2])
        return Truth("conv", (field, field * shape[-1]))
    if leaf == "pointwise_kernel":
        return Truth("conv", (shape[-2], shape[-1]))
    if "Transpose" in kind:
        field, stride = math.prod(shape[:-2]), math.prod(layer.strides)
        return Truth("conv_transpose", (shape[-1] * field / stride, shape[-2] * field), stride=stride)
    if "Conv" in kind:
        field = math.prod(shape[:-2])
        stride = math.prod(layer.strides) if tuple(layer.kernel_size) == tuple(layer.strides) else 1
        return Truth("conv", (shape[-2] * field, shape[-1] / getattr(layer, "groups", 1) * field / stride))
    if leaf == "kernel" and len(shape) == 2:
        return Truth("linear", shape)
    return None
