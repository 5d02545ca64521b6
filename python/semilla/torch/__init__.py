"""Semilla for PyTorch: plan, initialize and load live modules, in place."""

from semilla.torch.signals import Check, Recommendation, check, recommend
from semilla.torch.lora import AdaptedMatrix, lora_
from semilla.torch.modules import Finding, Plan, describe, init_, load_, plan, save

__all__ = [
    "AdaptedMatrix",
    "Check",
    "Finding",
    "Plan",
    "Recommendation",
    "check",
    "describe",
    "init_",
    "load_",
    "lora_",
    "plan",
    "recommend",
    "save",
]
