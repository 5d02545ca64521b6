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


def one_bit_turned(path):
    """Damages the largest tensor's values, and nothing that lists them."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_turned_bit_is_found_before_anything_is_written(tmp_path):
    large = nn.Sequential(nn.Linear(4, 3), nn.Linear(600, 700))  # more than one piece of the file
    torch.save(large.state_dict(), tmp_path / "a.pt")
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(600, 700))
    st.load_(model, tmp_path / "a.pt")
    assert unchanged(model, large.state_dict())
    one_bit_turned(tmp_path / "a.pt")
    other = nn.Sequential(nn.Linear(4, 3), nn.Linear(600, 700))
    before = state(other)
    with pytest.raises(ValueError, match="a.pt.*checksum"):
        st.load_(other, tmp_path / "a.pt")
    assert unchanged(other, before)


def test_tensors_that_share_a_storage_or_lie_otherwise(tmp_path):
    whole = torch.randn(8, 6)
    saved = {"0.weight": whole[:, :3].T, "0.bias": whole[0, :3], "1.weight": whole[2:4, :3]}
    torch.save(saved, tmp_path / "views.pt")
    model = nn.Sequential(nn.Linear(8, 3), nn.Linear(3, 2, bias=False))
    st.load_(model, tmp_path / "views.pt")
    assert unchanged(model, saved)
    one_bit_turned(tmp_path / "views.pt")
    with pytest.raises(ValueError, match="views.pt"):
        st.load_(model, tmp_path / "views.pt")
    assert unchanged(model, saved)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_values_too_large_for_the_module_are_found_first(tmp_path, dtype):
    saved = nn.Linear(40, 30).to(dtype).state_dict()
    saved["weight"][29, 39] = float("inf")
    save_file(saved, tmp_path / "a.safetensors")
    for own in (dtype, torch.float32):
        model = nn.Linear(40, 30).to(own)
        before = state(model)
        with pytest.raises(ValueError, match="NaN or infinite values in weight"):
            st.load_(model, tmp_path / "a.safetensors")
        assert unchanged(model, before)
    saved["weight"][29, 39] = 1.0
    saved["bias"] = torch.full((30,), 1e6, dtype=torch.float64)
    save_file(saved, tmp_path / "a.safetensors")
    model = nn.Linear(40, 30).half()
    before = state(model)
    with pytest.raises(ValueError, match="bias are beyond the range"):
        st.load_(model, tmp_path / "a.safetensors")
    assert unchanged(model, before)


def test_what_has_no_memory_cannot_load(trunk):
    path, tensors = trunk
    with torch.device("meta"):
        model = net()
    with pytest.raises(ValueError, match="0.weight, .* and 3 more .*to_empty"):
        st.load_(model, path)
    st.load_(model.to_empty(device="cpu"), path)
    assert unchanged(model, tensors)


def test_one_tensor_that_cannot_be_written_leaves_the_others_alone(trunk):
    path, _ = trunk
    model = net()
    model[4].weight.untyped_storage().resize_(0)
    before = model[0].weight.clone()
    with pytest.raises(ValueError, match="4.weight: the tensor's storage was freed"):
        st.load_(model, path)
    assert torch.equal(model[0].weight, before)
