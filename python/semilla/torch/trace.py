"""The calls that a module's forward makes, traced on stand-ins for its inputs.

The stand-ins are ``torch.fx``'s, so that whatever knows those works; what they record here is less,
and takes a fraction of the time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import dis
import sys
import threading
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import torch
from torch import fx, nn
from torch.fx import _symbolic_trace as own_trace
from torch.overrides import is_tensor_method_or_property

from semilla.torch.layers import WRAPPERS, Layers
from semilla.torch.untouched import changed, untouched

__all__ = ["Step", "traced"]

#: Two tracers would restore each other's changes of PyTorch.
_ONE_AT_A_TIME = threading.Lock()
#: Kinds of values that are taken as they are, without a look inside.
_ATOMS = {int, float, bool, str, type(None), torch.dtype, torch.device, type(...)}


class Step:
    """A call, or an attribute that was asked for."""

    __slots__ = ("args", "inputs", "kwargs", "meta", "name", "op", "target")

    def __init__(self, op: str, target: Any, name: str) -> None:
        #: ``placeholder``, ``call_module``, ``call_function``, ``call_method``, ``get_attr`` or
        #: ``output``.
        self.op = op
        #: The module, the function, or a name.
        self.target = target
        self.name = name
        self.args: tuple[Any, ...] = ()
        self.kwargs: dict[str, Any] = {}
        self.meta: dict[str, Any] = {}  # fx writes into it
        #: The steps that are taken, each once, in order.
        self.inputs: dict[Step, None] = {}


def traced(module: nn.Module, layers: Layers) -> list[Step]:
    """The steps of a module's forward.

    Raises
    ------
    Exception
        The module's own code runs on the stand-ins, and may raise anything.
    """
    with _ONE_AT_A_TIME:
        return _Tracer(layers).run(module)


class _Unpacked:
    """Is unpacked as fx's stand-ins are, without reading the whole function that does it each
    time."""

    def __iter__(self: Any) -> Iterator[fx.Proxy]:
        frame = sys._getframe(1)
        count = _unpacked(frame.f_code, frame.f_lasti)
        if count is None:
            return iter(self.tracer.iter(self))
        return (self[place] for place in range(count))

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> fx.Proxy:
        kwargs = kwargs or {}
        tracer = _tracer_in((args, kwargs))
        if isinstance(function, torch._C.ScriptMethod):
            made = tracer.create_proxy(
                "call_method", function.name, (function.owner, *args), kwargs
            )
        elif is_tensor_method_or_property(function):
            made = tracer.create_proxy("call_method", function.__name__, args, kwargs)
        else:
            made = tracer.create_proxy("call_function", function, args, kwargs)
        return made


class _Proxy(_Unpacked, fx.Proxy):
    """Stands in for a value."""

    def __init__(self, node: Any, tracer: Any) -> None:
        self.node, self.tracer = node, tracer

    def __getattr__(self, name: str) -> fx.proxy.Attribute:
        return _Attribute(self, name)


class _Attribute(_Unpacked, fx.proxy.Attribute):
    """Stands in for a value's attribute, such as its shape."""


def _tracer_in(value: Any) -> _Tracer:
    """The tracer of the first stand-in in there; PyTorch calls nobody without one."""
    found = _first_tracer(value)
    if found is None:
        raise RuntimeError("no traced value in the call")
    return found


def _first_tracer(value: Any) -> _Tracer | None:
    if isinstance(value, _Unpacked):
        own: _Tracer = value.tracer  # type: ignore[attr-defined]
        return own
    if isinstance(value, dict):
        value = value.values()
    elif not isinstance(value, (tuple, list)):
        return None
    return next((own for own in map(_first_tracer, value) if own is not None), None)


@lru_cache(maxsize=1024)
def _unpacked(code: types.CodeType, at: int) -> int | None:
    """How many values the instruction at this place unpacks, if it does."""
    for instruction in dis.get_instructions(code):
        if instruction.offset == at and instruction.opname == "UNPACK_SEQUENCE":
            return int(instruction.argval)
    return None


class _Tracer(fx.Tracer):
    """Traces in its own thread alone. While it does, PyTorch hands it the calls and attributes of all
    modules of the process: those of other threads go on as if nothing were traced.

    Nothing that is written into the module stays: fx's own tracer leaves attributes for constants there,
    and the module's code counts batches.
    """

    def __init__(self, layers: Layers) -> None:
        super().__init__(autowrap_modules=())
        self.steps: list[Step] = []
        self._layers = layers
        self._of_parameters: dict[str, fx.Proxy] = {}

    def run(self, module: nn.Module) -> list[Step]:
        """The steps of a forward."""
        self.root = module
        forward, args = self.create_args_for_root(type(module).forward, True)
        with self._tracing():
            result = forward(*args)
        self.create_proxy("output", "output", (result,), {})
        return self.steps

    def create_proxy(
        self,
        kind: str,
        target: Any,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        name: Any = None,
        type_expr: Any = None,
        proxy_factory_fn: Any = None,
    ) -> fx.Proxy:
        step = Step(kind, target, "")
        step.args = self._lowered(args, step.inputs)
        if kwargs:
            step.kwargs = self._lowered(kwargs, step.inputs)
        # Behind the steps of its attributes.
        step.name = str(len(self.steps))
        self.steps.append(step)
        return _Proxy(step, self)

    def _lowered(self, value: Any, inputs: dict[Step, None]) -> Any:
        """What is recorded of an argument; the steps in it are noted."""
        kind = type(value)
        if kind in _ATOMS:
            return value
        if kind is _Proxy:
            inputs[value.node] = None
            return value.node
        if isinstance(value, fx.Proxy):
            inputs[value.node] = None
            return value.node
        if isinstance(value, (tuple, list)):
            return tuple([self._lowered(item, inputs) for item in value])
        if isinstance(value, dict):
            return {key: self._lowered(item, inputs) for key, item in value.items()}
        if isinstance(value, slice):
            ends = (value.start, value.stop, value.step)
            return slice(*(self._lowered(end, inputs) for end in ends))
        if isinstance(value, torch.Tensor):
            name = self._layers.tensors.get(id(value))
            step = Step("get_attr", name or f"%constant {len(self.steps)}", str(len(self.steps)))
            self.steps.append(step)
            inputs[step] = None
            return step
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return tuple([self._lowered(item, inputs) for item in vars(value).values()])
        return value

    def _call(self) -> Callable[..., Any]:
        """What calls modules while this thread traces."""
        theirs, thread, paths = nn.Module._call_impl, threading.get_ident(), self._layers.paths

        def call(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return theirs(layer, *args, **kwargs)
            if not _is_leaf(layer):
                return theirs(_inner(layer), *args, **kwargs)
            if id(layer) not in paths:
                raise NameError(f"a {type(layer).__name__} that is no part of the module")
            return self.create_proxy("call_module", layer, args, kwargs)

        return call

    def _attribute(self, theirs: Callable[..., Any]) -> Callable[..., Any]:
        """What hands out a kind of modules' attributes while this thread traces."""
        thread, names = threading.get_ident(), self._layers.parameters

        def attribute(layer: nn.Module, name: str) -> Any:
            value = theirs(layer, name)
            known = names.get(id(value))
            if known is None or threading.get_ident() != thread:
                return value
            proxy = self._of_parameters.get(known)
            if proxy is None:
                proxy = self.create_proxy("get_attr", known, (), {})
                self._of_parameters[known] = proxy
            return proxy

        return attribute

    @contextlib.contextmanager
    def _tracing(self) -> Iterator[None]:
        """While this is entered, fx's tracing is on, and modules are called and read by this
        tracer."""
        layers = [layer for _, layer in self._layers.all]
        # Few kinds hold parameters, and to change them takes less than to change all modules.
        kinds = list(dict.fromkeys(type(layer) for layer in layers if layer._parameters))
        readers = [self._attribute(kind.__getattr__) for kind in kinds]
        # What is compiled in place is called past the other.
        is_compiled = any(layer.__dict__.get("_compiled_call_impl") for layer in layers)
        with _flagged(), own_trace._new_patcher() as patcher, contextlib.ExitStack() as changes:
            changes.enter_context(untouched(self._layers))
            changes.enter_context(changed(nn.Module, "_call_impl", self._call()))
            if is_compiled:
                changes.enter_context(changed(nn.Module, "__call__", nn.Module._call_impl))
            for kind, reader in zip(kinds, readers):
                changes.enter_context(changed(kind, "__getattr__", reader))
            own_trace._patch_wrapped_functions(patcher)
            yield


def _inner(layer: nn.Module) -> nn.Module:
    """The module that a wrapper runs in its own way."""
    for name in WRAPPERS:
        inner = layer._modules.get(name)
        if inner is not None:
            return inner
    return layer


@contextlib.contextmanager
def _flagged() -> Iterator[None]:
    """With the flag that PyTorch's own code asks for."""
    set_flag = getattr(own_trace, "_set_is_fx_tracing", None)
    if set_flag is None:  # older versions have a variable
        was, own_trace._is_fx_tracing_flag = own_trace._is_fx_tracing_flag, True
        try:
            yield
        finally:
            own_trace._is_fx_tracing_flag = was
    else:
        was = own_trace._get_is_fx_tracing()
        set_flag(True)
        try:
            yield
        finally:
            set_flag(was)


def _is_leaf(layer: nn.Module) -> bool:
    """Whether a module is one step: a layer of PyTorch's own."""
    kind = type(layer)
    if kind.__module__.startswith(("torch.nn", "torch.ao.nn")):
        return not isinstance(layer, nn.Sequential)
    return is_conv1d(layer)


def is_conv1d(layer: nn.Module) -> bool:
    """Whether it is GPT-2's layer in transformers, which stores ``[in, out]``."""
    return type(layer).__name__ == "Conv1D" and hasattr(layer, "nf")
