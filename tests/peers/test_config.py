"""Models made of a `config.json` alone, compared with what transformers itself makes and saves:
names, shapes and types, every tensor's distribution, and loading.

    tests/peers/venv; SEMILLA=target/debug/semilla pytest tests/peers/test_config.py
"""

import os

os.environ["HF_HUB_OFFLINE"] = "1"

import json
from collections import defaultdict

import pytest
import torch
import transformers
from command import semilla
from config_models import CASES
from safetensors import safe_open
from safetensors.torch import load_file
from scipy.stats import ks_2samp

torch.set_num_threads(1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

# Fills that are computed and not drawn.
COMPUTED = {"constant", "arange", "sinusoidal", "s4d", "relative_position_index"}
SEED = 7
# Seeds are fixed, so a test that passes does so always.
REJECTED = 1e-5


def library(case, folder):
    """The library's own model of a case, saved."""
    architecture, fields = case
    made = getattr(transformers, architecture)
    config = made.config_class(**fields)
    torch.manual_seed(1)
    model = made._from_config(config)
    model.save_pretrained(folder)
    return made


def kind(fill):
    return fill if isinstance(fill, str) else next(iter(fill))


def plain(fill):
    """The distribution beneath a padding row."""
    return plain(fill["padded"]["of"]) if kind(fill) == "padded" else fill


@pytest.mark.parametrize("case", CASES, ids=lambda case: case[0])
def test_a_config_makes_what_the_library_makes(case, tmp_path):
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    made = library(case, theirs)
    ours.mkdir()
    (ours / "config.json").write_text((theirs / "config.json").read_text())
    plan = json.loads(semilla("plan", ours, "--json", "--seed", SEED))
    semilla("init", ours / "config.json", "-o", ours / "model.safetensors", "--seed", SEED)

    expected = load_file(theirs / "model.safetensors")
    found = load_file(ours / "model.safetensors")
    listed = lambda tensors: {n: (tuple(t.shape), t.dtype) for n, t in tensors.items()}
    assert listed(found) == listed(expected)
    assert {line["name"] for line in plan["tensors"]} == set(expected)
    with safe_open(ours / "model.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"

    check_values(plan, found, expected)

    model, info = made.from_pretrained(ours, output_loading_info=True)
    assert not any(info.get(key) for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs")), info


def check_values(plan, found, expected):
    pools = defaultdict(lambda: ([], []))
    for line in plan["tensors"]:
        name = line["name"]
        a, b = found[name].double(), expected[name].double()
        if kind(line["fill"]) == "norms":
            # As large as the directions beside them: in the library's file, and in ours.
            for file in (found, expected):
                directions = file[name.replace("original0", "original1")].double()
                norms = directions.norm(dim=(0, 1), keepdim=True)
                assert torch.allclose(file[name].double(), norms, rtol=2 * torch.finfo(file[name].dtype).eps + 1e-6), name
            continue
        if kind(line["fill"]) in COMPUTED:
            # Tables of sines are computed in the weights' own type there.
            atol = 20 * torch.finfo(found[name].dtype).eps if kind(line["fill"]) == "sinusoidal" else 0
            assert torch.allclose(a, b, rtol=1e-6, atol=atol), f"{name}: {line['initializer']}: {a.flatten()[:4]} {b.flatten()[:4]}"
            continue
        if a.ndim > 1:
            zero = (a == 0).all(dim=tuple(range(1, a.ndim)))
            assert torch.equal(zero, (b == 0).all(dim=tuple(range(1, b.ndim)))), f"{name}: rows of zeros"
            a, b = a[~zero], b[~zero]
        if a.numel() >= 64:
            assert abs(a.std() / b.std() - 1) < 5 / a.numel() ** 0.5, f"{name}: std {a.std()} and {b.std()}"
            assert ks_2samp(a.flatten(), b.flatten()).pvalue > REJECTED, f"{name}: {line['initializer']}"
        pool = pools[json.dumps(plain(line["fill"]))]
        pool[0].append(a.flatten())
        pool[1].append(b.flatten())
    for fill, (a, b) in pools.items():
        pvalue = ks_2samp(torch.cat(a), torch.cat(b)).pvalue
        assert pvalue > REJECTED, f"{fill}: p = {pvalue}"


@pytest.mark.parametrize("architecture", sorted({case[0] for case in CASES if case[0].endswith("Model")}))
def test_fields_that_are_left_out_are_the_librarys_defaults(architecture, tmp_path):
    config = getattr(transformers, architecture).config_class(architectures=[architecture])
    plans = []
    for name, text in [
        ("full", config.to_json_string()),
        ("bare", json.dumps({"model_type": config.model_type, "architectures": [architecture]})),
    ]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(text)
        plan = json.loads(semilla("plan", tmp_path / name, "--json"))
        plans.append({line["name"]: (line["shape"], line["dtype"], line["fill"]) for line in plan["tensors"]})
    assert plans[0] == plans[1]
