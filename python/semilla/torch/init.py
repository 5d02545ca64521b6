"""A drop-in for ``torch.nn.init``, whose values are Semilla's.

``import semilla.torch.init as init``: the same names, arguments, defaults, return values, errors and
warnings. A call takes its seed from ``generator``, or from PyTorch's default generator, so that
``torch.manual_seed`` works as before; from there on the values do not depend on threads, device,
strides or shards, and an f16, bf16 or f8 tensor gets the rounded values of the f32 one.

:func:`fill_` takes any of Semilla's initializers; with a seed and a name it writes the very bits
that a plan or the command ``semilla init`` would.

Examples
--------
>>> import torch, semilla.torch.init as init
>>> w = torch.empty(3, 5)
>>> _ = torch.manual_seed(0)
>>> init.xavier_uniform_(w) is w
True
>>> _ = init.fill_(w, "lecun_normal", seed=0, name="fc.weight")
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.init import calculate_gain, constant_, ones_, zeros_
from torch.overrides import handle_torch_function, has_torch_function_variadic

from semilla._semilla import Initializer
from semilla._semilla import key as _key
from semilla.torch.memory import PLAIN, changed, destination, has_values
from semilla.torch.memory import fill as _fill

__all__ = [
    "calculate_gain",
    "uniform_",
    "normal_",
    "trunc_normal_",
    "constant_",
    "ones_",
    "zeros_",
    "eye_",
    "dirac_",
    "xavier_uniform_",
    "xavier_normal_",
    "kaiming_uniform_",
    "kaiming_normal_",
    "orthogonal_",
    "sparse_",
    # Deprecated by PyTorch.
    "uniform",
    "normal",
    "constant",
    "eye",
    "dirac",
    "xavier_uniform",
    "xavier_normal",
    "kaiming_uniform",
    "kaiming_normal",
    "orthogonal",
    "sparse",
    # Semilla's own.
    "fill_",
    "variance_scaling_",
    "lecun_uniform_",
    "lecun_normal_",
    "column_orthogonal_",
    "delta_orthogonal_",
    "siren_",
    "hadamard_",
    "looks_linear_",
    "centred_",
    "icnr_",
    "bilinear_",
    "gate_bias_",
    "chrono_",
    "padded_",
    "sinusoidal_",
    "rotary_frequencies_",
    "s4d_",
    "mamba_dt_bias_",
]

#: PyTorch's axes: outputs, inputs, kernel.
_LAYOUT = "OI..."


def fill_(
    tensor: Tensor,
    initializer: str | Initializer,
    generator: Generator | None = None,
    *,
    seed: int | None = None,
    name: str = "",
    layout: str | None = _LAYOUT,
    **parameters: Any,
) -> Tensor:
    """Fills a tensor by any of Semilla's initializers.

    Parameters
    ----------
    tensor
        Of any floating-point type, strided or sharded in any way.
    initializer
        A name with or without parameters: ``"siren"``, ``"siren(first=true)"``; or an
        ``Initializer``.
    generator
        Where a seed is drawn from, if none is given.
    seed, name
        The seed and the name of the tensor: then the values are those of a plan's tensor of this
        name, shape and element type.
    layout
        The meaning of the axes, a letter for each (``"IOHW"`` for a transposed convolution), or
        ``"OI..."``, ``"...IO"`` for any number of kernel axes.
    **parameters
        The initializer's parameters.

    Returns
    -------
    Tensor
        The same tensor.

    Raises
    ------
    ValueError
        An unknown initializer or parameter, or a shape that it is not made for.
    TypeError
        An element type that cannot hold the values.

    Examples
    --------
    >>> w = torch.empty(64, 32)
    >>> _ = fill_(w, "siren", first=True, seed=0, name="net.0.weight")
    """
    if isinstance(initializer, str):
        initializer = Initializer(initializer, **parameters)
    elif parameters:
        raise TypeError("give parameters to the Initializer itself")
    if seed is None:
        return _draw(tensor, initializer, generator, layout)
    _fill(tensor, initializer, _key(seed, name), layout)
    return tensor


class _Words(threading.local):
    """A word that a generator writes into; one for each thread and device."""

    def __init__(self) -> None:
        self.words: dict[torch.device, Tensor] = {}
        cpu = self.on(torch.device("cpu"))
        #: Draws the CPU's, and where it lies.
        self.draw, self.place = cpu.random_, cpu.data_ptr()

    def on(self, device: torch.device) -> Tensor:
        word = self.words.get(device)
        if word is None:
            with torch.inference_mode(False):
                word = torch.zeros(1, dtype=torch.int64, device=device)
            self.words[device] = word
        return word


_words = _Words()


def _draw(
    tensor: Tensor,
    initializer: Initializer,
    generator: Generator | None,
    layout: str | None = None,
) -> Tensor:
    """Fills a tensor under a key that the generator draws."""
    # As below, for what nearly every tensor is, with as few steps as ten elements allow.
    is_plain = type(tensor) in PLAIN and tensor.is_cpu and not tensor.is_inference()
    if generator is None and is_plain:
        try:
            changed((tensor,))
            goal = destination(tensor)
        # A sparse one.
        except RuntimeError:
            pass
        else:
            words = _words
            words.draw()
            initializer.draw(goal, words.place, layout)
            return tensor
    if not has_values(tensor):
        return tensor
    word = _words.on(torch.device("cpu") if generator is None else generator.device)
    seed = word.random_(generator=generator).item()
    _fill(tensor, initializer, seed, layout)
    return tensor


@lru_cache(maxsize=1024)
def _made(name: str, fans: str = "exact", **parameters: Any) -> Initializer:
    return Initializer(name, fans=fans, **parameters)


@lru_cache(maxsize=1024)
def _uniform(a: float, b: float) -> Initializer:
    return Initializer("uniform", low=a, high=b)


@lru_cache(maxsize=1024)
def _normal(mean: float, std: float) -> Initializer:
    return Initializer("normal", mean=mean, std=std)


def uniform_(
    tensor: Tensor,
    a: float = 0.0,
    b: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a tensor with values of U(a, b).

    Raises
    ------
    RuntimeError
        ``a`` above ``b``.
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(
            uniform_, (tensor,), tensor=tensor, a=a, b=b, generator=generator
        )
    if a > b:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}"
        )
    if a == b:
        return constant_(tensor, a)
    return _draw(tensor, _uniform(a, b), generator)


def normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a tensor with values of N(mean, std²).

    Raises
    ------
    RuntimeError
        ``std`` below 0.
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(
            normal_, (tensor,), tensor=tensor, mean=mean, std=std, generator=generator
        )
    if std < 0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
    return _draw(tensor, _normal(mean, std), generator)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a tensor with values of N(mean, std²) cut to [a, b].

    ``a`` and ``b`` are values, not multiples of ``std``: at ``std=0.02`` the defaults cut nothing.
    Drawn by the inverse distribution function, exactly, wherever the interval lies.

    Warns
    -----
    UserWarning
        The mean is more than two standard deviations outside [a, b].
    """
    if (mean < a - 2 * std) or (mean > b + 2 * std):
        warnings.warn(
            "mean is more than 2 std from [a, b] in nn.init.trunc_normal_. "
            "The distribution of values may be incorrect.",
            stacklevel=2,
        )
    initializer = _made("trunc_normal", mean=mean, std=std, a=a, b=b, units="absolute")
    return _draw(tensor, initializer, generator)


def eye_(tensor: Tensor) -> Tensor:
    """Fills a matrix with the identity: 1 where row equals column, 0 elsewhere.

    Raises
    ------
    ValueError
        Not two dimensions.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    _fill(tensor, _made("eye"), 0)
    return tensor


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fills a convolution's weight so that it passes its channels through, in each group.

    Raises
    ------
    ValueError
        Not three, four or five dimensions, or ``groups`` does not divide the first.
    """
    if tensor.ndimension() not in (3, 4, 5):
        raise ValueError("Only tensors with 3, 4, or 5 dimensions are supported")
    if tensor.size(0) % groups != 0:
        raise ValueError("dim 0 must be divisible by groups")
    _fill(tensor, _made("dirac", groups=groups), 0, _LAYOUT)
    return tensor


def xavier_uniform_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a weight with U(±gain √(6 / (fan_in + fan_out))): Glorot & Bengio, 2010.

    Raises
    ------
    ValueError
        Fewer than two dimensions.
    """
    return _draw(tensor, _made("xavier_uniform", "pytorch", gain=gain), generator)


def xavier_normal_(
    tensor: Tensor,
    gain: float = 1.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a weight with N(0, gain² 2 / (fan_in + fan_out)): Glorot & Bengio, 2010.

    Raises
    ------
    ValueError
        Fewer than two dimensions.
    """
    return _draw(tensor, _made("xavier_normal", "pytorch", gain=gain), generator)


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills a weight with U(±gain √(3 / fan)): He et al., 2015.

    Raises
    ------
    ValueError
        Fewer than two dimensions, or an unknown mode or nonlinearity.

    Warns
    -----
    UserWarning
        The tensor has no elements.
    """
    if has_torch_function_variadic(tensor):
        return handle_torch_function(
            kaiming_uniform_,
            (tensor,),
            tensor=tensor,
            a=a,
            mode=mode,
            nonlinearity=nonlinearity,
            generator=generator,
        )
    return _draw_kaiming("kaiming_uniform", tensor, a, mode, nonlinearity, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fills a weight with N(0, gain² / fan): He et al., 2015.

    Raises
    ------
    ValueError
        Fewer than two dimensions, or an unknown mode or nonlinearity.

    Warns
    -----
    UserWarning
        The tensor has no elements.
    """
    return _draw_kaiming("kaiming_normal", tensor, a, mode, nonlinearity, generator)


def _draw_kaiming(
    name: str,
    tensor: Tensor,
    a: float,
    mode: str,
    nonlinearity: str,
    generator: Generator | None,
) -> Tensor:
    if 0 in tensor.shape:
        warnings.warn("Initializing zero-element tensors is a no-op", stacklevel=3)
        return tensor
    return _draw(tensor, _kaiming(name, a, mode, nonlinearity), generator)


@lru_cache(maxsize=1024)
def _kaiming(name: str, a: float, mode: str, nonlinearity: str) -> Initializer:
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ValueError(f"Mode {mode} not supported, please use one of {modes}")
    calculate_gain(nonlinearity, a)  # refuses what PyTorch does
    return Initializer(name, fans="pytorch", mode=mode.lower(), **named_gain(nonlinearity, a))


def named_gain(nonlinearity: str, a: float) -> dict[str, Any]:
    """The parameters by which Kaiming's initializers are told PyTorch's gain."""
    if nonlinearity == "leaky_relu":
        return {"a": a}
    is_linear = "linear" in nonlinearity or "conv" in nonlinearity
    return {"nonlinearity": "linear" if is_linear else nonlinearity}


def orthogonal_(
    tensor: Tensor,
    gain: float = 1,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a weight with a random (semi-)orthogonal matrix times ``gain``: Saxe et al., 2014.

    Dimensions after the first are taken together.

    Raises
    ------
    ValueError
        Fewer than two dimensions.
    """
    if tensor.ndimension() < 2:
        raise ValueError("Only tensors with 2 or more dimensions are supported")
    if tensor.numel() == 0:
        return tensor
    return _draw(tensor, _made("orthogonal", gain=gain), generator, _LAYOUT)


def sparse_(
    tensor: Tensor,
    sparsity: float,
    std: float = 0.01,
    generator: Generator | None = None,
) -> Tensor:
    """Fills a matrix with N(0, std²), and a fraction of each column with zeros: Martens, 2010.

    Raises
    ------
    ValueError
        Not two dimensions.
    """
    if tensor.ndimension() != 2:
        raise ValueError("Only tensors with 2 dimensions are supported")
    return _draw(tensor, _made("sparse", sparsity=sparsity, std=std), generator)


def _deprecated(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    new = function.__name__
    old = new.removesuffix("_")

    def deprecated(*args: Any, **kwargs: Any) -> Tensor:
        warnings.warn(
            f"`nn.init.{old}` is now deprecated in favor of `nn.init.{new}`.",
            FutureWarning,
            stacklevel=2,
        )
        return function(*args, **kwargs)

    deprecated.__name__ = deprecated.__qualname__ = old
    deprecated.__doc__ = f"Deprecated, as in PyTorch: use :func:`{new}`."
    return deprecated


uniform = _deprecated(uniform_)
normal = _deprecated(normal_)
constant = _deprecated(constant_)
eye = _deprecated(eye_)
dirac = _deprecated(dirac_)
xavier_uniform = _deprecated(xavier_uniform_)
xavier_normal = _deprecated(xavier_normal_)
kaiming_uniform = _deprecated(kaiming_uniform_)
kaiming_normal = _deprecated(kaiming_normal_)
orthogonal = _deprecated(orthogonal_)
sparse = _deprecated(sparse_)


def _own(name: str, what: str) -> Callable[..., Tensor]:
    def function(
        tensor: Tensor,
        *,
        generator: Generator | None = None,
        layout: str | None = _LAYOUT,
        **parameters: Any,
    ) -> Tensor:
        return fill_(tensor, name, generator, layout=layout, **parameters)

    function.__name__ = function.__qualname__ = f"{name}_"
    function.__doc__ = f"{what}\n\nParameters, returns and errors: see :func:`fill_`."
    return function


variance_scaling_ = _own(
    "variance_scaling",
    "Variance ``scale`` / fan: ``scale=1, mode='fan_in', distribution='truncated_normal'``.",
)
lecun_uniform_ = _own("lecun_uniform", "U(±√(3 / fan_in)).")
lecun_normal_ = _own("lecun_normal", "Truncated normal of variance 1 / fan_in.")
column_orthogonal_ = _own("column_orthogonal", "Orthonormal columns times ``gain=1``.")
delta_orthogonal_ = _own(
    "delta_orthogonal", "A convolution that is orthogonal at its kernel's centre, 0 around it."
)
siren_ = _own("siren", "Sine networks: ``first=False, omega=30``.")
hadamard_ = _own("hadamard", "ZerO: identities and scaled Hadamard matrices.")
looks_linear_ = _own("looks_linear", "Pairs of units of opposite sign: ``gain=1, sides='both'``.")
centred_ = _own("centred", "An initializer ``of`` whose outputs' means are taken.")
icnr_ = _own("icnr", "The kernel before a pixel shuffle: ``upscale=2, of='kaiming_normal'``.")
bilinear_ = _own("bilinear", "A transposed convolution that upsamples bilinearly.")
gate_bias_ = _own("gate_bias", "A value per gate of a recurrent bias: ``values=[0, 1, 0, 0]``.")
chrono_ = _own("chrono", "LSTM biases for memories of up to ``t_max=784`` steps.")
padded_ = _own("padded", "A table with row ``row=0`` zero, the others by ``of='normal'``.")
sinusoidal_ = _own("sinusoidal", "Positions as sines and cosines: ``base=10000, halves=False``.")
rotary_frequencies_ = _own("rotary_frequencies", "base^(-2i/d) along the last axis.")
s4d_ = _own("s4d", "A diagonal state matrix: ``part='a_log'``.")
mamba_dt_bias_ = _own(
    "mamba_dt_bias", "Mamba's time-step bias: ``dt_min=0.001, dt_max=0.1, floor=0.0001``."
)
