"""Weights in parts that the libraries write, read by Semilla: the weights that the libraries make of them."""

from types import SimpleNamespace

import parts_fixtures
import pytest
import quantizers
import torch
from command import semilla
from compressed_tensors import ModelCompressor
from compressed_tensors.quantization import QuantizationArgs, QuantizationConfig, QuantizationScheme, apply_quantization_config
from compressed_tensors.quantization.utils import calculate_qparams
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, FineGrainedFP8Config, LlamaConfig, LlamaForCausalLM
from transformers.integrations.finegrained_fp8 import Fp8Quantize

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


def of_gptq(model, bits, by_activation):
    tokens = torch.randint(64, (4, 64))
    layers = quantizers.quantized_by_gptq(model, tokens, bits, by_activation)
    # What a layer makes of the unit vectors is its weight, as the library dequantizes it.
    whole = {name: layer(torch.eye(layer.infeatures).half()).t() for name, layer in layers.items()}
    return layers, whole, {"bits": bits, "group_size": 32, "desc_act": by_activation, "sym": False, "quant_method": "gptq"}


def of_awq(model):
    layers = quantizers.quantized_by_awq(model)
    dequantize = quantizers.module_of("awq", "utils.packing_utils").dequantize_gemm
    whole = {name: dequantize(of.qweight, of.qzeros, of.scales, 4, 32).t() for name, of in layers.items()}
    return layers, whole, {"bits": 4, "group_size": 32, "zero_point": True, "version": "gemm", "quant_method": "awq"}


GROUPED = {"gptq 4": lambda of: of_gptq(of, 4, False), "gptq 4 by activation": lambda of: of_gptq(of, 4, True),
           "gptq 8": lambda of: of_gptq(of, 8, True), "gptq 3": lambda of: of_gptq(of, 3, False),
           "gptq 2": lambda of: of_gptq(of, 2, True), "awq": of_awq}


@pytest.mark.parametrize("form", GROUPED)
@torch.no_grad
def test_a_llama_that_auto_gptq_or_auto_awq_quantized(form, tmp_path):
    """Codes, zeros and scales that the library packs, against what the library makes of them."""
    model = llama()
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    layers, whole, config = GROUPED[form](llama())
    state = {name: tensor for name, tensor in model.state_dict().items() if "_proj" not in name}
    for name, layer in layers.items():
        state |= {f"{name}.{part}": tensor.contiguous() for part, tensor in layer.state_dict().items()}
    (tmp_path / "saved").mkdir()
    save_file(state, tmp_path / "saved/model.safetensors", metadata={"format": "pt"})
    model.config.quantization_config = config
    model.config.save_pretrained(tmp_path / "saved")
    semilla("init", tmp_path / "model.safetensors", "--from", tmp_path / "saved", "-o", tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    for name, weight in whole.items():
        assert torch.equal(found[f"{name}.weight"], weight.float()), name
    tokens = torch.arange(12)[None]
    exact = model(tokens).logits
    model.load_state_dict({f"{name}.weight": weight.float() for name, weight in whole.items()}, strict=False)
    wanted = model(tokens).logits
    model.load_state_dict(found)
    torch.testing.assert_close(model(tokens).logits, wanted, rtol=0, atol=1e-3)
    assert not torch.allclose(exact, wanted, rtol=0, atol=1e-4), "nothing was quantized"


def saved_in_fp8(model, folder):
    """As transformers saves FP8 by blocks."""
    config = FineGrainedFP8Config(weight_block_size=(32, 32))
    quantize = Fp8Quantize(SimpleNamespace(quantization_config=config))
    state = {}
    for name, weight in model.state_dict().items():
        state |= quantize.convert({name: weight}) if "_proj" in name else {name: weight}
    model.config.quantization_config = config.to_dict()
    model.config.save_pretrained(folder)
    save_file(state, folder / "model.safetensors", metadata={"format": "pt"})


def saved_compressed(model, folder, **arguments):
    """As compressed-tensors saves what llm-compressor (GPTQ, rounding) has quantized."""
    of = QuantizationArgs(**arguments)
    scheme = QuantizationScheme(targets=["Linear"], weights=of)
    apply_quantization_config(model, QuantizationConfig(config_groups={"all": scheme}, ignore=["lm_head"]))
    for module in model.modules():
        if getattr(module, "quantization_scheme", None):
            groups = module.weight.unflatten(1, (-1, of.group_size or module.in_features))
            scale, _ = calculate_qparams(groups.amin(-1), groups.amax(-1), of)
            module.weight_scale.data.copy_(scale.view_as(module.weight_scale))
    compressor = ModelCompressor.from_pretrained_model(model)
    compressor.compress_model(model)
    model.save_pretrained(folder)
    compressor.update_config(folder)


SAVED = {
    "fp8": saved_in_fp8,
    "compressed fp8": lambda *of: saved_compressed(*of, num_bits=8, type="float", strategy="channel", symmetric=True),
    "compressed int8": lambda *of: saved_compressed(*of, num_bits=8, type="int", strategy="channel", symmetric=True),
    "packed int4": lambda *of: saved_compressed(*of, num_bits=4, type="int", strategy="group", group_size=32, symmetric=True),
}


@pytest.mark.parametrize("form", SAVED)
def test_a_llama_that_a_library_saved_quantized(form, tmp_path):
    model = llama()
    save_file({name: weight.clone() for name, weight in model.state_dict().items()}, tmp_path / "model.safetensors")
    (tmp_path / "saved").mkdir()
    SAVED[form](model, tmp_path / "saved")
    tokens = torch.arange(12)[None]
    wanted = AutoModelForCausalLM.from_pretrained(tmp_path / "saved", dtype=torch.float32)(tokens).logits
    semilla("init", tmp_path / "model.safetensors", "--from", tmp_path / "saved", "-o", tmp_path / "out.safetensors")
    plain = llama()
    exact = plain(tokens).logits
    plain.load_state_dict(load_file(tmp_path / "out.safetensors"))
    torch.testing.assert_close(plain(tokens).logits, wanted, rtol=0, atol=1e-3)
    assert not torch.allclose(exact, wanted, rtol=0, atol=1e-4), "nothing was quantized"
