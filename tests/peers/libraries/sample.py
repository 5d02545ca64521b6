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
    made = {}
    # Constants show in three modules; what is drawn needs enough elements.
    for seed in range(3):
        _add(made, build(seed))
    drawn = [draws[0].size for draws in made.values() if _differ(draws)]
    count = min(MODULES, -(-ELEMENTS // min(drawn))) if drawn else 0
    for seed in range(3, count):
        _add(made, build(seed))
    return {name: Sample(draws) for name, draws in made.items()}


def _add(made, state):
    for name, array in state.items():
        draws = made.setdefault(name, [])
        if len(draws) < 3 or len(draws) * array.size < ELEMENTS:
            draws.append(array)


def _differ(draws):
    return any(not np.array_equal(draws[0], other) for other in draws[1:])
