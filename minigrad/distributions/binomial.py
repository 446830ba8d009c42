"""The distribution of the number of successes."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad import creation
from minigrad.devices import to_host
from minigrad.distributions.bernoulli import Bernoulli
from minigrad.distributions.distribution import Distribution, as_tensors, one_of
from minigrad.engine.grad_mode import no_grad
from minigrad.functions.sampling import binomial
from minigrad.tensor import Tensor


class Binomial(Distribution):
    """The number k of successes in n trials of probability p: (n over k) · p^k · (1 − p)^(n − k).

    Args:
        total_count: n, a whole number of at least 0.
        probs: p.
        logits: ln(p / (1 − p)) instead.

    Raises:
        ValueError: if not exactly one of p and its logit is given, p is not in [0, 1], or n is no count.

    >>> import minigrad
    >>> from minigrad.distributions import Binomial
    >>> Binomial(2, minigrad.tensor(0.5)).log_prob(minigrad.tensor([0.0, 1.0, 2.0])).exp()
    tensor([0.2500, 0.5000, 0.2500])
    """

    _names = ("total_count", "probs")

    def __init__(
        self,
        total_count: Tensor | float = 1,
        probs: Tensor | float | None = None,
        logits: Tensor | float | None = None,
        validate_args: bool | None = None,
    ) -> None:
        name, chance = one_of(probs, logits)
        n, given = as_tensors(total_count, chance)
        self._trial = Bernoulli(**{name: given}, validate_args=validate_args)
        self.total_count = n.to(given.dtype)
        super().__init__(given.shape, validate_args=validate_args)
        self._check_parameter("total_count", n, (n >= 0) & (n == n.floor()), "a whole number of at least 0")

    @property
    def probs(self) -> Tensor:
        """The probability of success."""
        return self._trial.probs

    @property
    def logits(self) -> Tensor:
        """The logarithm of p / (1 − p)."""
        return self._trial.logits

    @property
    def mean(self) -> Tensor:
        """n · p."""
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        """The likeliest number, ⌊(n + 1) · p⌋, but at most n."""
        return ((self.total_count + 1) * self.probs).floor().minimum(self.total_count)

    @property
    def variance(self) -> Tensor:
        """n · p · (1 − p)."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(*shape), self.probs.expand(*shape))

    def log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        self._check_value(
            value, lambda k: (k >= 0) & (k <= n) & (k == k.floor()), "whole numbers from 0 to total_count"
        )
        ways = log_factorial(n) - log_factorial(value) - log_factorial(n - value)
        # k ln p + (n − k) ln(1 − p) = k l − n ln(1 + e^l), with the logit l
        logits = self.logits
        above = (logits.clamp(min=0) + logits - logits.clamp(max=0)) / 2  # max(l, 0), with the slope ½ at 0
        return value * logits + ways - n * above - n * (-logits.abs()).exp().log1p()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        """Return the values 0 to n in a first dimension; ``expand`` gives it the shape of the batch.

        Raises:
            NotImplementedError: if n differs in the batch.
        """
        count = int(self.total_count.max())
        if int(self.total_count.min()) != count:
            raise NotImplementedError("Inhomogeneous total count not supported by `enumerate_support`.")
        values = creation.arange(count + 1, dtype=self.probs.dtype, device=self.probs.device)
        values = values.reshape(-1, *(1 for _ in self.batch_shape))
        return values.expand(-1, *self.batch_shape) if expand else values

    def entropy(self) -> Tensor:
        log_prob = self.log_prob(self.enumerate_support(expand=False))
        return -(log_prob.exp() * log_prob).sum(0)


def log_factorial(count: Tensor) -> Tensor:
    """Return ln(x!) of counts x, or ln Γ(x + 1) of other numbers.

    Raises:
        NotImplementedError: for a tensor that requires a gradient: counts have none here.
    """
    if count.requires_grad:
        raise NotImplementedError("the logarithm of a factorial has no gradient here; use value.detach()")
    values, places = np.unique(to_host(count.array), return_inverse=True)
    logs = creation.tensor(
        [_log_gamma(float(x) + 1) for x in values],
        dtype=count.dtype if count.is_floating_point() else None,
        device=count.device,
    )
    return logs[places.reshape(count.shape)]


def _log_gamma(x: float) -> float:
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x)
