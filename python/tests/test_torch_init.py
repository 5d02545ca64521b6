"""`semilla.torch.init` in the place of `torch.nn.init`."""

import inspect
import math
import threading
import warnings

import pytest
import torch
import torch.nn.init as theirs
from scipy import stats

import semilla.torch.init as init

FLOATS = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]


def drawn(function, tensor, *args, seed=0, **kwargs):
    torch.manual_seed(seed)
    function(tensor, *args, **kwargs)
    return tensor


@pytest.mark.parametrize("name", theirs.__all__)
def test_signatures_are_pytorchs(name):
    def parameters(function):
        listed = inspect.signature(function).parameters.values()
        return [(p.name, p.default, p.kind) for p in listed]

    assert parameters(getattr(init, name)) == parameters(getattr(theirs, name))
    assert name in init.__all__


@pytest.mark.parametrize(
    ("name", "args", "law"),
    [
        ("uniform_", (-1, 3), stats.uniform(-1, 4)),
        ("normal_", (0.5, 2), stats.norm(0.5, 2)),
        ("trunc_normal_", (0, 1, -1, 2), stats.truncnorm(-1, 2)),
        ("trunc_normal_", (0, 1, 3, 4), stats.truncnorm(3, 4)),
        ("xavier_uniform_", (2.0,), stats.uniform(-0.2, 0.4)),
        ("xavier_normal_", (), stats.norm(0, math.sqrt(2 / 600))),
        ("kaiming_uniform_", (math.sqrt(5),), stats.uniform(-1 / 20, 2 / 20)),
        ("kaiming_normal_", (0, "fan_out", "relu"), stats.norm(0, 0.1)),
        ("kaiming_normal_", (0, "fan_in", "tanh"), stats.norm(0, 5 / 3 / 20)),
        ("kaiming_normal_", (0.7, "fan_in", "conv2d"), stats.norm(0, 1 / 20)),
    ],
)
@pytest.mark.filterwarnings("ignore:mean is more")
def test_distributions(name, args, law):
    weight = drawn(getattr(init, name), torch.empty(200, 400), *args)
    assert stats.kstest(weight.flatten().double().numpy(), law.cdf).pvalue > 1e-4
    reference = drawn(getattr(theirs, name), torch.empty(200, 400), *args)
    both = stats.ks_2samp(weight.flatten().numpy(), reference.flatten().numpy())
    assert both.pvalue > 1e-4


def test_structured_values():
    assert torch.equal(init.eye_(torch.empty(3, 5)), torch.eye(3, 5))
    for shape, groups in [((4, 6, 3), 2), ((6, 2, 3, 4), 3), ((4, 4, 3, 3, 3), 1)]:
        ours = init.dirac_(torch.empty(shape), groups)
        assert torch.equal(ours, theirs.dirac_(torch.empty(shape), groups))
    for shape in [(20, 50), (50, 20), (8, 4, 3, 3)]:
        matrix = drawn(init.orthogonal_, torch.empty(shape), 2.0).flatten(1).double()
        matrix = matrix if matrix.shape[0] < matrix.shape[1] else matrix.T
        eye = torch.eye(len(matrix), dtype=torch.double)
        torch.testing.assert_close(matrix @ matrix.T, 4 * eye, atol=1e-5, rtol=0)
    sparse = drawn(init.sparse_, torch.empty(40, 30), 0.33, std=0.5)
    assert ((sparse == 0).sum(0) == math.ceil(0.33 * 40)).all()


@pytest.mark.parametrize("dtype", FLOATS)
def test_low_precision_is_the_rounded_single_precision(dtype):
    weight = drawn(init.normal_, torch.empty(300, 7, dtype=dtype), std=0.1)
    if dtype == torch.float64:
        assert 0.08 < weight.std() < 0.12
        return
    single = drawn(init.normal_, torch.empty(300, 7), std=0.1)
    assert torch.equal(weight.float(), single.to(dtype).float())


def test_any_strides_get_the_same_values():
    plain = drawn(init.normal_, torch.empty(8, 6, 5, 4))
    views = [
        torch.empty(8, 6, 5, 4).to(memory_format=torch.channels_last),
        torch.empty(4, 5, 6, 8).permute(3, 2, 1, 0),
        torch.empty(16, 6, 10, 9)[::2, :, 1::2, 3:7],
    ]
    for view in views:
        assert torch.equal(drawn(init.normal_, view), plain)
    around = torch.zeros(6, 10)
    drawn(init.orthogonal_, around[1:4, 2:8])
    around[1:4, 2:8] = 0
    assert (around == 0).all()


def test_large_and_odd_sizes():
    plain = drawn(init.normal_, torch.empty(301, 1003))
    assert torch.equal(drawn(init.normal_, torch.empty(1003, 301).T), plain)
    for shape in [(), (0,), (3, 0), (1,)]:
        init.normal_(torch.empty(shape))


def test_seeds_are_drawn_as_pytorch_draws():
    first = drawn(init.normal_, torch.empty(9))
    assert not torch.equal(init.normal_(torch.empty(9)), first)
    assert torch.equal(drawn(init.normal_, torch.empty(9)), first)
    generator = torch.Generator().manual_seed(0)
    assert torch.equal(init.normal_(torch.empty(9), generator=generator), first)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        assert torch.equal(init.normal_(torch.empty(9)), first)


def test_a_name_and_a_seed_give_the_same_without_generator():
    state = torch.random.get_rng_state()
    one = init.fill_(torch.empty(4, 3), "kaiming_normal(mode=fan_out)", seed=7, name="fc.weight")
    two = init.fill_(torch.empty(4, 3), "kaiming_normal", seed=7, name="fc.weight", mode="fan_out")
    assert torch.equal(one, two)
    assert torch.equal(state, torch.random.get_rng_state())
    other = init.fill_(torch.empty(4, 3), "kaiming_normal", seed=7, name="fc2.weight")
    assert not torch.equal(one, other)


@pytest.mark.parametrize("name", init.__all__[init.__all__.index("variance_scaling_") :])
def test_own_initializers(name):
    shape = {"gate_bias_": (8,), "chrono_": (8,)}.get(name, (8, 4, 3, 3))
    shape = (8, 4) if name in ("column_orthogonal_", "sinusoidal_") else shape
    weight = torch.full(shape, math.nan)
    assert getattr(init, name)(weight) is weight
    assert weight.isfinite().all()


def test_tensors_of_other_kinds():
    leaf = torch.nn.Parameter(torch.zeros(5))
    assert init.normal_(leaf) is leaf and leaf.requires_grad and leaf.grad_fn is None
    version = leaf._version
    init.uniform_(leaf)
    assert leaf._version > version

    x = torch.ones(3, requires_grad=True)
    y = (x * x).sum()
    init.normal_(x)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()

    meta = torch.empty(3, 4, device="meta")
    for function in (init.normal_, init.xavier_uniform_, init.orthogonal_, init.eye_):
        assert function(meta) is meta
    with torch.inference_mode():
        inference = torch.zeros(4)
        assert (init.normal_(inference) != 0).all()
    with pytest.raises(RuntimeError, match="inference tensor"):
        init.normal_(inference)

    class Marked(torch.Tensor):
        pass

    marked = torch.zeros(4).as_subclass(Marked)
    assert init.normal_(marked) is marked and (marked != 0).all()
    with torch.device("meta"):
        assert init.normal_(torch.empty(3)).is_meta
    with torch._subclasses.FakeTensorMode():
        init.trunc_normal_(torch.empty(3))


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda i: i.uniform_(torch.empty(3), 1, 0), RuntimeError),
        (lambda i: i.normal_(torch.empty(3), std=-1), RuntimeError),
        (lambda i: i.normal_(torch.empty(1).expand(3)), RuntimeError),
        (lambda i: i.eye_(torch.empty(3)), ValueError),
        (lambda i: i.dirac_(torch.empty(3, 3)), ValueError),
        (lambda i: i.dirac_(torch.empty(3, 3, 3), 2), ValueError),
        (lambda i: i.xavier_uniform_(torch.empty(3)), ValueError),
        (lambda i: i.xavier_normal_(torch.empty(())), ValueError),
        (lambda i: i.kaiming_normal_(torch.empty(3)), ValueError),
        (lambda i: i.kaiming_normal_(torch.empty(3, 3), mode="fan_avg"), ValueError),
        (lambda i: i.kaiming_uniform_(torch.empty(3, 3), nonlinearity="swish"), ValueError),
        (lambda i: i.kaiming_uniform_(torch.empty(3, 3), a=True), ValueError),
        (lambda i: i.orthogonal_(torch.empty(3)), ValueError),
        (lambda i: i.sparse_(torch.empty(3), 0.1), ValueError),
        (lambda i: i.calculate_gain("nope"), ValueError),
    ],
)
def test_errors_are_pytorchs(call, error):
    for module in (theirs, init):
        with pytest.raises(error):
            call(module)


def test_warnings_are_pytorchs():
    calls = [
        (lambda i: i.kaiming_uniform_(torch.empty(0, 3)), UserWarning),
        (lambda i: i.kaiming_normal_(torch.empty(3, 0)), UserWarning),
        (lambda i: i.trunc_normal_(torch.empty(3), 0, 1, 3, 4), UserWarning),
        (lambda i: i.normal(torch.empty(3)), FutureWarning),
        (lambda i: i.xavier_uniform(torch.empty(3, 3)), FutureWarning),
    ]
    for call, category in calls:
        texts = []
        for module in (theirs, init):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                call(module)
            assert [w.category for w in caught] == [category]
            assert module is theirs or caught[0].filename == __file__
            texts.append(str(caught[0].message))
        assert texts[0] == texts[1]


def test_mistakes_are_exceptions():
    with pytest.raises(TypeError, match="I64"):
        init.normal_(torch.empty(3, dtype=torch.int64))
    with pytest.raises(TypeError, match="complex64"):
        init.normal_(torch.empty(3, dtype=torch.complex64))
    with pytest.raises(TypeError, match="sparse"):
        init.normal_(torch.eye(3).to_sparse())
    with pytest.raises(ValueError, match="did you mean"):
        init.fill_(torch.empty(3), "norml")
    with pytest.raises(ValueError, match="expected `mean` or `std`"):
        init.fill_(torch.empty(3), "normal", stddev=1)
    freed = torch.empty(3)
    freed.untyped_storage().resize_(0)
    with pytest.raises(ValueError, match="freed"):
        init.normal_(freed)
    shrunk = torch.empty(4, 6)
    views = [shrunk, shrunk.T, shrunk[3:], shrunk[:, 5]]
    whole = shrunk[:3]
    shrunk.untyped_storage().resize_(4 * 23)
    for view in views:
        with pytest.raises(ValueError, match="smaller"):
            init.normal_(view)
    init.normal_(whole)


def test_threads_at_once():
    tensors = [torch.empty(200_000) for _ in range(4)]

    def work(tensor, name):
        for _ in range(5):
            init.fill_(tensor, "normal", seed=1, name=name)

    workers = [
        threading.Thread(target=work, args=(tensor, str(place)))
        for place, tensor in enumerate(tensors)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for place, tensor in enumerate(tensors):
        alone = init.fill_(torch.empty(200_000), "normal", seed=1, name=str(place))
        assert torch.equal(tensor, alone)
