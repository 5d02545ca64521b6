"""What a live module says of each tensor that it owns."""

import functools
import inspect
import re
from dataclasses import dataclass, field

# Settings of layers by which fans, groups and padding follow.
SETTINGS = (
    "in_features", "out_features", "in1_features", "in2_features", "in_channels", "out_channels", "groups", "stride",
    "kernel_size", "padding", "transposed", "padding_idx", "hidden_size", "input_size", "embed_dim", "kdim", "vdim",
    "is_transposed",
)
# A normalization whose forward pass multiplies by 1 + w.
OFFSET = re.compile(r"\b1(\.0)?\s*\+\s*self\.(weight|scale|gamma)|self\.(weight|scale|gamma)(\.float\(\))?\s*\+\s*1\b")


@dataclass(frozen=True)
class Owned:
    """A tensor of a state dict and the module that owns it."""

    name: str
    shape: tuple
    dtype: str
    # The names of the module's class and of those that it derives from.
    classes: tuple
    # The class of the module around.
    parent: str
    is_buffer: bool
    is_trained: bool
    # The forward pass multiplies by 1 + w.
    is_offset: bool
    settings: dict = field(default_factory=dict)
    # The class of the layer that the module around made next.
    follower: str = ""

    @property
    def leaf(self):
        return self.name.rpartition(".")[2]

    def of(self, *classes):
        return any(name in self.classes for name in classes)


def owned(model):
    """Every tensor of a model's state dict once, with its owner; a tied tensor under its first name."""
    modules = dict(model.named_modules(remove_duplicate=False))
    leaves = [path for path, module in modules.items() if not any(module.children()) and not is_view(module)]
    follower = dict(zip(leaves, leaves[1:]))
    seen, found = set(), []
    for name, tensor in model.state_dict(keep_vars=True).items():
        if not hasattr(tensor, "shape") or id(tensor) in seen:
            continue
        seen.add(id(tensor))
        path = name.rpartition(".")[0]
        # A parametrized weight is the layer's around.
        path = path.removesuffix(".parametrizations.weight")
        owner = modules[path]
        found.append(Owned(
            name=name,
            shape=tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            classes=tuple(kind.__name__ for kind in type(owner).__mro__[:-2]),
            parent=type(modules[path.rpartition(".")[0]]).__name__,
            is_buffer=name.rpartition(".")[2] in owner._buffers,
            is_trained=bool(tensor.requires_grad),
            is_offset=multiplies_by_one_plus(type(owner)),
            settings={key: value for key in SETTINGS if isinstance(value := getattr(owner, key, None), int | tuple)},
            follower=type(modules[follower[path]]).__name__ if path in follower else "",
        ))
    return found


def is_view(module):
    """Whether it gives the same elements another shape."""
    return type(module).__name__ in ("Permute", "Flatten", "Identity", "Dropout")


@functools.cache
def multiplies_by_one_plus(kind):
    try:
        return bool(OFFSET.search(inspect.getsource(kind)))
    except (OSError, TypeError):
        return False
