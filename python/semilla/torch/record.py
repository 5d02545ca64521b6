"""What a live module does on a batch: which value is made of which, and, of the values that matter,
what they are and what gradients come back.

A module is run twice. The first run shows the way that signals take; Semilla says which of them are
its layers and which the main path. The second keeps those, and runs backward from standard normal
numbers at the output.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree

from semilla import _semilla
from semilla.torch import facts, graph, memory
from semilla.torch.layers import Layers

__all__ = ["Inputs", "Recording", "arguments", "record", "tensors_in"]

#: A tensor; positional arguments; or keyword arguments.
Inputs = Tensor | Sequence[Any] | Mapping[str, Any]

# Sums of products with a weight: these are layers.
_PRODUCTS = {
    "linear", "bilinear", "conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d",
    "conv_transpose3d", "matmul", "mm", "bmm", "mv", "addmm", "addbmm", "baddbmm", "addmv",
    "einsum", "tensordot", "inner", "rmatmul", "lstm", "gru", "rnn_tanh", "rnn_relu",
    "lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell", "multi_head_attention_forward",
}  # fmt: skip
_LOOKUPS = {"embedding", "embedding_bag", "index_select"}
# They take a tensor for its shape only.
_LIKE = {
    "zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "new_zeros",
    "new_ones", "new_empty", "new_full", "new_tensor", "size", "dim",
}  # fmt: skip
_SUMS = {"add", "iadd", "radd"}


class Recording(NamedTuple):
    """What a run showed."""

    #: The way that signals took.
    run: _semilla.Run
    #: What Semilla measured.
    measured: _semilla.Measured
    #: Samples in the batch.
    samples: int


def record(module: nn.Module, inputs: Inputs, seed: int = 0) -> Recording:
    """Runs a module forward and backward, and measures it. The module stays as it was.

    It runs as in evaluation, without dropout, but normalizations over the batch take the batch's
    own statistics, as in training.

    Raises
    ------
    ValueError
        A module on the meta device; one without layers, or whose output has no gradient; one that
        does something else each time.
    """
    module = facts.unwrapped(module)
    names = _names(module)
    with _steady(module):
        first = _followed(module, inputs, names, set())
        layers = first.layers()
        if not layers:
            raise ValueError("no layer was seen: nothing multiplies a signal by a weight")
        run, steps = first.run(), first.steps
        places = [layer.step for layer in layers]
        path = [(value, layers[place].weight) for value, place in run.path(places, first.output)]
        # It holds all that it made: before the next run it goes.
        del first
        wanted = {layer.output for layer in layers} | {value for value, _ in path}
        wanted |= {layer.activated for layer in layers if layer.activated}
        second = _followed(module, inputs, names, wanted)
        if second.steps != steps:
            raise ValueError("the module does something else each time it runs")
        weights = {name: tensor for tensor, name in names.values()}
        gradients = _backward(second, [weights[layer.weight] for layer in layers], seed)
        second.gradients.update(zip((layer.weight for layer in layers), gradients))
    arrays, kept = _Arrays(), second.kept
    measured = _semilla.Measured(
        [
            arrays.of(
                layer.weight,
                kept.get(layer.output),
                kept.get(layer.activated or ""),
                second.gradients.get(layer.output),
                second.gradients.get(layer.weight),
            )
            for layer in layers
        ],
        [
            arrays.of(weight, kept.get(value), None, second.gradients.get(value), None)
            for value, weight in path
        ],
    )
    return Recording(run, measured, second.samples)


class _Layer(NamedTuple):
    weight: str
    step: int
    output: str
    activated: str | None


class _Follower(TorchFunctionMode):
    """Follows every call of PyTorch on the values of a run, by names that count up."""

    def __init__(self, names: dict[int, tuple[Tensor, str]], wanted: Set[str]) -> None:
        super().__init__()
        self.steps: list[tuple[str, list[str], list[str]]] = []
        self.inputs: list[str] = []
        self.signals: set[str] = set()
        self.gradients: dict[str, Tensor | None] = {}
        self.kept: dict[str, Tensor] = {}
        self.output = ""
        self.result: Tensor | None = None
        self.samples = 1
        self._wanted = wanted
        self._names = {number: name for number, (_, name) in names.items()}
        self._shapes = {name: tensor for tensor, name in names.values()}
        # The weights that a value is made of, and nothing else.
        self._weights = {name: [name] for _, name in names.values()}
        # While a tensor lives, no other has its number.
        self._alive: list[Tensor] = []

    def enter(self, tensor: Tensor) -> None:
        """Names an input."""
        name = self._named(tensor)
        self.inputs.append(name)
        if tensor.is_floating_point():
            self.signals.add(name)

    def leave(self, result: Any) -> None:
        """Finds the output: the first that is numbers."""
        for tensor in tensors_in(result):
            if tensor.is_floating_point() and tensor.dim() > 0 and id(tensor) in self._names:
                self.output, self.result = self._names[id(tensor)], tensor
                self.samples = tensor.shape[0]
                return
        raise ValueError("the module's output is no tensor of floating-point numbers")

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        taken = [self._names.get(id(tensor), "") for tensor in tensors_in((args, kwargs))]
        result = func(*args, **kwargs)
        name = _plain(func)
        changed = args[0] if name == "setitem" else result
        made = tensors_in(changed)
        if any(taken) and made and name not in _LIKE:
            self._step(name, [value for value in taken if value], made)
        return result

    def _step(self, name: str, taken: list[str], tensors: list[Tensor]) -> None:
        is_signal = any(value in self.signals for value in taken) or name in _LOOKUPS
        weights = [] if is_signal else [w for value in taken for w in self._weights.get(value, [])]
        made = []
        for tensor in tensors:
            value = self._named(tensor)
            made.append(value)
            if is_signal and tensor.is_floating_point():
                self.signals.add(value)
            elif weights:
                self._weights[value] = weights
            if value in self._wanted:
                self._keep(value, tensor)
        self.steps.append((name, taken, made))

    def _named(self, tensor: Tensor) -> str:
        self._alive.append(tensor)
        name = f"%{len(self._alive)}"
        self._names[id(tensor)] = name
        return name

    def _keep(self, value: str, tensor: Tensor) -> None:
        # At once: what follows may change the tensor in place.
        self.kept[value] = _copied(tensor)
        if tensor.requires_grad:
            came_back: Any = tensor.register_hook
            came_back(lambda gradient: self.gradients.update({value: _copied(gradient)}))

    def run(self) -> _semilla.Run:
        """The run, as Semilla takes it."""
        used = {value for _, taken, _ in self.steps for value in taken}
        weights = [(n, list(t.shape)) for n, t in self._shapes.items() if n in used]
        steps = [(_OPERATORS.get(name, name), taken, made) for name, taken, made in self.steps]
        return _semilla.Run(self.inputs, weights, steps, self.signals, self.output)

    def layers(self) -> list[_Layer]:
        """The layers in the order in which they ran; of a weight that is used several times the last
        use."""
        takers: dict[str, list[int]] = {}
        for place, (_, taken, _) in enumerate(self.steps):
            for value in dict.fromkeys(taken):
                takers.setdefault(value, []).append(place)

        def follower(value: str) -> int | None:
            found = takers.get(value, [])
            return found[0] if len(found) == 1 else None

        found: dict[str, _Layer] = {}
        for place, (name, taken, made) in enumerate(self.steps):
            weight = self._weight(name, taken) if name in _PRODUCTS else None
            if weight is None or made[0] not in self.signals:
                continue
            step, output = place, made[0]
            after = follower(output)
            if after is not None and self._adds_bias(after):
                step, output = after, self.steps[after][2][0]
                after = follower(output)
            activated = None
            if after is not None and self.steps[after][0].replace("_", "") in graph.ACTIVATIONS:
                activated = self.steps[after][2][0]
            found.pop(weight, None)
            found[weight] = _Layer(weight, step, output, activated)
        return list(found.values())

    def _weight(self, name: str, taken: Sequence[str]) -> str | None:
        """The weight of a layer: the largest matrix; of attention, the one that its output comes
        from."""
        weights = [weight for value in taken for weight in self._weights.get(value, [])]
        matrices = [weight for weight in weights if self._shapes[weight].dim() > 1]
        if not any(value in self.signals for value in taken) or not matrices:
            return None
        if name == "multi_head_attention_forward":
            return matrices[-1]
        return max(matrices, key=lambda weight: self._shapes[weight].numel())

    def _adds_bias(self, place: int) -> bool:
        name, taken, _ = self.steps[place]
        return name in _SUMS and sum(value in self._weights for value in taken) == 1


# The names that drawings know.
_OPERATORS = {
    "relu": "Relu", "gelu": "Gelu", "silu": "Silu", "tanh": "Tanh", "sigmoid": "Sigmoid",
    "softmax": "Softmax", "layer_norm": "LayerNormalization", "batch_norm": "BatchNormalization",
    "group_norm": "GroupNormalization", "rms_norm": "RMSNormalization", "add": "Add",
    "iadd": "Add", "mul": "Mul", "imul": "Mul", "cat": "Concat", "max_pool2d": "MaxPool",
    "avg_pool2d": "AveragePool", "adaptive_avg_pool2d": "GlobalAveragePool", "flatten": "Flatten",
    "reshape": "Reshape", "view": "Reshape", "linear": "Gemm", "matmul": "MatMul",
    "conv1d": "Conv", "conv2d": "Conv", "conv3d": "Conv", "transpose": "Transpose",
}  # fmt: skip


class _Arrays:
    """Tensors on their way to the compiled part, held as long as this lives."""

    def __init__(self) -> None:
        self._held: list[Tensor] = []

    def of(self, name: str, *tensors: Tensor | None) -> tuple[Any, ...]:
        return (name, *(None if each is None else self._destination(each) for each in tensors))

    def _destination(self, tensor: Tensor) -> memory.Destination:
        self._held.append(tensor)
        return memory.destination(tensor)


def _names(module: nn.Module) -> dict[int, tuple[Tensor, str]]:
    """The module's tensors by their identity, under the first of their names."""
    found: dict[int, tuple[Tensor, str]] = {}
    for name, _, tensor, _, _ in Layers(module).named():
        if not memory.has_values(tensor):
            raise ValueError(f"{name} is on the meta device; materialize the module first")
        found.setdefault(id(tensor), (tensor, name))
    return found


def _followed(
    module: nn.Module,
    inputs: Inputs,
    names: dict[int, tuple[Tensor, str]],
    wanted: Set[str],
) -> _Follower:
    args, kwargs = arguments(inputs)
    follower = _Follower(names, wanted)
    for tensor in tensors_in((args, kwargs)):
        follower.enter(tensor)
    devices = {tensor.device for tensor, _ in names.values() if tensor.is_cuda}
    # Both runs draw the same numbers, and nobody else misses them.
    with torch.random.fork_rng(devices=devices), torch.enable_grad(), follower:
        result = module(*args, **kwargs)
    follower.leave(result)
    return follower


def _backward(run: _Follower, weights: list[Tensor], seed: int) -> list[Tensor | None]:
    """The gradients of weights, from standard normal numbers at the output: those of the command."""
    result = run.result
    if result is None or not result.requires_grad:
        raise ValueError(
            "the module's output has no gradient: it runs under no_grad, or detaches its values"
        )
    noise = torch.empty(result.shape, dtype=torch.float32)
    key = _semilla.key(seed, "the gradient of the output")
    memory.fill(noise, _semilla.Initializer("normal", mean=0.0, std=1.0), key)
    trained = [weight for weight in weights if weight.requires_grad]
    found = torch.autograd.grad([result], trained, [noise.to(result)], allow_unused=True)
    by_id = {id(weight): gradient for weight, gradient in zip(trained, found)}
    gradients = [by_id.get(id(weight)) for weight in weights]
    return [None if gradient is None else _copied(gradient) for gradient in gradients]


def arguments(inputs: Inputs) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional and keyword arguments of a forward."""
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    if isinstance(inputs, Mapping):
        return (), dict(inputs)
    if not isinstance(inputs, Sequence) or isinstance(inputs, str):
        kind = type(inputs).__name__
        raise TypeError(f"inputs are a tensor, a tuple of arguments or a mapping, not {kind}")
    return tuple(inputs), {}


def tensors_in(tree: Any) -> list[Tensor]:
    """The tensors within arguments or results, in order."""
    leaves = _pytree.tree_leaves(tree)
    found = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    for leaf in leaves:
        # What PyTorch does not know as a tree, such as the outputs of other libraries.
        if isinstance(leaf, Mapping):
            found += tensors_in(dict(leaf))
    return found


def _plain(func: Callable[..., Any]) -> str:
    """A function's name without what tells methods and in-place forms apart."""
    return getattr(func, "__name__", type(func).__name__).strip("_")


def _copied(tensor: Tensor) -> Tensor:
    return tensor.detach().to("cpu", torch.float32, copy=True).contiguous()


@contextlib.contextmanager
def _steady(module: nn.Module) -> Iterator[None]:
    """The module without dropout and with gradients of all its parameters; afterwards as it was."""
    modes = [(layer, layer.training) for layer in module.modules()]
    trained = [(parameter, parameter.requires_grad) for parameter in module.parameters()]
    kind = nn.modules.batchnorm._NormBase
    norms = [layer for layer in module.modules() if isinstance(layer, kind)]
    counted = [(b, b.clone()) for layer in norms for b in layer.buffers(recurse=False)]
    stance = getattr(torch.compiler, "set_stance", None)
    try:
        module.eval()
        for norm in norms:
            norm.training = True
        for parameter, _ in trained:
            if parameter.is_floating_point():
                parameter.requires_grad_(True)
        with stance("force_eager") if stance else contextlib.nullcontext():
            yield
    finally:
        for layer, was in modes:
            layer.training = was
        for parameter, was in trained:
            parameter.requires_grad_(was)
        with torch.no_grad():
            for buffer, before in counted:
                buffer.copy_(before)
