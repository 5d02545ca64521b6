"""What the documentation shows runs."""

import doctest
import re
from pathlib import Path

import pytest

import semilla.torch.modules

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("page", ["README.md", "README.es.md", "python/README.md"])
def test_quick_starts_run(page, capsys):
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.S)
    (start,) = [block for block in blocks if "semilla.torch.init_" in block]
    exec(start, {})
    assert "recipe resnet, seed 0" in capsys.readouterr().out


def test_examples_in_docstrings():
    found = doctest.testmod(semilla.torch.modules)
    assert found.attempted > 5 and not found.failed
