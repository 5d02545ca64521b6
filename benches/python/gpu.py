#!/usr/bin/env python3
"""How fast first weights are made on a CUDA device: Semilla's bits, PyTorch's own, and Semilla's
made on the processor and copied. Ratios of one run; times are of the whole call, after a warm-up.

    PYTHONPATH=python python benches/python/gpu.py [MILLIONS OF ELEMENTS]
"""

import sys
import time

import torch

import semilla.torch.init as init

LAWS = {
    "uniform": (lambda i, w: i.uniform_(w, -0.1, 0.1)),
    "normal": (lambda i, w: i.normal_(w, 0.0, 0.02)),
    "trunc_normal": (lambda i, w: i.trunc_normal_(w, 0.0, 0.02, -0.04, 0.04)),
}
DTYPES = [torch.float32, torch.bfloat16, torch.float64]


def seconds(call, repeats: int = 7) -> float:
    call()
    times = []
    for _ in range(repeats):
        torch.cuda.synchronize()
        start = time.perf_counter()
        call()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def copied(fill, weight: torch.Tensor) -> None:
    """The way without kernels."""
    host = torch.empty_like(weight, device="cpu")
    fill(init, host)
    weight.copy_(host)


def main() -> None:
    elements = int(float(sys.argv[1] if len(sys.argv) > 1 else 256) * 2**20)
    print(torch.cuda.get_device_name(), f"{elements / 2**20:.0f} Mi elements")
    print("law dtype | GB/s | times PyTorch's speed | times host fill and copy")
    for (name, fill), dtype in ((law, dtype) for law in LAWS.items() for dtype in DTYPES):
        weight = torch.empty(elements, dtype=dtype, device="cuda")
        ours = seconds(lambda: fill(init, weight))
        theirs = seconds(lambda: fill(torch.nn.init, weight))
        host = seconds(lambda: copied(fill, weight), 1)
        speed = weight.nbytes / ours / 1e9
        kind = str(dtype).removeprefix("torch.")
        print(f"{name} {kind} | {speed:.0f} | {theirs / ours:.2f} | {host / ours:.1f}")
    small = torch.empty(10, device="cuda")
    ours = seconds(lambda: LAWS["normal"](init, small), 101)
    theirs = seconds(lambda: LAWS["normal"](torch.nn.init, small), 101)
    print(f"ten elements: {theirs / ours:.2f} times PyTorch's speed")


if __name__ == "__main__":
    main()
