"""Which elements of a sharded tensor (``DTensor``) this process holds.

Every process fills its own part: no process waits for another, and the parts together are the
tensor that one process alone would make.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_tensor

__all__ = ["held"]


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
