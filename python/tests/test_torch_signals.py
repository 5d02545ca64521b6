"""Live modules, checked and given a recommendation: what hooks record is what the command measures."""

import json
import subprocess
import sys

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

import semilla.torch as st


def deep(depth=30, activation=nn.ReLU):
    torch.manual_seed(0)
    layers = [part for _ in range(depth) for part in (nn.Linear(32, 32), activation())]
    return nn.Sequential(*layers, nn.Linear(32, 10))


class Residual(nn.Module):
    """Blocks whose sums are the main path; changed in place, as many networks are."""

    def __init__(self, depth=4):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
                nn.Dropout(0.5), nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8),
            )
            for _ in range(depth)
        )  # fmt: skip
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        x = F.relu_(self.stem(x))
        for block in self.blocks:
            own = block(x)
            own += x
            x = F.relu_(own)
        return self.head(x.mean((2, 3)))


@pytest.mark.filterwarnings("ignore")
def test_the_numbers_are_those_of_the_command_on_the_exported_network(tmp_path):
    pytest.importorskip("onnxscript")
    torch.manual_seed(0)
    model, x = Residual(2).eval(), torch.randn(8, 3, 9, 9)
    torch.onnx.export(
        model, (x,), tmp_path / "model.onnx", input_names=["x"], dynamo=True, optimize=False,
        verbose=False, external_data=False,
    )  # fmt: skip
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    save_file({"x": x}, tmp_path / "x.safetensors")
    theirs = json.loads(
        command(
            "check", tmp_path / "model.onnx", "--weights", tmp_path / "w.safetensors",
            "--data", tmp_path / "x.safetensors", "--json",
        )
    )  # fmt: skip
    ours = json.loads(st.check(model, x).to_json())
    [a], [b] = theirs["measurements"], ours["measurements"]
    assert len(a["layers"]) == len(b["layers"]) == 6 and len(a["path"]) == len(b["path"]) == 3
    for one, other in zip(a["layers"], b["layers"], strict=True):
        assert other["weight"] == one["weight"]
        for kind in ("forward", "activated", "backward"):
            assert (one[kind] is None) == (other[kind] is None)
            if one[kind] is not None:
                close(one[kind], other[kind])
        assert other["weight_gradient"] == pytest.approx(one["weight_gradient"], rel=1e-3)
    for one, other in zip(a["path"], b["path"], strict=True):
        close(one["forward"], other["forward"])
        assert other["after"] == one["after"]
        assert other["gradient"] == pytest.approx(one["gradient"], rel=1e-3)
    verdicts = [found["verdict"]["log_gradients"] for found in (theirs, ours)]
    assert verdicts[1] == pytest.approx(verdicts[0], rel=1e-3, abs=1e-4)


def close(one, other):
    for key, value in one.items():
        assert other[key] == pytest.approx(value, rel=1e-3, abs=1e-5), key


def command(*args):
    done = subprocess.run(
        [sys.executable, "-m", "semilla", *map(str, args)], capture_output=True, text=True
    )
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


def test_the_verdict_and_the_ways_to_see_it(tmp_path):
    x = torch.randn(64, 32)
    found = st.check(deep(), x)
    assert not found.passes and "gradient" in found.sentence
    assert str(found).startswith("fails:") and "0.weight" in str(found)
    assert "<pre>" in found._repr_html_() and "fails" in repr(found)
    found.write_html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert page.startswith("<!DOCTYPE html>") and "as the module has them" in page
    passed = st.check(deep(), x, "auto", seeds=2)
    assert passed.passes and len(json.loads(passed.to_json())["measurements"]) == 2
    assert "auto" in passed.to_html()


def test_a_module_stays_as_it_was():
    torch.manual_seed(0)
    model = Residual().train()
    model.stem.weight.requires_grad_(False)
    model.blocks[1].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    random = torch.get_rng_state()
    x = torch.randn(6, 3, 8, 8)
    torch.set_rng_state(random)
    first, second = st.check(model, x), st.check(model, x)
    assert first.to_json() == second.to_json()
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert modes == [module.training for module in model.modules()]
    assert not model.stem.weight.requires_grad
    assert all(parameter.grad is None for parameter in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)
    st.check(model, x, "auto", seeds=1)
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_sums_that_end_blocks_are_the_path():
    found = json.loads(st.check(Residual(4), torch.randn(6, 3, 8, 8)).to_json())
    [run] = found["measurements"]
    assert len(run["layers"]) == 10
    assert [point["after"] for point in run["path"]] == [
        "stem.weight", *(f"blocks.{n}.4.weight" for n in range(4))
    ]  # fmt: skip
    assert all(layer["backward"] is not None for layer in run["layers"])
    # Of what ReLU changes in place, the values before.
    before = next(layer for layer in run["layers"] if layer["weight"] == "stem.weight")
    assert before["forward"]["mean"] < 0.8 * before["activated"]["mean"]


def test_transformers_take_words_and_keyword_arguments():
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(n_layer=3, n_embd=24, n_head=2, vocab_size=31, n_positions=8)
    model = transformers.GPT2LMHeadModel(config)
    words = torch.randint(31, (4, 8))
    found = json.loads(st.check(model, {"input_ids": words}).to_json())
    [run] = found["measurements"]
    assert [layer["weight"] for layer in run["layers"]][:4] == [
        f"transformer.h.0.{part}.weight"
        for part in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    ]
    assert len(run["layers"]) == 13 and len(run["path"]) >= 3


def test_layers_whoever_multiplies():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.randn(8, 8))
            self.b = nn.Parameter(torch.randn(8))
            self.normed = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
            self.rnn = nn.LSTM(8, 8, batch_first=True)
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            x = torch.tanh(x @ self.w + self.b)
            x, _ = self.rnn(self.normed(x))
            return self.attention(x, x, x)[0]

    model = Own()
    [run] = json.loads(st.check(model, torch.randn(4, 5, 8)).to_json())["measurements"]
    names = [layer["weight"] for layer in run["layers"]]
    assert names == [
        "w", "normed.parametrizations.weight.original1", "rnn.weight_ih_l0",
        "attention.out_proj.weight",
    ]  # fmt: skip
    assert run["layers"][0]["activated"] is not None


def test_recommendations():
    found = st.recommend(deep(20), torch.randn(32, 32), seeds=2)
    assert found.best in found.alike and found.best == found.ranked[0]
    assert "pytorch" in found.ranked and "pytorch" not in found.alike
    assert "auto" in found.alike
    assert len(json.loads(found.to_json())["ranked"]) == len(found.ranked)
    assert found.sentence in str(found)


def test_a_recommendation_is_a_recipe(tmp_path):
    model = deep(20)
    found = st.recommend(model, torch.randn(32, 32), seeds=1)
    found.write(tmp_path / "start.toml")
    st.init_(model, tmp_path / "start.toml")
    assert st.check(model, torch.randn(32, 32)).passes


def test_no_difference_is_said_where_none_is_expected():
    model = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    found = st.recommend(model, torch.randn(32, 32), seeds=1)
    assert len(found.alike) > 3 and "no difference" in found.sentence


def test_what_cannot_be_measured_is_said():
    x = torch.randn(4, 32)
    with pytest.raises(ValueError, match="on the meta device"):
        st.check(deep(2).to("meta"), x)
    with pytest.raises(ValueError, match="no layer was seen"):
        st.check(nn.ReLU(), x)

    class Cut(nn.Linear):
        def forward(self, x):
            return super().forward(x).detach()

    with pytest.raises(ValueError, match="no gradient"):
        st.check(Cut(32, 4), x)
    with pytest.raises(RuntimeError, match="shape|size"):
        st.check(deep(2), torch.randn(4, 5))
    with pytest.raises(KeyboardInterrupt):
        class Stopped(nn.Linear):
            def forward(self, x):
                raise KeyboardInterrupt

        st.recommend(Stopped(32, 4), x)


def test_likely_mistakes_are_told_beside_the_measurement():
    model, x = deep(3), torch.randn(16, 32)
    rules = {"2.weight": "constant(value=0.1)"}
    [found] = st.plan(model, rules=rules).lint()
    assert (found.rule, found.severity, found.tensors) == ("symmetry", "warning", ["2.weight"])
    checked = st.check(model, x, rules=rules, seeds=1)
    [listed] = json.loads(checked.to_json())["lint"]
    assert listed["reason"] == found.reason and found.remedy in str(checked)
    assert found.reason.split(",")[0] in checked.to_html()
    assert st.plan(model).lint() == []
    assert "lint" not in json.loads(st.check(model, x, "auto", seeds=1).to_json())


def test_theory_needs_the_graph_of_an_export():
    layers = [part for _ in range(6) for part in (nn.Linear(256, 256), nn.ReLU())]
    model = nn.Sequential(*layers, nn.Linear(256, 10))
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))
    modes = [part.training for part in model.modules()]
    plain = st.check(model, x, "auto", seeds=1)
    assert "theory=True" in str(plain)
    assert json.loads(plain.to_json())["prediction"]["layers"] == []
    found = st.check(model, x, "auto", seeds=1, theory=True)
    answer = json.loads(found.to_json())
    predicted = {layer["weight"]: layer for layer in answer["prediction"]["layers"]}
    assert list(predicted) == [f"{place}.weight" for place in range(0, 13, 2)]
    for layer in answer["measurements"][0]["layers"]:
        expected = predicted[layer["weight"]]["second_moment"]
        assert abs(layer["forward"]["second_moment"] / expected - 1) < 0.3
    assert [part.training for part in model.modules()] == modes


def test_where_no_graph_is_to_be_had_theory_says_so():
    class Stuck(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(8, 8)

        def forward(self, x):
            return self.linear(x) if x.sum().item() > 0 else -self.linear(x)

    found = st.check(Stuck(), torch.ones(4, 8), theory=True)
    assert "its export to ONNX gave no graph" in str(found)
