"""The distribution of counts of independent events."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.distributions.binomial import log_factorial
from minigrad.distributions.distribution import Distribution, as_tensors
from minigrad.engine.grad_mode import no_grad
from minigrad.functions.sampling import poisson
from minigrad.functions.selection import where
from minigrad.tensor import Tensor


class Poisson(Distribution):
    """The number of independent events, of which λ happen on average: k with λᵏ · e^(−λ) / k!.

    Args:
        rate: λ, at least 0.

    Raises:
        ValueError: if λ is negative.

    >>> import minigrad
    >>> from minigrad.distributions import Poisson
    >>> Poisson(minigrad.tensor(2.0)).log_prob(minigrad.tensor([0.0, 1.0, 2.0])).exp()
    tensor([0.1353, 0.2707, 0.2707])
    """

    _names = ("rate",)

    def __init__(self, rate: Tensor | float, validate_args: bool | None = None) -> None:
        (self.rate,) = as_tensors(rate)
        super().__init__(self.rate.shape, validate_args=validate_args)
        self._check_parameter("rate", self.rate, self.rate >= 0, "at least 0")

    @property
    def mean(self) -> Tensor:
        """λ."""
        return self.rate

    @property
    def mode(self) -> Tensor:
        """The likeliest count, ⌊λ⌋."""
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        """λ."""
        return self.rate

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            return poisson(self.rate.expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda k: (k >= 0) & (k == k.floor()), "whole numbers of at least 0")
        rate, value = as_tensors(self.rate, value)
        powers = where(value == 0, 0.0, value * rate.log())  # λ⁰ = 1, of λ = 0 too
        return powers - rate - log_factorial(value)
