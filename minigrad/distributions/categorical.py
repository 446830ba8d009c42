"""The distribution of a choice among K."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad import creation
from minigrad.distributions.distribution import Distribution, one_of
from minigrad.engine.grad_mode import no_grad
from minigrad.functions.sampling import multinomial
from minigrad.tensor import Tensor


class Categorical(Distribution):
    """The number k with probability p_k; the p of the last dimension are scaled to the sum 1.

    Args:
        probs: p, not negative.
        logits: ln p instead, up to a constant.

    Raises:
        ValueError: if not exactly one of the two is given, it is a number, or p is negative or all 0.

    >>> import minigrad
    >>> from minigrad.distributions import Categorical
    >>> Categorical(minigrad.tensor([1.0, 3.0])).log_prob(minigrad.tensor(1)).exp()
    tensor(0.7500)
    """

    _names = ("probs",)

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        name, given = one_of(probs, logits)
        if given.ndim < 1:
            raise ValueError(f"`{name}` parameter must be at least one-dimensional.")
        super().__init__(given.shape[:-1], validate_args=validate_args)
        if probs is not None:
            self._check_parameter(name, given, (given >= 0) & (given.sum(-1, keepdim=True) > 0), "probabilities")
            self._probs: Tensor | None = given / given.sum(-1, keepdim=True)
            self._logits: Tensor | None = None
        else:
            self._check_parameter(name, given, given == given, "real")
            self._probs, self._logits = None, given - given.logsumexp(-1, keepdim=True)
        self._num_events = given.shape[-1]

    @property
    def probs(self) -> Tensor:
        """The probabilities, with the sum 1."""
        if self._probs is None:
            assert self._logits is not None  # one of the two is given
            self._probs = self._logits.softmax(-1)
        return self._probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        if self._logits is None:
            finest = float(np.finfo(self.probs.dtype).eps)
            self._logits = self.probs.clamp(finest, 1 - finest).log()
        return self._logits

    @property
    def mode(self) -> Tensor:
        """The likeliest number."""
        return self.probs.argmax(-1)

    @property
    def mean(self) -> Tensor:
        """NaN: the numbers are names."""
        return creation.full(self.batch_shape, float("nan"), dtype=self.probs.dtype, device=self.probs.device)

    @property
    def variance(self) -> Tensor:
        """NaN: the numbers are names."""
        return self.mean

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        with no_grad():
            rows = self.probs.reshape(-1, self._num_events)
            drawn = multinomial(rows, math.prod(sample_shape), replacement=True)
            return drawn.T.reshape(*sample_shape, *self.batch_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self._num_events
        self._check_value(value, lambda x: (x >= 0) & (x < n), f"integers from 0 to {n - 1}")
        index = value.long().unsqueeze(-1)
        shape = np.broadcast_shapes(index.shape[:-1], self.batch_shape)
        logits = self.logits.expand(*shape, n)
        return logits.gather(-1, index.expand(*shape, 1)).squeeze(-1)

    def entropy(self) -> Tensor:
        smallest = float(np.finfo(self.logits.dtype).min)
        return -(self.logits.clamp(min=smallest) * self.probs).sum(-1)


class OneHotCategorical(Distribution):
    """The same choice, as a vector with a 1 in the place of k.

    Args:
        probs, logits: those of :class:`Categorical`.

    >>> import minigrad
    >>> from minigrad.distributions import OneHotCategorical
    >>> OneHotCategorical(minigrad.tensor([0.0, 3.0])).sample()
    tensor([0., 1.])
    """

    _names = ("probs",)

    def __init__(
        self, probs: Tensor | None = None, logits: Tensor | None = None, validate_args: bool | None = None
    ) -> None:
        self._categorical = Categorical(probs, logits, validate_args)
        super().__init__(self._categorical.batch_shape, (self._categorical._num_events,), validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities, with the sum 1."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def mean(self) -> Tensor:
        """The probabilities."""
        return self.probs

    @property
    def variance(self) -> Tensor:
        """p · (1 − p) of each place."""
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        chosen = self._categorical.sample(sample_shape)
        places = creation.arange(self.event_shape[0], device=chosen.device)
        return (chosen.unsqueeze(-1) == places).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        self._check_value(value, lambda x: ((x == 0) | (x == 1)) & (x.sum(-1, keepdim=True) == 1), "one-hot vectors")
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()
