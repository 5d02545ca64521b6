"""What the documentation shows runs."""

import doctest
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "README.es.md", "python/README.md"])
def test_quick_starts_run(page, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    (start,) = [block for block in blocks if "semilla.torch.init_" in block]
    exec(start, {})
    assert "recipe resnet, seed 0" in capsys.readouterr().out


@pytest.mark.parametrize(
    "module, needs",
    [
        ("semilla.torch.modules", "torch"),
        ("semilla.torch.signals", "torch"),
        ("semilla.torch.lora", "peft"),
        ("semilla.transformers", "transformers"),
    ],
)
def test_examples_in_docstrings(module, needs):
    pytest.importorskip(needs)
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 3 and not found.failed
