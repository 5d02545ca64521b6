"""Means with their 95 % intervals."""

import math
import statistics
from typing import NamedTuple

from scipy.stats import t


class Estimate(NamedTuple):
    mean: float
    half: float


def estimate(values):
    """The mean and half the width of its interval (Student's t)."""
    error = statistics.stdev(values) / math.sqrt(len(values))
    return Estimate(statistics.mean(values), t.ppf(0.975, len(values) - 1) * error)
