"""Rules, as Python says them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Union

#: Initializers by globs of names, or tables as a recipe's ``[[rule]]`` has them.
Rules = Union[Mapping[str, Any], Sequence[Mapping[str, Any]]]


def tables(rules: Rules, what: str = "init") -> list[Mapping[str, Any]]:
    """Tables with ``match``, of a mapping from globs or of tables."""
    if isinstance(rules, Mapping):
        return [{"match": glob, what: value} for glob, value in rules.items()]
    made = [] if isinstance(rules, str) else list(rules)
    if isinstance(rules, str) or not all(isinstance(rule, Mapping) for rule in made):
        raise TypeError(
            f"rules are a mapping from globs, or a list of tables with match, not {rules!r}"
        )
    return made


def as_json(rules: Rules | None) -> str | None:
    """Rules as the compiled part takes them; ``None`` of none."""
    return json.dumps(tables(rules), default=_unknown) if rules else None


def _unknown(value: object) -> object:
    raise TypeError(
        f"a rule says {value!r}: an initializer is a name, with parameters in parentheses or as a "
        'table: "normal(std=0.02)", {"normal": {"std": 0.02}}'
    )
