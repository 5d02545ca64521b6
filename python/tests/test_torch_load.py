"""Checkpoints loaded into live modules: the silent failures of others, as errors."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import semilla.torch as st


def net(classes=4):
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, classes))


@pytest.fixture
def trunk(tmp_path):
    """A checkpoint of the network, as a path, and its tensors."""
    tensors = net().state_dict()
    path = tmp_path / "trunk.safetensors"
    save_file(tensors, path)
    return path, tensors


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def unchanged(module, before):
    return all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())


def test_all_is_loaded_and_said(trunk):
    path, tensors = trunk
    model = net()
    plan = st.load_(model, path)
    assert unchanged(model, tensors)
    assert {line.disposition for line in plan.lines} == {"copied"}


def test_torch_files_and_other_types(trunk, tmp_path):
    _, tensors = trunk
    torch.save({"state_dict": {f"module.{k}": v for k, v in tensors.items()}}, tmp_path / "a.pt")
    model = net()
    st.load_(model, tmp_path / "a.pt")
    assert unchanged(model, tensors)
    half = net().to(torch.bfloat16)
    st.load_(half, tmp_path / "a.pt")
    assert unchanged(half, {name: tensor.bfloat16() for name, tensor in tensors.items()})


def test_d1_a_new_head_relaxes_nothing_else(trunk, tmp_path):
    path, tensors = trunk
    renamed = {f"old.{k}.x": v for k, v in tensors.items()}
    save_file(renamed, tmp_path / "renamed.safetensors")
    model = net(10)
    before = state(model)
    with pytest.raises(ValueError, match="0.weight"):
        st.load_(model, tmp_path / "renamed.safetensors", may_miss=["4.*"])
    assert unchanged(model, before)
    plan = st.load_(model, path, exclude=["4.*"], may_miss=["4.*"], seed=9)
    assert torch.equal(model[0].weight, tensors["0.weight"])
    fresh = net(10)
    st.init_(fresh, seed=9)
    assert torch.equal(model[4].weight, fresh[4].weight)
    assert plan["4.weight"].disposition != "copied"


def test_d2_two_tensors_under_one_name(trunk):
    path, _ = trunk
    model = net()
    before = state(model)
    with pytest.raises(ValueError, match="both become .0.bias"):
        st.load_(model, path, rename={r"^2\.": "0."})
    assert unchanged(model, before)


def test_d3_reports_are_lossless(trunk, tmp_path):
    _, tensors = trunk
    some = {name: tensor for name, tensor in tensors.items() if name != "2.weight"}
    save_file(some, tmp_path / "some.safetensors")
    with pytest.raises(ValueError) as caught:
        st.load_(net(), tmp_path / "some.safetensors")
    assert "2.weight" in str(caught.value)
    assert "0.weight" not in str(caught.value) and "4.weight" not in str(caught.value)


def test_d4_names_decide_not_order(trunk, tmp_path):
    _, tensors = trunk
    swapped = dict(reversed(tensors.items()))
    save_file(swapped, tmp_path / "swapped.safetensors")
    model = net()
    st.load_(model, tmp_path / "swapped.safetensors")
    assert unchanged(model, tensors)


def test_d5_loading_nothing_is_an_error(trunk, tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    model = net()
    before = state(model)
    with pytest.raises(ValueError):
        st.load_(model, tmp_path / "other.safetensors")
    with pytest.raises(ValueError):
        st.load_(model, tmp_path / "other.safetensors", may_miss=["*"], min_coverage=0.5)
    assert unchanged(model, before)


def test_d6_a_wrong_shape_leaves_the_module_alone(trunk):
    path, _ = trunk
    model = net(10)
    before = state(model)
    with pytest.raises(ValueError, match=r"4.weight"):
        st.load_(model, path)
    assert unchanged(model, before)


def test_d7_new_rows_are_like_the_old_ones(tmp_path):
    old = nn.Embedding(400, 8)
    save_file(old.state_dict(), tmp_path / "old.safetensors")
    new = nn.Embedding(500, 8)
    plan = st.load_(new, tmp_path / "old.safetensors", adapt={"weight": "rows:new=covariance"})
    assert torch.equal(new.weight[:400], old.weight)
    ratio = new.weight[400:].std() / old.weight.std()
    assert 0.8 < ratio < 1.2
    assert "rows" in plan["weight"].disposition


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_values_that_no_weight_has_are_found_first(trunk, tmp_path, bad):
    _, tensors = trunk
    broken = state(net())
    broken["4.bias"][1] = bad
    save_file(broken, tmp_path / "broken.safetensors")
    model = net()
    before = state(model)
    with pytest.raises(ValueError, match="4.bias"):
        st.load_(model, tmp_path / "broken.safetensors")
    assert unchanged(model, before)


def test_a_damaged_file_leaves_the_module_alone(trunk, tmp_path):
    path, _ = trunk
    model = net()
    before = state(model)
    bytes_ = path.read_bytes()
    (tmp_path / "cut.safetensors").write_bytes(bytes_[:-40])
    with pytest.raises(ValueError, match="cut.safetensors"):
        st.load_(model, tmp_path / "cut.safetensors")
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        st.load_(model, tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="unknown field"):
        st.load_(model, path, depth={"layer": "x"})
    assert unchanged(model, before)
