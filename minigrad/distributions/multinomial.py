"""The distribution of how often each of K is chosen."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad import creation
from minigrad.distributions.binomial import Binomial, log_factorial
from minigrad.distributions.categorical import Categorical
from minigrad.distributions.distribution import Distribution, as_tensors
from minigrad.functions import one_hot
from minigrad.functions.selection import where
from minigrad.tensor import Tensor


class Multinomial(Distribution):
    """The counts x of n choices, by what is chosen: n! / ∏ x_k! · ∏ p_k^x_k.

    Args:
        total_count: n.
        probs, logits: those of :class:`Categorical`.

    Raises:
        NotImplementedError: if n is not an int.
        ValueError: as :class:`Categorical`.

    >>> import minigrad
    >>> from minigrad.distributions import Multinomial
    >>> Multinomial(3, minigrad.tensor([1.0, 1.0])).log_prob(minigrad.tensor([1.0, 2.0])).exp()
    tensor(0.3750)
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ) -> None:
        if not isinstance(total_count, int):
            raise NotImplementedError(f"inhomogeneous total_count is not supported: an int is, got {total_count!r}")
        self.total_count = total_count
        self._choice = Categorical(probs, logits)
        super().__init__(self._choice.batch_shape, (self._choice._num_events,), validate_args)

    @property
    def probs(self) -> Tensor:
        """The probabilities, with the sum 1."""
        return self._choice.probs

    @property
    def logits(self) -> Tensor:
        """The logarithms of the probabilities."""
        return self._choice.logits

    @property
    def mean(self) -> Tensor:
        """n · p."""
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        """n · p · (1 − p) of each place."""
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Sequence[int] = ()) -> Tensor:
        chosen = self._choice.sample((self.total_count, *sample_shape))
        return one_hot(chosen, self.event_shape[0]).sum(0).to(self.probs.dtype)

    def log_prob(self, value: Tensor) -> Tensor:
        n = self.total_count
        self._check_value(value, lambda x: (x >= 0) & (x.sum(-1, keepdim=True) <= n), f"counts of at most {n} in all")
        logits, value = as_tensors(self.logits, value)
        logits = where((value == 0) & (logits == float("-inf")), 0.0, logits)  # p⁰ = 1, of p = 0 too
        return log_factorial(value.sum(-1)) - log_factorial(value).sum(-1) + (logits * value).sum(-1)

    def entropy(self) -> Tensor:
        n = creation.tensor(float(self.total_count), dtype=self.probs.dtype, device=self.probs.device)
        each = Binomial(self.total_count, self.probs)
        counts = each.enumerate_support(expand=False)[1:]
        expected = (each.log_prob(counts).exp() * log_factorial(counts)).sum((0, -1))  # of ln ∏ x_k!
        return n * self._choice.entropy() - log_factorial(n) + expected
