"""Probability distributions, under torch's names (``torch.distributions``): densities, samples and entropies.

``log_prob`` and ``entropy`` have gradients with respect to the parameters. ``rsample`` draws a sample that has one as
well, because it is written as a function of the parameters and of noise; ``sample`` draws one that has none.
"""

from typing import TYPE_CHECKING

from minigrad.absent import module_getattr as _module_getattr
from minigrad.distributions.bernoulli import Bernoulli
from minigrad.distributions.binomial import Binomial
from minigrad.distributions.categorical import Categorical, OneHotCategorical
from minigrad.distributions.distribution import Distribution
from minigrad.distributions.divergence import kl_divergence
from minigrad.distributions.independent import Independent
from minigrad.distributions.multinomial import Multinomial
from minigrad.distributions.normal import Normal
from minigrad.distributions.poisson import Poisson
from minigrad.distributions.waiting import Exponential, Uniform

__all__ = [
    "Bernoulli",
    "Binomial",
    "Categorical",
    "Distribution",
    "Exponential",
    "Independent",
    "Multinomial",
    "Normal",
    "OneHotCategorical",
    "Poisson",
    "Uniform",
    "kl_divergence",
]

if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
