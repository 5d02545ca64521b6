"""What theory expects of a live module: it needs the module's graph, which an export to ONNX gives."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from semilla import _semilla
from semilla.torch import facts, memory
from semilla.torch.record import Inputs, arguments, tensors_in

__all__ = ["expected", "unasked"]


def unasked() -> _semilla.Theory:
    """Nothing, as nobody asked for it."""
    return _semilla.Theory.none(
        "its calls were followed one by one, which shows no graph; theory=True exports one"
    )


def expected(module: nn.Module, inputs: Inputs) -> _semilla.Theory:
    """What theory expects of a module with the weights that it has; where no graph is to be had,
    nothing, and why."""
    try:
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "module.onnx")
            _export(facts.unwrapped(module), inputs, path)
            values = [_plain(tensor) for tensor in tensors_in(arguments(inputs))]
            return _semilla.Theory.of_export(path, [memory.destination(each) for each in values])
    # The exporter runs the module's own code, and fails in as many ways as there are modules.
    except Exception as error:
        cause = error
        while cause.__cause__ is not None and isinstance(cause.__cause__, Exception):
            cause = cause.__cause__
        text = f"{type(cause).__name__}: {cause}".splitlines()[0]
        return _semilla.Theory.none(f"its export to ONNX gave no graph: {text}")


def _export(module: nn.Module, inputs: Inputs, path: str) -> None:
    args, kwargs = arguments(inputs)
    with _quiet(), _evaluated(module):
        # Unoptimized: folded constants have names that nobody knows.
        torch.onnx.export(
            module, args, path, kwargs=kwargs, dynamo=True, optimize=False, verbose=False
        )


@contextlib.contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    modes = [(layer, layer.training) for layer in module.modules()]
    try:
        module.eval()
        yield
    finally:
        for layer, was in modes:
            layer.training = was


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what the exporter prints, warns of and logs."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with contextlib.ExitStack() as muted:
            muted.enter_context(warnings.catch_warnings())
            muted.enter_context(contextlib.redirect_stdout(io.StringIO()))
            muted.enter_context(contextlib.redirect_stderr(io.StringIO()))
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def _plain(tensor: Tensor) -> Tensor:
    dtype = torch.float32 if tensor.is_floating_point() else torch.int64
    return tensor.detach().to("cpu", dtype).contiguous()
