"""Some ranks of 1024, each of which fills its part of a 70B model: time, memory, what it touched.

One process at a time takes the place of a rank, on PyTorch's fake process group: a mesh of 128 x 8
(FSDP over rows, tensor parallelism over columns), Llama-70B's shapes in bf16, on the CPU.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

WIDTH, HIDDEN, KEYS, WORDS, LAYERS = 8192, 28672, 1024, 128256, 80


def shapes():
    """Names and shapes, and whether tensor parallelism cuts columns (1), rows (0) or nothing."""
    yield "model.embed_tokens.weight", (WORDS, WIDTH), 0
    for layer in range(LAYERS):
        start = f"model.layers.{layer}."
        yield start + "self_attn.q_proj.weight", (WIDTH, WIDTH), 0
        yield start + "self_attn.k_proj.weight", (KEYS, WIDTH), 0
        yield start + "self_attn.v_proj.weight", (KEYS, WIDTH), 0
        yield start + "self_attn.o_proj.weight", (WIDTH, WIDTH), 1
        yield start + "mlp.gate_proj.weight", (HIDDEN, WIDTH), 0
        yield start + "mlp.up_proj.weight", (HIDDEN, WIDTH), 0
        yield start + "mlp.down_proj.weight", (WIDTH, HIDDEN), 1
        yield start + "input_layernorm.weight", (WIDTH,), None
        yield start + "post_attention_layernorm.weight", (WIDTH,), None
    yield "model.norm.weight", (WIDTH,), None
    yield "lm_head.weight", (WORDS, WIDTH), 0


def fill(rank, world):
    import torch
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import DTensor, Replicate, Shard
    from torch.distributed.tensor.placement_types import _StridedShard
    from torch.testing._internal.distributed.fake_pg import FakeStore

    import semilla.torch.init as init

    dist.init_process_group("fake", rank=rank, world_size=world, store=FakeStore())
    mesh = init_device_mesh("cpu", (world // 8, 8), mesh_dim_names=("dp", "tp"))
    parts = []
    for name, shape, cut in shapes():
        if cut is None:
            placements = [Shard(0), Replicate()]
        elif cut == 0:
            placements = [_StridedShard(0, split_factor=8), Shard(0)]
        else:
            placements = [Shard(0), Shard(1)]
        meta = torch.empty(shape, dtype=torch.bfloat16, device="meta")
        sizes = torch.distributed.tensor.distribute_tensor(
            meta, mesh, placements, src_data_rank=None
        ).to_local()
        local = torch.empty(sizes.shape, dtype=torch.bfloat16)
        strides = meta.stride()
        whole = DTensor.from_local(
            local, mesh, placements, run_check=False, shape=meta.shape, stride=strides
        )
        parts.append((name, whole))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    for name, part in parts:
        kind = "ones" if part.ndim == 1 else "normal"
        given = {} if part.ndim == 1 else {"std": 0.02}
        init.fill_(part, kind, seed=0, name=name, **given)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = sum(part.to_local().nbytes for _, part in parts)
    whole = sum(part.numel() * 2 for _, part in parts)
    print(json.dumps([held, whole, seconds, (after - before) * 1024]))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--world", type=int, default=1024)
    parser.add_argument("--ranks", type=int, nargs="*", default=[0, 517, 1023])
    parser.add_argument("--rank", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rank is not None:
        fill(given.rank, given.world)
        return
    print("rank   its part   of the whole   seconds   memory grown while filling")
    for rank in given.ranks:
        command = [sys.executable, __file__, f"--world={given.world}", f"--rank={rank}"]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        held, whole, seconds, grown = json.loads(done.stdout)
        print(
            f"{rank:4}   {held / 1e6:5.1f} MB   1/{whole / held:<10.1f}   {seconds:7.2f}   "
            f"{grown / 1e6:.1f} MB"
        )


if __name__ == "__main__":
    main()
