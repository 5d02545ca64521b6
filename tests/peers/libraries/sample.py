"""Samples of a module's own initialization: its tensors by name, from many seeds."""

import numpy as np

# Elements of each tensor, at least, unless that takes more modules than this.
ELEMENTS = 12_000
MODULES = 160


class Sample:
    """A tensor as a library initializes it, from one seed after the other."""

    def __init__(self, draws):
        self.draws = np.stack(draws)
        self.shape = self.draws.shape[1:]
        self.dtype = self.draws.dtype


def sampled(build):
    """{name: Sample} of what `build(seed)`, a {name: array}, makes."""
    made = [build(seed) for seed in range(3)]
    # Constants show in three modules; what is drawn needs enough elements of every tensor.
    drawn = [
        first.size
        for name, first in made[0].items()
        if any(not np.array_equal(first, other[name]) for other in made[1:])
    ]
    count = min(MODULES, -(-ELEMENTS // min(drawn))) if drawn else 0
    made += [build(seed) for seed in range(3, count)]
    return {name: Sample([state[name] for state in made]) for name in made[0]}
