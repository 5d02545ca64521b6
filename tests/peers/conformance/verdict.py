"""A line of a plan against the truth."""

import math
import re

MATRIX = {
    "linear", "query", "key", "value", "qkv", "kv", "attention_out", "mlp_in", "mlp_gate", "mlp_out", "residual_out", "router",
    "head", "modulation", "steering", "diffusion_out", "patch_embedding", "adapter_in", "adapter_out",
}
FIXED = {
    "running_mean", "running_var", "counter", "position_ids", "rotary_frequencies", "sinusoids", "computed",
}
# What each kind of tensor may be called.
ROLES = {
    "linear": MATRIX,
    "bilinear": {"bilinear"},
    "conv": MATRIX | {"conv"},
    "conv_transpose": {"conv_transpose"},
    "experts": MATRIX,
    "table": {"embedding", "position_embedding", "sinusoids", "token"},
    "norm_weight": {"norm_weight", "last_norm_weight"},
    "offset_norm_weight": {"offset_norm_weight"},
    "norm_bias": {"norm_bias"},
    "bias": {"bias", "prior_bias", "time_step_bias"},
    "any_bias": {"bias", "prior_bias", "time_step_bias", "norm_bias", "recurrent_bias", "position_embedding"},
    "slope": {"slope"},
    "branch_scale": {"branch_scale"},
    "recurrent_input": {"recurrent_input"},
    "recurrent_hidden": {"recurrent_hidden"},
    "recurrent_bias": {"recurrent_bias"},
    "running_mean": {"running_mean"},
    "running_var": {"running_var"},
    "integers": {"counter", "position_ids", "computed"},
    "weight_gain": {"weight_gain"},
    "free": FIXED | {
        "token", "position_embedding", "branch_scale", "slope", "state_matrix", "state_skip", "time_step_bias",
        "logit_scale", "sink", "multiplier", "bias",
    },
}


def layout_of(text):
    axes, groups, transposed, stride = re.fullmatch(r"([A-Z]+)(?:/(\d+))?(\^T)?(?::(\d+))?", text).groups()
    return axes, int(groups or 1), bool(transposed), int(stride or 1)


def fans_of(line):
    """The fans by the layer's own definition."""
    axes, groups, transposed, stride = layout_of(line["layout"])
    size = lambda letters: math.prod(n for axis, n in zip(axes, line["shape"]) if axis in letters)
    kernel, inputs, outputs = size("DHW"), size("I"), size("O")
    if transposed:
        return inputs / groups * kernel / stride, outputs * kernel
    return inputs * kernel, outputs / groups * kernel / stride


def fault(line, truth):
    """What is wrong with a line, or nothing."""
    if line["role"] not in ROLES[truth.kind]:
        return f"{truth.kind} called {line['role']}"
    if truth.fans and line.get("layout"):
        found = fans_of(line)
        if truth.blocks > 1:
            found = (found[0], found[1] / truth.blocks)
        if truth.kind == "conv_transpose" and layout_of(line["layout"])[3] == 1:
            found = (found[0] / truth.stride, found[1])
        # A file that knows a convolution's stride may count it, though it overlaps.
        strided = (truth.fans[0], truth.fans[1] / truth.stride)
        if not any(all(map(math.isclose, found, fans)) for fans in (truth.fans, strided)):
            return f"fans {found} for {truth.fans} of {truth.kind}, layout {line['layout']}"
    if truth.fans and not line.get("layout") and truth.kind != "bilinear":
        return f"no layout for a {truth.kind}"
    return None


def is_inferred(line):
    return "inferred:" in line["reason"]
