"""Semilla for PyTorch: plan, initialize and load live modules, in place."""

from semilla.torch.modules import Plan, init_, plan

__all__ = ["Plan", "init_", "plan"]
