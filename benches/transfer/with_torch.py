"""Puts a checkpoint under a model's names, with a new head, and saves it, as users of torch do.

    with_torch.py pickle SOURCE.safetensors OUT.pt
        the same tensors, as `torch.save` writes them
    with_torch.py usual SOURCE.pt LIST.json OUT
        torch.load, load_state_dict into a module, save_file
    with_torch.py best SOURCE.safetensors LIST.json OUT
        load_file, load_state_dict(assign=True) on meta, save_file
    with_torch.py plan SOURCE.pt LIST.json
        torch.load(mmap=True), load_state_dict(assign=True) on meta; no values are read
    with_torch.py same A.safetensors B.safetensors
        fails unless all tensors except the head are equal
"""

import sys

import torch
from shapes import read
from safetensors import safe_open
from safetensors.torch import load_file, save_file

HEAD = "score.weight"


def module(shapes, device):
    """A module that has exactly these parameters, without values."""
    root = torch.nn.Module()
    for name, shape in shapes.items():
        *path, last = name.split(".")
        at = root
        for part in path:
            if part not in at._modules:
                at.add_module(part, torch.nn.Module())
            at = at._modules[part]
        at.register_parameter(last, torch.nn.Parameter(torch.empty(shape, device=device)))
    return root


def loaded(state, shapes, device):
    model = module(shapes, device)
    renamed = {f"transformer.{name}": tensor for name, tensor in state.items()}
    missing, unexpected = model.load_state_dict(renamed, strict=False, assign=device == "meta")
    assert missing == [HEAD] and not unexpected
    return model


def finished(model, shapes):
    head = torch.nn.Parameter(torch.empty(shapes[HEAD]).normal_(std=0.02))
    model.register_module("score", None)
    model.score = torch.nn.Module()
    model.score.register_parameter("weight", head)
    return {name: tensor.detach() for name, tensor in model.state_dict().items()}


def same(left, right):
    with safe_open(left, "pt") as a, safe_open(right, "pt") as b:
        assert set(a.keys()) == set(b.keys())
        for name in a.keys():
            assert name == HEAD or torch.equal(a.get_tensor(name), b.get_tensor(name)), name


match sys.argv[1:]:
    case ["pickle", source, out]:
        torch.save(load_file(source), out)
    case ["usual", source, names, out]:
        shapes = read(names)
        save_file(finished(loaded(torch.load(source), shapes, "cpu"), shapes), out)
    case ["best", source, names, out]:
        shapes = read(names)
        save_file(finished(loaded(load_file(source), shapes, "meta"), shapes), out)
    case ["plan", source, names]:
        loaded(torch.load(source, mmap=True), read(names), "meta")
    case ["same", left, right]:
        same(left, right)
    case _:
        sys.exit(__doc__)
