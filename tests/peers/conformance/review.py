"""Reasons of a plan, against the modules that they speak of."""

import collections
import re

NORM = re.compile("norm", re.IGNORECASE)
ACTIVATION = re.compile(r"^(ReLU|GELU|SiLU|Hardswish|Sigmoid|Tanh|ELU|LeakyReLU|PReLU|Mish|ReLU6)$|GELUActivation")
# A part of a name that counts blocks: `3`, `encoder_layer_3`.
COUNTED = re.compile(r"(.*(layers?|blocks?)_)?\d+")
BRANCHES = re.compile(r"ends one of (\d+) residual branches")


def falsehood(line, expected):
    """What is false about a line's reason, as far as a module can say it."""
    reason, follower = line["reason"], expected.follower
    if "a normalization follows" in reason and follower and not NORM.search(follower):
        return f"{follower} follows"
    if reason.startswith("patches") and ACTIVATION.search(follower):
        return f"{follower} follows"
    if "a normalization" in reason and expected.truth.kind not in ("norm_weight", "offset_norm_weight") and "follows" not in reason:
        return f"it is a {expected.truth.kind}"
    if "a slope" in reason and expected.truth.kind != "slope":
        return f"it is a {expected.truth.kind}"
    return None


def counted(lines, model):
    """Counts of residual branches that are neither the number of tensors that end one in their stack,
    nor, where a graph and no name tells blocks, in the model.

    A branch ends in one tensor a block, in one of several beside each other for a mixture of experts: its names differ
    in numbers only.
    """
    stacks = collections.defaultdict(set)
    said = collections.defaultdict(set)
    for line in lines:
        found = BRANCHES.search(line["reason"])
        if not found:
            continue
        parts = line["name"].split(".")
        first = next((at for at, part in enumerate(parts) if COUNTED.fullmatch(part)), 0)
        stack = ".".join(parts[:first]).rstrip("0123456789")
        expert = next((at for at, part in enumerate(parts) if "expert" in part), len(parts) - 2)
        stacks[stack].add((".".join(parts[:expert]), line["role"]))
        said[stack].add(int(found[1]))
    everywhere = sum(map(len, stacks.values()))
    return [
        f"{model}: {stack}: ends one of {sorted(said[stack])} residual branches, of {len(ends)}"
        for stack, ends in stacks.items()
        if said[stack] not in ({len(ends)}, {everywhere})
    ]
