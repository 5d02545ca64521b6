"""Builds the models of one library and writes what their modules say: `python -m conformance.collect LIBRARY OUT`.

A process of its own for each library: Keras knows one backend a process.
"""

import pickle
import sys
import warnings
from pathlib import Path

from . import models
from .modules import owned
from .truth import Expected, truth


def expected(model):
    return [
        Expected(tensor.name, tensor.shape, tensor.dtype, truth(tensor), tensor.classes[0], tensor.follower)
        for tensor in owned(model)
    ]


def without_values():
    """Drawing values takes longer than building models, and nobody looks at them."""
    from torch.nn import init

    def same(tensor=None, *arguments, **others):
        return others.get("tensor", tensor)

    for name in vars(init).copy():
        if name.endswith("_") and not name.startswith("_"):
            setattr(init, name, same)


def torch_models(library, folder):
    import torch

    without_values()
    builders = {
        "torchvision": {name: lambda name=name: models.torchvision_model(name) for name in models.TORCHVISION},
        "timm": {name: lambda name=name: models.timm_model(name) for name in models.TIMM},
        "transformers": {name: lambda name=name: models.transformers_model(name) for name in models.TRANSFORMERS},
        "plain": models.plain_models(),
    }[library]
    for name, build in builders.items():
        try:
            with torch.device("meta"):
                model = build()
        except NotImplementedError:  # It computes with what it has drawn.
            model = build()
        if library == "transformers":
            model.config.architectures = [type(model).__name__]
            model.config.to_json_file(folder / config_file(name))
        yield name, expected(model)


def config_file(name):
    return f"{name.replace('/', '-')}.config.json"


def keras_models():
    models.use_no_accelerator()
    from .keras_layers import expected

    for name in models.KERAS:
        yield name, expected(models.keras_model(name))
    yield "layers", expected(models.keras_plain())


def onnx_models(folder):
    """Models as ONNX files, whose graphs state what names do not."""
    import torch

    builders = {"torchvision": models.torchvision_model, "timm": models.timm_model}
    for library, sizes in models.ONNX.items():
        for name, size in sizes.items():
            model = (models.plain_models()[name]() if library == "plain" else builders[library](name)).eval()
            torch.onnx.export(model, (torch.zeros(size),), folder / f"{name}.onnx", dynamo=False)
            yield name, expected(model)


def main(library, out):
    warnings.filterwarnings("ignore")
    out = Path(out)
    found = {"keras": keras_models, "onnx": lambda: onnx_models(out.parent)}.get(library, lambda: torch_models(library, out.parent))
    out.write_bytes(pickle.dumps(dict(found())))


if __name__ == "__main__":
    main(*sys.argv[1:])
