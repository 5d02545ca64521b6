"""Weights on disk that no process ever held."""

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch import nn

import semilla.torch
from semilla.torch import dcp as ours
from semilla.torch.save import save


def model():
    return nn.Sequential(
        nn.Embedding(40, 12), nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 7, bias=False)
    )


def initialized():
    module = model()
    semilla.torch.init_(module, "auto", seed=3)
    return module.state_dict()


def on_meta():
    with torch.device("meta"):
        return model()


def test_a_distributed_checkpoint_is_made_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "_PIECE", 200)  # a few rows
    save(on_meta(), tmp_path / "start", "auto", 3, format="dcp")
    state = {name: torch.zeros_like(tensor) for name, tensor in initialized().items()}
    dcp.load(state, checkpoint_id=tmp_path / "start", no_dist=True)
    for name, tensor in initialized().items():
        assert torch.equal(state[name], tensor), name


def test_safetensors_in_shards(tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    save(on_meta(), tmp_path / "model.safetensors", "auto", 3, max_shard_size="2KB")
    files = sorted(tmp_path.glob("*.safetensors"))
    assert len(files) > 1 and (tmp_path / "model.safetensors.index.json").exists()
    state = {name: tensor for file in files for name, tensor in safetensors.load_file(file).items()}
    for name, tensor in initialized().items():
        assert torch.equal(state[name], tensor), name


def test_mistakes_are_exceptions(tmp_path):
    with pytest.raises(ValueError, match="unknown format"):
        save(on_meta(), tmp_path / "x", format="pickle")
    with pytest.raises(ValueError, match="folder does not exist"):
        save(on_meta(), tmp_path / "nowhere" / "x.safetensors")
