"""The writers of GPTQ and AWQ, on a CPU: their packages import models of older transformers, and kernels, as a whole, so that
only the modules that quantize and pack are imported here."""

import importlib
import importlib.util
import sys
import types

import torch


def module_of(package, path):
    """A module of a package, without what the packages above it import."""
    for name in [package, *(f"{package}.{path}".rsplit(".", n)[0] for n in range(path.count("."), 0, -1))]:
        if name not in sys.modules:
            hollow = types.ModuleType(name)
            hollow.__path__ = list(importlib.util.find_spec(name).submodule_search_locations)
            sys.modules[name] = hollow
    return importlib.import_module(f"{package}.{path}")


def linears(model):
    return {name: module for name, module in model.named_modules() if name.endswith("_proj")}


def inputs_of(model, tokens):
    """What enters each linear layer."""
    seen, hooks = {}, []
    for name, module in linears(model).items():
        hooks.append(module.register_forward_hook(lambda _, given, out, name=name: seen.__setitem__(name, (given[0].detach(), out.detach()))))
    model(tokens)
    for hook in hooks:
        hook.remove()
    return seen


def quantized_by_gptq(model, tokens, bits, by_activation):
    """GPTQ's layers (Frantar et al. 2023) as AutoGPTQ makes and packs them, by their names."""
    torch.cuda.synchronize = lambda: None  # it waits for a GPU that nothing runs on
    gptq = module_of("auto_gptq", "quantization.gptq")
    packed = module_of("auto_gptq", "nn_modules.qlinear.qlinear_cuda")
    layers = {}
    for name, (given, out) in inputs_of(model, tokens).items():
        layer = model.get_submodule(name)
        solver = gptq.GPTQ(layer)
        solver.quantizer.configure(bits, perchannel=True, sym=False, mse=False)
        solver.add_batch(given, out)
        scale, zero, groups = solver.fasterquant(group_size=32, actorder=by_activation)
        layers[name] = packed.QuantLinear(bits, 32, layer.in_features, layer.out_features, layer.bias is not None)
        layers[name].pack(layer.half(), scale, zero, groups)
    return layers


def quantized_by_awq(model):
    """Layers as AutoAWQ packs them, by their names; zero-point quantization by groups of 32 (Lin et al. 2024)."""
    gemm = module_of("awq", "modules.linear.gemm")
    layers = {}
    for name, layer in linears(model).items():
        groups = layer.weight.detach().unflatten(1, (-1, 32))
        low, high = groups.amin(-1), groups.amax(-1)
        scale = (high - low).clamp(min=1e-5) / 15
        zero = (-low / scale).round().clamp(0, 15)
        codes = ((groups / scale[..., None]).round() + zero[..., None]).clamp(0, 15)
        layer.weight.data = ((codes - zero[..., None]) * scale[..., None]).flatten(1)
        layers[name] = gemm.WQLinear_GEMM.from_linear(layer.half(), 4, 32, scales=scale.t().half().contiguous(), zeros=zero.t().contiguous())
    return layers
