"""Modules in wrappers, and modules that change between plan and filling."""

import sys

import pytest
import torch
import torch.distributed as dist
from torch import nn

import semilla.torch as st


def net():
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


def same(module, other):
    return all(map(torch.equal, module.parameters(), other.parameters()))


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    if not dist.is_available() or sys.platform != "linux":
        pytest.skip("PyTorch has no gloo here")
    file = tmp_path_factory.mktemp("group") / "store"
    dist.init_process_group("gloo", init_method=f"file://{file}", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


def test_names_are_the_models_own_in_any_wrapper(group):
    plain = net()
    plan = st.init_(plain, seed=2)
    for wrap in (
        nn.parallel.DistributedDataParallel,
        nn.DataParallel,
        torch.compile,
        lambda module: torch.compile(nn.parallel.DistributedDataParallel(module)),
    ):
        inner = net()
        wrapped = wrap(inner)
        assert st.plan(wrapped).names == plan.names
        st.init_(wrapped, seed=2)
        assert same(inner, plain)
        assert st.check(wrapped, torch.randn(5, 6)).sentence


@pytest.mark.filterwarnings("ignore")
def test_flattened_parameters_are_refused_until_they_are_summoned(group):
    from torch.distributed.fsdp import FullyShardedDataParallel

    plain = net()
    st.init_(plain, seed=2)
    module = FullyShardedDataParallel(net(), device_id=torch.device("cpu"), use_orig_params=True)
    with pytest.raises(ValueError, match="summon_full_params"):
        st.init_(module, seed=2)
    with FullyShardedDataParallel.summon_full_params(module):
        st.init_(module, seed=2)
    x = torch.randn(3, 6)
    assert torch.equal(module(x), plain(x))


@pytest.mark.parametrize("how", ["freed", "shrunk", "reshaped"])
def test_a_parameter_that_changed_since_the_plan(how):
    module = net()
    plan = st.plan(module, seed=2)
    if how == "reshaped":
        module[2].weight.data = torch.zeros(3, 3)
    else:
        module[2].weight.untyped_storage().resize_(0 if how == "freed" else 8)
    before = module[0].weight.clone()
    with pytest.raises(ValueError, match="2.weight|storage"):
        plan.apply()
    assert torch.equal(module[0].weight, before)


def test_what_tracing_shows_has_the_models_own_names():
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    wrapped = nn.Sequential(checkpoint_wrapper(nn.Linear(6, 8)), nn.SELU(), nn.Linear(8, 4))
    plan = st.plan(wrapped)
    assert plan.names[0] == "0.weight" and "selu" in plan["0.weight"].reason
