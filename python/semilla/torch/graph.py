"""What a live module computes, as far as tracing tells: layers, and what comes behind them.

The nodes have ONNX's operators, so that the Rust side reads them as it reads a file's graph.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from semilla.torch.layers import Layers
from semilla.torch.shapes import ran
from semilla.torch.steps import Step, is_conv1d
from semilla.torch.trace import traced

Node = dict[str, Any]
Graph = dict[str, Any]

_NORMS = {
    nn.LayerNorm: "LayerNormalization",
    nn.GroupNorm: "GroupNormalization",
    nn.RMSNorm: "RMSNormalization",
}
ACTIVATIONS = {
    "relu", "relu6", "leakyrelu", "prelu", "elu", "selu", "celu", "gelu", "silu", "mish",
    "softplus", "softsign", "tanh", "hardtanh", "sigmoid", "hardsigmoid", "hardswish",
    "logsigmoid", "tanhshrink", "softshrink", "hardshrink", "sin", "cos", "erf", "abs", "exp",
}  # fmt: skip
_SAME = {
    "dropout", "identity", "alphadropout", "featurealphadropout", "dropout1d", "dropout2d", "contiguous", "clone",
}  # fmt: skip
_VIEWS = {
    "flatten": "Flatten", "view": "Reshape", "reshape": "Reshape", "squeeze": "Squeeze", "unsqueeze": "Unsqueeze",
    "permute": "Transpose", "transpose": "Transpose", "unflatten": "Reshape", "reshapeas": "Reshape",
    "viewas": "Reshape", "expand": "Expand", "expandas": "Expand", "to": "Cast", "typeas": "Cast", "float": "Cast",
    "half": "Cast", "bfloat16": "Cast",
}  # fmt: skip
_ARITHMETIC = {
    operator.add: "Add", torch.add: "Add", operator.iadd: "Add", "add": "Add", "add_": "Add",
    operator.mul: "Mul", torch.mul: "Mul", operator.imul: "Mul", "mul": "Mul", "mul_": "Mul",
    operator.sub: "Sub", torch.sub: "Sub", operator.truediv: "Div", torch.div: "Div", "sub": "Sub", "div": "Div",
}  # fmt: skip
_PRODUCTS = {operator.matmul, torch.matmul, torch.mm, torch.bmm, "matmul", "mm", "bmm"}
_CONVOLUTIONS = {F.conv1d, F.conv2d, F.conv3d}
#: Functions that normalize, and their arguments behind the signal.
_NORMALIZATIONS = {
    F.batch_norm: ("BatchNormalization", ("running_mean", "running_var", "weight", "bias")),
    F.instance_norm: ("InstanceNormalization", ("running_mean", "running_var", "weight", "bias")),
    F.layer_norm: ("LayerNormalization", ("normalized_shape", "weight", "bias")),
    F.group_norm: ("GroupNormalization", ("num_groups", "weight", "bias")),
    F.rms_norm: ("RMSNormalization", ("normalized_shape", "weight")),
}  # fmt: skip
#: What a normalization's node takes behind the signal, in this order.
_STORED = ("weight", "bias", "running_mean", "running_var")
_PARAMETER = {"leakyrelu": "negative_slope", "elu": "alpha", "celu": "alpha", "softshrink": "lambd"}


def of_module(module: nn.Module, layers: Layers) -> tuple[Graph, str | None]:
    """The graph of a module; and why it is that of its ``nn.Sequential`` parts only, if so."""
    try:
        return _Traced(_steps(module, layers), layers).graph, None
    # Tracing runs the module's own code on stand-ins, which may raise anything.
    except Exception as error:
        return _of_sequences(layers), f"{type(error).__name__}: {error}".splitlines()[0]


def _steps(module: nn.Module, layers: Layers) -> list[Step]:
    """The steps of a forward: on shapes where the module says what it reads, else on stand-ins."""
    try:
        found = ran(module, layers)
    except Exception:  # noqa: BLE001
        found = None
    return traced(module, layers) if found is None else found


def _of_sequences(layers: Layers) -> Graph:
    nodes: list[Node] = []
    for path, part in layers.unique():
        if type(part) is not nn.Sequential:
            continue
        value = f"%{path}"
        for name, layer in part.named_children():
            own = f"{path}.{name}" if path else name
            out = f"%{own}.out"
            nodes.append(_layer(layer, own, [value], out))
            value = out
    return {"nodes": nodes}


class _Traced:
    """The graph of what was traced."""

    def __init__(self, steps: Iterable[Step], layers: Layers) -> None:
        self.paths = layers.paths
        self.numbers: dict[str, float] = {}
        self.values: dict[Step, str] = {}
        nodes: list[Node] = []
        for step in steps:
            op = step.op
            self.values[step] = step.target if op == "get_attr" else f"%{step.name}"
            if op == "output":
                nodes.append(_node("Output", self.inputs(step.inputs), "%output"))
            elif op != "placeholder" and op != "get_attr":
                nodes.append(self.step(step))
        self.graph: Graph = {"nodes": nodes, "numbers": self.numbers}

    def step(self, node: Step) -> Node:
        out = self.values[node]
        inputs = self.inputs(node.inputs)
        if node.op == "call_module":
            return _layer(node.target, self.paths[id(node.target)], inputs, out)
        name = str(node.target if node.op == "call_method" else _own_name(node.target))
        plain = _plain(name)
        key = name if node.op == "call_method" else node.target
        if key in _ARITHMETIC and len(node.args) >= 2:
            return _node(_ARITHMETIC[key], self.inputs(node.args[:2]), out)
        if plain in ACTIVATIONS:
            given = node.kwargs.get(_PARAMETER.get(plain, ""), node.kwargs.get("approximate"))
            if given is None and plain in _PARAMETER and len(node.args) > 1:
                given = node.args[1]
            return _activation(plain, given, inputs, out)
        if plain in _VIEWS or plain in _SAME:
            return _node(_VIEWS.get(plain, "Identity"), inputs[:1], out)
        if key in _PRODUCTS and len(node.args) >= 2:
            return _node("MatMul", self.inputs(node.args[:2]), out)
        if node.target is F.linear:
            return _node("Gemm", self.inputs(_arguments(node, "weight", "bias")), out, transB=1)
        if node.target in _CONVOLUTIONS:
            given = _arguments(node, "weight", "bias", "stride", "padding", "dilation", "groups")
            groups = given[6] if isinstance(given[6], int) else 1
            return _node("Conv", self.inputs(given[:3]), out, group=groups)
        if node.target is F.embedding:
            signal, weight = _arguments(node, "weight")
            return _node("Gather", self.inputs([weight, signal]), out)
        if node.target in _NORMALIZATIONS:
            op, names = _NORMALIZATIONS[node.target]
            signal, *given = _arguments(node, *names)
            stored = dict(zip(names, given))
            order = [stored[name] for name in _STORED if name in stored]
            return _node(op, self.inputs([signal, *order]), out)
        return _node(f"torch.{name}", inputs, out)

    def inputs(self, given: Iterable[Any]) -> list[str]:
        return [self.value(value) for value in given]

    def value(self, value: Any) -> str:
        if isinstance(value, Step):
            return self.values[value]
        if isinstance(value, (int, float)):
            name = f"%number {value}"
            self.numbers[name] = float(value)
            return name
        return ""


def _layer(layer: nn.Module, path: str, inputs: list[str], out: str) -> Node:
    """The node of a layer of torch.nn; of others, one that nobody knows."""

    def own(*names: str) -> list[str]:
        start = f"{path}." if path else ""
        return [start + name if _holds(layer, name) else "" for name in names]

    kind = type(layer).__name__.lower()
    if isinstance(layer, nn.modules.conv._ConvNd):
        op = "ConvTranspose" if layer.transposed else "Conv"
        return _node(op, inputs[:1] + own("weight", "bias"), out)
    if isinstance(layer, nn.Linear):
        return _node("Gemm", inputs[:1] + own("weight", "bias"), out, transB=1)
    if is_conv1d(layer):
        return _node("Gemm", inputs[:1] + own("weight", "bias"), out)
    if isinstance(layer, nn.modules.batchnorm._BatchNorm):
        stored = own("weight", "bias", "running_mean", "running_var")
        return _node("BatchNormalization", inputs[:1] + stored, out)
    for norm, op in _NORMS.items():
        if isinstance(layer, norm):
            return _node(op, inputs[:1] + own("weight", "bias"), out)
    if kind in ACTIVATIONS and kind != "prelu":
        given = getattr(layer, _PARAMETER.get(kind, "approximate"), None)
        return _activation(kind, given, inputs, out)
    if kind in _VIEWS or kind in _SAME:
        return _node(_VIEWS.get(kind, "Identity"), inputs[:1], out)
    return _node(f"torch.{kind}", inputs, out)


def _holds(layer: nn.Module, name: str) -> bool:
    for held in (layer._parameters, layer._buffers):
        if name in held:
            return held[name] is not None
    return getattr(layer, name, None) is not None  # computed from others


def _arguments(step: Step, *names: str) -> list[Any]:
    """A function's first argument and those of these names behind it; ``None`` for what was not
    given."""
    given = [*step.args, *[None] * (1 + len(names) - len(step.args))]
    first = step.kwargs.get("input", given[0])
    return [first, *(step.kwargs.get(name, value) for name, value in zip(names, given[1:]))]


def _activation(name: str, given: Any, inputs: list[str], out: str) -> Node:
    if name == "gelu" and given == "tanh":
        name = "gelu_tanh"
    elif isinstance(given, (int, float)) and name in _PARAMETER:
        name = f"{name}({float(given)})"
    return {"activation": name, "inputs": inputs[:1], "outputs": [out]}


def _node(op: str, inputs: list[str], out: str, **ints: int) -> Node:
    node: Node = {"op": op, "inputs": inputs, "outputs": [out]}
    if ints:
        node["ints"] = ints
    return node


@lru_cache(maxsize=1024)
def _plain(name: str) -> str:
    """A name by which functions and layers are compared: ``leakyrelu`` of ``leaky_relu_``."""
    return name.rstrip("_").replace("_", "")


def _own_name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
