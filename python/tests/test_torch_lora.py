"""Adapters of live peft models: the bits of the command, and a model that computes what it did."""

import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import semilla.torch as st

peft = pytest.importorskip("peft")
INITS = ["true", "gaussian", "orthogonal", "pissa", "olora", "mica"]


def base(dtype=torch.float32):
    torch.manual_seed(0)
    parts = {"query": nn.Linear(24, 40), "act": nn.Tanh(), "value": nn.Linear(40, 16)}
    return nn.Sequential(nn.ModuleDict(parts)["query"], parts["act"], parts["value"]).to(dtype)


def adapted(model, targets=("0", "2"), **config):
    return peft.get_peft_model(model, peft.LoraConfig(target_modules=list(targets), **config))


def of_command(weights, folder, init, *arguments):
    save_file(weights, folder / "w.safetensors")
    command = ["lora", folder / "w.safetensors", "--init", init, "-o", folder / "out", *arguments]
    done = subprocess.run(
        [sys.executable, "-m", "semilla", *map(str, command)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    made = load_file(folder / "out" / "adapter_model.safetensors")
    file = folder / "out" / "base.safetensors"
    return made, load_file(file) if file.exists() else None


def assert_equal_to_command(model, made, residual):
    state = model.state_dict()
    for name, value in made.items():
        assert torch.equal(state[name.replace(".weight", ".default.weight")], value), name
    for name, value in (residual or {}).items():
        module, leaf = name.rsplit(".", 1)
        held = state.get(f"base_model.model.{module}.base_layer.{leaf}")
        assert held is not None and torch.equal(held, value), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("init", INITS)
def test_the_bits_are_those_of_the_command(init, dtype, tmp_path):
    model = base(dtype)
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    arguments = "-r", 4, "--alpha", 8, "--seed", 3, "--target", "0", "--target", "2"
    made, residual = of_command(weights, tmp_path, init, *arguments)
    x = torch.randn(5, 24, dtype=dtype)
    expected = model(x)
    model = adapted(model, r=4, lora_alpha=8)
    report = st.lora_(model, init, 3)
    assert_equal_to_command(model, made, residual)
    assert (residual is not None) == (init in ("pissa", "olora"))
    assert [matrix.module for matrix in report] == ["0", "2"]
    assert report[0].shape == (40, 24) and report[0].rank == 4
    tolerance = 1e-5 if dtype is torch.float32 else 0.05
    torch.testing.assert_close(model(x), expected, rtol=0, atol=tolerance)
    frozen = [name for name, p in model.named_parameters() if "lora_B" in name and not p.requires_grad]
    assert len(frozen) == (2 if init == "mica" else 0)


def test_stabilized_scaling(tmp_path):
    model = base()
    arguments = "-r", 9, "--alpha", 3, "--rslora", "--target", "0"
    made, residual = of_command(dict(model.state_dict()), tmp_path, "pissa", *arguments)
    model = adapted(model, ["0"], r=9, lora_alpha=3, use_rslora=True)
    st.lora_(model, "pissa")
    assert_equal_to_command(model, made, {"0.weight": residual["0.weight"]})


@pytest.mark.parametrize("init", ["true", "pissa"])
def test_conv1d_and_names_within_a_transformer(init, tmp_path):
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=2, n_embd=24, n_head=2, vocab_size=31, n_positions=8)
    model = transformers.GPT2LMHeadModel(config).eval()
    weights = {
        name: value.clone() for name, value in model.state_dict().items() if name != "lm_head.weight"
    }
    made, residual = of_command(weights, tmp_path, init, "--target", "*.c_attn", "-r", 8)
    words = torch.arange(6)[None]
    expected = model(words).logits
    model = adapted(model, ["c_attn"], r=8, fan_in_fan_out=True)
    st.lora_(model, init)
    changed = {n: v for n, v in (residual or {}).items() if n.endswith("c_attn.weight")}
    assert_equal_to_command(model, made, changed)
    torch.testing.assert_close(model(words).logits, expected, rtol=0, atol=1e-5)


def test_an_injected_adapter_with_a_name_of_its_own():
    config = peft.LoraConfig(r=2, target_modules=["0"])
    whole = adapted(base(), ["0"], r=2)
    injected = peft.inject_adapter_in_model(config, base(), adapter_name="mine")
    st.lora_(whole, "pissa", 1)
    st.lora_(injected, "pissa", 1, adapter="mine")
    ours = whole.base_model.model[0].lora_A["default"].weight
    assert torch.equal(injected[0].lora_A["mine"].weight, ours)


def test_what_would_lose_something_is_refused_before_anything_is_written():
    def refused(model, match, init="pissa", error=ValueError, **given):
        before = {name: value.clone() for name, value in model.state_dict().items()}
        with pytest.raises(error, match=match):
            st.lora_(model, init, **given)
        after = model.state_dict()
        same = (
            torch.equal(after[n], v) or bool(v.isnan().any()) for n, v in before.items()
        )
        assert all(same)

    refused(base(), "no linear layer has a LoRA adapter 'default'")
    refused(adapted(base(), r=4), "'other'", adapter="other")
    refused(adapted(base(), r=4, init_lora_weights="pissa"), "has changed the base")
    refused(adapted(base(), r=3), "even rank", init="orthogonal")
    refused(adapted(base(), r=17), "choose at most 16")
    refused(adapted(base(), r=4), "did you mean", init="pisa")
    broken = base()
    broken[2].weight.data[1, 1] = torch.nan
    refused(adapted(broken, r=4), "2.weight has NaN")
    twice = adapted(base(), r=4)
    st.lora_(twice, "pissa")
    refused(twice, "not at its start")
    table = nn.Sequential(nn.Embedding(9, 8), nn.Linear(8, 8))
    refused(adapted(table, ["0", "1"], r=2), "table of embeddings")
    tied = nn.ModuleDict({"table": nn.Embedding(9, 8), "head": nn.Linear(8, 9, bias=False)})
    tied["head"].weight = tied["table"].weight
    refused(adapted(tied, ["head"], r=2), "tied")
    merged = adapted(base(), r=4)
    merged.merge_adapter()
    refused(merged, "merged")
