"""First weights for neural networks: chosen, explained, reproducible to the bit."""

from semilla._semilla import Description, Initializer, Line, Plan, __version__

__all__ = ["Description", "Initializer", "Line", "Plan", "__version__"]
