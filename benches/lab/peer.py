"""One way to train replicas, in a process of its own: `peer.py PEER WORKLOAD`.

For each line on its input it trains for a tenth of the steps and for all of them, and prints the milliseconds per step and
replica of the difference, and the mean accuracy on held-out samples."""

import os
import sys
import time

import numpy as np

from workloads import CLASSES, RATE, WORKLOADS, data

THREADS = int(os.environ.get("THREADS", "2"))
MOMENTUM = 0.9


def he(generator, shape):
    fan_in = int(np.prod(shape[1:]))
    return (generator.standard_normal(shape) * np.sqrt(2 / fan_in)).astype(np.float32)


def first_weights(work, seed):
    """Weights as PyTorch stores them, with biases of 0."""
    generator = np.random.default_rng(seed)
    if "sizes" in work:
        shapes = [(b, a) for a, b in zip(work["sizes"], work["sizes"][1:])]
    else:
        shapes = [(b, a, 3, 3) for a, b in zip(work["channels"], work["channels"][1:])]
        side = work["side"] // 2 ** len(shapes)
        shapes.append((CLASSES, work["channels"][-1] * side * side))
    found = []
    for shape in shapes:
        found += [he(generator, shape), np.zeros(shape[0], np.float32)]
    return found


class Samples:
    def __init__(self, work):
        x, y = data(work)
        # The shares of Semilla's splits.
        training, validated = len(x) * 7 // 10, len(x) * 17 // 20
        self.x, self.y, self.work = x[:training], y[:training], work
        self.test = x[validated:], y[validated:]

    def order(self, steps, seed):
        generator = np.random.default_rng(seed)
        needed = steps * self.work["batch"]
        epochs = [generator.permutation(len(self.x)) for _ in range(-(-needed // len(self.x)))]
        return np.concatenate(epochs)[:needed].reshape(steps, -1)


# PyTorch

def torch_module(work, seed, channels_last):
    import torch
    from torch import nn

    layers = []
    if "sizes" in work:
        for a, b in zip(work["sizes"], work["sizes"][1:]):
            layers += [nn.Linear(a, b), nn.ReLU()]
        layers.pop()
    else:
        for a, b in zip(work["channels"], work["channels"][1:]):
            layers += [nn.Conv2d(a, b, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        side = work["side"] // 2 ** (len(work["channels"]) - 1)
        layers += [nn.Flatten(), nn.Linear(work["channels"][-1] * side * side, CLASSES)]
    module = nn.Sequential(*layers)
    with torch.no_grad():
        for parameter, value in zip(module.parameters(), first_weights(work, seed)):
            parameter.copy_(torch.from_numpy(value))
    return module.to(memory_format=torch.channels_last) if channels_last else module


def torch_loop(work, samples, seeds, steps, channels_last=False, compiled=False):
    import torch
    import torch.nn.functional as F

    x, y = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    if channels_last:
        x = x.to(memory_format=torch.channels_last)
    replicas = []
    for seed in seeds:
        module = torch_module(work, seed, channels_last)
        optimizer = torch.optim.SGD(module.parameters(), RATE, momentum=MOMENTUM)
        order = torch.from_numpy(samples.order(steps, seed))
        replicas.append((torch.compile(module) if compiled else module, optimizer, order))

    def train():
        for module, optimizer, order in replicas:
            for places in order:
                optimizer.zero_grad()
                F.cross_entropy(module(x[places]), y[places]).backward()
                optimizer.step()

    def accuracy():
        inputs, labels = map(torch.from_numpy, samples.test)
        with torch.no_grad():
            return np.mean([(module(inputs).argmax(1) == labels).float().mean().item() for module, _, _ in replicas])

    if compiled:  # Compiles before the clock runs.
        module, optimizer, order = replicas[0]
        F.cross_entropy(module(x[order[0]]), y[order[0]]).backward()
        optimizer.zero_grad()
    return train, accuracy


def stacked(work, seeds):
    import torch

    weights = zip(*(first_weights(work, seed) for seed in seeds))
    return [torch.from_numpy(np.stack(own)) for own in weights]


def momentum_step(weights, velocities, gradients):
    import torch

    torch._foreach_mul_(velocities, MOMENTUM)
    torch._foreach_add_(velocities, gradients)
    torch._foreach_add_(weights, velocities, alpha=-RATE)


def torch_bmm(work, samples, seeds, steps, compiled=False):
    """All replicas in one batched product per layer."""
    import torch
    import torch.nn.functional as F

    x, y = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    weights = [w.requires_grad_() for w in stacked(work, seeds)]
    velocities = [torch.zeros_like(w) for w in weights]
    orders = torch.from_numpy(np.stack([samples.order(steps, seed) for seed in seeds], 1))

    def logits(inputs):
        for layer in range(0, len(weights), 2):
            inputs = torch.baddbmm(weights[layer + 1][:, None], inputs, weights[layer].transpose(1, 2))
            inputs = inputs if layer + 2 == len(weights) else inputs.relu()
        return inputs

    def loss(inputs, labels):
        return F.cross_entropy(logits(inputs).flatten(0, 1), labels.flatten()) * len(seeds)

    own = torch.compile(loss) if compiled else loss

    def train():
        for places in orders:
            gradients = torch.autograd.grad(own(x[places], y[places]), weights)
            with torch.no_grad():
                momentum_step(weights, velocities, gradients)

    def accuracy():
        inputs, labels = map(torch.from_numpy, samples.test)
        with torch.no_grad():
            found = logits(inputs.expand(len(seeds), *inputs.shape)).argmax(2)
        return (found == labels).float().mean().item()

    if compiled:
        torch.autograd.grad(own(x[orders[0]], y[orders[0]]), weights)
    return train, accuracy


def torch_vmap(work, samples, seeds, steps):
    import torch
    import torch.nn.functional as F

    x, y = torch.from_numpy(samples.x), torch.from_numpy(samples.y)
    weights = stacked(work, seeds)
    velocities = [torch.zeros_like(w) for w in weights]
    orders = torch.from_numpy(np.stack([samples.order(steps, seed) for seed in seeds], 1))
    module = torch_module(work, 0, False)
    names = [name for name, _ in module.named_parameters()]

    def loss(weights, inputs, labels):
        made = torch.func.functional_call(module, dict(zip(names, weights)), (inputs,))
        return F.cross_entropy(made, labels)

    gradient = torch.func.vmap(torch.func.grad(loss))

    def train():
        with torch.no_grad():
            for places in orders:
                momentum_step(weights, velocities, list(gradient(weights, x[places], y[places])))

    def accuracy():
        inputs, labels = map(torch.from_numpy, samples.test)
        run = lambda weights: torch.func.functional_call(module, dict(zip(names, weights)), (inputs,))
        with torch.no_grad():
            return (torch.func.vmap(run)(weights).argmax(2) == labels).float().mean().item()

    return train, accuracy


# JAX

def jax_network(work, channels_last):
    import jax
    import jax.numpy as jnp

    def logits(weights, x):
        if "sizes" not in work:
            axes = ("NHWC", "HWIO", "NHWC") if channels_last else ("NCHW", "OIHW", "NCHW")
            window = (1, 2, 2, 1) if channels_last else (1, 1, 2, 2)
            for layer in range(0, len(weights) - 2, 2):
                bias = weights[layer + 1] if channels_last else weights[layer + 1][:, None, None]
                kernel = weights[layer].transpose(2, 3, 1, 0) if channels_last else weights[layer]
                x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=axes) + bias
                x = jax.lax.reduce_window(jax.nn.relu(x), -jnp.inf, jax.lax.max, window, window, "VALID")
            x = x.reshape(len(x), -1)
            return x @ weights[-2].T + weights[-1]
        for layer in range(0, len(weights), 2):
            x = x @ weights[layer].T + weights[layer + 1]
            x = x if layer + 2 == len(weights) else jax.nn.relu(x)
        return x

    def loss(weights, x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(logits(weights, x)), y[:, None], 1).mean()

    return logits, loss


def jax_peer(work, samples, seeds, steps, mapped, channels_last):
    """All steps are one compiled scan: for each replica, or for all of them under vmap."""
    import jax
    import jax.numpy as jnp

    turn = (lambda x: x.transpose(0, 2, 3, 1)) if channels_last else lambda x: x
    x, y = jnp.asarray(turn(samples.x)), jnp.asarray(samples.y)
    logits, loss = jax_network(work, channels_last)

    def train_one(weights, order):
        def step(state, places):
            weights, velocities = state
            gradients = jax.grad(loss)(weights, x[places], y[places])
            velocities = [MOMENTUM * v + g for v, g in zip(velocities, gradients)]
            return ([w - RATE * v for w, v in zip(weights, velocities)], velocities), None

        velocities = [jnp.zeros_like(w) for w in weights]
        return jax.lax.scan(step, (weights, velocities), order)[0][0]

    starts = [[jnp.asarray(w) for w in first_weights(work, seed)] for seed in seeds]
    orders = [jnp.asarray(samples.order(steps, seed)) for seed in seeds]
    result = {}
    if mapped:
        weights, order = [jnp.stack(own) for own in zip(*starts)], jnp.stack(orders)
        run = jax.jit(jax.vmap(train_one)).lower(weights, order).compile()

        def train():
            result["weights"] = jax.block_until_ready(run(weights, order))
    else:
        run = jax.jit(train_one).lower(starts[0], orders[0]).compile()

        def train():
            found = [jax.block_until_ready(run(weights, order)) for weights, order in zip(starts, orders)]
            result["weights"] = [jnp.stack(own) for own in zip(*found)]

    def accuracy():
        inputs, labels = samples.test
        found = jax.vmap(logits, (0, None))(result["weights"], jnp.asarray(turn(inputs)))
        return float((found.argmax(2) == labels).mean())

    return train, accuracy


# Each with the kinds of networks that it is for.
PEERS = {
    "torch loop": (torch_loop, {"mlp", "cnn"}),
    "torch loop, channels last": (lambda *given: torch_loop(*given, channels_last=True), {"cnn"}),
    "torch.compile loop": (lambda *given: torch_loop(*given, compiled=True), {"mlp", "cnn"}),
    "torch bmm": (torch_bmm, {"mlp"}),
    "torch.compile bmm": (lambda *given: torch_bmm(*given, compiled=True), {"mlp"}),
    "torch.func.vmap": (torch_vmap, {"mlp", "cnn"}),
    "jax jit loop": (lambda *given: jax_peer(*given, mapped=False, channels_last=False), {"mlp", "cnn"}),
    "jax jit loop, channels last": (lambda *given: jax_peer(*given, mapped=False, channels_last=True), {"cnn"}),
    "jax vmap": (lambda *given: jax_peer(*given, mapped=True, channels_last=False), {"mlp", "cnn"}),
}


def main():
    (peer, _), work = PEERS[sys.argv[1]], WORKLOADS[sys.argv[2]]
    if sys.argv[1].startswith("torch"):
        import torch

        torch.set_num_threads(THREADS)
    samples = Samples(work)
    seeds, steps = range(work["replicas"]), work["steps"]
    few = max(1, steps // 10)

    def timed(steps):
        train, accuracy = peer(work, samples, seeds, steps)
        start = time.perf_counter()
        train()
        return time.perf_counter() - start, accuracy()

    for _ in sys.stdin:
        short, _ = timed(few)
        long, accuracy = timed(steps)
        print(1e3 * (long - short) / ((steps - few) * len(seeds)), accuracy, flush=True)


if __name__ == "__main__":
    main()
