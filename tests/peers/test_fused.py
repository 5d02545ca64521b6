"""Where the parts of fused projections lie, told by the models themselves: attention whose values are
zero gives nothing, so the layer behind it gets zeros and nothing else."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import pytest
import timm
import torch
import transformers as hf
from command import initialized, write_manifest
from safetensors.torch import load_file
from torch import nn

HEADS = 4
SIZES = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": HEADS, "vocab_size": 50}
GPT = {"n_layer": 2, "n_embd": 64, "n_head": HEADS, "vocab_size": 50}
TOKENS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0}
BERT = {"cls_token_id": 0, "sep_token_id": 0, **TOKENS}


def in_turns(turns, query, key):
    parts = [("query", query), ("key", key), ("value", key)]
    parts = ", ".join(f'{{ role = "{role}", size = {size} }}' for role, size in parts)
    return f"set = {{ fused = {{ parts = [{parts}], turns = {turns} }} }}"


def falcon(**more):
    return hf.FalconModel(hf.FalconConfig(**SIZES, **TOKENS, **more))


# A model, the layer behind attention, and what a rule must state because no name tells it.
LANGUAGE = {
    "gpt2": (lambda: hf.GPT2Model(hf.GPT2Config(**GPT, **TOKENS)), "attn.c_proj", None),
    "phi3, fewer keys": (
        lambda: hf.Phi3Model(hf.Phi3Config(**SIZES, num_key_value_heads=2, **TOKENS)),
        "self_attn.o_proj",
        None,
    ),
    "codegen": (
        lambda: hf.CodeGenModel(hf.CodeGenConfig(**GPT, rotary_dim=8, **TOKENS)),
        "attn.out_proj",
        None,
    ),
    "mpt": (
        lambda: hf.MptModel(hf.MptConfig(d_model=64, n_layers=2, n_heads=HEADS, vocab_size=50)),
        "attn.out_proj",
        None,
    ),
    "modernbert": (
        lambda: hf.ModernBertModel(hf.ModernBertConfig(**SIZES, **BERT)),
        "attn.Wo",
        None,
    ),
    "starcoder, one key": (
        lambda: hf.GPTBigCodeModel(hf.GPTBigCodeConfig(**GPT, **TOKENS)),
        "attn.c_proj",
        None,
    ),
    "gpt_neox, by head": (
        lambda: hf.GPTNeoXModel(hf.GPTNeoXConfig(**SIZES, **TOKENS)),
        "attention.dense",
        in_turns(HEADS, 64, 64),
    ),
    "bloom, by head": (
        lambda: hf.BloomModel(hf.BloomConfig(hidden_size=64, n_layer=2, n_head=HEADS, vocab_size=50)),
        "self_attention.dense",
        in_turns(HEADS, 64, 64),
    ),
    "falcon, by groups": (
        lambda: falcon(new_decoder_architecture=True, num_kv_heads=2),
        "self_attention.dense",
        in_turns(2, 64, 32),
    ),
    "falcon, one key": (lambda: falcon(multi_query=True), "self_attention.dense", in_turns(1, 64, 16)),
}

IMAGES = {
    "vit": ("vit_tiny_patch16_224", "attn.proj"),
    "swin": ("swin_tiny_patch4_window7_224", "attn.proj"),
    "pvt, keys with values": ("pvt_v2_b0", "attn.proj"),
    "cait": ("cait_xxs24_224", "attn.proj"),
}


def recipe(path, stated):
    rule = f'[[rule]]\nmatch = "*query_key_value.weight"\n{stated}\n' if stated else ""
    path.write_text(f"""name = "no values"
defaults = true
unmatched = {{ normal = {{ std = 0.02 }} }}
{rule}
[[rule]]
role = "value"
init = "zeros"

[[rule]]
role = ["matrix", "embedding", "position_embedding", "token"]
init = {{ normal = {{ std = 0.02 }} }}
""")
    return path


def fill(model, tmp_path, stated=None):
    state = model.state_dict().items()
    shapes = {name: tensor.shape for name, tensor in state if tensor.is_floating_point()}
    manifest = write_manifest(tmp_path / "model.json", shapes)
    weights = initialized(manifest, tmp_path / "w.safetensors", recipe(tmp_path / "r.toml", stated))
    loaded = load_file(weights)
    assert loaded.keys() == shapes.keys()
    model.load_state_dict(loaded, strict=False)
    return model.eval()


def behind(model, name):
    """What the layers of this name get, as the model runs."""
    seen = []
    for path, layer in model.named_modules():
        if path.endswith(name):
            layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].detach()))
    return seen


@pytest.mark.parametrize("name", LANGUAGE)
def test_values_of_language_models(tmp_path, name):
    make, output, stated = LANGUAGE[name]
    model = fill(make(), tmp_path, stated)
    seen = behind(model, output)
    with torch.no_grad():
        hidden = model(torch.arange(1, 11)[None]).last_hidden_state
    assert len(seen) == 2 and all(not part.any() for part in seen)
    assert hidden.std() > 0


@pytest.mark.parametrize("name", IMAGES)
def test_values_of_image_models(tmp_path, name):
    kind, output = IMAGES[name]
    model = fill(timm.create_model(kind), tmp_path)
    seen = behind(model, output)
    with torch.no_grad():
        model(torch.randn(1, 3, 224, 224))
    assert len(seen) > 4 and all(not part.any() for part in seen)


def test_values_of_multi_head_attention(tmp_path):
    model = nn.Sequential(nn.MultiheadAttention(64, HEADS, bias=False))
    fill(model, tmp_path)
    x = torch.randn(7, 2, 64)
    assert not model[0](x, x, x)[0].any()
    queries = model[0].in_proj_weight[:128]
    assert queries.std().item() == pytest.approx(0.02, rel=0.1)
