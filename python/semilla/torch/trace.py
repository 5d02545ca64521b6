"""The calls that a module's forward makes, traced on stand-ins for its inputs.

The stand-ins are ``torch.fx``'s, so that whatever knows those works; what they record here is less,
and takes a fraction of the time.
"""

from __future__ import annotations

import contextlib
import dis
import inspect
import sys
import threading
import types
from collections.abc import Callable, Iterator
from functools import lru_cache
from inspect import Parameter
from typing import Any

import torch
from torch import fx, nn
from torch.fx import _symbolic_trace as own_trace
from torch.overrides import is_tensor_method_or_property

from semilla.torch.layers import Layers
from semilla.torch.steps import ONE_AT_A_TIME, Step, Steps, declared, inner, is_leaf
from semilla.torch.untouched import Copies, followed

__all__ = ["traced"]


def traced(module: nn.Module, layers: Layers) -> list[Step]:
    """The steps of a module's forward.

    Raises
    ------
    Exception
        The module's own code runs on the stand-ins, and may raise anything.
    """
    with ONE_AT_A_TIME:
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
        self._steps = Steps(layers)
        self._layers = layers
        self._of_parameters: dict[str, fx.Proxy] = {}

    def run(self, module: nn.Module) -> list[Step]:
        """The steps of a forward."""
        self.root = module
        args, kwargs = [], {}
        for parameter in _inputs(module):
            proxy = self.create_proxy("placeholder", parameter.name, (), {})
            if parameter.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL):
                args.append(proxy)
            else:
                kwargs[parameter.name] = proxy
        with self._tracing():
            result = module.forward(*args, **kwargs)
        self.create_proxy("output", "output", (result,), {})
        return self._steps.all

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
        return _Proxy(self._steps.add(kind, target, args, kwargs), self)

    def _call(self) -> Callable[..., Any]:
        """What calls modules while this thread traces."""
        theirs, thread, paths = nn.Module._call_impl, threading.get_ident(), self._layers.paths

        def call(layer: nn.Module, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:
                return theirs(layer, *args, **kwargs)
            if not is_leaf(layer):
                # Hooks stay out: those of shards would gather them from all processes.
                return inner(layer).forward(*args, **kwargs)
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
        following = followed(self._layers, self._call(), self._attribute)
        with _flagged(), own_trace._new_patcher() as patcher, following, Copies(self._layers):
            own_trace._patch_wrapped_functions(patcher)
            yield


def _inputs(module: nn.Module) -> list[Parameter]:
    """What a forward must be given; if nothing, what the model says that it reads, or the first."""
    parameters = inspect.signature(module.forward).parameters
    optional = [p for p in parameters.values() if p.default is not Parameter.empty]
    given = [p for p in parameters.values() if p.kind is not Parameter.VAR_KEYWORD and p not in optional]
    needed = [p for p in given if p.kind is not Parameter.VAR_POSITIONAL]
    if needed or not optional:
        return needed or given
    return [parameters[name] for name in declared(module) if name in parameters] or optional[:1]


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
