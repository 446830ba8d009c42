"""The normal distribution."""

from __future__ import annotations

import math
from collections.abc import Sequence

from minigrad import creation
from minigrad.distributions.distribution import Distribution, as_tensors
from minigrad.tensor import Tensor


class Normal(Distribution):
    """The density e^(−((x − loc) / scale)² / 2) / (scale · √(2π)).

    Args:
        loc: the mean.
        scale: the standard deviation, above 0.

    Raises:
        ValueError: for a scale that is not positive, or a mean that is NaN.

    >>> import minigrad
    >>> from minigrad.distributions import Normal
    >>> Normal(0.0, 1.0).log_prob(minigrad.tensor(0.0))
    tensor(-0.9189)
    """

    has_rsample = True
    _names = ("loc", "scale")

    def __init__(self, loc: Tensor | float, scale: Tensor | float, validate_args: bool | None = None) -> None:
        self.loc, self.scale = as_tensors(loc, scale)
        super().__init__(self.loc.shape, validate_args=validate_args)
        self._check_parameter("loc", self.loc, self.loc == self.loc, "real")
        self._check_parameter("scale", self.scale, self.scale > 0, "greater than 0")

    @property
    def mean(self) -> Tensor:
        """The mean, ``loc``."""
        return self.loc

    @property
    def mode(self) -> Tensor:
        """The value of the highest density, ``loc``."""
        return self.loc

    @property
    def stddev(self) -> Tensor:
        """The standard deviation, ``scale``."""
        return self.scale

    @property
    def variance(self) -> Tensor:
        """The square of ``scale``."""
        return self.scale**2

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        noise = creation.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + noise * self.scale

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda x: x == x, "real numbers")
        distance = (value - self.loc) ** 2 / (2 * self.scale**2)
        return -distance - self.scale.log() - math.log(math.sqrt(2 * math.pi))

    def entropy(self) -> Tensor:
        return 0.5 + 0.5 * math.log(2 * math.pi) + self.scale.log()
