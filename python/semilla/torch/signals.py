"""Whether a live module will train, as far as signals tell, and which first weights suit it."""

from __future__ import annotations

import copy
import html
import shutil
import sys
from os import fspath
from pathlib import Path as File

from torch import nn

from semilla import _semilla
from semilla._rules import Rules
from semilla.torch import facts
from semilla.torch.modules import Path, Plan, plan
from semilla.torch.record import Inputs, record
from semilla.torch.theory import expected, unasked

__all__ = ["Check", "Recommendation", "check", "recommend"]


class _Shown:
    """What a command prints of its findings."""

    def _table(self, width: int | None) -> str:
        raise NotImplementedError

    def __str__(self) -> str:
        is_terminal = sys.stdout is not None and sys.stdout.isatty()
        return self._table(shutil.get_terminal_size().columns if is_terminal else None)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self._table(None))}</pre>"


class Check(_Shown):
    """What first weights do to signals, and the verdict. Made by :func:`check`.

    It prints as ``semilla check`` does.
    """

    def __init__(self, checked: _semilla.Checked, run: _semilla.Run, name: str) -> None:
        self._checked = checked
        self._run = run
        self._name = name

    @property
    def passes(self) -> bool:
        """Whether the module will train, as far as signals tell."""
        return self._checked.passes

    @property
    def sentence(self) -> str:
        """The verdict in one sentence, with its numbers."""
        return self._checked.sentence

    def to_json(self) -> str:
        """The findings as ``semilla check --json`` prints them."""
        return self._checked.to_json()

    def to_html(self) -> str:
        """The page that ``semilla check --html`` writes: charts, the network, each layer."""
        return self._checked.page(self._name, self._run)

    def write_html(self, path: Path) -> None:
        """Writes the page to a file."""
        File(fspath(path)).write_text(self.to_html(), encoding="utf-8")

    def _table(self, width: int | None) -> str:
        return self._checked.table(width)

    def __repr__(self) -> str:
        return f"<Check: {'passes' if self.passes else 'fails'}: {self.sentence}>"


class Recommendation(_Shown):
    """Which first weights suit a module. Made by :func:`recommend`.

    It prints as ``semilla recommend`` does.
    """

    def __init__(self, found: _semilla.Recommendation) -> None:
        self._found = found

    @property
    def sentence(self) -> str:
        """The advice in one sentence, with its numbers."""
        return self._found.sentence

    @property
    def advice(self) -> str | None:
        """What else would help, where no first weights do."""
        return self._found.advice

    @property
    def best(self) -> str:
        """The name of the start that comes first."""
        return self._found.ranked[0][0]

    @property
    def alike(self) -> list[str]:
        """The starts from which no difference to the best is expected, the best itself first."""
        return [name for name, is_tied in self._found.ranked if is_tied]

    @property
    def ranked(self) -> list[str]:
        """All starts that were tried, the best first."""
        return [name for name, _ in self._found.ranked]

    @property
    def recipe(self) -> str:
        """The recipe of the best start, as TOML."""
        return self._found.recipe

    def write(self, path: Path) -> None:
        """Writes the recipe to a file, which :func:`init_` takes as ``recipe``."""
        File(fspath(path)).write_text(self.recipe, encoding="utf-8")

    def to_json(self) -> str:
        """The findings as ``semilla recommend --json`` prints them."""
        return self._found.to_json()

    def _table(self, width: int | None) -> str:
        return self._found.table(width)

    def __repr__(self) -> str:
        return f"<Recommendation: {self.sentence}>"


def check(
    module: nn.Module,
    inputs: Inputs,
    recipe: Path | None = None,
    seed: int = 0,
    *,
    seeds: int = 3,
    scheme: str | None = None,
    rules: Rules | None = None,
    theory: bool = False,
) -> Check:
    """Runs a module forward and backward on a batch, and judges what its weights do to signals.

    The module stays as it was. It runs without dropout; normalizations over the batch take the
    batch's own statistics. Layers are products of a signal with a weight, whoever calls them: seen
    are all calls of PyTorch's functions, so no forward needs to be traceable. The way back starts
    from standard normal numbers at the output.

    Parameters
    ----------
    module
        The module, with its weights.
    inputs
        A batch: a tensor, a tuple of positional arguments, or a mapping of keyword arguments.
        Samples lie along first axes. Real data, or noise of the data's scale.
    recipe, scheme, rules
        As for :func:`plan`: not the module's own weights are judged then, but those that ``init_``
        would give a copy of it.
    seed
        The seed of those weights, and of the numbers at the output.
    seeds
        How many seeds of weights are measured, where a recipe gives them.
    theory
        Whether the module is exported to ONNX as well (by ``torch.onnx``, with ``onnxscript``), for
        what theory expects beside what was measured. Where it cannot be exported, the check says why.

    Raises
    ------
    ValueError
        A module on the meta device, one without layers, or whose output has no gradient.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import semilla.torch
    >>> layers = [part for _ in range(30) for part in (nn.Linear(64, 64), nn.ReLU())]
    >>> model = nn.Sequential(*layers, nn.Linear(64, 10))
    >>> x = torch.randn(64, 64)
    >>> semilla.torch.check(model, x).passes         # PyTorch's defaults: gradients vanish
    False
    >>> semilla.torch.check(model, x, "auto").passes
    True
    """
    name = type(facts.unwrapped(module)).__name__
    if recipe is None and scheme is None and rules is None:
        found = record(module, inputs, seed)
        asked = expected(module, inputs) if theory else unasked()
        return Check(_semilla.Checked([found.measured], found.samples, asked), found.run, name)
    tried = copy.deepcopy(facts.unwrapped(module))
    plans, runs = [], []
    asked = unasked()
    for number in range(seed, seed + seeds):
        made = plan(tried, recipe or "auto", number, scheme=scheme, rules=rules)
        made.apply()
        if theory and not plans:
            asked = expected(tried, inputs)
        plans.append(made.compiled)
        runs.append(record(tried, inputs, number))
    checked = _semilla.Checked([run.measured for run in runs], runs[0].samples, asked, plans)
    return Check(checked, runs[0].run, name)


def recommend(
    module: nn.Module, inputs: Inputs, seed: int = 0, *, seeds: int = 3
) -> Recommendation:
    """Tries the well-known starts, and what a module's structure suggests, and ranks them.

    Each start is given to a copy of the module, which is run forward and backward on a batch, as by
    :func:`check`, once for each seed. Starts that are measured alike are named: no difference from
    the best is expected of them. A ranking says what the first weights do to signals, not which
    network is best after training: ``semilla compare`` trains.

    Parameters
    ----------
    module, inputs
        As for :func:`check`.
    seed, seeds
        The first seed of the weights, and how many are measured for each start.

    Raises
    ------
    ValueError
        As :func:`check`, where no start can be measured.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> import semilla.torch
    >>> layers = [part for _ in range(20) for part in (nn.Linear(32, 32), nn.ReLU())]
    >>> model = nn.Sequential(*layers, nn.Linear(32, 10))
    >>> found = semilla.torch.recommend(model, torch.randn(32, 32), seeds=1)
    >>> found.best
    'auto'
    """
    tried = copy.deepcopy(facts.unwrapped(module))
    known = facts.of_module(tried)
    described = _semilla.Description.of_shapes(known.json(), known.config)

    def measure(made: _semilla.Plan) -> _semilla.Measured:
        Plan(made, known).apply()
        return record(tried, inputs, made.seed).measured

    return Recommendation(
        described.recommend(list(range(seed, seed + seeds)), known.ties, measure)
    )
