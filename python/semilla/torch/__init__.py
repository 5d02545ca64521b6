"""Semilla for PyTorch: plan, initialize and load live modules, in place."""

from semilla.torch.modules import Plan, describe, init_, load_, plan, save

__all__ = ["Plan", "describe", "init_", "load_", "plan", "save"]
