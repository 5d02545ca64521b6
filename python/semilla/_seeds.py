"""Seeds, as Python gives them."""

from __future__ import annotations

import operator

__all__ = ["checked"]


def checked(seed: int) -> int:
    """A seed that a plan can have.

    Raises
    ------
    TypeError
        Something else than a whole number.
    ValueError
        A number that is negative, or has more than 64 bits.
    """
    seed = operator.index(seed)
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed {seed}: it must be a number from 0 to 2**64 - 1")
    return seed
