"""First factors of adapters (LoRA) in a live model of peft."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from semilla import _semilla
from semilla.torch import memory

__all__ = ["AdaptedMatrix", "lora_"]

# Starts of peft that change the base, so that its weights are no longer those to adapt.
_CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
# Starts of which the residual takes the base's place.
_HAS_RESIDUAL = ("pissa", "olora")
_PREFIX = "base_model.model."


class AdaptedMatrix(NamedTuple):
    """What was done to one matrix; norms are Frobenius's."""

    #: The weight's name in the base.
    tensor: str
    #: The module that it belongs to.
    module: str
    #: Output and input features.
    shape: tuple[int, int]
    #: Its element type.
    dtype: str
    #: The rank of the adapter.
    rank: int
    #: The norm of the weight.
    norm: float
    #: The squared norm of s B A, in units of the weight's.
    share: float
    #: The norm of W - s B A, where that takes the weight's place.
    residual: float | None


class _Adapter(NamedTuple):
    """An adapter in its layer."""

    module: str
    layer: Any
    weight: Tensor
    a: nn.Linear
    b: nn.Linear
    rank: int
    alpha: float
    rslora: bool
    is_turned: bool


def lora_(
    model: nn.Module, init: str = "true", seed: int = 0, *, adapter: str = "default"
) -> list[AdaptedMatrix]:
    """Makes the first factors of a peft model's LoRA adapter, in place.

    They are those that ``semilla lora`` writes for the same base, rank, alpha and seed, bit for
    bit. For ``"pissa"`` and ``"olora"`` the residual W - s B A takes the place of the base's
    weight, so that the model computes what it did.

    Parameters
    ----------
    model
        What ``peft.get_peft_model`` or ``peft.inject_adapter_in_model`` made, with
        ``init_lora_weights=True``. Adapters of linear layers and of GPT-2's ``Conv1D``.
    init
        ``"true"`` (peft's own, B is zero), ``"gaussian"``, ``"orthogonal"``, ``"pissa"``,
        ``"olora"`` or ``"mica"``, which also freezes B as peft does.
    seed
        The seed of whatever is random.
    adapter
        The name of the adapter.

    Raises
    ------
    ValueError
        No adapter of this name; one that is merged, that has been trained, or whose start has
        changed the base already; a rank that does not fit; a weight with NaN. All matrices are
        looked at before the first is written.
    TypeError
        A base in a quantized type.

    Examples
    --------
    >>> from torch import nn
    >>> from peft import LoraConfig, get_peft_model
    >>> import semilla.torch
    >>> base = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 4))
    >>> model = get_peft_model(base, LoraConfig(r=2, target_modules=["0"]))
    >>> [matrix.module for matrix in semilla.torch.lora_(model, "pissa")]
    ['0']
    """
    found = list(_adapters(model, adapter))
    if not found:
        raise ValueError(
            f"no linear layer has a LoRA adapter {adapter!r}; make one with peft.get_peft_model"
        )
    shared = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for each in found:
        _check(each, init, model, adapter)
        if init in _HAS_RESIDUAL and shared[id(each.weight)] > 1:
            raise ValueError(
                f"{each.module}.weight is tied to another name; untie it before it is adapted"
            )
    return [_adapt(each, init, seed) for each in found]


def _adapters(model: nn.Module, name: str) -> Iterator[_Adapter]:
    for path, layer in model.named_modules():
        if name in getattr(layer, "lora_embedding_A", {}):
            raise ValueError(
                f"{path} is a table of embeddings, and these adapters are for linear layers; "
                "leave it out of target_modules"
            )
        if name not in getattr(layer, "lora_A", {}) or not hasattr(layer, "get_base_layer"):
            continue
        base = layer.get_base_layer()
        yield _Adapter(
            module=path.removeprefix(_PREFIX),
            layer=layer,
            weight=base.weight,
            a=layer.lora_A[name],
            b=layer.lora_B[name],
            rank=layer.r[name],
            alpha=layer.lora_alpha[name],
            rslora=getattr(layer, "use_rslora", {}).get(name, False),
            is_turned=bool(getattr(layer, "fan_in_fan_out", False)),
        )


def _check(each: _Adapter, init: str, model: nn.Module, adapter: str) -> None:
    """Refuses what could not be finished, or would lose something."""
    name = each.module
    if each.weight.dim() != 2:
        raise ValueError(
            f"{name}.weight has shape {list(each.weight.shape)}; only matrices can be adapted: "
            "leave it out of target_modules"
        )
    dtype = each.weight.dtype
    if dtype not in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        raise TypeError(
            f"{name}.weight is stored as {dtype}; adapters need weights in float64, float32, "
            "float16 or bfloat16"
        )
    for tensor in (each.weight, each.a.weight, each.b.weight):
        if not memory.has_values(tensor) or memory.is_sharded(tensor):
            raise ValueError(f"{name} is on the meta device or sharded; adapt the model before")
    if getattr(each.layer, "merged", False):
        raise ValueError(f"the adapter of {name} is merged into its base; unmerge it first")
    config = getattr(model, "peft_config", {}).get(adapter)
    start = str(getattr(config, "init_lora_weights", "")).lower()
    if start.startswith(_CHANGES_BASE):
        raise ValueError(
            f"the adapter was made with init_lora_weights={start!r}, which has changed the base; "
            "make it with init_lora_weights=True"
        )
    if each.a.weight.any() and each.b.weight.any():
        raise ValueError(
            f"the adapter of {name} is not at its start: its product is not zero; make it with "
            "init_lora_weights=True, and initialize it once"
        )
    smaller = min(each.weight.shape)
    if each.rank > smaller:
        raise ValueError(f"rank {each.rank} of {name} does not fit; choose at most {smaller}")
    if init == "orthogonal" and each.rank % 2:
        raise ValueError(f"orthogonal factors need an even rank, not {each.rank} ({name})")
    if not torch.isfinite(each.weight).all():
        raise ValueError(f"{name}.weight has NaN or infinite elements; factors need finite ones")


def _adapt(each: _Adapter, init: str, seed: int) -> AdaptedMatrix:
    weight = each.weight.detach().to("cpu").contiguous()
    a, b = (
        torch.empty(layer.weight.shape, dtype=torch.float32, device="cpu")
        for layer in (each.a, each.b)
    )
    if weight.data_ptr() == each.weight.data_ptr():
        weight = weight.clone()
    report = json.loads(
        _semilla.adapt(
            *(memory.destination(tensor) for tensor in (weight, a, b)),
            tensor=f"{each.module}.weight",
            module=each.module,
            init=init,
            rank=each.rank,
            alpha=float(each.alpha),
            rslora=each.rslora,
            is_turned=each.is_turned,
            seed=seed,
        )
    )
    with torch.no_grad():
        each.a.weight.copy_(a)
        each.b.weight.copy_(b)
        if report["residual"] is not None:
            each.weight.copy_(weight)
    if init == "mica":
        each.b.weight.requires_grad_(False)
    return AdaptedMatrix(**report | {"shape": tuple(report["shape"])})
