"""Initial values of weights, under torch's names (``torch.nn.init``). Each function fills a tensor in place.

Why initial scale matters: a layer that doubles the variance of what passes through makes twenty layers
multiply it by a million. The Xavier and Kaiming rules choose the scale that keeps it (Glorot & Bengio
2010; He et al. 2015).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.device import to_device
from minigrad.random import Generator, default_generator


def _fill(tensor: Any, values: np.ndarray) -> Any:
    if tensor.dtype.kind != "f":
        raise NotImplementedError(f"random initial values are not implemented for {tensor.dtype}")
    tensor.array[...] = to_device(values.astype(tensor.dtype, copy=False), tensor.device)
    tensor._written_in_place()
    return tensor


def _drawn_dtype(tensor: Any) -> Any:
    return np.float64 if tensor.dtype == np.float64 else np.float32  # what NumPy's generator can draw


def uniform_(tensor: Any, a: float = 0.0, b: float = 1.0, generator: Generator | None = None) -> Any:
    """Fills with numbers uniform on [a, b)."""
    return _fill(tensor, (generator or default_generator).uniform(tensor.shape, tensor.dtype, a, b))


def normal_(tensor: Any, mean: float = 0.0, std: float = 1.0, generator: Generator | None = None) -> Any:
    """Fills with normal numbers.

    Raises:
        RuntimeError: if ``std`` is negative.
    """
    if std < 0:
        raise RuntimeError(f"normal_ expects std >= 0.0, but found std {std}")
    numbers = (generator or default_generator).numpy.standard_normal(tensor.shape, dtype=_drawn_dtype(tensor))
    return _fill(tensor, numbers * std + mean)


def trunc_normal_(
    tensor: Any,
    mean: float = 0.0,
    std: float = 1.0,
    a: float = -2.0,
    b: float = 2.0,
    generator: Generator | None = None,
) -> Any:
    """Fills with normal numbers, none outside [a, b] (absolute bounds, not multiples of ``std``).

    By rejection: what falls outside is drawn again. Where little of the normal lies inside, the proposals
    are uniform on [a, b] instead.

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


def _truncated_proposals(random: np.random.Generator, n: int, low: float, high: float, dtype: Any) -> Any:
    """``n`` proposals for a standard normal cut to [low, high], and which of them are accepted."""
    if low <= 0 <= high and high - low > 1:
        drawn = random.standard_normal(n, dtype=dtype)
        return drawn, (drawn >= low) & (drawn <= high)
    peak = min(max(0.0, low), high)  # where the density on [low, high] is highest
    reach = 10.0  # beyond this from the peak the density is nothing
    drawn = random.uniform(max(low, peak - reach), min(high, peak + reach), n)
    return drawn.astype(dtype), random.random(n) < np.exp((peak**2 - drawn**2) / 2)


def constant_(tensor: Any, val: float) -> Any:
    """Fills with one value."""
    tensor.array[...] = val
    tensor._written_in_place()
    return tensor


def zeros_(tensor: Any) -> Any:
    """Fills with 0."""
    return constant_(tensor, 0.0)


def ones_(tensor: Any) -> Any:
    """Fills with 1."""
    return constant_(tensor, 1.0)


def calculate_gain(nonlinearity: str, param: float | None = None) -> float:
    """By how much weights must be larger because of the nonlinearity that follows.

    Raises:
        ValueError: for an unknown nonlinearity, or a slope that is no number.
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


def _fans(tensor: Any) -> tuple[int, int]:
    """How many inputs one output depends on, and how many outputs one input reaches."""
    if tensor.ndim < 2:
        raise ValueError("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions")
    field = math.prod(tensor.shape[2:])
    return tensor.shape[1] * field, tensor.shape[0] * field


def _kaiming_std(tensor: Any, a: float, mode: str, nonlinearity: str) -> float:
    fans = dict(zip(("fan_in", "fan_out"), _fans(tensor), strict=True))
    if mode not in fans:
        raise ValueError(f"Mode {mode} not supported, please use one of ['fan_in', 'fan_out']")
    return calculate_gain(nonlinearity, a) / math.sqrt(fans[mode])


def kaiming_uniform_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:
    """Uniform with variance gain² / fan (He et al. 2015)."""
    if tensor.array.size == 0:
        return tensor  # no elements to fill, and perhaps no inputs to divide by
    bound = math.sqrt(3.0) * _kaiming_std(tensor, a, mode, nonlinearity)
    return uniform_(tensor, -bound, bound, generator)


def kaiming_normal_(
    tensor: Any,
    a: float = 0,
    mode: str = "fan_in",
    nonlinearity: str = "leaky_relu",
    generator: Generator | None = None,
) -> Any:
    """Normal with variance gain² / fan (He et al. 2015)."""
    if tensor.array.size == 0:
        return tensor
    return normal_(tensor, 0.0, _kaiming_std(tensor, a, mode, nonlinearity), generator)


def xavier_uniform_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Uniform with variance 2·gain² / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    bound = gain * math.sqrt(6.0 / sum(_fans(tensor)))
    return uniform_(tensor, -bound, bound, generator)


def xavier_normal_(tensor: Any, gain: float = 1.0, generator: Generator | None = None) -> Any:
    """Normal with variance 2·gain² / (fan_in + fan_out) (Glorot & Bengio 2010)."""
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(_fans(tensor))), generator)


def uniform_by_fan_in(fan_in: int, *parameters: Any) -> None:
    """Uniform on ±1/√fan_in, where fan_in is the number of inputs of one output: what torch's layers start from."""
    bound = 1 / math.sqrt(fan_in) if fan_in > 0 else 0
    for parameter in parameters:
        if parameter is not None:
            uniform_(parameter, -bound, bound)
