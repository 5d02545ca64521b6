"""The weights of a module on disk, without the module ever having them."""

from __future__ import annotations

from os import PathLike
from typing import Any

from torch import nn

from semilla.torch.modules import Plan, plan

__all__ = ["save"]


def save(
    module: nn.Module,
    path: str | PathLike[str],
    recipe: str | None = None,
    seed: int = 0,
    *,
    format: str = "safetensors",
    max_shard_size: str | None = None,
    **options: Any,
) -> Plan:
    """Writes a module's first weights, in constant memory: the module may be on the meta device.

    Parameters
    ----------
    module
        Any module; its tensors are neither read nor changed.
    path
        A ``.safetensors`` file (with ``max_shard_size``, the first name of several, with an index),
        or the folder of a distributed checkpoint.
    recipe, seed, **options
        As for :func:`semilla.torch.plan`.
    format
        ``"safetensors"``, or ``"dcp"`` for ``torch.distributed.checkpoint``, which any number of
        processes load, sharded in any way.
    max_shard_size
        Splits safetensors into files of at most this size, such as ``"5GB"``.

    Returns
    -------
    Plan
        What was written, and why.

    Raises
    ------
    ValueError
        An unknown format, a folder that does not exist, or whatever :func:`semilla.torch.plan`
        refuses.
    OSError
        The files cannot be written; then there are none.

    Examples
    --------
    >>> import torch, tempfile
    >>> with torch.device("meta"):
    ...     model = torch.nn.Linear(4, 3)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     made = save(model, f"{folder}/model.safetensors", seed=0)
    """
    made = plan(module, recipe, seed, **options)
    if format == "safetensors":
        made.write(path, max_shard_size=max_shard_size)
    elif format == "dcp":
        from semilla.torch import dcp

        dcp.write(made._plan, path)
    else:
        raise ValueError(f"unknown format {format!r}; use 'safetensors' or 'dcp'")
    return made
