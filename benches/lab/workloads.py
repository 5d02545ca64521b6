"""Networks that replicas train: the same in every library, on the same data."""

import numpy as np

WORKLOADS = {
    "mlp": {"sizes": [64, 128, 128, 10], "batch": 64, "replicas": 16, "steps": 200},
    "narrow": {"sizes": [64, 32, 32, 10], "batch": 32, "replicas": 16, "steps": 400},
    "wide": {"sizes": [64, 512, 512, 10], "batch": 64, "replicas": 4, "steps": 40},
    "small-cnn": {"channels": [1, 8, 16], "side": 8, "batch": 64, "replicas": 4, "steps": 60},
    "cnn": {"channels": [1, 16, 32], "side": 28, "batch": 64, "replicas": 2, "steps": 20},
    # Whether networks learn the same: trained longer, tested on more samples.
    "learnt-cnn": {"channels": [1, 8, 16], "side": 8, "batch": 64, "replicas": 8, "steps": 1000, "samples": 20000},
}
RATE = 0.05
CLASSES = 10


def model(work):
    """The network for Semilla: an MLP in one line, a CNN in TOML."""
    if "sizes" in work:
        return f"mlp:{'-'.join(map(str, work['sizes']))}:relu"
    first, *rest = work["channels"]
    side = work["side"]
    layers = " -> ".join(f"c{i}: conv({n}) -> relu -> max_pool(2)" for i, n in enumerate(rest))
    return f'[inputs]\nx = "numbers({first}, {side}, {side})"\n\n[network]\nlayers = ["{layers} -> flatten -> head: linear({CLASSES})"]\n'


def data(work):
    """Images with labels that can be learnt: each class has a mean of its own."""
    generator = np.random.default_rng(0)
    shape = (work["sizes"][0],) if "sizes" in work else (work["channels"][0], work["side"], work["side"])
    labels = np.arange(work.get("samples", 2000)) % CLASSES
    means = generator.standard_normal((CLASSES, *shape), dtype=np.float32)
    noise = generator.standard_normal((len(labels), *shape), dtype=np.float32)
    return 0.3 * means[labels] + noise, labels.astype(np.int64)


def arithmetic(work):
    """Floating-point operations of a step: three products per layer, the first without the gradient of its input."""
    batch = work["batch"]
    if "sizes" in work:
        layers = [2 * batch * a * b for a, b in zip(work["sizes"], work["sizes"][1:])]
    else:
        side, layers = work["side"], []
        for a, b in zip(work["channels"], work["channels"][1:]):
            layers.append(2 * batch * side * side * 9 * a * b)
            side //= 2
        layers.append(2 * batch * side * side * work["channels"][-1] * CLASSES)
    return 3 * sum(layers) - layers[0]
