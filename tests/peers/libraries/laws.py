"""What a plan promises of a tensor, held against a library's own values."""

import dataclasses

import numpy as np
from scipy import stats

# Fixed seeds: these never change from run to run, and there are thousands of comparisons.
LEAST_P = 1e-6
MOST = 100_000


@dataclasses.dataclass(frozen=True)
class Law:
    """The values of some part of a tensor: a constant, a distribution, orthonormal, or computed."""

    kind: str
    numbers: dict


def laws(fill, shape, values):
    """(part, Law) for each part of a tensor that is filled by one law. A part is a mask; `values`
    gives what Semilla writes, for what is computed."""
    whole = np.ones(shape, bool)
    yield from _laws(fill, whole, values)


def _laws(fill, part, values):
    ((kind, numbers),) = fill.items() if isinstance(fill, dict) else ((fill, {}),)
    match kind:
        case "padded":
            row = np.zeros_like(part)
            row[numbers["row"]] = True
            yield part & row, Law("constant", {"value": 0.0})
            yield from _laws(numbers["of"], part & ~row, values)
        case "blocks":
            axis, turns = numbers["axis"], numbers.get("turns", 1)
            sizes = [section["size"] // turns for section in numbers["sections"]]
            place = np.arange(part.shape[axis]) % sum(sizes)
            for section, end in zip(numbers["sections"], np.cumsum(sizes)):
                start = end - section["size"] // turns
                inside = (place >= start) & (place < end)
                shape = [-1 if at == axis else 1 for at in range(part.ndim)]
                yield from _laws(section["fill"], part & inside.reshape(shape), values)
        case "stacked":
            yield from _laws(numbers["of"], part, values)
        case "constant" | "uniform" | "normal" | "truncated_normal" | "orthogonal" | "keep":
            yield part, Law(kind, numbers)
        case _:
            yield part, Law("computed", {"kind": kind, "values": values()})


def difference(law, part, sample):
    """How the library's values differ from the law, in words; None where they do not."""
    theirs = sample.draws[:, part].astype(np.float64)
    if theirs.size == 0:
        return None
    match law.kind:
        case "constant":
            value = np.float64(np.asarray(law.numbers["value"], sample.dtype))
            return None if (theirs == value).all() else f"not all {value}, but {_said(theirs)}"
        case "orthogonal":
            return _orthogonal(law.numbers["gain"], part, sample)
        case "computed":
            return _computed(law.numbers, part, theirs)
        case "keep":
            return "unknown"
    # Every so many: a test of millions takes a minute and sees no more.
    step = max(1, theirs.size // MOST)
    return _drawn(law, theirs.ravel()[::step])


def about(law, part, sample):
    """As `difference`, of what a constant can only be near to."""
    theirs = sample.draws[:, part].mean()
    ours = law.numbers["value"]
    return None if abs(theirs / ours - 1) < 0.05 else f"about {theirs:.4g}, not {ours:.4g}"


def _drawn(law, theirs):
    numbers = law.numbers
    match law.kind:
        case "uniform":
            low, high = numbers["low"], numbers["high"]
            known = stats.uniform(low, high - low)
        case "normal":
            known = stats.norm(numbers["mean"], numbers["std"])
        case "truncated_normal":
            mean, std = numbers["mean"], numbers["std"]
            cut = [(numbers[end] - mean) / std for end in ("low", "high")]
            known = stats.truncnorm(*cut, mean, std)
    low, high = known.support()
    slack = 1e-5 * known.std()
    if theirs.min() < low - slack or theirs.max() > high + slack:
        return f"outside of [{low:.5g}, {high:.5g}]: {_said(theirs)}"
    # Five standard errors of the deviation, whatever the fourth moment below a normal's.
    room = 5 / np.sqrt(2 * theirs.size)
    if abs(theirs.std() / known.std() - 1) > room:
        return f"deviation {theirs.std():.5g}, not {known.std():.5g}"
    p = stats.kstest(theirs, known.cdf).pvalue
    return None if p > LEAST_P else f"not {law.kind} (KS p {p:.1g}): {_said(theirs)}"


def _orthogonal(gain, part, sample):
    for draw in sample.draws[:3]:
        size = [len(np.unique(axis)) for axis in np.nonzero(part)]
        block = draw[part].reshape(size).astype(np.float64)
        # By rows and by columns: the shorter side is orthonormal.
        sides = (block.reshape(size[0], -1), block.reshape(-1, size[-1]))
        grams = [m @ m.T if m.shape[0] <= m.shape[1] else m.T @ m for m in sides]
        if not any(np.allclose(g, gain**2 * np.eye(len(g)), atol=1e-4) for g in grams):
            return f"not orthonormal times {gain}"
    return None


def _computed(numbers, part, theirs):
    ours = numbers["values"][part].astype(np.float64)
    if np.ptp(theirs, axis=0).max(initial=0) == 0:
        same = np.allclose(ours, theirs[0], rtol=2e-6, atol=1e-6)
        return None if same else f"not {numbers['kind']}: {_said(theirs)}, not {_said(ours)}"
    p = stats.ks_2samp(ours.ravel(), theirs.ravel()).pvalue
    return None if p > LEAST_P else f"not {numbers['kind']} (KS p {p:.1g})"


def _said(values):
    if np.ptp(values) == 0:
        return f"all {values.flat[0]:.6g}"
    low, high = values.min(), values.max()
    return f"{low:.4g} to {high:.4g}, mean {values.mean():.4g}, deviation {values.std():.4g}"
