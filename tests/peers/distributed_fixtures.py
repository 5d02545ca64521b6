"""Makes checkpoints that four processes save together, and what they are as a whole:
`PYTHON tests/peers/distributed_fixtures.py`, with torch and safetensors."""

import shutil
import sys
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors.torch import save_file
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import Replicate, Shard, distribute_tensor

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/distributed"
PROCESSES = 4


def network():
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3), nn.BatchNorm1d(3))


def spread():
    """Tensors as processes in rows of two have them: rows and columns, columns only, all of it."""
    mesh = init_device_mesh("cpu", (2, 2))
    torch.manual_seed(4)
    whole = {"grid": torch.randn(5, 3).bfloat16(), "columns": torch.randn(3, 2, 5), "same": torch.arange(4),
             "strided": torch.randn(6, 5).t()}
    placements = {"grid": (Shard(0), Shard(1)), "columns": (Replicate(), Shard(2)), "same": (Replicate(), Replicate()),
                  "strided": (Shard(0), Replicate())}
    return {name: distribute_tensor(tensor, mesh, placements[name]) for name, tensor in whole.items()}


def full(state):
    plain = {name: tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor for name, tensor in state.items()}
    return {name: tensor.detach().clone(memory_format=torch.contiguous_format) for name, tensor in plain.items()}


def process(rank, folder, meeting, kind):
    """One of the processes: trains a step, and saves."""
    dist.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=PROCESSES)
    if kind == "spread":
        state = saved = spread()
    else:
        model = network()
        for part in (model[0], model):
            fully_shard(part, mesh=init_device_mesh("cpu", (PROCESSES,)))
        optimizer = torch.optim.AdamW(model.parameters())
        model(torch.randn(4, 5)).sum().backward()
        optimizer.step()
        state = model.state_dict()
        saved = {"model": state, "epoch": 3}
        if kind == "trainer":
            saved["optimizer"] = optimizer.state_dict()
    dcp.save(saved, checkpoint_id=folder)
    whole = full(state)
    if rank == 1:
        torch.save(dict(state), f"{folder}.rank1.pt")
    if rank == 0:
        prefix = "" if kind == "spread" else "model."
        save_file({prefix + name: tensor for name, tensor in whole.items()}, f"{folder}.safetensors")
    dist.destroy_process_group()


def make(folder, kind):
    """Writes `folder`, beside it what one process saved of its own, and the whole in safetensors."""
    with tempfile.TemporaryDirectory() as meeting:
        torch.multiprocessing.spawn(process, (str(folder), f"{meeting}/at", kind), nprocs=PROCESSES)


if __name__ == "__main__":
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    for kind in ["model", "spread"]:
        make(ROOT / kind, kind)
    sys.exit(0)
