"""One Python peer as a worker process: `worker.py PEER THREADS` reads one job per line
(`KIND DTYPE ELEMENTS`) and answers each with one line: the seconds it took, or `null` where the
peer has no such operation. `src/main.rs` speaks the same protocol for the Rust peers."""

import json
import math
import sys
import time


def numpy_jobs(threads):
    import ml_dtypes
    import numpy as np

    rng = np.random.default_rng(0)
    buffers = {}

    def buffer(n):
        if n not in buffers:
            buffers.clear()
            buffers[n] = np.ones(n, np.float32)
        return buffers[n]

    def orthogonal(n):
        side = math.isqrt(n)
        q, r = np.linalg.qr(rng.standard_normal((side, side), np.float32))
        q *= np.sign(np.diag(r))
        return q

    def normal_bf16(n):
        return rng.standard_normal(out=buffer(n), dtype=np.float32).astype(ml_dtypes.bfloat16)

    return {
        ("fill", "f32"): lambda n: buffer(n).fill(0.02),
        ("normal", "f32"): lambda n: rng.standard_normal(out=buffer(n), dtype=np.float32),
        ("uniform", "f32"): lambda n: rng.random(out=buffer(n), dtype=np.float32),
        ("normal", "bf16"): normal_bf16,
        ("orthogonal", "f32"): orthogonal,
    }


def torch_jobs(threads):
    import torch
    from torch.nn import init

    torch.set_num_threads(threads)
    buffers = {}

    def buffer(n, dtype=torch.float32):
        if (n, dtype) not in buffers:
            buffers.clear()
            buffers[n, dtype] = torch.ones(n, dtype=dtype)
        return buffers[n, dtype]

    def orthogonal(n):
        side = math.isqrt(n)
        return init.orthogonal_(buffer(n).view(side, side))

    return {
        ("fill", "f32"): lambda n: init.constant_(buffer(n), 0.02),
        ("normal", "f32"): lambda n: init.normal_(buffer(n)),
        ("uniform", "f32"): lambda n: init.uniform_(buffer(n)),
        ("truncated", "f32"): lambda n: init.trunc_normal_(buffer(n)),
        ("truncated-wide", "f32"): lambda n: init.trunc_normal_(buffer(n), std=0.02),
        ("normal", "bf16"): lambda n: init.normal_(buffer(n, torch.bfloat16)),
        ("orthogonal", "f32"): orthogonal,
    }


def jax_jobs(threads):
    import functools

    import jax
    import jax.numpy as jnp

    key = jax.random.key(0)

    def jitted(draw):
        compiled = jax.jit(draw, static_argnums=1)
        return lambda n: compiled(key, n).block_until_ready()

    def orthogonal(key, n):
        side = math.isqrt(n)
        return jax.nn.initializers.orthogonal()(key, (side, side))

    normal_bf16 = functools.partial(jax.random.normal, dtype=jnp.bfloat16)
    return {
        ("fill", "f32"): jitted(lambda _, n: jnp.full(n, 0.02)),
        ("normal", "f32"): jitted(lambda key, n: jax.random.normal(key, n)),
        ("uniform", "f32"): jitted(lambda key, n: jax.random.uniform(key, n)),
        ("truncated", "f32"): jitted(lambda key, n: jax.random.truncated_normal(key, -2, 2, n)),
        ("normal", "bf16"): jitted(lambda key, n: normal_bf16(key, n)),
        ("orthogonal", "f32"): jitted(orthogonal),
    }


PEERS = {"numpy": numpy_jobs, "torch": torch_jobs, "jax": jax_jobs}


def serve(jobs):
    for line in sys.stdin:
        kind, dtype, elements = line.split()
        job = jobs.get((kind, dtype))
        seconds = None
        if job:
            start = time.perf_counter()
            result = job(int(elements))
            seconds = time.perf_counter() - start
            del result
        print(json.dumps(seconds), flush=True)


if __name__ == "__main__":
    peer, threads = sys.argv[1:]
    serve(PEERS[peer](int(threads)))
