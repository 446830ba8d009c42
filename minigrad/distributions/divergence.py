"""The Kullback–Leibler divergence of two distributions, the expected value of log p − log q under p."""

from __future__ import annotations

from minigrad.distributions.bernoulli import Bernoulli
from minigrad.distributions.categorical import Categorical
from minigrad.distributions.distribution import Distribution
from minigrad.distributions.independent import Independent
from minigrad.distributions.normal import Normal
from minigrad.functions import softplus
from minigrad.functions.selection import where
from minigrad.tensor import Tensor


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """Return KL(p ‖ q) of two normal, Bernoulli or categorical distributions, or of independent ones of these.

    Raises:
        NotImplementedError: for other pairs.
    """
    if isinstance(p, Normal) and isinstance(q, Normal):
        ratio = (p.scale / q.scale) ** 2
        return 0.5 * (ratio + ((p.loc - q.loc) / q.scale) ** 2 - 1 - ratio.log())
    if isinstance(p, Bernoulli) and isinstance(q, Bernoulli):
        yes = p.probs * (softplus(-q.logits) - softplus(-p.logits))
        return yes + (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    if isinstance(p, Categorical) and isinstance(q, Categorical):
        terms = p.probs * (p.logits - q.logits)
        terms = where((q.probs == 0).expand(*terms.shape), float("inf"), terms)
        return where((p.probs == 0).expand(*terms.shape), 0.0, terms).sum(-1)
    if (
        isinstance(p, Independent)
        and isinstance(q, Independent)
        and p.reinterpreted_batch_ndims == q.reinterpreted_batch_ndims
    ):
        return p._added(kl_divergence(p.base_dist, q.base_dist))
    raise NotImplementedError(
        f"No KL(p || q) is implemented for p type {type(p).__name__} and q type {type(q).__name__}"
    )
