"""Initial values of weights, under torch's names (``torch.nn.init``). Each function fills a tensor in place.

The scale matters: if one layer doubles the variance of its input, twenty layers multiply it by a million. The Xavier
and Kaiming rules choose the scale that keeps the variance (Glorot & Bengio 2010; He et al. 2015).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from minigrad import dtypes
from minigrad.absent import module_getattr as _module_getattr
from minigrad.caller import warn
from minigrad.devices import to_device
from minigrad.random import Generator, default_generator
from minigrad.tensor import Tensor
from minigrad.typing import Array, DType


def _fill(tensor: Tensor, values: Array) -> Tensor:
    if tensor.dtype.kind != "f":
        raise NotImplementedError(f"random initial values are not implemented for {tensor.dtype}")
    if tensor.array.size == 0:
        warn("Initializing zero-element tensors is a no-op")
    tensor.array[...] = to_device(values.astype(tensor.dtype, copy=False), tensor.device)
    tensor._written_in_place()
    return tensor


def _drawn_dtype(tensor: Tensor) -> DType:
    """Return the dtype to draw in: NumPy's generator has float32 and float64 only."""
    return dtypes.float64 if tensor.dtype == np.float64 else dtypes.float32


def uniform_(tensor: Tensor, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with numbers drawn uniformly from [a, b)."""
    return _fill(tensor, (generator or default_generator).uniform(tensor.shape, tensor.dtype, a, b))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with normal numbers.

    Raises:
        RuntimeError: if ``std`` is negative.
    """
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    numbers = (generator or default_generator).numpy.standard_normal(tensor.shape, dtype=_drawn_dtype(tensor).type)
    return _fill(tensor, numbers * std + mean)


def trunc_normal_(
    tensor: Tensor,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal numbers, none outside [a, b] (absolute bounds, not multiples of ``std``).

    Numbers that fall outside are drawn again. Where little of the normal distribution lies inside, uniform numbers
    on [a, b] are drawn and accepted with a probability proportional to the density.

    Raises:
        ValueError: if a > b or std ≤ 0.
    """
    if a > b or std <= 0:
        raise ValueError(f"trunc_normal_ needs a <= b and std > 0, got a={a}, b={b}, std={std}")
    random = (generator or default_generator).numpy
    low, high = (a - mean) / std, (b - mean) / std
    values = np.empty(tensor.array.size, _drawn_dtype(tensor))
    missing = np.arange(values.size)
    while missing.size:
        drawn, good = _truncated_proposals(random, missing.size, low, high, values.dtype)
        values[missing] = drawn
        missing = missing[~good]
    return _fill(tensor, np.clip(values * std + mean, a, b).reshape(tensor.shape))


def _truncated_proposals(
    random: np.random.Generator, n: int, low: float, high: float, dtype: DType
) -> tuple[Array, Array]:
    """Return ``n`` proposals for a standard normal cut to [low, high], and a mask of those that are accepted."""
    if low <= 0 <= high and high - low > 1:
        drawn: Array = random.standard_normal(n, dtype=dtype.type)
        return drawn, (drawn >= low) & (drawn <= high)
    peak = min(max(0.0, low), high)  # where the density on [low, high] is highest
    reach = 10.0  # further away from the peak the density is practically 0
    drawn = random.uniform(max(low, peak - reach), min(high, peak + reach), n)
    return drawn.astype(dtype), random.random(n) < np.exp((peak**2 - drawn**2) / 2)


def constant_(tensor: Tensor, val: float) -> Tensor:
    """Fill a tensor with one value."""
    tensor.array[...] = val
    tensor._written_in_place()
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Fill a tensor with 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """Return the factor by which weights must be larger because of the nonlinearity that follows.

    Args:
        param: the slope of "leaky_relu" below 0, 0.01 by default.

    Raises:
        ValueError: for an unknown nonlinearity, or a slope that is not a number.
    """
    slope = 0.01 if param is None else param
    if not isinstance(slope, int | float) or isinstance(slope, bool):
        raise ValueError(f"negative_slope {param} not a valid number")
    gains = {
        **dict.fromkeys(("linear", "conv1d", "conv2d", "conv3d", "sigmoid"), 1.0),
        **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), 1.0),
        "tanh": 5.0 / 3,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1 + slope**2)),
        "selu": 3.0 / 4,
    }
    if nonlinearity not in gains:
        raise ValueError(f"Unsupported nonlinearity {nonlinearity}; known: {', '.join(gains)}")
    return gains[nonlinearity]


def _fans(tensor: Tensor) -> tuple[int, int]:
    """Return (fan_in, fan_out): the number of inputs of one output, and of outputs of one input."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(tensor: Tensor, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


def kaiming_uniform_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a tensor uniformly with variance gain² / fan (He et al. 2015).

    Args:
        a: the slope of the leaky ReLU that follows.
        mode: "fan_in" keeps the variance forward, "fan_out" backward.
        nonlinearity: what follows; see ``calculate_gain``.
    """
    if tensor.array.size == 0:
        return tensor  # no elements to fill, and perhaps no inputs to divide by
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Tensor,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Tensor:
    """Fill a tensor with normal numbers of variance gain² / fan (He et al. 2015); see ``kaiming_uniform_``."""
    if tensor.array.size == 0:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor uniformly with variance 2·gain² / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, generator: Generator | None = None) -> Tensor:
    """Fill a tensor with normal numbers of variance 2·gain² / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def eye_(tensor: Tensor) -> Tensor:
    """Fill a matrix with 1 on the diagonal and 0 elsewhere, so that a linear layer keeps its input.

    Raises:
        ValueError: if it is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.ndim}")
    return _fill(tensor, np.eye(tensor.shape[0], tensor.shape[1]))


def dirac_(tensor: Tensor, groups: int = 1) -> Tensor:
    """Fill the weight of a convolution with 1 in the middle of the kernel from channel i to channel i, else 0.

    So the layer keeps as many channels of its input as it can, in each group.

    Raises:
        ValueError: if it has not 3, 4 or 5 dimensions, or the groups do not divide the output channels.
    """
    if tensor.ndim not in (3, 4, 5):
        raise ValueError(f"Only tensors with 3, 4, or 5 dimensions are supported, got {tensor.ndim}")
    if tensor.shape[0] % groups:
        raise ValueError(f"dim 0 must be divisible by groups, got {tensor.shape[0]} and {groups}")
    values = np.zeros(tensor.shape)
    outputs = tensor.shape[0] // groups
    middle = tuple(n // 2 for n in tensor.shape[2:])
    for group in range(groups):
        for i in range(min(outputs, tensor.shape[1])):
            values[(group * outputs + i, i, *middle)] = 1
    return _fill(tensor, values)


def orthogonal_(tensor: Tensor, gain: float = 1, generator: Generator | None = None) -> Tensor:
    """Fill a tensor, as a matrix (first dimension, all others), with orthogonal rows or columns (Saxe et al. 2013).

    They have the length ``gain``, and are those of a random rotation.

    Raises:
        ValueError: if it has fewer than 2 dimensions.
    """
    if tensor.ndim < 2:
        raise ValueError(f"Only tensors with 2 or more dimensions are supported, got {tensor.ndim}")
    if tensor.array.size == 0:
        return tensor
    rows, columns = tensor.shape[0], tensor.array.size // tensor.shape[0]
    random = (generator or default_generator).numpy.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(random)
    q = q * np.sign(np.diag(r))  # without it, some rotations would be more likely than others
    return _fill(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def sparse_(tensor: Tensor, sparsity: float, std: float = 0.01, generator: Generator | None = None) -> Tensor:
    """Fill a matrix with normal numbers, and a share of each column, rounded up, with 0 (Martens 2010).

    Raises:
        ValueError: if it is no matrix.
    """
    if tensor.ndim != 2:
        raise ValueError(f"Only tensors with 2 dimensions are supported, got {tensor.ndim}")
    rows, columns = tensor.shape
    random = (generator or default_generator).numpy
    values = random.standard_normal((rows, columns)) * std
    for column in range(columns):
        values[random.permutation(rows)[: math.ceil(sparsity * rows)], column] = 0
    return _fill(tensor, values)


def uniform_by_fan_in(fan_in: int, *parameters: Tensor | None) -> None:
    """Fill tensors uniformly on ±1/√fan_in, as torch's layers do; fan_in is the number of inputs of one output."""
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
    for parameter in parameters:
        if parameter is not None:
            uniform_(parameter, -bound, bound)


if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
