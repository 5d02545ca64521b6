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
    return list(rules)


def as_json(rules: Rules | None) -> str | None:
    """Rules as the compiled part takes them; ``None`` of none."""
    return json.dumps(tables(rules)) if rules else None
