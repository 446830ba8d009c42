"""Random numbers that depend on tensors: draws from given probabilities, means and deviations. No gradients."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import DTypeLike

from minigrad import dtypes
from minigrad.devices import DeviceLike, device_of, get_default_device, to_device, to_host
from minigrad.devices import device as device_class
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.random import Generator, default_generator
from minigrad.typing import Array, Tensor

__all__ = ["bernoulli", "binomial", "multinomial", "normal", "poisson"]


def normal(
    mean: Tensor | float,
    std: Tensor | float = 1.0,
    size: Sequence[int] | None = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike | None = None,
    device: DeviceLike | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """Return numbers from normal distributions, one for each element of ``mean`` and ``std``, or of shape ``size``.

    Raises:
        RuntimeError: if a standard deviation is negative.
        TypeError: if both are numbers and there is no size.
    """
    tensors = [x for x in (mean, std) if isinstance(x, TensorBase)]
    if not tensors and size is None:
        raise TypeError("normal(): of two numbers it needs a size: normal(mean, std, size=(2, 3))")
    centre, width = (x.array if isinstance(x, TensorBase) else x for x in (mean, std))
    if to_host(np.any(width < 0)):
        raise RuntimeError(f"normal expects all elements of std >= 0.0, but found std {to_host(np.min(width))}")
    shape = tuple(size or ()) if not tensors else np.broadcast_shapes(*[x.array.shape for x in tensors])
    chosen = dtypes.get_default_dtype() if dtype is None else dtypes.as_dtype(dtype)
    chosen = tensors[0].array.dtype if tensors else chosen
    drawn = (generator or default_generator).numpy.standard_normal(shape)
    if not tensors:
        where = get_default_device() if device is None else device_class(device)
        array = to_device(np.asarray(centre + width * drawn).astype(chosen), where)
    else:
        numbers = to_device(np.asarray(drawn), device_of(tensors[0].array))
        array = (centre + width * numbers).astype(chosen)
    return wrap(array).requires_grad_(requires_grad)


def bernoulli(input: Tensor, p: float | None = None, *, generator: Generator | None = None) -> Tensor:
    """Return 1 with the probability that each element of ``input`` states, else 0; with ``p``, that one for all.

    Raises:
        RuntimeError: if a probability is not in [0, 1].
    """
    x = as_tensor_operand("bernoulli", input).array
    chances = x if p is None else np.full_like(x, p, dtype=np.float64)
    if to_host(np.any(~((chances >= 0) & (chances <= 1)))):
        raise RuntimeError(f"Expected p_in >= 0 && p_in <= 1 to be true, got {p if p is not None else to_host(x)}")
    drawn = (generator or default_generator).numpy.random(x.shape)
    return wrap((to_device(np.asarray(drawn), device_of(x)) < chances).astype(x.dtype))


def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """Return how many of ``count`` trials succeed that each do with probability ``prob``.

    Raises:
        RuntimeError: if the dtypes differ, or a probability is not in [0, 1].
        ValueError: if a count is no floating whole number of at least 0.
    """
    n, p = (as_tensor_operand("binomial", x).array for x in (count, prob))
    if n.dtype.kind != "f":
        raise ValueError(f"binomial only supports floating-point dtypes for count, got: {n.dtype}")
    if n.dtype != p.dtype:
        raise RuntimeError(f"binomial: count has dtype {n.dtype} and prob {p.dtype}; give both the same")
    counts, chances = to_host(n).astype(np.float64), to_host(p).astype(np.float64)
    if np.any(wrong := ~((counts >= 0) & (counts == np.floor(counts)) & (counts < 2**63))):
        raise ValueError(f"binomial: a count is a whole number of at least 0, got {counts[wrong][0]}")
    if np.any(wrong := ~((chances >= 0) & (chances <= 1))):
        raise RuntimeError(f"binomial: a probability is between 0 and 1, got {chances[wrong][0]}")
    drawn = (generator or default_generator).numpy.binomial(counts.astype(np.int64), chances)
    return wrap(to_device(np.asarray(drawn).astype(n.dtype), device_of(n)))


def poisson(input: Tensor, generator: Generator | None = None) -> Tensor:
    """Return random counts, each with an element of the input as its mean: k with the probability λᵏ · e^(−λ) / k!.

    Raises:
        NotImplementedError: if the means are integers.
        RuntimeError: if a mean is negative or too large.
    """
    x = as_tensor_operand("poisson", input).array
    if x.dtype.kind != "f":
        raise NotImplementedError(f"poisson: means are floating-point numbers, got {x.dtype}; use x.float()")
    means = to_host(x).astype(np.float64)
    if np.any(wrong := ~((means >= 0) & (means < 2**62))):
        raise RuntimeError(f"invalid Poisson rate: a mean is at least 0 and below 2⁶², got {means[wrong][0]}")
    drawn = (generator or default_generator).numpy.poisson(means)
    return wrap(to_device(np.asarray(drawn).astype(x.dtype), device_of(x)))


def multinomial(
    input: Tensor, num_samples: int, replacement: bool = False, *, generator: Generator | None = None
) -> Tensor:
    """Return ``num_samples`` positions of each row, drawn with probabilities in proportion to its elements; int64.

    Without ``replacement`` no position of a row is drawn twice.

    Raises:
        RuntimeError: if the input is no vector or matrix of floats, has negative, infinite or NaN elements, or a row
            has nothing, or not enough, to draw from.
    """
    x = as_tensor_operand("multinomial", input).array
    weights = to_host(x).astype(np.float64)
    if x.ndim not in (1, 2):
        raise RuntimeError(f"prob_dist must be 1 or 2 dim, got {x.ndim}")
    if x.dtype.kind != "f":
        raise RuntimeError(f"multinomial only supports floating-point dtypes for input, got: {x.dtype}")
    if num_samples < 1:
        raise RuntimeError(f"cannot sample n_sample <= 0 samples, got {num_samples}")
    if not replacement and num_samples > x.shape[-1]:
        raise RuntimeError(
            f"cannot sample n_sample > prob_dist.size(-1) samples without replacement: {num_samples} > {x.shape[-1]}"
        )
    if not np.all(np.isfinite(weights) & (weights >= 0)):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    rows = weights.reshape(-1, x.shape[-1])
    needed = 1 if replacement else num_samples
    if np.any(np.count_nonzero(rows, axis=1) < needed):
        raise RuntimeError(
            f"invalid multinomial distribution: a row has fewer than {needed} elements above 0 to draw from"
        )
    draw = _with_replacement if replacement else _without_replacement
    positions = draw(rows, num_samples, (generator or default_generator).numpy)
    return wrap(to_device(positions.astype(np.int64).reshape(*x.shape[:-1], num_samples), device_of(x)))


def _with_replacement(weights: Array, count: int, random: np.random.Generator) -> Array:
    """Return where random numbers fall in the running sums of each row."""
    ends = np.cumsum(weights, axis=1)
    numbers = random.random((len(weights), count)) * ends[:, -1:]
    return np.stack([np.searchsorted(row, drawn, side="right") for row, drawn in zip(ends, numbers, strict=True)])


def _without_replacement(weights: Array, count: int, random: np.random.Generator) -> Array:
    """Return the positions of the smallest arrival times, which are exponential with the weights as rates.

    Efraimidis and Spirakis, Weighted random sampling with a reservoir, 2006.
    """
    with np.errstate(divide="ignore"):
        times = random.standard_exponential(weights.shape) / weights
    return np.argsort(times, axis=1, kind="stable")[:, :count]
