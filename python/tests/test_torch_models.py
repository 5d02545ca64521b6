"""Whole models: the distributions that their library gives, by its recipe."""

import sys
from pathlib import Path

import pytest
import torch
from scipy import stats

import semilla.torch as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benches" / "python"))
from models import models  # noqa: E402

#: Elements compared of a tensor.
SAMPLE = 20_000


@pytest.mark.parametrize(("name", "make", "recipe"), models(layers=1), ids=lambda value: value if isinstance(value, str) else "")
def test_distributions_are_the_librarys(name, make, recipe):
    torch.manual_seed(0)
    model = make()
    theirs = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    plan = st.init_(model, recipe, seed=1)
    assert all(line.role != "unknown" for line in plan.lines)
    wrong = []
    for key, tensor in model.state_dict().items():
        own, other = (values.double().flatten()[:SAMPLE] for values in (tensor, theirs[key]))
        if not torch.isfinite(own).all():
            wrong.append(f"{key}: not finite")
        elif other.unique().numel() == 1 or not tensor.is_floating_point():
            if not torch.equal(own, other):
                wrong.append(f"{key}: {plan[key]}, theirs {other[:3].tolist()}")
        # A false alarm in a million tensors.
        elif stats.ks_2samp(own.numpy(), other.numpy()).pvalue < 1e-6:
            wrong.append(f"{key}: {plan[key]}, their std {other.std():.4g}")
    assert not wrong, "\n".join(wrong[:20])
