"""The base of all distributions, and the checks of their parameters and values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from minigrad import creation
from minigrad.engine.grad_mode import no_grad
from minigrad.tensor import Tensor
from minigrad.typing import Shape

Given = TypeVar("Given", bound=Tensor | float)


class Distribution:
    """Base of the distributions: a batch of them, each of events of one shape.

    Args:
        batch_shape: the shape of the parameters, one distribution each.
        event_shape: the shape of one value.
        validate_args: check parameters and values.
    """

    has_rsample = False
    _names: tuple[str, ...] = ()  #: the parameters that ``repr`` shows

    def __init__(self, batch_shape: Shape = (), event_shape: Shape = (), validate_args: bool | None = None) -> None:
        self._batch_shape, self._event_shape = tuple(batch_shape), tuple(event_shape)
        self._validates = validate_args is not False

    @property
    def batch_shape(self) -> Shape:
        """The shape of the parameters, one distribution each."""
        return self._batch_shape

    @property
    def event_shape(self) -> Shape:
        """The shape of one value."""
        return self._event_shape

    @property
    def mean(self) -> Tensor:
        """The expected value."""
        raise NotImplementedError(f"{type(self).__name__} has no mean")

    @property
    def variance(self) -> Tensor:
        """The expected square of the difference from the mean."""
        raise NotImplementedError(f"{type(self).__name__} has no variance")

    @property
    def stddev(self) -> Tensor:
        """The root of the variance."""
        return self.variance.sqrt()

    def rsample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Return samples of shape (*sample_shape, *batch_shape, *event_shape), with gradients to the parameters."""
        raise NotImplementedError(f"{type(self).__name__} has no samples with gradients; use sample()")

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        """Return samples of shape (*sample_shape, *batch_shape, *event_shape), without gradients."""
        with no_grad():
            return self.rsample(sample_shape)

    def log_prob(self, value: Tensor) -> Tensor:
        """Return the logarithm of the density (or probability) at a value."""
        raise NotImplementedError(f"{type(self).__name__} has no log_prob")

    def cdf(self, value: Tensor) -> Tensor:
        """Return the probability of a value that is not larger."""
        raise NotImplementedError(f"{type(self).__name__} has no cdf")

    def entropy(self) -> Tensor:
        """Return the expected value of −log_prob."""
        raise NotImplementedError(f"{type(self).__name__} has no entropy")

    def perplexity(self) -> Tensor:
        """Return e to the power of the entropy."""
        return self.entropy().exp()

    def _extended_shape(self, sample_shape: Sequence[int]) -> Shape:
        return (*tuple(sample_shape), *self.batch_shape, *self.event_shape)

    def _check_parameter(self, name: str, value: Tensor, fits: Tensor, wanted: str) -> None:
        if self._validates and not bool(fits.all()):
            raise ValueError(
                f"Expected parameter {name} (Tensor of shape {tuple(value.shape)}) of distribution "
                f"{type(self).__name__} to be {wanted}, but found invalid values:\n{value}"
            )

    def _check_value(self, value: Tensor, fits: Callable[[Tensor], Tensor], wanted: str) -> None:
        if not self._validates:
            return
        if not isinstance(value, Tensor):
            raise ValueError(f"The value argument to log_prob must be a Tensor, got {value!r}")
        events = len(self.event_shape)
        if value.shape[value.ndim - events :] != self.event_shape:
            raise ValueError(
                f"The right-most size of value must match event_shape: {value.shape} vs {self.event_shape}"
            )
        wanted_shape = self.batch_shape + self.event_shape
        if any(1 not in (i, j) and i != j for i, j in zip(value.shape[::-1], wanted_shape[::-1], strict=False)):
            raise ValueError(
                f"Value is not broadcastable with batch_shape+event_shape: {value.shape} vs {wanted_shape}"
            )
        if not bool(fits(value).all()):
            raise ValueError(
                f"Expected value argument (Tensor of shape {tuple(value.shape)}) to be within the support "
                f"({wanted}) of the distribution {self!r}, but found invalid values:\n{value}"
            )

    def __repr__(self) -> str:
        shown = []
        for name in self._names:
            value = getattr(self, name)
            shown.append(f"{name}: {value if value.numel() == 1 else f'{type(value).__name__} of {list(value.shape)}'}")
        return f"{type(self).__name__}({', '.join(shown)})"


def one_of(probs: Given | None, logits: Given | None) -> tuple[str, Given]:
    """Return which of the two parameters is given, and its value.

    Raises:
        ValueError: if not exactly one is.
    """
    if probs is not None and logits is None:
        return "probs", probs
    if logits is not None and probs is None:
        return "logits", logits
    raise ValueError("Either `probs` or `logits` must be specified, but not both.")


def as_tensors(*values: Tensor | float) -> tuple[Tensor, ...]:
    """Return tensors and numbers as tensors of one shape, to which they broadcast."""
    tensors = [v for v in values if isinstance(v, Tensor)]
    dtype, device = (tensors[0].dtype, tensors[0].device) if tensors else (None, None)
    all_tensors = [
        v if isinstance(v, Tensor) else creation.tensor(float(v), dtype=dtype, device=device) for v in values
    ]
    shape = np.broadcast_shapes(*(t.shape for t in all_tensors))
    return tuple(t.expand(*shape) if shape else t for t in all_tensors)
