"""Notebooks and the READMEs' Python, run as they stand."""

import json
import os
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
NEEDS = {"pytorch": "torch", "four_processes": "torch", "jax": "flax", "keras": "keras"}


def run(code, folder, monkeypatch):
    # Processes that an example starts find the same package, also where its path is relative.
    paths = [os.path.abspath(path) for path in sys.path if path]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    monkeypatch.chdir(folder)
    exec(compile(code, "example", "exec"), {"__name__": "__main__"})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks(path, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", os.environ.get("KERAS_BACKEND", "jax"))
    pytest.importorskip(NEEDS[path.stem])
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells), "notebooks are kept without outputs"
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    run("\n\n".join(code), tmp_path, monkeypatch)


def quick_start(readme):
    text = (ROOT / readme).read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    [start] = [block for block in blocks if "import semilla" in block]
    return start


@pytest.mark.parametrize("readme", ["README.md", "python/README.md"])
def test_the_quick_start(readme, tmp_path, monkeypatch):
    pytest.importorskip("torchvision")
    run(quick_start(readme), tmp_path, monkeypatch)


def test_the_quick_start_is_the_same_in_spanish():
    def code(readme):
        return [line.split("#")[0].rstrip() for line in quick_start(readme).splitlines()]

    assert code("README.es.md") == code("README.md")
