"""Live modules of PyTorch: planned, initialized in place, written to files."""

import copy
import json
import pickle
import random
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import semilla
import semilla.torch as st
from semilla import _semilla


def command(*args):
    done = subprocess.run(
        [sys.executable, "-m", "semilla", *map(str, args)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


class Net(nn.Module):
    """A convolution in groups, a transposed one, a table with padding, a recurrent layer, a tie."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(20, 8, padding_idx=3)
        self.conv = nn.Conv1d(8, 16, 3, padding=1, groups=4)
        self.bn = nn.BatchNorm1d(16)
        self.up = nn.ConvTranspose1d(16, 8, 4, stride=2)
        self.rnn = nn.LSTM(8, 12, batch_first=True)
        self.mid = nn.Linear(12, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.table.weight
        self.register_buffer("lookup", torch.arange(5.0))

    def forward(self, ids):
        x = torch.relu(self.bn(self.conv(self.table(ids).transpose(1, 2))))
        x, _ = self.rnn(self.up(x).transpose(1, 2))
        return self.head(torch.tanh(self.mid(x)))


def test_facts_come_from_the_module():
    plan = st.plan(Net())
    assert plan.untraced is None
    assert plan["conv.weight"].layout == "OIW/4"
    assert plan["up.weight"].layout == "IOW^T:2"
    assert plan["table.weight"].role == "embedding"
    assert plan["bn.running_var"].values == "1"
    assert plan["rnn.weight_hh_l0"].role == "recurrent_hidden"
    assert plan["lookup"].disposition == "kept"
    assert plan["head.weight"].disposition == "tied to table.weight"
    assert "row 3" in plan["table.weight"].values
    assert "tanh" in plan["mid.weight"].reason


def test_tensors_are_filled_in_place():
    net = Net()
    before = {name: tensor.data_ptr() for name, tensor in net.state_dict().items()}
    versions = {name: p._version for name, p in net.named_parameters()}
    plan = st.init_(net, seed=3)
    after = {name: tensor.data_ptr() for name, tensor in net.state_dict().items()}
    assert before == after
    assert all(p._version > versions[name] for name, p in net.named_parameters())
    assert net.head.weight is net.table.weight
    assert net.table.weight[3].abs().max() == 0
    assert net.table.weight[4].abs().max() > 0
    assert torch.equal(net.lookup, torch.arange(5.0))
    assert net.conv.weight.std().item() == pytest.approx(plan["conv.weight"].std, rel=0.2)
    again = Net()
    st.init_(again, seed=3)
    assert all(map(torch.equal, net.state_dict().values(), again.state_dict().values()))


@pytest.mark.parametrize("recipe", ["pytorch", "resnet", "gpt2"])
def test_a_file_of_the_command_has_the_same_bits(tmp_path, recipe):
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    )
    if recipe == "gpt2":
        net = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32), 2)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    command(
        "init", tmp_path / "model.safetensors", "-o", tmp_path / "out.safetensors",
        "--recipe", recipe, "--seed", 5,
    )  # fmt: skip
    st.init_(net, recipe, 5)
    written = load_file(tmp_path / "out.safetensors")
    assert written.keys() == net.state_dict().keys()
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, written[name]), name


def test_what_a_module_says_of_itself_is_a_model_for_the_command(tmp_path):
    net = nn.Sequential(
        nn.Conv1d(8, 16, 3, groups=4), nn.GELU(), nn.ConvTranspose1d(16, 8, 4, stride=2), nn.Tanh()
    )
    (tmp_path / "net.json").write_text(st.describe(net))
    command("init", tmp_path / "net.json", "-o", tmp_path / "out.safetensors", "--seed", 5)
    st.init_(net, seed=5)
    written = load_file(tmp_path / "out.safetensors")
    assert all(torch.equal(tensor, written[name]) for name, tensor in net.state_dict().items())


def test_threads():
    import threading

    nets = [nn.Sequential(nn.Linear(64, 64)) for _ in range(4)]
    used = nn.Sequential(nn.Linear(8, 8), nn.ReLU())
    failed = []

    def use():
        try:
            for _ in range(200):
                assert type(used(torch.ones(1, 8))) is torch.Tensor
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=st.init_, args=(net,)) for net in nets]
    threads.append(threading.Thread(target=use))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert all(torch.equal(net[0].weight, nets[0][0].weight) for net in nets)


FORK = """
import os, torch, semilla.torch
from torch import nn

def weight():
    net = nn.Sequential(nn.Linear(600, 600))
    semilla.torch.init_(net)
    return net[0].weight

before = weight()
child = os.fork()
if child == 0:
    os._exit(0 if torch.equal(weight(), before) else 1)
raise SystemExit(os.waitpid(child, 0)[1])
"""


def test_a_fork_has_threads_of_its_own():
    done = subprocess.run([sys.executable, "-c", FORK], timeout=120, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_low_precision_and_files_of_a_plan(tmp_path):
    with torch.device("meta"):
        huge = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 8))
    files = st.save(huge, tmp_path / "w.safetensors", seed=2, dtype=torch.bfloat16)
    live = nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 8))
    st.init_(live, seed=2, dtype=torch.bfloat16)
    assert live[0].weight.dtype == torch.bfloat16
    written = load_file(files[0])
    for name, tensor in live.state_dict().items():
        assert torch.equal(tensor, written[name]), name
    assert all(tensor.is_meta for tensor in huge.state_dict().values())
    st.init_(huge)  # a shape has no values: nothing happens


def test_plans_print_and_are_the_commands_json():
    plan = st.plan(Net(), seed=7)
    assert json.loads(plan.to_json())["seed"] == 7
    text = str(plan)
    assert "conv.weight" in text and "recipe auto, seed 7" in text
    page = plan._repr_html_()
    assert page.count("<tr>") == len(plan) + 1
    assert "&lt;" not in plan.names[0] and "conv.weight" in page
    with pytest.raises(KeyError, match="nowhere"):
        plan["nowhere"]


def test_unknown_parameters_ask_for_a_rule():
    class Odd(nn.Module):
        def __init__(self):
            super().__init__()
            self.gamut = nn.Parameter(torch.empty(3))

    with pytest.raises(ValueError, match=r"gamut \[3\].*\[\[rule\]\] with match = \"gamut\""):
        st.init_(Odd())
    odd = Odd()
    plan = st.init_(odd, rules={"gamut": {"constant": {"value": 0.5}}})
    assert odd.gamut.tolist() == [0.5] * 3
    assert plan["gamut"].values == "0.5"
    with pytest.raises(ValueError, match="match no tensor"):
        st.plan(odd, rules=[{"match": "gamut", "init": "ones"}, {"match": "no.*", "init": "ones"}])


def test_lazy_modules_are_told_to_run_first():
    lazy = nn.Sequential(nn.LazyLinear(4), nn.ReLU())
    with pytest.raises(ValueError, match="0.weight.*run the lazy module once"):
        st.init_(lazy)
    lazy(torch.zeros(1, 3))
    st.init_(lazy)


def test_forwards_that_do_not_trace_say_so():
    class Branching(nn.Module):
        def __init__(self):
            super().__init__()
            self.body = nn.Sequential(nn.Linear(4, 8), nn.SELU(), nn.Linear(8, 4))

        def forward(self, x):
            return self.body(x) if x.sum() > 0 else x

    plan = st.plan(Branching())
    assert "control flow" in plan.untraced
    assert "selu" in plan["body.0.weight"].reason


def test_parametrized_layers():
    weight_norm = nn.utils.parametrizations.weight_norm(nn.Linear(8, 16))
    st.init_(weight_norm)
    assert weight_norm.weight.std().item() == pytest.approx(8**-0.5, rel=0.3)
    spectral = nn.utils.parametrizations.spectral_norm(nn.Linear(8, 16))
    st.init_(spectral)
    assert torch.isfinite(spectral(torch.ones(1, 8))).all()


def test_compiled_and_checkpointed_wrappers_keep_the_names():
    net = nn.Sequential(nn.Linear(4, 4))
    other = nn.Sequential(nn.Linear(4, 4))
    plan = st.init_(torch.compile(net))
    st.init_(other)
    assert plan.names == ["0.weight", "0.bias"]
    assert torch.equal(net[0].weight, other[0].weight)


def test_mup_groups():
    net = nn.TransformerEncoderLayer(512, 8, 2048, batch_first=True)
    plan = st.plan(net, "mup")
    groups = plan.param_groups(1e-2, weight_decay=0.1)
    rates = {group["lr"] for group in groups}
    assert rates == {1e-2, 5e-3}
    optimizer = torch.optim.AdamW(groups)
    count = sum(len(group["params"]) for group in optimizer.param_groups)
    assert count == len(list(net.parameters()))


def test_wrong_calls_raise_what_python_expects(tmp_path):
    net = nn.Sequential(nn.Linear(4, 4))
    with pytest.raises(ValueError, match="did you mean"):
        st.plan(net, "gtp2")
    with pytest.raises(FileNotFoundError):
        st.plan(net, tmp_path / "none.toml")
    with pytest.raises(ValueError, match="seed -1: it must be"):
        st.plan(net, seed=-1)
    with pytest.raises(TypeError):
        st.plan(net, seed="one")
    with pytest.raises(ValueError, match="cannot read the recipe"):
        st.plan(net, rules=[{"match": "*", "initt": "ones"}])
    with pytest.raises(FileNotFoundError):
        semilla.Description.read("nowhere.safetensors")


@pytest.mark.parametrize("law", ["matrix_exp", "cayley", "householder"])
@pytest.mark.parametrize("sizes", [(6, 6), (5, 8), (8, 5)])
def test_orthogonal_weights_stay_orthogonal(sizes, law):
    made = nn.Linear(*sizes)
    net = nn.Sequential(nn.utils.parametrizations.orthogonal(made, orthogonal_map=law), nn.Tanh())
    before = net[0].weight.clone()
    plan = st.init_(net, seed=1)
    line = plan["0.parametrizations.weight.original"]
    weight = net[0].weight
    if law == "householder":  # reflectors and signs: no weight that could be drawn
        assert line.values == "as in the file" and torch.equal(weight, before)
    else:
        assert (line.role, line.layout) == ("linear", "OI") and not torch.equal(weight, before)
    product = weight @ weight.T if weight.shape[0] <= weight.shape[1] else weight.T @ weight
    torch.testing.assert_close(product, torch.eye(len(product)), atol=1e-5, rtol=0)


def normalized(kind):
    if kind == "hook":
        return nn.utils.spectral_norm(nn.Conv2d(3, 5, 3))
    return nn.utils.parametrizations.spectral_norm(nn.ConvTranspose2d(3, 5, 3), dim=1)


@pytest.mark.parametrize("kind", ["hook", "parametrization"])
def test_spectral_normalization_knows_the_new_weight(kind):
    nets = [nn.Sequential(normalized(kind), nn.ReLU()).eval() for _ in range(2)]
    for net in nets:
        plan = st.init_(net, seed=3, scheme="kaiming_normal")
    x = torch.randn(2, 3, 7, 7)
    assert torch.equal(nets[0](x), nets[1](x))
    weight = nets[0][0].weight.detach()
    matrix = weight.flatten(1) if kind == "hook" else weight.transpose(0, 1).flatten(1)
    assert abs(torch.linalg.matrix_norm(matrix, 2).item() - 1) < 0.05
    assert not any(name.endswith(("_u", "_v")) for _, name in plan.compiled.filled)


def test_weights_that_a_forward_multiplies_by_itself():
    class Own(nn.Module):
        def __init__(self):
            super().__init__()
            self.k = nn.Parameter(torch.empty(6, 4))
            self.experts = nn.Parameter(torch.empty(3, 4, 4))
            self.kernel = nn.Parameter(torch.empty(8, 2, 3))
            self.words = nn.Parameter(torch.empty(9, 5))

        def forward(self, x, words):
            x = torch.relu(x @ self.k)
            x = torch.bmm(x, self.experts)
            x = nn.functional.conv1d(x, weight=self.kernel, groups=2)
            return x, nn.functional.embedding(words, self.words)

    plan = st.plan(Own())
    assert plan.untraced is None
    found = {line.name: (line.role, line.layout) for line in plan.lines}
    assert found["k"] == ("linear", "IO")
    assert found["kernel"] == ("conv", "OIW/2")
    assert found["words"] == ("embedding", "VO")
    assert "experts" in found


def test_tracing_leaves_nothing_behind():
    class Constant(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, x):
            return self.layer(x) + torch.ones(3)

    net = Constant()
    before = set(vars(net))
    assert st.plan(net).untraced is None
    assert set(vars(net)) == before


class _Counting(nn.Module):
    """Writes into itself as it runs, in every way that code may."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.register_buffer("steps", torch.zeros(2))
        self.register_buffer("total", torch.zeros(1))
        self.plain, self.last, self.calls = torch.zeros(2), None, 0

    def forward(self, x):
        self.steps[0] += 1
        self.steps = self.steps + 1
        torch.add(self.total, 1, out=self.total)
        self.plain.add_(1)
        self.last, self.new, self.calls = x, x, self.calls + 1
        own = torch.empty(3)
        own.fill_(2 + random.random())
        assert own[0] >= 2
        return self.layer(x) + torch.rand(3) + own


def test_a_plan_changes_nothing():
    net, numbers, more = _Counting(), torch.get_rng_state(), random.getstate()
    names, attributes = list(net.state_dict()), dict(vars(net))
    assert st.plan(net).untraced is None
    assert list(net.state_dict()) == names and vars(net) == attributes
    assert not any(held.any() for held in (net.steps, net.total, net.plain))
    assert torch.equal(torch.get_rng_state(), numbers) and random.getstate() == more


def test_batches_that_a_models_own_code_counts():
    timm = pytest.importorskip("timm")
    net = timm.create_model("test_byobnet")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    plan = st.plan(net)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    # A normalization of its own, a gate, and a shortcut that pools.
    assert plan["stages.1.0.conv2_kxk.bn.weight"].role == "last_norm_weight"


@pytest.mark.parametrize("gate", ["none", "inside", "behind"])
@pytest.mark.parametrize("shortcut", [nn.Identity(), nn.Sequential(nn.AvgPool2d(2, 1), nn.Conv2d(4, 4, 1))])
def test_branches_end_whatever_is_inside(gate, shortcut):
    class Block(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1)
            self.middle, self.last, self.gate = nn.BatchNorm2d(4), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 1)
            self.shortcut = copy.deepcopy(shortcut)

        def gated(self, x, place):
            open_ = self.gate(x.mean((2, 3), keepdim=True)).sigmoid()
            return x * open_ if place == gate else x

        def forward(self, x):
            y = self.gated(self.middle(self.first(x)).relu(), "inside")
            y = self.gated(self.last(self.second(y)), "behind")
            return (y + self.shortcut(x)).relu()

    plan = st.plan(nn.Sequential(nn.Conv2d(3, 4, 1), *(Block() for _ in range(4))))
    assert plan.untraced is None
    ends = [name for name in plan.names if plan[name].role == "last_norm_weight"]
    assert ends == [f"{block}.last.weight" for block in range(1, 5)]


def test_what_is_no_module_is_told():
    with pytest.raises(TypeError, match="torch.nn.Module is needed, not dict"):
        st.init_({})


def test_a_library_that_describes_itself_in_ways_nobody_knows():
    class Config:
        model_type = "from_the_future"

        def to_json_string(self, use_diff):
            return json.dumps({"model_type": self.model_type, "hidden_size": 4})

    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
    expected = st.plan(net)
    net.config = Config()
    assert st.plan(net).to_json() == expected.to_json()
    with pytest.raises(ValueError, match='"from_the_future" is not described'):
        st.plan(net, "transformers")


def test_plans_are_data():
    net = Net()
    plan = st.init_(net, seed=3)
    again = pickle.loads(pickle.dumps(plan))
    assert again == plan and hash(again) == hash(plan) and again.to_json() == plan.to_json()
    assert again != st.plan(net, seed=4) and plan != 3
    assert repr(again) == repr(plan) and str(again) == str(plan)
    assert again.untraced is None
    with pytest.raises(ValueError, match="belongs to no module"):
        again.apply()
    before = [parameter.clone() for parameter in net.parameters()]
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    again.on(net).apply()
    assert all(torch.equal(a, b) for a, b in zip(before, net.parameters()))
    with pytest.raises(ValueError, match="in the plan or in the module"):
        again.on(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="is torch.float32 .* in the plan, torch.float64 .* in the module"):
        again.on(Net().to(torch.float64))
    line = plan["mid.weight"]
    assert pickle.loads(pickle.dumps(line)) == line == copy.deepcopy(line)
    assert len({line, plan["mid.weight"], plan["mid.bias"]}) == 2


def test_a_copied_plan_is_for_the_copied_module():
    net = Net()
    plan = st.plan(net, seed=5)
    both = copy.deepcopy({"net": net, "plan": plan})
    both["plan"].apply()
    expected = Net()
    st.init_(expected, seed=5)
    assert torch.equal(both["net"].mid.weight, expected.mid.weight)
    assert not torch.equal(net.mid.weight, expected.mid.weight)
    # Alone, it stays with its module, and copies no weights.
    copy.deepcopy(plan).apply()
    assert torch.equal(net.mid.weight, expected.mid.weight)


def test_descriptions_and_initializers_are_data():
    described = _semilla.Description.of_shapes(st.describe(Net()))
    again = pickle.loads(pickle.dumps(described))
    assert again == described and hash(again) == hash(described) and again is not described
    assert copy.deepcopy(described) is described
    assert described != _semilla.Description.of_shapes(st.describe(nn.Linear(2, 2)))
    assert repr(described) == f"<Description of {len(described.names)} tensors: of shapes>"
    read = _semilla.Description.read("mlp:8-4-2:relu")
    assert pickle.loads(pickle.dumps(read)) == read
    made = _semilla.Initializer("kaiming_normal", fans="pytorch", mode="fan_out")
    again = pickle.loads(pickle.dumps(made))
    assert again == made == copy.deepcopy(made) and hash(again) == hash(made)
    assert made != _semilla.Initializer("kaiming_normal", mode="fan_out")
    assert eval(repr(made), {"Initializer": _semilla.Initializer}) == made


class Itself(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(2, 2))
        self.inner.outer = self


def with_weight(tensor):
    linear = nn.Linear(2, 2)
    linear.weight = nn.Parameter(tensor, requires_grad=False)
    return linear


@pytest.mark.parametrize(
    ("make", "kind", "words"),
    [
        (Itself, ValueError, "inner.outer is the module itself"),
        (lambda: nn.Linear(2, 2, dtype=torch.complex64), TypeError, "weight: torch.complex64"),
        (lambda: nn.Linear(2, 2).to(torch.float8_e4m3fnuz), TypeError, "float8_e4m3fnuz"),
        (lambda: with_weight(torch.eye(2).to_sparse()), TypeError, "weight: .*sparse_coo"),
        (lambda: with_weight(torch.zeros(1, 2).expand(2, 2)), RuntimeError, "clone"),
        (
            lambda: with_weight(torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)])),
            TypeError,
            "weight: a nested tensor",
        ),
    ],
)
def test_what_cannot_be_initialized_is_told_by_its_name(make, kind, words):
    with pytest.raises(kind, match=words):
        st.init_(make())


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        ({"seed": None}, TypeError, "NoneType"),
        ({"seed": 1.5}, TypeError, "float"),
        ({"dtype": "bf16"}, TypeError, "torch.bfloat16"),
        ({"dtype": torch.int8}, ValueError, "int8"),
        ({"rules": "zeros"}, TypeError, "mapping from globs"),
        ({"rules": ["zeros"]}, TypeError, "mapping from globs"),
        ({"rules": {"weight": nn.init.zeros_}}, TypeError, "an initializer is a name"),
    ],
)
def test_wrong_arguments_are_told(given, kind, words):
    with pytest.raises(kind, match=words):
        st.plan(nn.Linear(2, 2), **given)


def test_what_is_compiled_in_place_is_traced():
    for compiled in (nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), None):
        net = compiled or nn.Sequential(torch.compile(nn.Linear(4, 8)), nn.ReLU(), nn.Linear(8, 2))
        if compiled:
            net.compile()
        plan = st.plan(net)
        assert plan.untraced is None and plan.names[0] == "0.weight"
        assert "before relu" in plan["0.weight"].reason


def test_tracing_changes_no_class_for_good():
    before = {kind: dict(vars(kind)) for kind in (nn.Module, nn.Linear, Net, nn.LSTM)}
    st.plan(Net())
    st.plan(Stuck())
    assert before == {kind: dict(vars(kind)) for kind in before}


class Stuck(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x):
        return self.linear(x) if x.sum() > 0 else x


class _OffsetNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(8))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * (1 + self.weight)


def test_an_offset_norm_is_one_whatever_mode_is_on():
    from torch._subclasses.fake_tensor import FakeTensorMode

    for mode in (FakeTensorMode(), torch.device("meta"), torch.inference_mode()):
        with mode:
            plan = semilla.torch.plan(nn.Sequential(_OffsetNorm(), nn.Linear(8, 4)))
            assert plan["0.weight"].role == "offset_norm_weight"
