"""A distributed checkpoint (``torch.distributed.checkpoint``) whose values are made as it is written.

One process writes it, without ever holding more than a piece of one tensor. Any number of processes
load it, sharded in any way.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from os import PathLike
from typing import Any

import torch
from torch import Tensor
from torch.distributed.checkpoint import FileSystemWriter, save
from torch.distributed.checkpoint.default_planner import DefaultSavePlanner
from torch.distributed.checkpoint.metadata import (
    ChunkStorageMetadata,
    MetadataIndex,
    TensorProperties,
)
from torch.distributed.checkpoint.planner import (
    SavePlan,
    TensorWriteData,
    WriteItem,
    WriteItemType,
)

from semilla.torch.memory import destination, dtype_named
from semilla.torch.modules import Plan

__all__ = ["write"]

#: The bytes of a tensor that are made and written at a time.
_PIECE = 64 << 20


def write(plan: Plan, folder: str | PathLike[str]) -> None:
    """Writes a module's first weights to a distributed checkpoint; the module may be on meta.

    Parameters
    ----------
    plan
        What :func:`semilla.torch.plan` returns.
    folder
        Where the checkpoint goes.

    Raises
    ------
    CheckpointException
        The folder cannot be written. A folder without ``.metadata`` is no checkpoint: that file
        comes last.

    Examples
    --------
    >>> import tempfile, semilla.torch
    >>> with torch.device("meta"):
    ...     model = torch.nn.Linear(4, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write(semilla.torch.plan(model, seed=0), folder)
    """
    state = {
        line.name: torch.empty(line.shape, dtype=dtype_named(line.dtype), device="meta")
        for line in plan.lines
    }
    writer = FileSystemWriter(folder)
    save(state, storage_writer=writer, planner=_Planner(plan), no_dist=True)


class _Planner(DefaultSavePlanner):
    """Lists pieces of tensors that are not there, and makes each when it is asked for."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        self._weights = plan._plan
        self._places = {name: place for place, name in enumerate(plan.names)}

    def create_local_plan(self) -> SavePlan:
        items = [item for name, tensor in self.state_dict.items() for item in _pieces(name, tensor)]
        self.plan = SavePlan(items, planner_data=self.mappings)
        return self.plan

    def resolve_data(self, write_item: WriteItem) -> Tensor:
        data = write_item.tensor_data
        assert data is not None  # every item is a tensor's
        made = torch.empty(data.chunk.sizes, dtype=data.properties.dtype)
        ranges = [[extent] for extent in zip(data.chunk.offsets, data.chunk.sizes)]
        place = self._places[write_item.index.fqn]
        self._weights.fill([(place, destination(made, (data.size, ranges)))])
        return made


def _pieces(name: str, tensor: Tensor) -> Iterator[WriteItem]:
    """A tensor in pieces of some of its rows."""
    properties = TensorProperties.create_from_tensor(tensor)
    for start, rows in _rows(tensor):
        offsets = torch.Size([start, *[0] * (tensor.ndim - 1)][: tensor.ndim])
        sizes = torch.Size([rows, *tensor.shape[1:]][: tensor.ndim])
        chunk = ChunkStorageMetadata(offsets=offsets, sizes=sizes)
        yield WriteItem(
            index=MetadataIndex(name, offsets),
            type=WriteItemType.SHARD,
            tensor_data=TensorWriteData(chunk=chunk, properties=properties, size=tensor.size()),
        )


def _rows(tensor: Tensor) -> Iterator[tuple[int, int]]:
    if tensor.ndim == 0 or tensor.numel() == 0:
        yield 0, tensor.shape[0] if tensor.ndim else 1
        return
    row = math.prod(tensor.shape[1:]) * tensor.element_size()
    most = max(1, _PIECE // row)
    for start in range(0, tensor.shape[0], most):
        yield start, min(most, tensor.shape[0] - start)
