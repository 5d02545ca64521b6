"""Which elements of a sharded tensor (``DTensor``) this process holds.

Every process fills its own part: no process waits for another, and the parts together are the
tensor that one process alone would make.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

from semilla.torch import facts
from semilla.torch.layers import Layers

__all__ = ["agree", "held"]


def agree(module: nn.Module) -> None:
    """Asks all processes whether they see the same model: names, shapes, types, placements, meshes.

    Filling needs no communication, and so notices no process that was set up differently. This sends
    one small message each, and raises the same error on all of them.

    Raises
    ------
    ValueError
        Processes that disagree, and about what.
    """
    seen = _seen(module)
    text = {name: what for name, (what, _) in seen.items()}
    meshes = {mesh for _, mesh in seen.values() if mesh is not None}
    digest = hashlib.sha256(repr(list(text.items())).encode()).hexdigest()
    answers = _gathered((digest, meshes))
    if len({digest for digest, _ in answers}) > 1:
        _raise_difference(_gathered(text))
    for rank, (_, meshes) in enumerate(answers):
        for mesh in meshes:
            for other in mesh[1]:
                if mesh not in answers[other][1]:
                    ranks = list(mesh[1])
                    raise ValueError(
                        f"rank {rank} is in a mesh of ranks {ranks}, which rank {other} is not"
                    )


def _seen(module: nn.Module) -> dict[str, tuple[str, Any]]:
    """What this process sees of each tensor in words, and its mesh: shape and ranks."""
    seen: dict[str, tuple[str, Any]] = {}
    for name, _, tensor, _, _ in Layers(facts.unwrapped(module)).named():
        text, mesh = f"{tensor.dtype} {list(tensor.shape)}", None
        if isinstance(tensor, DTensor):
            ranks = tensor.device_mesh.mesh
            mesh = (tuple(ranks.shape), tuple(ranks.flatten().tolist()))
            text += f" as {tensor.placements} on {list(mesh[0])} ranks"
        seen[name] = (text, mesh)
    return seen


def _gathered(own: Any) -> list[Any]:
    answers: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(answers, own)
    return answers


def _raise_difference(everyone: list[dict[str, str]]) -> None:
    first = everyone[0]
    for rank, other in enumerate(everyone):
        for name in [*first, *other]:
            here, there = (seen.get(name, "nothing") for seen in (first, other))
            if here != there:
                raise ValueError(f"ranks 0 and {rank} disagree about {name}: {here}, {there}")
    raise ValueError("ranks list the model's tensors in different orders")


def held(tensor: DTensor) -> tuple[Tensor, Any]:
    """The local tensor, and the part of the whole that it is: ``(whole shape, ranges)``.

    The ranges are a list per axis of ``(start, length)``. Communicates nothing.

    Raises
    ------
    ValueError
        A placement that holds no elements of the tensor (``Partial``: terms of a sum).
    """
    mesh, placements = tensor.device_mesh, tensor.placements
    for placement in placements:
        if placement.is_partial():
            raise ValueError(
                f"a tensor placed as {placements} is held as terms of a sum; redistribute it to "
                "Shard or Replicate first"
            )
    local = tensor.to_local()
    ranges = [
        _ranges(size, mesh, tuple(_along(placement, axis) for placement in placements))
        for axis, size in enumerate(tensor.shape)
    ]
    return local, (tensor.shape, ranges)


def _along(placement: Any, axis: int) -> Any:
    """A placement as the indices of one axis see it."""
    if getattr(placement, "dim", None) != axis:
        return Replicate()
    if isinstance(placement, Shard):
        return Shard(0)
    return type(placement)(0, split_factor=placement.split_factor)


@lru_cache(maxsize=4096)
def _ranges(size: int, mesh: Any, placements: tuple[Any, ...]) -> list[tuple[int, int]]:
    """The indices of an axis that this process holds, found by sharding the indices themselves."""
    if all(placement.is_replicate() for placement in placements):
        return [(0, size)]
    indices = torch.arange(size)
    # Without a source rank nothing is sent: each process cuts its own copy.
    indices = distribute_tensor(indices, mesh, placements, src_data_rank=None).to_local().cpu()
    if indices.numel() == 0:
        return []
    starts = torch.nonzero(indices.diff() != 1).flatten().add(1).tolist()
    bounds = [0, *starts, indices.numel()]
    return [(int(indices[a]), b - a) for a, b in zip(bounds, bounds[1:])]
