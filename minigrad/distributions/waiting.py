"""The uniform and the exponential distribution."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import creation
from minigrad.distributions.distribution import Distribution, as_tensors
from minigrad.tensor import Tensor


class Uniform(Distribution):
    """The density 1 / (high − low) from low to high.

    Args:
        low: the smallest value.
        high: the bound above, which is not drawn.

    Raises:
        ValueError: if low is not below high.
    """

    has_rsample = True
    _names = ("low", "high")

    def __init__(self, low: Tensor | float, high: Tensor | float, validate_args: bool | None = None) -> None:
        self.low, self.high = as_tensors(low, high)
        super().__init__(self.low.shape, validate_args=validate_args)
        self._check_parameter("low", self.low, self.low < self.high, "below high")

    @property
    def mean(self) -> Tensor:
        """The middle."""
        return (self.high + self.low) / 2

    @property
    def variance(self) -> Tensor:
        """(high − low)² / 12."""
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        return self.low + creation.rand(*shape, dtype=self.low.dtype, device=self.low.device) * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda x: (x >= self.low) & (x <= self.high), "between low and high")
        density = ((value >= self.low) & (value < self.high)).to(self.low.dtype)
        return density.log() - (self.high - self.low).log()

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()


class Exponential(Distribution):
    """The density rate · e^(−rate · x) of x ≥ 0.

    Args:
        rate: the inverse of the mean, above 0.

    Raises:
        ValueError: for a rate that is not positive.
    """

    has_rsample = True
    _names = ("rate",)

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)
        self._check_parameter("rate", self.rate, self.rate > 0, "greater than 0")

    @property
    def mean(self) -> Tensor:
        """1 / rate."""
        return self.rate.reciprocal()

    @property
    def variance(self) -> Tensor:
        """1 / rate²."""
        return self.rate ** (-2)

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        uniform = creation.rand(*self._extended_shape(sample_shape), dtype=self.rate.dtype, device=self.rate.device)
        return -(-uniform).log1p() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda x: x >= 0, "at least 0")
        return self.rate.log() - self.rate * value

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()
