"""The distribution of one yes or no."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import creation, dtypes
from minigrad.distributions.distribution import Distribution, as_tensors, one_of
from minigrad.engine.grad_mode import no_grad
from minigrad.functions import binary_cross_entropy_with_logits
from minigrad.functions.selection import where
from minigrad.tensor import Tensor


class Bernoulli(Distribution):
    """1 with probability p, else 0.

    Args:
        probs: p.
        logits: ln(p / (1 − p)) instead.

    Raises:
        ValueError: if not exactly one of the two is given, or p is not in [0, 1].

    >>> import minigrad
    >>> from minigrad.distributions import Bernoulli
    >>> Bernoulli(0.25).log_prob(minigrad.tensor(1.0)).exp()
    tensor(0.2500)
    """

    _names = ("probs",)

    def __init__(
        self,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, number = one_of(probs, logits)
        (given,) = as_tensors(number)
        self._by_probs, self._given = name == "probs", given
        super().__init__(given.shape, validate_args=validate_args)
        if self._by_probs:
            self._check_parameter("probs", given, (given >= 0) & (given <= 1), "between 0 and 1")
        else:
            self._check_parameter("logits", given, given == given, "real")

    @property
    def probs(self) -> Tensor:
        """The probability of 1."""
        return self._given if self._by_probs else self._given.sigmoid()

    @property
    def logits(self) -> Tensor:
        """The logarithm of p / (1 − p)."""
        if not self._by_probs:
            return self._given
        finest = float(np.finfo(self._given.dtype).eps)
        p = self._given.clamp(finest, 1 - finest)
        return p.log() - (-p).log1p()

    @property
    def mean(self) -> Tensor:
        """The probability of 1."""
        return self.probs

    @property
    def mode(self) -> Tensor:
        """The likelier value; NaN for p = ½."""
        p = self.probs
        return where(p == 0.5, float("nan"), (p > 0.5).to(p.dtype))

    @property
    def variance(self) -> Tensor:
        """p · (1 − p)."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            p = self.probs
            uniform = creation.rand(*self._extended_shape(sample_shape), dtype=dtypes.float64, device=p.device)
            return (uniform < p).to(p.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda x: (x == 0) | (x == 1), "0 and 1")
        logits, value = as_tensors(self.logits, value)
        return -binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
