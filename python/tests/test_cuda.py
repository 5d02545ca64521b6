"""Values made on a CUDA device are those made on the processor, to the bit."""

import itertools

import pytest

torch = pytest.importorskip("torch")

import semilla.torch.init as init  # noqa: E402
from semilla._semilla import Initializer, key  # noqa: E402
from semilla.torch import cuda  # noqa: E402
from semilla.torch.memory import _pieces  # noqa: E402

needs_gpu = pytest.mark.skipif(
    not torch.cuda.is_available(), reason="no CUDA device: the kernels cannot run here"
)
DTYPES = [
    torch.float64,
    torch.float32,
    torch.float16,
    torch.bfloat16,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
]
DRAWN = [
    "normal(std=0.02)",
    "normal(mean=0.3, std=1)",
    "uniform(low=-0.1, high=0.3)",
    "uniform(low=1, high=1)",
    "trunc_normal(std=0.02, low=-0.04, high=0.04)",
    "trunc_normal(std=1, low=1, high=6)",
    "trunc_normal(std=1, low=-6, high=-0.5)",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "lecun_normal",
]
OTHERS = ["zeros", "ones", "constant(value=0.1)", "orthogonal", "sparse(sparsity=0.1)", "dirac"]
SHAPES = [(), (1,), (63,), (65, 3), (17, 5, 3, 3), (1000, 257)]


def bits(tensor: torch.Tensor) -> torch.Tensor:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8) if flat.numel() else flat


def made(initializer: str, shape: tuple, dtype: torch.dtype, device: str) -> torch.Tensor:
    tensor = torch.empty(shape, dtype=dtype, device=device)
    return init.fill_(tensor, initializer, seed=7, name="layer.weight")


@pytest.mark.parametrize("shape", [(7,), (4, 6), (3, 4, 5), (2, 3, 1, 4)])
def test_a_box_is_where_its_elements_are(shape):
    whole = torch.arange(torch.Size(shape).numel()).reshape(shape)
    ends = [[(a, b) for a in range(n) for b in range(a + 1, n + 1)] for n in shape]
    for box in itertools.islice(itertools.product(*ends), 0, None, 7):
        offset, size = [a for a, _ in box], [b - a for a, b in box]
        first, axes = cuda._box(shape, offset, size)
        found = torch.tensor([first])
        for length, stride in axes:
            found = (torch.arange(length)[:, None] * stride + found).reshape(-1)
        if not axes:
            found = torch.arange(first, first + torch.Size(size).numel())
        wanted = whole[tuple(slice(a, b) for a, b in box)].reshape(-1)
        assert torch.equal(found, wanted), (offset, size)


def test_strided_parts_are_boxes():
    whole = torch.arange(48).reshape(8, 6)
    local = torch.cat([whole[0:2], whole[4:6]])[:, 3:]
    for offset, place in _pieces([[(0, 2), (4, 2)], [(3, 3)]]):
        assert local[place][0, 0] == whole[tuple(offset)]


def test_the_numbers_of_a_law_are_those_of_its_precision():
    drawn = Initializer("normal", std=0.1).drawn([3], "BF16", key(0, "w"), None)
    assert (drawn.law, drawn.numbers) == ("normal", [0.0, float(torch.tensor(0.1))])
    assert Initializer("normal", std=0.1).drawn([3], "F64", 1, None).numbers == [0.0, 0.1]
    for other in ["zeros", "orthogonal"]:
        assert Initializer(other).drawn([4, 4], "F32", 1, "OI") is None


@needs_gpu
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("initializer", DRAWN + OTHERS)
def test_same_bits(initializer, dtype):
    for shape in SHAPES:
        try:
            here = made(initializer, shape, dtype, "cpu")
        except (ValueError, TypeError) as refused:
            with pytest.raises(type(refused)):
                made(initializer, shape, dtype, "cuda")
            continue
        there = made(initializer, shape, dtype, "cuda")
        assert torch.equal(bits(here), bits(there)), shape


@needs_gpu
def test_drawn_values_are_made_on_the_device():
    weight = torch.empty(64, 64, device="cuda")
    drawn = Initializer("normal").drawn([64, 64], "F32", 1, None)
    assert cuda.fill(weight, drawn, [64, 64])
    assert 0.9 < weight.std().item() < 1.1


@needs_gpu
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_boxes_and_strides(dtype):
    whole = made("normal", (40, 30, 7), dtype, "cpu")
    drawn = Initializer("normal").drawn([40, 30, 7], dtype_name(dtype), key(7, "layer.weight"), None)
    for offset, size in [((3, 0, 0), (5, 30, 7)), ((0, 4, 1), (40, 9, 3)), ((39, 29, 6), (1, 1, 1))]:
        out = torch.empty(size, dtype=dtype, device="cuda")
        assert cuda.fill(out, drawn, [40, 30, 7], offset)
        box = tuple(slice(o, o + s) for o, s in zip(offset, size, strict=True))
        assert torch.equal(bits(whole[box]), bits(out))
    view = torch.empty(30, 40, 7, dtype=dtype, device="cuda").transpose(0, 1)
    init.fill_(view, "normal", seed=7, name="layer.weight")
    assert torch.equal(bits(whole), bits(view))


@needs_gpu
def test_far_elements():
    """Beyond the first 2**32 elements of a tensor."""
    shape, offset = [1 << 20, 1 << 13], [(1 << 20) - 3, 5]
    drawn = Initializer("uniform").drawn(shape, "F32", key(1, "huge"), None)
    out = torch.empty(3, 100, device="cuda")
    assert cuda.fill(out, drawn, shape, offset)
    row = torch.empty(1, 1 << 13, device="cuda")
    assert cuda.fill(row, drawn, shape, [(1 << 20) - 2, 0])
    assert torch.equal(out[1], row[0, 5:105])


@needs_gpu
def test_a_version_is_counted():
    weight = torch.empty(10, device="cuda")
    before = weight._version
    init.fill_(weight, "normal", seed=0)
    assert weight._version > before


def dtype_name(dtype: torch.dtype) -> str:
    from semilla.torch.memory import dtype_name as name

    return name(dtype)


@needs_gpu
def test_a_module_on_a_device():
    import semilla.torch

    def net():
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.ReLU(),
            torch.nn.Flatten(), torch.nn.LazyLinear(5),
        )  # fmt: skip

    here, there = net(), net()
    for module in [here, there]:
        module(torch.zeros(1, 3, 8, 8))
    there.cuda()
    for recipe in ["auto", "pytorch", "orthogonal"]:
        options = {"scheme": recipe} if recipe == "orthogonal" else {"recipe": recipe}
        semilla.torch.init_(here, seed=3, **options)
        semilla.torch.init_(there, seed=3, **options)
        for (name, a), b in zip(here.state_dict().items(), there.state_dict().values()):
            assert torch.equal(a, b.cpu()), (recipe, name)
