"""What must be said of a tensor, by the module that owns it."""

import math
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Truth:
    """What a tensor is, and the fans by the layer's own definition where it multiplies."""

    kind: str
    fans: tuple | None = None
    # Equal blocks along the output axis.
    blocks: int = 1
    # The same, with a stride that no name and no shape shows.
    stride: int = 1


@dataclass(frozen=True)
class Expected:
    """A tensor and the truth about it."""

    name: str
    shape: tuple
    dtype: str
    truth: Truth
    # The class of the module that it belongs to.
    owner: str
    # The class of the layer that was made after it.
    follower: str = ""


NORM = re.compile(r"norm(?!.*head)", re.IGNORECASE)
# They add w times something to what comes in.
RESPONSE_NORM = ("GlobalResponseNorm", "GlobalResponseNormMlp", "ConvNextV2GRN")
RECURRENT = {"LSTM": 4, "LSTMCell": 4, "GRU": 3, "GRUCell": 3, "RNN": 1, "RNNCell": 1}
# The parts of a weight-normalized layer's weight.
DIRECTIONS = ("original1", "weight_v")
NORMS = ("original0", "weight_g")


def truth(tensor):
    """The truth about one tensor."""
    leaf = tensor.leaf
    if not tensor.dtype.startswith(("float", "bfloat")):
        return Truth("integers")
    if leaf in ("running_mean", "running_var"):
        return Truth(leaf)
    for kind, gates in RECURRENT.items():
        if kind in tensor.classes:
            return recurrent(tensor, gates)
    if "MultiheadAttention" in tensor.classes and leaf.startswith("in_proj"):
        return qkv(tensor)
    if tensor.of("PReLU", "PReLUActivation"):
        return Truth("slope")
    if leaf == "bias_k" or leaf == "bias_v":
        return Truth("free")
    if leaf in NORMS:
        return Truth("weight_gain")
    if leaf == "weight" or leaf in DIRECTIONS:
        return weight(tensor)
    if leaf == "bias":
        return bias(tensor)
    return free(tensor)


def is_norm(tensor):
    return any(map(NORM.search, tensor.classes)) and not tensor.of("_ConvNd", "Linear", "Embedding")


def weight(tensor):
    if tensor.of("_ConvNd"):
        return convolution(tensor)
    if tensor.of("Bilinear"):
        rows, first, second = tensor.shape
        return Truth("bilinear", (first * second, rows))
    if tensor.of("Linear", "NonDynamicallyQuantizableLinear", "QuantLinear") and len(tensor.shape) == 2:
        rows, columns = tensor.shape
        return Truth("linear", (columns, rows))
    if tensor.of("Conv1D") and len(tensor.shape) == 2:
        rows, columns = tensor.shape
        return Truth("linear", (rows, columns))
    if tensor.of("Embedding", "EmbeddingBag", "QuantEmbedding"):
        return Truth("table")
    if tensor.of(*RESPONSE_NORM):
        return Truth("offset_norm_weight")
    if is_norm(tensor) and max(tensor.shape, default=1) == math.prod(tensor.shape):
        return Truth("offset_norm_weight" if tensor.is_offset else "norm_weight")
    return free(tensor)


def bias(tensor):
    if tensor.of("_ConvNd", "Linear", "Conv1D", "Bilinear"):
        return Truth("bias")
    if is_norm(tensor):
        return Truth("norm_bias")
    return Truth("any_bias")


def convolution(tensor):
    settings = tensor.settings
    groups = settings["groups"]
    kernel = math.prod(settings["kernel_size"])
    stride = math.prod(settings["stride"])
    inputs, outputs = settings["in_channels"], settings["out_channels"]
    if settings.get("transposed"):
        fans = (inputs / groups * kernel / stride, outputs / groups * kernel)
        return Truth("conv_transpose", fans, stride=stride)
    is_patch = settings["kernel_size"] == settings["stride"] and kernel > 1
    fans = (inputs / groups * kernel, outputs / groups * kernel / (stride if is_patch else 1))
    return Truth("conv", fans, stride=stride)


def recurrent(tensor, gates):
    leaf = tensor.leaf
    if leaf.startswith("bias"):
        return Truth("recurrent_bias", blocks=gates)
    rows, columns = tensor.shape
    kind = {"weight_ih": "recurrent_input", "weight_hh": "recurrent_hidden", "weight_hr": "linear"}[leaf[:9]]
    return Truth(kind, (columns, rows / gates), blocks=gates)


def qkv(tensor):
    if tensor.leaf == "in_proj_bias":
        return Truth("bias")
    rows, columns = tensor.shape
    return Truth("linear", (columns, rows / 3), blocks=3)


EXPERTS = ("gate_up_proj", "up_proj", "down_proj", "gate_proj")


def free(tensor):
    leaf = tensor.leaf
    if leaf in EXPERTS and len(tensor.shape) == 3:
        _, rows, columns = tensor.shape
        is_transposed = tensor.settings.get("is_transposed") or tensor.of("Llama4TextExperts")
        fans = (rows, columns) if is_transposed else (columns, rows)
        return Truth("experts", fans)
    if any("LayerScale" in kind for kind in tensor.classes) or leaf in ("gamma_1", "gamma_2", "layer_scale_parameter"):
        return Truth("branch_scale")
    is_router = any("Router" in kind or "Gate" in kind for kind in tensor.classes)
    if len(tensor.shape) == 2 and leaf == "weight" and is_router:
        rows, columns = tensor.shape
        return Truth("linear", (columns, rows))
    if tensor.of("Affine"):
        return Truth({"alpha": "norm_weight", "beta": "norm_bias"}[leaf])
    if leaf.endswith("bias"):
        return Truth("any_bias")
    return Truth("free")
