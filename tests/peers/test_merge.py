"""Adapters that peft wrote, merged by Semilla: the weights that peft's merge_and_unload() gives."""

import json

import pytest
import torch
from command import semilla
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM


def llama():
    return LlamaForCausalLM(LlamaConfig(vocab_size=40, hidden_size=32, intermediate_size=48, num_hidden_layers=2,
                                        num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=False))


def gpt2():
    return GPT2LMHeadModel(GPT2Config(vocab_size=40, n_positions=16, n_embd=32, n_layer=2, n_head=4))


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.config = {}
        self.conv = torch.nn.Conv2d(4, 6, 3)
        self.point = torch.nn.Conv2d(6, 8, 1)
        self.head = torch.nn.Linear(8, 3)


CASES = {
    "plain": (llama, dict(target_modules=["q_proj", "v_proj"], lora_alpha=32)),
    "all": (llama, dict(target_modules="all-linear", use_rslora=True, rank_pattern={"up_proj": 2},
                        alpha_pattern={"layers.1.mlp.up_proj": 7})),
    "table": (llama, dict(target_modules=["embed_tokens", "o_proj"])),
    "saved": (llama, dict(target_modules=["k_proj"], modules_to_save=["lm_head"])),
    "dora": (llama, dict(target_modules=["q_proj", "down_proj"], use_dora=True)),
    "conv1d": (gpt2, dict(target_modules=["c_attn"], fan_in_fan_out=True)),
    "conv2d": (Convolutions, dict(target_modules=["conv", "point"], modules_to_save=["head"])),
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["f32", "bf16"])
@pytest.mark.parametrize("case", CASES)
def test_merged(case, dtype, tmp_path):
    torch.manual_seed(1)
    make, options = CASES[case]
    base = make().to(dtype)
    plain = {name: tensor.clone().contiguous() for name, tensor in base.state_dict().items()}
    if case == "conv1d":
        plain.pop("lm_head.weight")  # tied
    save_file(plain, tmp_path / "base.safetensors")
    model = get_peft_model(base, LoraConfig(r=4, **options))
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and "magnitude" not in name:
            parameter.data += 0.1 * torch.randn_like(parameter)
    model.save_pretrained(tmp_path / "adapter")
    semilla("lora", tmp_path / "base.safetensors", "--merge", tmp_path / "adapter", "-o", tmp_path / "out.safetensors")
    expected = model.merge_and_unload().state_dict()
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == plain.keys()
    changed = 0
    for name, weight in found.items():
        wanted = expected[name]
        changed += not torch.equal(wanted, plain[name])
        tolerance = 1e-6 if dtype == torch.float32 else 1e-2
        torch.testing.assert_close(weight.to(wanted.dtype), wanted, rtol=tolerance, atol=tolerance)
    assert changed >= 2, json.dumps(sorted(found))
