"""`auto` in kinds of networks, trained as they usually are: what each start reaches on the test set at its best rate.

Small networks of scikit-learn's digits (8 x 8 pixels), so many weight seeds at some learning rates, 100 steps of 64 samples of Adam or of SGD
with momentum. Classes count by accuracy; pictures by 1 - squared error / variance. A start counts with the rate whose mean over the
seeds is the best. It is as good as the best of the others where it is at most .005, or two standard errors of the difference, behind. All weights are
those that `semilla.torch.init_` gives the live module. What `semilla.torch.recommend` names first is trained too, unless its recipe gives the very
weights of one of the starts. `SEEDS=N python kinds.py FOLDER [NETWORK]...`; with `STEPS=0` nothing is trained, and the recommendations alone are shown."""

import math
import os
import sys
from pathlib import Path

import semilla.torch
import torch
from autoencoders import Autoencoder, ConvolutionalAutoencoder, UNet
from convnets import Basic, Bottleneck, ConvNeXt, DenseNet, Excited, Inverted, Preactivated, Separable, Staged, Vgg, group_norm
from images import Images
from mixers import Gated, Mixer, Residual, ViT
from recurrent import Recurrent, Temporal
from torch import nn
from training import Adam, Momentum, batch_norm, classified, data, redrawn, train
from worth import best

SIDE, SEEDS, STEPS, ALIKE = 8, int(os.environ.get("SEEDS", 4)), int(os.environ.get("STEPS", 100)), 0.005
STARTS = {
    "PyTorch": {"recipe": "pytorch"},
    "Xavier": {"scheme": "xavier_normal"},
    "He": {"scheme": "kaiming_normal"},
    "orthogonal": {"scheme": "orthogonal"},
    "auto": {"recipe": "auto"},
}
# Cheap ones first.
NETWORKS = {
    "autoencoder": Autoencoder(),
    "residual, 10 blocks": Residual(10),
    "gated, 8 blocks": Gated(8),
    "ViT, 4 blocks": ViT(4),
    "MLP-Mixer, 6 blocks": Mixer(6),
    "transformer, post-norm, 6": ViT(6, is_post=True),
    "ConvNeXt, 6 blocks": ConvNeXt(6),
    "ConvNeXt, LayerScale, 6": ConvNeXt(6, is_scaled=True),
    "autoencoder, convolutions": ConvolutionalAutoencoder(),
    "TCN, 4 blocks": Temporal(),
    "VGG, BatchNorm": Vgg(),
    "ResNet, bottlenecks": Staged(Bottleneck, 3),
    "ResNet, pre-activation": Staged(Preactivated, 3, end=batch_norm),
    "ResNet, GroupNorm": Staged(Basic, 3, norm=group_norm),
    "SE-ResNet": Staged(Excited, 3),
    "MobileNet": Staged(Separable, 3),
    "MobileNetV2": Staged(Inverted, 2),
    "DenseNet": DenseNet(),
    "U-Net": UNet(is_normalized=False),
    "U-Net, BatchNorm": UNet(is_normalized=True),
    "RNN, tanh": Recurrent(nn.RNN),
    "LSTM": Recurrent(nn.LSTM),
    "GRU": Recurrent(nn.GRU),
}
SGD, ADAM = (Momentum, [0.01, 0.03, 0.1]), (Adam, [0.001, 0.003, 0.01])
BY_SGD = {name for name in NETWORKS if name.startswith(("VGG", "ResNet", "SE-ResNet", "DenseNet", "MobileNet"))}


def tensors(network, options, times):
    """The parameters of so many seeds, stacked, each seed's so many times."""
    made = []
    for seed in range(SEEDS):
        semilla.torch.init_(network, seed=seed, **options)
        made.append({name: value.detach().clone() for name, value in network.named_parameters()})
    return {name: torch.stack([one[name] for one in made]).repeat_interleave(times, 0) for name in made[0]}


def pictures(images, is_noisy, generator):
    """The pictures, or noisy ones, and what they are to become."""
    noise = torch.randn(images.pixels.shape, generator=generator) if is_noisy else 0
    return Images(images.pixels + noise, images.pixels)


def task(name, pool, test):
    """What is trained on and tested on, and how it is judged."""
    if not name.startswith(("autoencoder", "U-Net")):
        return pool, test, classified
    generator = torch.Generator().manual_seed(0)
    return *(pictures(images, name.startswith("U-Net"), generator) for images in (pool, test)), redrawn


def recommended(network, pool, folder):
    """The start that is named first: its name, the options that give it, and which of the starts has the very same weights."""
    advice = semilla.torch.recommend(network, pool.pixels[:32])
    path = Path(folder) / "recommended.toml"
    advice.write(path)
    own = tensors(network, {"recipe": path}, 1)
    same = lambda other: all(torch.equal(value, other[name]) for name, value in own.items())
    return advice.best, {"recipe": path}, next((start for start, options in STARTS.items() if same(tensors(network, options, 1))), None)


def compared(name, network, images, folder):
    """What each start reaches, and its standard error; the recommendation last, by the name of what it is."""
    pool, test, judge = task(name, *images)
    optimizer, rates = SGD if name in BY_SGD else ADAM
    advice, options, same = recommended(network, pool, folder)
    if STEPS == 0:
        return {}, f"{advice}: the weights of {same}" if same else advice
    found = {}
    for start, options in {**STARTS, **({} if same else {"recommended": options})}.items():
        made = tensors(network, options, len(rates))
        found[start] = best(train(network, made, pool, test, rates, STEPS, optimizer=optimizer, judge=judge).scores)
    found["recommended"] = found[same or "recommended"]
    return found, advice


def main(folder, *only):
    torch.set_num_threads(1)
    images = data(folder, SIDE, mixed=True)
    networks = {name: network for name, network in NETWORKS.items() if not only or name in only}
    behind = {"auto": [], "recommended": []}
    print(f"{'network':26}", *[f"{name:>11}" for name in [*STARTS, "recommended"]], "  auto behind the best by; recommended is")
    for name, network in networks.items():
        found, advice = compared(name, network, images, folder)
        if not found:
            print(f"{name:26} {advice}", flush=True)
            continue
        top, error = max(found.values())
        off = {start: (top - found[start][0], math.hypot(error, found[start][1])) for start in behind}
        for start, (lost, noise) in off.items():
            behind[start] += [name] if lost > max(ALIKE, 2 * noise) else []
        cells = [f"{score:.3f}±{error:.3f}" for score, error in found.values()]
        print(f"{name:26}", *[f"{cell:>11}" for cell in cells], "  {:.3f} ± {:.3f};".format(*off["auto"]), advice, flush=True)
    for start, names in behind.items() if STEPS else ():
        print(f"{start}: within noise of the best in {len(networks) - len(names)} of {len(networks)}; behind in", ", ".join(names) or "none")


if __name__ == "__main__":
    main(*sys.argv[1:])
