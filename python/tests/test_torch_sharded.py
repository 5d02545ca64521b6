"""Sharded tensors: every process fills its own part, and the parts are the whole."""

import os
import subprocess
import sys
import tempfile

import pytest

pytest.importorskip("torch.distributed.tensor")

INITIALIZERS = [
    ("normal", {"std": 0.02}),
    ("trunc_normal", {}),
    ("kaiming_uniform", {}),
    ("orthogonal", {}),
    ("sparse", {"sparsity": 0.3}),
    ("eye", {}),
    ("looks_linear", {}),
]


def run(world, *arguments):
    """Runs this file on several processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    command = [sys.executable, *launcher, __file__, *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-4000:]
    assert done.stdout.count("equal") == world


@pytest.mark.parametrize("world", [1, 3])
def test_parts_are_the_whole(world):
    run(world)


def test_parts_are_the_whole_and_what_four_save_two_load(tmp_path):
    run(4, "save", tmp_path / "checkpoint")
    run(2, "load", tmp_path / "checkpoint")


@pytest.mark.parametrize("rank", [0, 1023])
def test_a_rank_of_1024_touches_its_own_bytes_only(rank):
    command = [sys.executable, __file__, "alone", str(rank)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 0, done.stderr[-4000:]


def meshes(world):
    """The meshes of so many processes, and placements on each."""
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard
    from torch.distributed.tensor.placement_types import _StridedShard

    yield init_device_mesh("cpu", (world,)), [[Shard(0)], [Shard(1)], [Replicate()]]
    if world == 4:
        grid = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
        yield (
            grid,
            [
                [Shard(0), Shard(1)],
                [Shard(1), Shard(0)],
                [Shard(0), Shard(0)],
                [Replicate(), Shard(0)],
                [_StridedShard(0, split_factor=2), Shard(0)],
                [_StridedShard(0, split_factor=2), Replicate()],
                [Shard(1), Replicate()],
            ],
        )


def compare_tensors(world):
    import torch
    from torch.distributed.tensor import DTensor, distribute_tensor

    import semilla.torch.init as init

    for mesh, all_placements in meshes(world):
        for placements in all_placements:
            for shape in [(8, 12), (7, 5), (2, 3), (33, 64)]:
                for dtype in (torch.float32, torch.bfloat16):
                    for name, parameters in INITIALIZERS:
                        whole = torch.empty(shape, dtype=dtype)
                        init.fill_(whole, name, seed=3, name="w", **parameters)
                        empty = torch.zeros(shape, dtype=dtype)
                        parts = distribute_tensor(empty, mesh, placements, src_data_rank=None)
                        init.fill_(parts, name, seed=3, name="w", **parameters)
                        cut = distribute_tensor(whole, mesh, placements, src_data_rank=None)
                        here = (name, shape, placements, dtype)
                        assert torch.equal(parts.to_local(), cut.to_local()), here
            # Without a name: as long as the generators agree.
            torch.manual_seed(5)
            parts = distribute_tensor(torch.zeros(9, 6), mesh, placements, src_data_rank=None)
            init.xavier_uniform_(torch.nn.Parameter(parts))
            torch.manual_seed(5)
            whole = init.xavier_uniform_(torch.zeros(9, 6))
            cut = distribute_tensor(whole, mesh, placements, src_data_rank=None)
            assert isinstance(parts, DTensor) and torch.equal(parts.to_local(), cut.to_local())


def model():
    from torch import nn

    return nn.Sequential(nn.Linear(12, 22), nn.GELU(), nn.Linear(22, 10))


def sharded_model(world, **policy):
    """FSDP2, with tensor parallelism where there are four processes, from meta on."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )

    with torch.device("meta"):
        module = model()
    if world == 4:
        grid = init_device_mesh("cpu", (2, 2), mesh_dim_names=("dp", "tp"))
        styles = {"0": ColwiseParallel(), "2": RowwiseParallel()}
        parallelize_module(module, grid["tp"], styles)
        fully_shard(module, mesh=grid["dp"], **policy)
    else:
        fully_shard(module, mesh=init_device_mesh("cpu", (world,)), **policy)
    return module.to_empty(device="cpu")


def compare_modules(world):
    import torch
    from torch.distributed.fsdp import CPUOffloadPolicy

    import semilla.torch
    import semilla.torch.init as init

    def equal(module, whole):
        expected = dict(whole.named_parameters())
        for name, parameter in module.named_parameters():
            assert torch.equal(parameter.full_tensor(), expected[name]), name

    def fill(module):
        for name, parameter in module.named_parameters():
            kind = "orthogonal" if parameter.ndim > 1 else "normal"
            init.fill_(parameter, kind, seed=1, name=name)
        return module

    offload = {"offload_policy": CPUOffloadPolicy(pin_memory=False)}
    equal(fill(sharded_model(world)), fill(model()))
    equal(fill(sharded_model(world, **offload)), fill(model()))

    module, whole = sharded_model(world), model()
    for each in (module, whole):
        semilla.torch.init_(each, "auto", seed=2)
    equal(module, whole)

    with tempfile.TemporaryDirectory() as folder:
        checkpoint = f"{folder}/start.safetensors"
        semilla.torch.plan(model(), "auto", seed=9).write(checkpoint)
        for each in (module, whole):
            semilla.torch.load_(each, checkpoint)
        equal(module, whole)
        reads_own_slices_only(checkpoint)


def compare_models(world):
    """A model of transformers, sharded block by block: its forward is followed, and its library's code
    asked, without gathering anything."""
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    import semilla.torch

    try:
        import transformers
    except ImportError:
        return
    config = transformers.GPT2Config(n_layer=2, n_embd=16, n_head=2, vocab_size=31, n_positions=8)
    for recipe in ("auto", "transformers"):
        whole, module = transformers.GPT2LMHeadModel(config), transformers.GPT2LMHeadModel(config)
        mesh = init_device_mesh("cpu", (world,))
        for block in module.transformer.h:
            fully_shard(block, mesh=mesh)
        fully_shard(module, mesh=mesh)
        plans = [semilla.torch.init_(each, recipe, seed=3) for each in (module, whole)]
        assert plans[0].to_json() == plans[1].to_json()
        expected = dict(whole.named_parameters())
        for name, parameter in module.named_parameters():
            assert torch.equal(parameter.full_tensor(), expected[name]), name
        loss = module(torch.zeros(1, 4, dtype=torch.long)).logits.sum()
        loss.backward()


def reads_own_slices_only(checkpoint):
    """A NaN is no concern of a process that does not hold it; who does changes nothing."""
    import torch
    import torch.distributed as dist
    from safetensors.torch import load_file, save_file
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Shard

    import semilla.torch
    from torch import nn

    world, rank = dist.get_world_size(), dist.get_rank()
    broken = {"weight": load_file(checkpoint)["0.weight"][:20].clone()}
    broken["weight"][-1, -1] = float("nan")
    path = f"{checkpoint}.{rank}"
    save_file(broken, path)
    mesh = init_device_mesh("cpu", (world,))
    module = nn.Linear(12, 20, bias=False, device="meta")
    cut = torch.distributed.tensor.distribute_tensor(
        torch.zeros(20, 12), mesh, [Shard(0)], src_data_rank=None
    )
    assert isinstance(cut, DTensor)
    module.weight = nn.Parameter(cut)
    if rank == world - 1:
        with pytest.raises(ValueError, match="NaN or infinite values in weight"):
            semilla.torch.load_(module, path)
        assert not cut.to_local().any()
    else:
        semilla.torch.load_(module, path)
        own = torch.chunk(broken["weight"], world)[rank]
        assert torch.equal(cut.to_local(), own)


def save_checkpoint(world, folder):
    import torch.distributed.checkpoint as dcp

    import semilla.torch

    module = sharded_model(world)
    semilla.torch.init_(module, "auto", seed=4)
    dcp.save(module.state_dict(), checkpoint_id=folder)


def load_checkpoint(world, folder):
    import torch
    import torch.distributed.checkpoint as dcp

    import semilla.torch

    module, whole = sharded_model(world), model()
    state = module.state_dict()
    dcp.load(state, checkpoint_id=folder)
    semilla.torch.init_(whole, "auto", seed=4)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(state[name].full_tensor(), tensor), name


def refusals(world):
    import torch
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Partial

    import semilla.torch.init as init

    mesh = init_device_mesh("cpu", (world,))
    terms = DTensor.from_local(torch.zeros(4), mesh, [Partial()])
    with pytest.raises(ValueError, match="terms of a sum"):
        init.fill_(terms, "normal", seed=0)


def disagreements(world):
    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.distributed.device_mesh import DeviceMesh, init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    from semilla.torch.sharded import agree

    agree(sharded_model(world))
    mesh = init_device_mesh("cpu", (world,))

    def sharded(mesh, placement, rows=8):
        whole = torch.zeros(rows, 4)
        module = nn.Linear(4, rows, bias=False)
        part = distribute_tensor(whole, mesh, [placement], src_data_rank=None)
        module.weight = nn.Parameter(part)
        return module

    is_odd = dist.get_rank() == 1
    with pytest.raises(ValueError, match="ranks 0 and 1 disagree about weight.*Replicate"):
        agree(sharded(mesh, Replicate() if is_odd else Shard(0)))
    with pytest.raises(ValueError, match=r"ranks 0 and 1 disagree about weight.*\[9, 4\]"):
        agree(sharded(mesh, Shard(0), 9 if is_odd else 8))
    turned = DeviceMesh("cpu", list(range(world))[::-1] if is_odd else list(range(world)), _init_backend=False)
    with pytest.raises(ValueError, match="is in a mesh of ranks"):
        agree(sharded(turned, Shard(0)))


def alone(rank, width=8192, vocabulary=128256):
    """One rank of 1024 on PyTorch's fake process group: a layer of Llama-70B and its embedding, in
    the placements that FSDP2 and tensor parallelism give them."""
    import resource
    from collections import OrderedDict

    import torch
    import torch.distributed as dist
    from torch import nn
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard
    from torch.distributed.tensor.parallel import (
        ColwiseParallel,
        RowwiseParallel,
        parallelize_module,
    )
    from torch.testing._internal.distributed.fake_pg import FakeStore

    import semilla.torch

    dist.init_process_group("fake", rank=rank, world_size=1024, store=FakeStore())
    mesh = init_device_mesh("cpu", (128, 8), mesh_dim_names=("dp", "tp"))
    with torch.device("meta"):
        layers = {
            "tokens": nn.Embedding(vocabulary, width, dtype=torch.bfloat16),
            "up": nn.Linear(width, 28672, bias=False, dtype=torch.bfloat16),
            "down": nn.Linear(28672, width, bias=False, dtype=torch.bfloat16),
            "norm": nn.RMSNorm(width, dtype=torch.bfloat16),
        }
        module = nn.Sequential(OrderedDict(layers))
    plan = semilla.torch.plan(module, "auto", seed=1)
    styles = {"up": ColwiseParallel(), "down": RowwiseParallel(), "tokens": RowwiseParallel()}
    parallelize_module(module, mesh["tp"], styles)
    fully_shard(module, mesh=mesh["dp"]).to_empty(device="cpu")

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    whole = sum(parameter.numel() for parameter in module.parameters()) * 2
    own = sum(parameter.to_local().nbytes for parameter in module.parameters())
    assert own < whole / 1000, (own, whole)
    before = peak()
    semilla.torch.init_(module, "auto", seed=1)
    # Its own bytes, and what planning and the threads take: not the gigabytes of the whole.
    assert peak() - before < own + (64 << 20), peak() - before
    from semilla.torch.sharded import held

    for name, parameter in module.named_parameters():
        local, (_, ranges) = held(parameter)
        if local.numel():
            offset = [axis[0][0] for axis in ranges]
            size = [axis[0][1] for axis in ranges]
            assert list(local.shape) == size, name
            expected = torch.frombuffer(
                bytearray(plan.compiled.tensor(name, offset, size)), dtype=torch.bfloat16
            )
            assert torch.equal(local.flatten(), expected), name


def main():
    import torch.distributed as dist

    if sys.argv[1:2] == ["alone"]:
        alone(int(sys.argv[2]))
        return
    dist.init_process_group("gloo")
    world = dist.get_world_size()
    compare_tensors(world)
    compare_modules(world)
    refusals(world)
    if world == 3:
        compare_models(world)
    if world > 1:
        disagreements(world)
    match sys.argv[1:]:
        case ["save", folder]:
            save_checkpoint(world, folder)
        case ["load", folder]:
            load_checkpoint(world, folder)
    print("equal", flush=True)
    dist.barrier()
    dist.destroy_process_group()
    # Threads that PyTorch still has abort an interpreter that ends, now and then.
    os._exit(0)


if __name__ == "__main__":
    main()
