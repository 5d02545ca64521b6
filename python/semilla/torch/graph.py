"""What a live module computes, as far as tracing tells: layers, and what comes behind them.

The nodes have ONNX's operators, so that the Rust side reads them as it reads a file's graph.
"""

from __future__ import annotations

import dataclasses
import dis
import operator
import sys
import threading
import types
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional as F

Node = dict[str, Any]
Graph = dict[str, Any]

#: Wrappers that add to names what the model itself does not have.
WRAPPERS = frozenset({"_orig_mod", "_checkpoint_wrapped_module", "_fsdp_wrapped_module"})
#: Two tracers would restore each other's changes of PyTorch.
_ONE_AT_A_TIME = threading.Lock()
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
    "dropout", "identity", "alphadropout", "featurealphadropout", "dropout1d", "dropout2d", "contiguous",
}  # fmt: skip
_VIEWS = {
    "flatten": "Flatten", "view": "Reshape", "reshape": "Reshape", "squeeze": "Squeeze", "unsqueeze": "Unsqueeze",
    "permute": "Transpose", "transpose": "Transpose",
}  # fmt: skip
_ARITHMETIC = {
    operator.add: "Add", torch.add: "Add", operator.iadd: "Add", "add": "Add", "add_": "Add",
    operator.mul: "Mul", torch.mul: "Mul", operator.imul: "Mul", "mul": "Mul", "mul_": "Mul",
    operator.sub: "Sub", torch.sub: "Sub", operator.truediv: "Div", torch.div: "Div",
}  # fmt: skip
_PRODUCTS = {operator.matmul, torch.matmul, torch.mm, torch.bmm, "matmul", "mm", "bmm"}
_CONVOLUTIONS = {F.conv1d, F.conv2d, F.conv3d}
_PARAMETER = {"leakyrelu": "negative_slope", "elu": "alpha", "celu": "alpha", "softshrink": "lambd"}


def of_module(module: nn.Module) -> tuple[Graph, str | None]:
    """The graph of a module; and why it is that of its ``nn.Sequential`` parts only, if so."""
    try:
        with _ONE_AT_A_TIME:
            return _Traced(module).graph, None
    # Tracing runs the module's own code on stand-ins, which may raise anything.
    except Exception as error:
        return _of_sequences(module), f"{type(error).__name__}: {error}".splitlines()[0]


def own_name(path: str) -> str:
    """A module's or tensor's name without what wrappers add."""
    return ".".join(part for part in path.split(".") if part not in WRAPPERS)


def _of_sequences(module: nn.Module) -> Graph:
    nodes: list[Node] = []
    for path, part in module.named_modules():
        if type(part) is not nn.Sequential:
            continue
        path = own_name(path)
        value = f"%{path}"
        for name, layer in part.named_children():
            own = f"{path}.{name}" if path else name
            out = f"%{own}.out"
            nodes.append(_layer(layer, own, [value], out))
            value = out
    return {"nodes": nodes}


class _Unpacked:
    """Is unpacked as fx's stand-ins are, without reading the whole function that does it each
    time."""

    def __iter__(self: Any) -> Iterator[fx.Proxy]:
        frame = sys._getframe(1)
        count = _unpacked(frame.f_code, frame.f_lasti)
        if count is None:
            return iter(self.tracer.iter(self))
        return (self[place] for place in range(count))


class _Proxy(_Unpacked, fx.Proxy):
    """Stands in for a value."""

    def __getattr__(self, name: str) -> fx.proxy.Attribute:
        return _Attribute(self, name)


class _Attribute(_Unpacked, fx.proxy.Attribute):
    """Stands in for a value's attribute, such as its shape."""


@lru_cache(maxsize=1024)
def _unpacked(code: types.CodeType, at: int) -> int | None:
    """How many values the instruction at this place unpacks, if it does."""
    for instruction in dis.get_instructions(code):
        if instruction.offset == at and instruction.opname == "UNPACK_SEQUENCE":
            return int(instruction.argval)
    return None


class _Step:
    """What is read here of fx's nodes, which take several times as long to make."""

    __slots__ = ("args", "inputs", "kwargs", "meta", "name", "op", "target")

    def __init__(self, op: str, target: Any, args: Any, kwargs: Any, name: str) -> None:
        self.op, self.target, self.args, self.kwargs, self.name = op, target, args, kwargs, name
        self.meta: dict[str, Any] = {}  # fx writes into it
        #: The steps that are taken, each once, in order.
        self.inputs: dict[_Step, None] = {}
        _collect((args, kwargs), self.inputs)


def _collect(value: Any, found: dict[_Step, None]) -> None:
    if isinstance(value, _Step):
        found[value] = None
    elif isinstance(value, (tuple, list)):
        for item in value:
            _collect(item, found)
    elif isinstance(value, dict):
        for item in value.values():
            _collect(item, found)
    elif isinstance(value, slice):
        _collect((value.start, value.stop, value.step), found)


class _Tracer(fx.Tracer):
    """Traces in its own thread alone. While it does, PyTorch hands it the calls and attributes of all
    modules of the process: those of other threads go on as if nothing were traced.

    Nothing is written into the module: fx's own tracer leaves attributes for constants there.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__(autowrap_modules=())
        self.steps: list[_Step] = []
        self._thread = threading.get_ident()
        # By identity: fx's own search compares each one with all.
        self._parameters = {id(p): name for name, p in module.named_parameters()}
        self._buffers = {id(b): name for name, b in module.named_buffers()}

    def proxy(self, node: Any) -> fx.Proxy:
        return _Proxy(node, self)

    def create_node(
        self, kind: str, target: Any, args: Any, kwargs: Any, name: Any = None, type_expr: Any = None
    ) -> Any:
        step = _Step(kind, target, args, kwargs, str(len(self.steps)))
        self.steps.append(step)
        return step

    def create_arg(self, a: Any) -> Any:
        if isinstance(a, fx.Proxy):
            return a.node
        if isinstance(a, (tuple, list)):
            return tuple(self.create_arg(item) for item in a)
        if isinstance(a, dict):
            return {key: self.create_arg(item) for key, item in a.items()}
        if isinstance(a, slice):
            return slice(*(self.create_arg(end) for end in (a.start, a.stop, a.step)))
        if isinstance(a, torch.Tensor):
            name = self._parameters.get(id(a)) or self._buffers.get(id(a))
            return self.create_node("get_attr", name or f"%constant {len(self.steps)}", (), {})
        if dataclasses.is_dataclass(a) and not isinstance(a, type):
            return tuple(self.create_arg(value) for value in vars(a).values())
        return a

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        if threading.get_ident() == self._thread:
            path = self.path_of_module(m)
            if self.is_leaf_module(m, path):
                return self.create_proxy("call_module", path, args, kwargs)
        return forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        name = self._parameters.get(id(attr_val))
        if threading.get_ident() != self._thread or name is None:
            return attr_val
        if name not in parameter_proxy_cache:
            parameter_proxy_cache[name] = self.create_proxy("get_attr", name, (), {})
        return parameter_proxy_cache[name]

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _is_conv1d(m) or super().is_leaf_module(m, module_qualified_name)


class _Traced:
    """A module's forward, traced."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self.numbers: dict[str, float] = {}
        self.values: dict[_Step, str] = {}
        nodes: list[Node] = []
        tracer = _Tracer(module)
        tracer.trace(module)
        for step in tracer.steps:
            is_own = step.op == "get_attr"
            self.values[step] = own_name(str(step.target)) if is_own else f"%{step.name}"
            if step.op not in ("placeholder", "get_attr", "output"):
                nodes.append(self.step(step))
            elif step.op == "output":
                nodes.append(_node("Output", self.inputs(step.inputs), "%output"))
        self.graph: Graph = {"nodes": nodes, "numbers": self.numbers}

    def step(self, node: _Step) -> Node:
        out = self.values[node]
        inputs = self.inputs(node.inputs)
        if node.op == "call_module":
            path = str(node.target)
            return _layer(self.module.get_submodule(path), own_name(path), inputs, out)
        name = str(node.target if node.op == "call_method" else _own_name(node.target))
        plain = name.rstrip("_").replace("_", "")
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
        if node.target is F.layer_norm:
            given = _arguments(node, "normalized_shape", "weight", "bias")
            return _node("LayerNormalization", self.inputs([given[0], *given[2:]]), out)
        return _node(f"torch.{name}", inputs, out)

    def inputs(self, given: Iterable[Any]) -> list[str]:
        return [self.value(value) for value in given]

    def value(self, value: Any) -> str:
        if isinstance(value, _Step):
            return self.values[value]
        if isinstance(value, (int, float)):
            name = f"%number {value}"
            self.numbers[name] = float(value)
            return name
        return ""


def _layer(layer: nn.Module, path: str, inputs: list[str], out: str) -> Node:
    """The node of a layer of torch.nn; of others, one that nobody knows."""

    def own(*names: str) -> list[str]:
        held = [getattr(layer, name, None) is not None for name in names]
        return [f"{path}.{name}" if there else "" for name, there in zip(names, held)]

    kind = type(layer).__name__.lower()
    if isinstance(layer, nn.modules.conv._ConvNd):
        op = "ConvTranspose" if layer.transposed else "Conv"
        return _node(op, inputs[:1] + own("weight", "bias"), out)
    if isinstance(layer, nn.Linear):
        return _node("Gemm", inputs[:1] + own("weight", "bias"), out, transB=1)
    if _is_conv1d(layer):
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


def _arguments(step: _Step, *names: str) -> list[Any]:
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
    return {"op": op, "inputs": inputs, "outputs": [out], "ints": ints}


def _is_conv1d(layer: nn.Module) -> bool:
    """Whether it is GPT-2's layer in transformers, which stores ``[in, out]``."""
    return type(layer).__name__ == "Conv1D" and hasattr(layer, "nf")


def _own_name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
