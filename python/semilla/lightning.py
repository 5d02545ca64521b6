"""Semilla in Lightning: a callback that initializes the module before it is fitted."""

from __future__ import annotations

from typing import Any

from semilla._rules import Rules
from semilla.torch.modules import Path, Plan, init_

try:
    from lightning.pytorch import Callback
except ImportError:
    from pytorch_lightning import Callback

__all__ = ["Initialize"]


class Initialize(Callback):
    """Initializes the module when fitting starts, on every process: the same weights everywhere.

    By then the strategy has placed, wrapped and sharded the module. A run that goes on from a
    checkpoint keeps the checkpoint's weights.

    Parameters
    ----------
    recipe, seed, scheme, rules, strict
        As for ``semilla.torch.init_``.

    Attributes
    ----------
    plan
        What every tensor got, and why; ``None`` before the start, and of a run that goes on.

    Examples
    --------
    ::

        trainer = Trainer(callbacks=[semilla.lightning.Initialize("auto", seed=0)])
        trainer.fit(module)
    """

    def __init__(
        self,
        recipe: Path = "auto",
        seed: int = 0,
        *,
        scheme: str | None = None,
        rules: Rules | None = None,
        strict: bool = False,
    ) -> None:
        self.plan: Plan | None = None
        self._recipe = recipe
        self._seed = seed
        self._options: dict[str, Any] = {"scheme": scheme, "rules": rules, "strict": strict}

    def on_fit_start(self, trainer: Any, pl_module: Any) -> None:
        """Called by Lightning."""
        if trainer.ckpt_path is None:
            self.plan = init_(pl_module, self._recipe, self._seed, **self._options)
