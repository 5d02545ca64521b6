"""Weights in parts that the libraries write, read by Semilla: the weights that the libraries make of them."""

import parts_fixtures
import pytest
import torch
from command import semilla
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

MAKERS = [parts_fixtures.fp8_blocks, parts_fixtures.modelopt, parts_fixtures.gpt_oss, parts_fixtures.bitsandbytes,
          parts_fixtures.gptq, parts_fixtures.awq, parts_fixtures.mlx, parts_fixtures.compressed_tensors,
          parts_fixtures.weight_norm]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)
def test_parts(make, tmp_path, monkeypatch):
    monkeypatch.setattr(parts_fixtures, "ROOT", tmp_path)
    torch.manual_seed(1)
    make()
    for expected in tmp_path.rglob("*.expected.safetensors"):
        parts = expected.with_name(expected.name.replace(".expected", ""))
        semilla("init", expected, "--from", parts, "-o", tmp_path / "out.safetensors")
        found, wanted = load_file(tmp_path / "out.safetensors"), load_file(expected)
        for name, weight in wanted.items():
            if make is parts_fixtures.weight_norm:
                torch.testing.assert_close(found[name], weight, rtol=1e-2 if weight.dtype == torch.bfloat16 else 1e-6, atol=0)
            else:
                assert torch.equal(found[name], weight), name


def llama():
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(vocab_size=64, hidden_size=64, intermediate_size=128, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2)).eval()


@pytest.mark.parametrize("form", ["fp8", "gptq"])
def test_a_quantized_llama_computes_what_its_dequantized_model_does(form, tmp_path):
    model = llama()
    plain = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    parts, whole = {}, {}
    for name, weight in plain.items():
        if "_proj" not in name:
            parts[name] = whole[name] = weight
            continue
        module = name.removesuffix("weight")
        if form == "fp8":
            scale = weight.abs().max().reshape(1, 1) / 448
            parts[name], parts[name + "_scale_inv"] = (weight / scale).to(torch.float8_e4m3fn), scale
            whole[name] = parts_fixtures.Fp8Dequantize(None)._dequantize_one(parts[name], scale)
        else:
            scale = (weight.abs().max(1).values / 7).half()[None]
            codes = (weight.t() / scale).round().clamp(-8, 7) + 8
            zeros = torch.full((1, weight.shape[0]), 7)
            parts |= {module + "qweight": parts_fixtures.bits_of(codes.long(), 4, 0), module + "scales": scale,
                      module + "qzeros": parts_fixtures.bits_of(zeros, 4, 1),
                      module + "g_idx": torch.zeros(weight.shape[1], dtype=torch.int32)}
            whole[name] = (scale * (codes - 8).half()).t().float()
    parts = {name: tensor.contiguous() for name, tensor in parts.items()}
    save_file(parts, tmp_path / "parts.safetensors")
    save_file(plain, tmp_path / "model.safetensors")
    semilla("init", tmp_path / "model.safetensors", "--from", tmp_path / "parts.safetensors", "-o", tmp_path / "out.safetensors")
    tokens = torch.arange(12)[None]
    model.load_state_dict(whole)
    wanted = model(tokens).logits
    model.load_state_dict(load_file(tmp_path / "out.safetensors"))
    torch.testing.assert_close(model(tokens).logits, wanted, rtol=0, atol=1e-3)
