"""Distributed checkpoints that no process ever held."""

import pytest
import torch
from torch import nn

dcp = pytest.importorskip("torch.distributed.checkpoint")

import semilla.torch
from semilla.torch import dcp as ours


def model():
    return nn.Sequential(
        nn.Embedding(40, 12), nn.Linear(12, 20), nn.LayerNorm(20), nn.Linear(20, 7, bias=False)
    )


def test_it_is_made_piece_by_piece(tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "_PIECE", 200)  # a few rows
    with torch.device("meta"):
        plan = semilla.torch.plan(model(), "auto", seed=3)
    ours.write(plan, tmp_path)
    whole = model()
    semilla.torch.init_(whole, "auto", seed=3)
    state = {name: torch.zeros_like(tensor) for name, tensor in whole.state_dict().items()}
    dcp.load(state, checkpoint_id=tmp_path, no_dist=True)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(state[name], tensor), name
