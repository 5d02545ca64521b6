"""First weights for neural networks: chosen, explained, reproducible to the bit."""

from semilla._semilla import __version__

__all__ = ["__version__"]
