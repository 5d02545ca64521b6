"""Semilla in Hugging Face's transformers: models made or loaded within a ``with`` block."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from transformers import PreTrainedModel

from semilla._rules import Rules
from semilla.torch import facts
from semilla.torch.modules import Path, planned

__all__ = ["init"]

# What marks a tensor whose values are Semilla's: to transformers it is initialized, and it may be
# made again under its name in a larger model.
_OURS = "semilla"
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def init(
    recipe: Path = "auto",
    seed: int = 0,
    *,
    scheme: str | None = None,
    rules: Rules | None = None,
    strict: bool = False,
) -> Iterator[None]:
    """Models of transformers that are made or loaded within the block get Semilla's first weights
    in the place of those that ``PreTrainedModel._init_weights`` gives.

    ``from_config`` and a model's class give all weights; ``from_pretrained`` those that the
    checkpoint does not have, such as a new head. They are the weights of
    ``semilla.torch.init_(model, ...)``: names are keys, so a head is the same whatever is loaded.
    Buffers that are not in the state dict stay the library's.

    Parameters
    ----------
    recipe, seed, scheme, rules, strict
        As for ``semilla.torch.plan``. ``"transformers"`` gives the library's own distributions.

    Raises
    ------
    ValueError
        From the call that makes the model: a tensor that nothing is known of, with the rule that
        would decide it.

    Examples
    --------
    >>> from transformers import BertConfig, BertModel
    >>> import semilla.transformers
    >>> tiny = BertConfig(
    ...     hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
    ...     vocab_size=100,
    ... )
    >>> with semilla.transformers.init("auto", seed=1):
    ...     model = BertModel(tiny)
    """
    options: dict[str, Any] = {"scheme": scheme, "rules": rules, "strict": strict}

    def initialize_weights(model: PreTrainedModel) -> None:
        state = model.state_dict(keep_vars=True)
        missing = {
            name
            for name, tensor in state.items()
            if getattr(tensor, "_is_hf_initialized", False) in (False, _OURS)
            and not tensor.is_meta
        }
        if missing:
            known = facts.of_module(model, recipe)
            # Weights are tied when all have their values.
            ties = getattr(model, "all_tied_weights_keys", None) or {}
            known.ties.extend(
                pair for pair in ties.items() if pair not in known.ties and pair[0] in known.tensors
            )
            made = planned(known, recipe=recipe, seed=seed, **options)
            made.apply(missing)
            # What is kept has no values yet: they are the library's to compute.
            kept = {line.name for line in made.lines if line.disposition == "kept"}
            for name in missing - kept:
                state[name]._is_hf_initialized = _OURS
        theirs(model)

    with _ONE_AT_A_TIME:
        theirs = PreTrainedModel.initialize_weights
        PreTrainedModel.initialize_weights = initialize_weights
        try:
            yield
        finally:
            PreTrainedModel.initialize_weights = theirs
