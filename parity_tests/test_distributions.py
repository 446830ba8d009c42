"""Distributions against torch's: densities, entropies, moments and their gradients; samples by their statistics."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import distributions
from minigrad.testing.close import as_numpy

#: One line makes the distribution in both libraries from parameters of shape (2, 3); beside it, its values.
MADE: dict[str, tuple[Callable[[Any, Any], Any], Callable[[np.random.Generator], np.ndarray]]] = {
    "Normal": (lambda d, x: d.Normal(x, x.exp()), lambda r: r.standard_normal((4, 2, 3))),
    "Normal of a number": (lambda d, x: d.Normal(x, 0.5), lambda r: r.standard_normal((2, 3))),
    "Bernoulli": (lambda d, x: d.Bernoulli(x.sigmoid()), lambda r: r.integers(0, 2, (2, 3)) * 1.0),
    "Bernoulli logits": (lambda d, x: d.Bernoulli(logits=x), lambda r: r.integers(0, 2, (4, 2, 3)) * 1.0),
    "Categorical": (lambda d, x: d.Categorical(x.exp()), lambda r: r.integers(0, 3, (2,))),
    "Categorical logits": (lambda d, x: d.Categorical(logits=x), lambda r: r.integers(0, 3, (5, 2))),
    "OneHotCategorical": (lambda d, x: d.OneHotCategorical(logits=x), lambda r: np.eye(3)[r.integers(0, 3, (2,))]),
    "Uniform": (lambda d, x: d.Uniform(x, x + x.exp() + 5), lambda r: r.uniform(3, 4, (2, 3))),
    "Exponential": (lambda d, x: d.Exponential(x.exp()), lambda r: r.uniform(0, 3, (2, 3))),
    "Binomial": (lambda d, x: d.Binomial(4, x.sigmoid()), lambda r: r.integers(0, 5, (5, 2, 3)) * 1.0),
    "Binomial logits": (lambda d, x: d.Binomial(2, logits=x), lambda r: r.integers(0, 3, (2, 3))),
    "Poisson": (lambda d, x: d.Poisson(x.exp()), lambda r: r.integers(0, 9, (5, 2, 3)) * 1.0),
    "Multinomial": (lambda d, x: d.Multinomial(5, x.exp()), lambda r: r.multinomial(5, [0.2, 0.3, 0.5], (4, 2)) * 1.0),
    "Multinomial logits": (lambda d, x: d.Multinomial(3, logits=x), lambda r: r.multinomial(3, [0.5, 0.5, 0], 2)),
    "Independent": (lambda d, x: d.Independent(d.Normal(x, x.exp()), 1), lambda r: r.standard_normal((4, 2, 3))),
}


def _both(seed: int = 0) -> tuple[Any, Any]:
    array = np.random.default_rng(seed).standard_normal((2, 3))
    return minigrad.tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)


@pytest.mark.parametrize("name", MADE)
def test_densities_entropies_and_moments_have_torchs_values_and_gradients(name: str) -> None:
    make, values = MADE[name]
    value = values(np.random.default_rng(1))
    found = []
    for m, d, x in zip((minigrad, torch), (distributions, torch.distributions), _both(), strict=True):
        made = make(d, x)
        results = [made.log_prob(m.as_tensor(value))]
        results += [] if name == "Poisson" else [made.entropy()]  # which has no closed form
        results += [] if name.startswith("Categorical") else [made.mean, made.variance]
        gradients = []
        for result in results:
            x.grad = None
            if result.requires_grad:
                (result * result).sum().backward(retain_graph=True)
            gradients.append(np.zeros((2, 3)) if x.grad is None else as_numpy(x.grad))
        assert tuple(made.batch_shape) + tuple(made.event_shape) == tuple(made.sample().shape)
        found.append([*(as_numpy(result.detach()) for result in results), *gradients])
    rtol = 1e-7 if name.startswith("Multinomial") else 1e-10  # torch's ln n! in the entropy is rounded to float32
    for ours, theirs in zip(*found, strict=True):
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=rtol, atol=1e-12)


@pytest.mark.parametrize("name", MADE)
def test_samples_have_the_distributions_mean_and_deviation(name: str) -> None:
    minigrad.manual_seed(0)
    x, _ = _both()
    made = MADE[name][0](distributions, x)
    samples = made.sample((20000,))
    assert not samples.requires_grad
    assert samples.shape == (20000, *made.batch_shape, *made.event_shape)
    if name.startswith("Categorical"):
        samples = minigrad.nn.functional.one_hot(samples, 3).double()
        mean, variance = made.probs, made.probs * (1 - made.probs)
    else:
        mean, variance = made.mean, made.variance
    error = np.sqrt(as_numpy(variance.detach()) / 20000)
    assert (np.abs(as_numpy(samples).mean(0) - as_numpy(mean.detach())) < 5 * error).all()
    if made.has_rsample:
        made.rsample((3,)).sum().backward()
        assert x.grad is not None


def test_a_sample_with_gradients_moves_with_the_parameters() -> None:
    loc, scale = minigrad.tensor([1.0, 2.0], requires_grad=True), minigrad.tensor([0.5, 0.1], requires_grad=True)
    sample = distributions.Normal(loc, scale).rsample()
    sample.sum().backward()
    assert loc.grad.tolist() == [1.0, 1.0]
    np.testing.assert_allclose(as_numpy(scale.grad), as_numpy((sample - loc).detach() / scale.detach()), rtol=1e-5)


@pytest.mark.parametrize("name", ["Normal", "Bernoulli", "Categorical", "Independent"])
def test_divergences_have_torchs_values_and_gradients(name: str) -> None:
    found = []
    for d, x, y in zip((distributions, torch.distributions), _both(), _both(1), strict=True):
        divergence = d.kl_divergence(MADE[name][0](d, x), MADE[name][0](d, y))
        divergence.sum().backward()
        found.append([as_numpy(divergence.detach()), as_numpy(x.grad), as_numpy(y.grad)])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "scale": lambda m, d: d.Normal(0.0, -1.0),
    "mean": lambda m, d: d.Normal(float("nan"), 1.0),
    "probability": lambda m, d: d.Bernoulli(1.5),
    "both": lambda m, d: d.Bernoulli(0.5, 0.5),
    "neither": lambda m, d: d.Categorical(),
    "number": lambda m, d: d.Categorical(m.tensor(1.0)),
    "negative": lambda m, d: d.Categorical(m.tensor([-1.0, 2.0])),
    "no such class": lambda m, d: d.Categorical(m.tensor([1.0, 2.0])).log_prob(m.tensor(2)),
    "half": lambda m, d: d.Bernoulli(0.5).log_prob(m.tensor(0.5)),
    "outside": lambda m, d: d.Uniform(0.0, 1.0).log_prob(m.tensor(2.0)),
    "order": lambda m, d: d.Uniform(1.0, 0.0),
    "rate": lambda m, d: d.Exponential(-1.0),
    "dimensions": lambda m, d: d.Independent(d.Normal(0.0, 1.0), 1),
    "divergence": lambda m, d: d.kl_divergence(d.Normal(0.0, 1.0), d.Bernoulli(0.5)),
    "rsample": lambda m, d: d.Bernoulli(0.5).rsample(),
    "no value": lambda m, d: d.Normal(0.0, 1.0).log_prob(1.0),
    "shape of values": lambda m, d: d.Normal(m.zeros(2), 1.0).log_prob(m.zeros(3)),
    "shape of events": lambda m, d: d.Multinomial(2, m.ones(2)).log_prob(m.ones(3)),
    "negative count": lambda m, d: d.Binomial(-1, m.tensor([0.5])),
    "half a trial": lambda m, d: d.Binomial(2.5, m.tensor([0.5])),
    "chance": lambda m, d: d.Binomial(2, m.tensor([1.5])),
    "neither of two": lambda m, d: d.Binomial(2),
    "more than all": lambda m, d: d.Binomial(2, m.tensor([0.5])).log_prob(m.tensor([3.0])),
    "half a success": lambda m, d: d.Binomial(2, m.tensor([0.5])).log_prob(m.tensor([0.5])),
    "different counts": lambda m, d: d.Binomial(m.tensor([1.0, 2.0]), m.tensor([0.5, 0.5])).entropy(),
    "negative rate": lambda m, d: d.Poisson(-1.0),
    "half an event": lambda m, d: d.Poisson(1.0).log_prob(m.tensor(0.5)),
    "entropy of counts": lambda m, d: d.Poisson(1.0).entropy(),
    "mean of integers": lambda m, d: m.poisson(m.tensor([1, 2])),
    "negative mean": lambda m, d: m.poisson(m.tensor([-1.0])),
    "counts of choices": lambda m, d: d.Multinomial(m.tensor([1, 2]), m.ones(2)),
    "too many choices": lambda m, d: d.Multinomial(2, m.ones(2)).log_prob(m.tensor([2.0, 1.0])),
    "chances of a number": lambda m, d: d.Multinomial(2, m.tensor(1.0)),
    "no choice": lambda m, d: d.Multinomial(0, m.ones(2)).sample(),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_parameters_and_values_raise_torchs_type_of_error(name: str) -> None:
    with pytest.raises(Exception) as theirs:
        WRONG[name](torch, torch.distributions)
    with pytest.raises(type(theirs.value)) as ours:
        WRONG[name](minigrad, distributions)
    assert len(str(ours.value)) > 15


SPECIAL: dict[str, Callable[[Any, Any], Any]] = {
    "certain trials": lambda m, d: d.Binomial(3, m.tensor([0.0, 1.0])).log_prob(m.tensor([0.0, 3.0])),
    "beyond the trials": lambda m, d: d.Binomial(3, m.tensor([0.5]), validate_args=False).log_prob(m.tensor([5.0])),
    "no trials": lambda m, d: d.Binomial(0, m.tensor([0.5, 0.0])).log_prob(m.tensor([0.0, 0.0])),
    "no events": lambda m, d: d.Poisson(m.tensor([0.0, 0.0, 2.0])).log_prob(m.tensor([0.0, 1.0, 0.0])),
    "means of 0": lambda m, d: m.poisson(m.zeros(2, 3, dtype=m.float64)),
    "modes": lambda m, d: d.Binomial(5, m.tensor([0.0, 0.3, 0.7, 1.0])).mode,
    "impossible choice": lambda m, d: d.Multinomial(2, m.tensor([0.0, 1.0])).log_prob(m.tensor([[0.0, 2], [1, 1]])),
    "no choices": lambda m, d: d.Multinomial(0, m.tensor([0.5, 0.5])).entropy(),
    "-inf": lambda m, d: d.Multinomial(2, logits=m.tensor([0.0, -m.inf])).log_prob(m.tensor([[2.0, 0], [1, 1]])),
}


@pytest.mark.parametrize("name", SPECIAL)
def test_counts_at_the_ends_have_torchs_values(name: str) -> None:
    ours, theirs = (as_numpy(SPECIAL[name](m, d)) for m, d in ((minigrad, distributions), (torch, torch.distributions)))
    assert ours.dtype == theirs.dtype
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=2e-6)


def test_counts_have_no_gradient() -> None:
    with pytest.raises(NotImplementedError, match=r"value\.detach\(\)"):
        distributions.Binomial(2, minigrad.tensor(0.5)).log_prob(minigrad.tensor(1.0, requires_grad=True))


def test_unchecked_parameters_give_what_torch_gives() -> None:
    results = []
    for m, d in ((minigrad, distributions), (torch, torch.distributions)):
        normal = d.Normal(m.tensor(0.0), m.tensor(2.0), validate_args=False)
        results.append([float(normal.log_prob(m.tensor(0.3))), repr(d.Normal(m.zeros(2), m.ones(2)).batch_shape)])
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-6)
