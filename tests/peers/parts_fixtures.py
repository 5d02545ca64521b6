"""Makes the files of weights in parts that the readers' tests read, each with a safetensors file of the weights that the
library itself makes of them: `PYTHON tests/peers/parts_fixtures.py`, with torch, transformers, compressed-tensors and
bitsandbytes. Formats whose library needs a GPU or does not install are packed and decoded here by its published formula."""

import json
from pathlib import Path

import bitsandbytes.functional as bnb
import torch
from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
from safetensors.torch import save
from torch import nn
from torch.nn.utils import prune
from transformers.integrations.finegrained_fp8 import Fp8Dequantize
from transformers.integrations.metal_quantization import _affine_dequantize_tensor, _affine_quantize_tensor
from transformers.integrations.mxfp4 import convert_moe_packed_tensors

ROOT = Path(__file__).resolve().parents[2] / "crates/semilla-checkpoint/tests/fixtures/parts"


def write(name, parts, weights, config=None):
    """The parts as a file, and the weights that they are."""
    folder = ROOT / name if config else ROOT
    folder.mkdir(parents=True, exist_ok=True)
    stem = "model" if config else name
    clean = lambda tensors: {key: tensor.detach().clone().contiguous() for key, tensor in tensors.items()}
    (folder / f"{stem}.safetensors").write_bytes(save(clean(parts)))
    (folder / f"{stem}.expected.safetensors").write_bytes(save(clean(weights)))
    if config:
        (folder / "config.json").write_text(json.dumps(config) + "\n")


def normal(*shape, std=0.05):
    return torch.randn(*shape) * std


def weight_norm():
    """Old and new weight norm along the first axis, another, and all; a transposed convolution; spectral norm; pruning."""
    parts, weights = {}, {}

    def add(name, module):
        parts.update({f"{name}.{key}": value for key, value in module.state_dict().items()})
        module.eval()
        if hasattr(module, "weight_g") or hasattr(module, "weight_u") or hasattr(module, "weight_mask"):
            for hook in module._forward_pre_hooks.values():
                hook(module, None)
        weights[f"{name}.weight"] = module.weight

    def trained(module):
        with torch.no_grad():
            for key, parameter in module.named_parameters():
                if key.endswith(("weight_g", "original0")):
                    parameter.mul_(torch.rand_like(parameter) + 0.5)
        return module

    old, new = nn.utils.weight_norm, nn.utils.parametrizations.weight_norm
    add("old", trained(old(nn.Conv1d(3, 5, 4, bias=False))))
    add("old_dim1", trained(old(nn.Conv1d(3, 5, 4, bias=False), dim=1)))
    add("old_all", trained(old(nn.Linear(6, 4, bias=False), dim=None)))
    add("half", trained(old(nn.Linear(6, 4, bias=False))).to(torch.bfloat16))
    add("new", trained(new(nn.Linear(6, 4, bias=False))))
    add("spectral", nn.utils.spectral_norm(nn.Conv2d(3, 5, 2, bias=False)))
    add("spectral_transposed", nn.utils.spectral_norm(nn.ConvTranspose2d(4, 4, 2, bias=False)))
    module = nn.utils.parametrizations.spectral_norm(nn.Linear(6, 4, bias=False))
    add("spectral_new", module.eval())
    add("pruned", prune.l1_unstructured(nn.Linear(6, 4, bias=False), "weight", 0.5))
    write("normalized", parts, weights)


def fp8_blocks():
    """DeepSeek's: blocks of 128, the last ones smaller; exponents as scales."""
    one = Fp8Dequantize(None)._dequantize_one
    parts, weights = {}, {}
    for name, shape, kind in [("even", (256, 16), torch.float32), ("half", (8, 256), torch.bfloat16),
                              ("ue8m0", (128, 8), torch.float8_e8m0fnu)]:
        weight = (torch.randn(shape) * 100).to(torch.float8_e4m3fn)
        scale = (torch.rand(-(-shape[0] // 128), -(-shape[1] // 128)) * 1e-3).to(kind)
        parts |= {f"{name}.weight": weight, f"{name}.weight_scale_inv": scale}
        weights[f"{name}.weight"] = one(weight, scale)
    # Ragged, by the formula of DeepSeek-V3's weight_dequant kernel.
    weight, scale = (torch.randn(130, 8) * 100).to(torch.float8_e4m3fn), torch.rand(2, 1) * 1e-3
    full = scale.repeat_interleave(128, 0).repeat_interleave(128, 1)[:130, :8]
    parts |= {"ragged.weight": weight, "ragged.weight_scale_inv": scale}
    weights["ragged.weight"] = weight.float() * full
    # Packed four-bit floats with exponents for groups of 32.
    weight, scale = torch.randint(-128, 128, (4, 32), dtype=torch.int8), torch.randint(118, 124, (4, 2), dtype=torch.uint8)
    parts |= {"four.weight": weight, "four.weight_scale_inv": scale}
    weights["four.weight"] = one(weight, scale)
    write("fp8_blocks", parts, weights)


def modelopt():
    """TensorRT Model Optimizer: NVFP4 with a scale of scales; FP8 with one scale."""
    table = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    table = torch.cat([table, -table])
    codes = torch.randint(0, 16, (6, 64))
    scale, second = (torch.rand(6, 4) * 400).to(torch.float8_e4m3fn), torch.tensor(3.1e-5)
    whole = table[codes] * (scale.float() * second).repeat_interleave(16, 1)
    packed = (codes[:, 1::2] << 4 | codes[:, ::2]).to(torch.uint8)
    one = (torch.randn(5, 6) * 100).to(torch.float8_e4m3fn)
    parts = {"four.weight": packed, "four.weight_scale": scale, "four.weight_scale_2": second,
             "four.input_scale": torch.tensor(0.1), "one.weight": one, "one.weight_scale": torch.tensor(0.01),
             "one.input_scale": torch.tensor(0.1), "one.bias": torch.ones(5)}
    write("modelopt", parts, {"four.weight": whole.to(torch.bfloat16), "one.weight": one.float() * torch.tensor(0.01),
                              "one.bias": torch.ones(5)})


def gpt_oss():
    blocks, scales = torch.randint(0, 256, (3, 6, 2, 16), dtype=torch.uint8), torch.randint(0, 132, (3, 6, 2), dtype=torch.uint8)
    write("gpt_oss", {"experts.gate_up_proj_blocks": blocks, "experts.gate_up_proj_scales": scales},
          {"experts.gate_up_proj": convert_moe_packed_tensors(blocks, scales)})


def bitsandbytes():
    parts, weights = {}, {}
    for name, kind, nested, dtype, shape in [
        ("nf4", "nf4", False, torch.float16, (16, 36)), ("nested", "nf4", True, torch.bfloat16, (66, 256)),
        ("fp4", "fp4", False, torch.float32, (8, 40)),
    ]:
        weight = normal(*shape).to(dtype)
        packed, state = bnb.quantize_4bit(weight, quant_type=kind, compress_statistics=nested)
        parts[f"{name}.weight"] = packed
        parts |= {f"{name}.weight.{key}": value for key, value in state.as_dict(packed=True).items()}
        weights[f"{name}.weight"] = bnb.dequantize_4bit(packed, state)
    rows, scales, _ = bnb.int8_vectorwise_quant(normal(6, 40).half())
    parts |= {"int8.weight": rows, "int8.SCB": scales, "int8.weight_format": torch.tensor(0, dtype=torch.uint8)}
    weights["int8.weight"] = bnb.int8_vectorwise_dequant(rows, scales)
    write("bitsandbytes", parts, weights)


def bits_of(codes, bits, axis):
    """Integers in words of 32 bits along an axis, the lowest first, across words."""
    codes = codes.movedim(axis, -1).to(torch.int64)
    words = torch.zeros(*codes.shape[:-1], -(-codes.shape[-1] * bits // 32), dtype=torch.int64)
    for i in range(codes.shape[-1]):
        word, shift = divmod(i * bits, 32)
        words[..., word] |= codes[..., i] << shift & 0xFFFFFFFF
        if shift + bits > 32:
            words[..., word + 1] |= codes[..., i] >> (32 - shift)
    words = torch.where(words >= 1 << 31, words - (1 << 32), words)
    return words.to(torch.int32).movedim(-1, axis).contiguous()


def gptq():
    """AutoGPTQ's first format (zeros less one): (code - zero) · scale, groups by order or by g_idx (qlinear_cuda.py)."""
    parts, weights = {}, {}
    for name, bits, inputs, outputs, size, order in [
        ("four", 4, 64, 40, 32, "linear"), ("acts", 4, 64, 40, 16, "acts"), ("three", 3, 64, 32, 32, "linear"),
        ("eight", 8, 64, 36, 64, "none"),
    ]:
        groups = inputs // size
        codes = torch.randint(0, 1 << bits, (inputs, outputs))
        zeros = torch.randint(1, 1 << bits, (groups, outputs))
        scales = (torch.rand(groups, outputs) * 0.01).half()
        index = torch.arange(inputs, dtype=torch.int32) // size
        if order == "acts":
            index = index[torch.randperm(inputs)]
        parts |= {f"{name}.qweight": bits_of(codes, bits, 0), f"{name}.scales": scales,
                  f"{name}.qzeros": bits_of((zeros - 1) % (1 << bits), bits, 1)}
        if order != "none":
            parts[f"{name}.g_idx"] = index
        whole = scales[index.long()] * (codes - zeros[index.long()]).half()
        weights[f"{name}.weight"] = whole.t()
    write("gptq", parts, weights)
    codes, scales = torch.randint(0, 16, (64, 8)), (torch.rand(2, 8) * 0.01).half()
    zeros = torch.randint(0, 16, (2, 8))
    parts = {"m.qweight": bits_of(codes, 4, 0), "m.scales": scales, "m.qzeros": bits_of(zeros, 4, 1)}
    whole = scales.repeat_interleave(32, 0) * (codes - zeros.repeat_interleave(32, 0)).half()
    config = {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 32, "checkpoint_format": "gptq_v2"}}
    write("gptq_v2", parts, {"m.weight": whole.t()}, config)


def awq():
    """AutoAWQ (gemm): eight outputs in a word, dealt out as 0, 2, 4, 6, 1, 3, 5, 7 (packing_utils.py)."""
    dealt = torch.tensor([0, 2, 4, 6, 1, 3, 5, 7])
    deal = lambda codes: bits_of(codes.reshape(codes.shape[0], -1, 8)[..., dealt].reshape(codes.shape), 4, 1)
    codes, zeros = torch.randint(0, 16, (64, 48)), torch.randint(0, 16, (2, 48))
    scales = (torch.rand(2, 48) * 0.01).half()
    whole = (codes - zeros.repeat_interleave(32, 0)).half() * scales.repeat_interleave(32, 0)
    write("awq", {"m.qweight": deal(codes), "m.qzeros": deal(zeros), "m.scales": scales}, {"m.weight": whole.t()})


def mlx():
    parts, weights = {}, {}
    for name, bits, size, dtype in [("four", 4, 64, torch.float16), ("eight", 8, 64, torch.bfloat16)]:
        packed, scales, biases = _affine_quantize_tensor(normal(6, 128), size, bits)
        scales, biases = scales.to(dtype), biases.to(dtype)
        parts |= {f"{name}.weight": packed, f"{name}.scales": scales, f"{name}.biases": biases}
        weights[f"{name}.weight"] = _affine_dequantize_tensor(packed, scales, biases, size, bits).to(dtype)
    write("mlx", parts, weights)


def scheme(**arguments):
    return QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**arguments))


def compressed_tensors():
    parts, weights = {}, {}

    def add(name, compressor, of, state):
        packed = compressor.compress({key: value.clone() for key, value in state.items()}, of)
        parts.update({f"{name}.{key}": value for key, value in packed.items()})
        weights[f"{name}.weight"] = compressor.decompress(dict(packed), of)["weight"]

    for name, bits, dtype, symmetric in [("four", 4, torch.bfloat16, True), ("zeros", 4, torch.float16, False),
                                         ("eight", 8, torch.float32, True), ("three", 3, torch.float32, False)]:
        of = scheme(num_bits=bits, type="int", strategy="group", group_size=32, symmetric=symmetric)
        state = {"weight": normal(24, 64).to(dtype), "weight_scale": (torch.rand(24, 2) * 0.01 + 0.01).to(dtype)}
        if not symmetric:
            state["weight_zero_point"] = torch.randint(-(1 << bits - 1), 1 << bits - 1, (24, 2), dtype=torch.int8)
        add(name, PackedQuantizationCompressor, of, state)
    of = scheme(num_bits=4, type="int", strategy="channel", symmetric=True)
    add("rows", PackedQuantizationCompressor, of, {"weight": normal(6, 40), "weight_scale": torch.rand(6, 1) * 0.01 + 0.01})
    of = scheme(num_bits=8, type="float", strategy="channel", symmetric=True)
    add("fp8", NaiveQuantizationCompressor, of,
        {"weight": normal(6, 40).bfloat16(), "weight_scale": (torch.rand(6, 1) * 1e-3 + 1e-3).bfloat16()})
    of = scheme(num_bits=8, type="int", strategy="channel", symmetric=False)
    add("int8", NaiveQuantizationCompressor, of,
        {"weight": normal(6, 40), "weight_scale": torch.rand(6, 1) * 1e-3 + 1e-3,
         "weight_zero_point": torch.randint(-5, 5, (6, 1), dtype=torch.int8)})
    of = scheme(num_bits=4, type="float", strategy="tensor_group", group_size=16, symmetric=True)
    add("nvfp4", NVFP4PackedCompressor, of,
        {"weight": normal(6, 64).bfloat16(), "weight_scale": (torch.rand(6, 4) * 200 + 50).to(torch.float8_e4m3fn).float(),
         "weight_global_scale": torch.tensor([9000.0])})
    of = scheme(num_bits=4, type="float", strategy="group", group_size=32, symmetric=True)
    add("mxfp4", MXFP4PackedCompressor, of,
        {"weight": normal(6, 64).bfloat16(), "weight_scale": torch.tensor([[2.0**-6, 2.0**-7]] * 6)})
    write("compressed_tensors", parts, weights)


def main():
    for make in [weight_norm, fp8_blocks, modelopt, gpt_oss, bitsandbytes, gptq, awq, mlx, compressed_tensors]:
        torch.manual_seed(0)
        make()


if __name__ == "__main__":
    main()
