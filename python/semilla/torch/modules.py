"""Plans of live modules, carried out on them in place."""

from __future__ import annotations

import json
from os import PathLike, fspath
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import torch
from torch import nn

from semilla import _semilla
from semilla.torch import facts

Rules = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]
Path = Union[str, "PathLike[str]"]


class Plan:
    """What every tensor of a module gets, and why.

    Made by :func:`semilla.torch.plan`. It prints as a table, is shown as one in a notebook, and
    names each tensor as the module's ``state_dict`` does.
    """

    def __init__(self, plan: _semilla.Plan, known: facts.Known) -> None:
        self._plan = plan
        self._known = known

    @property
    def recipe(self) -> str:
        """The recipe that decided."""
        return self._plan.recipe

    @property
    def seed(self) -> int:
        """The seed of every weight."""
        return self._plan.seed

    @property
    def names(self) -> List[str]:
        """The tensors' names, in the order of the state dict."""
        return self._plan.names

    @property
    def lines(self) -> List[_semilla.Line]:
        """A line for each tensor, in the order of the state dict."""
        return self._plan.lines

    def __getitem__(self, name: str) -> _semilla.Line:
        return self._plan[name]

    def __contains__(self, name: str) -> bool:
        return name in self._plan

    def __len__(self) -> int:
        return len(self._plan)

    def to_json(self) -> str:
        """The plan as JSON, as ``semilla plan --json`` prints it."""
        return self._plan.to_json()

    def write(self, path: Path, *, max_shard_size: Optional[str] = None) -> List[Path]:
        """Writes the weights to safetensors files instead of the module, and returns their names."""
        return self._plan.write(path, max_shard_size)

    def apply(self) -> None:
        """Writes the weights into the module's tensors, in place."""
        for name in self._plan.filled:
            _write(self._plan, name, self._known.tensors[name])

    def param_groups(
        self, lr: float, *, weight_decay: float = 0.0, optimizer: str = "adam"
    ) -> List[Dict[str, Any]]:
        """Parameter groups for an optimizer, with the learning rates that the scheme asks for."""
        return [
            {
                "params": [self._known.tensors[name] for name in names],
                "lr": lr * rate,
                "weight_decay": weight_decay * decay,
            }
            for rate, decay, names in self._plan.groups(optimizer)
        ]

    def __str__(self) -> str:
        return str(self._plan)

    def __repr__(self) -> str:
        return repr(self._plan)

    def _repr_html_(self) -> str:
        return self._plan.html()


def plan(
    module: nn.Module,
    recipe: Optional[Path] = None,
    seed: int = 0,
    *,
    scheme: Optional[str] = None,
    rules: Optional[Rules] = None,
    strict: bool = False,
    dtype: Optional[torch.dtype] = None,
) -> Plan:
    known = facts.of_module(module)
    return _planned(known, dtype, recipe=recipe, seed=seed, scheme=scheme, rules=rules, strict=strict)


def init_(module: nn.Module, recipe: Optional[Path] = None, seed: int = 0, **options: Any) -> Plan:
    made = plan(module, recipe, seed, **options)
    made.apply()
    return made


def _planned(known, dtype, *, recipe, seed, scheme, rules, strict, source=None, source_layout=None):
    described = _semilla.Description.of_shapes(known.json(dtype), known.config)
    return Plan(
        described.plan(
            None if recipe is None else fspath(recipe),
            seed,
            scheme=scheme,
            rules=None if rules is None else json.dumps(_rules(rules)),
            strict=strict,
            ties=known.ties,
            source=None if source is None else json.dumps(source),
            source_layout=source_layout,
        ),
        known,
    )


def _write(plan: _semilla.Plan, name: str, tensor: torch.Tensor) -> None:
    values = torch.frombuffer(bytearray(plan.tensor(name)), dtype=tensor.dtype)
    with torch.no_grad():
        tensor.copy_(values.view(tensor.shape))


def _rules(rules: Rules) -> List[Mapping[str, Any]]:
    if isinstance(rules, Mapping):
        return [{"match": name, "init": value} for name, value in rules.items()]
    return list(rules)
