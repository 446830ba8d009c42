"""``torch.nn.utils.prune`` of programs for torch makes torch's masks, under torch's names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.utils import prune as theirs

import minigrad
from minigrad.as_torch import pruning
from minigrad.as_torch.modules import adapt_modules, restore_modules
from minigrad.as_torch.torch.nn.utils import prune as ours
from minigrad.testing.close import as_numpy

BOTH = ((minigrad, ours), (torch, theirs))


@pytest.fixture(autouse=True)
def _modules_have_torchs_methods() -> Iterator[None]:
    adapt_modules()
    yield
    restore_modules()


def layer(m: Any) -> Any:
    """A convolution with the same weights in both libraries."""
    random = np.random.default_rng(0)
    made = m.nn.Conv2d(2, 4, 3).double()
    made.weight = m.nn.Parameter(m.from_numpy(random.standard_normal((4, 2, 3, 3))))
    made.bias = m.nn.Parameter(m.from_numpy(random.standard_normal(4)))
    return made


def halved(prune: Any) -> type:
    """A method of one's own that prunes every other element."""

    class Halved(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t: Any, default_mask: Any) -> Any:
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    return Halved


def both_layers(m: Any, prune: Any, x: Any) -> None:
    """Prune the weights of two layers, of which one has small weights, as one."""
    other = layer(m)
    with m.no_grad():
        other.weight.mul_(0.1)
    prune.global_unstructured([(x, "weight"), (other, "weight")], prune.L1Unstructured, amount=0.5)


#: What is done to a layer x.
METHODS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "identity": lambda m, prune, x: prune.identity(x, "weight"),
    "fraction": lambda m, prune, x: prune.l1_unstructured(x, "weight", 0.3),
    "number": lambda m, prune, x: prune.l1_unstructured(x, "bias", 3),
    "nothing": lambda m, prune, x: prune.l1_unstructured(x, "weight", 0),
    "all": lambda m, prune, x: prune.l1_unstructured(x, "weight", 1.0),
    "scores": lambda m, prune, x: prune.l1_unstructured(x, "bias", 1, m.tensor([4.0, 3.0, 1.0, 2.0])),
    "rows": lambda m, prune, x: prune.ln_structured(x, "weight", 0.5, 2, 0),
    "largest of columns": lambda m, prune, x: prune.ln_structured(x, "weight", 1, float("inf"), -1),
    "mask": lambda m, prune, x: prune.custom_from_mask(x, "bias", m.tensor([1, 0, 0, 1])),
    "again": lambda m, prune, x: [prune.l1_unstructured(x, "weight", n) for n in (0.3, 5, 0.5)],
    "elements after rows": lambda m, prune, x: prune.l1_unstructured(
        prune.ln_structured(x, "weight", 2, 1, 0), "weight", 4
    ),
    "rows after elements": lambda m, prune, x: prune.ln_structured(
        prune.l1_unstructured(x, "weight", 30), "weight", 2, 1, 1
    ),
    "rows after rows": lambda m, prune, x: [prune.ln_structured(x, "weight", 1, 2, 0) for _ in range(2)],
    "several": both_layers,
    "own": lambda m, prune, x: halved(prune).apply(x, "weight"),
    "removed": lambda m, prune, x: prune.remove(prune.l1_unstructured(x, "weight", 0.5), "weight"),
}


@pytest.mark.parametrize("name", METHODS)
def test_masks_names_and_gradients_are_torchs(name: str) -> None:
    found = []
    for m, prune in BOTH:
        x = layer(m)
        METHODS[name](m, prune, x)
        x(m.ones(1, 2, 3, 4).double()).square().sum().backward()
        state = {key: as_numpy(value.detach()) for key, value in x.state_dict().items()}
        state |= {f"gradient of {key}": as_numpy(p.grad) for key, p in x.named_parameters()}
        state["weight"] = as_numpy(x.weight.detach())
        chosen = [
            [type(h).__name__ for h in hook] for hook in x._forward_pre_hooks.values() if hasattr(hook, "__len__")
        ]
        found.append((state, prune.is_pruned(m.nn.Sequential(x)), len(x._forward_pre_hooks), chosen))
    (states, *others), (expected, *expected_others) = found
    assert others == expected_others
    assert list(states) == list(expected)
    for key, value in states.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-12, err_msg=key)


@pytest.mark.parametrize("amount", [0, 3, 0.25])
def test_random_masks_have_as_many_zeros_as_torchs(amount: float) -> None:
    counts = []
    for m, prune in BOTH:
        m.manual_seed(0)
        x = prune.random_unstructured(layer(m), "weight", amount)
        y = prune.random_structured(prune.random_structured(layer(m), "weight", 1, 0), "weight", min(amount, 1), 0)
        counts.append([x.weight_mask.sum().item(), sorted(y.weight_mask.sum((1, 2, 3)).tolist())])
    assert counts[0] == counts[1]


def test_a_method_prunes_a_tensor_that_is_in_no_module() -> None:
    for m, prune in BOTH:
        x = m.tensor([3.0, 1.0, -2.0, 5.0])
        assert prune.L1Unstructured(2).prune(x).tolist() == [3, 0, 0, 5]
        assert prune.L1Unstructured(1).prune(x, importance_scores=-x).tolist() == [3, 0, -2, 5]


WRONG: dict[str, Callable[[Any, Any], Any]] = {
    "too large a fraction": lambda m, prune: prune.l1_unstructured(layer(m), "weight", 1.5),
    "negative": lambda m, prune: prune.l1_unstructured(layer(m), "weight", -1),
    "more than there are": lambda m, prune: prune.l1_unstructured(layer(m), "bias", 5),
    "text": lambda m, prune: prune.l1_unstructured(layer(m), "weight", "1"),
    "rows of a vector": lambda m, prune: prune.ln_structured(layer(m), "bias", 1, 2, 0),
    "dimension": lambda m, prune: prune.ln_structured(layer(m), "weight", 1, 2, 4),
    "shape of a mask": lambda m, prune: prune.custom_from_mask(layer(m), "weight", m.ones(3)),
    "shape of scores": lambda m, prune: prune.l1_unstructured(layer(m), "weight", 1, m.ones(3)),
    "no such parameter": lambda m, prune: prune.l1_unstructured(layer(m), "wait", 1),
    "not pruned": lambda m, prune: prune.remove(layer(m), "weight"),
    "no pairs": lambda m, prune: prune.global_unstructured(3, prune.L1Unstructured, amount=1),
    "rows of several": lambda m, prune: prune.global_unstructured(
        [(layer(m), "weight")], prune.LnStructured, amount=1, n=2, dim=0
    ),
    "a container of others": lambda m, prune: prune.PruningContainer().add_pruning_method(3),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_torch_refuses_is_refused(name: str) -> None:
    with pytest.raises(Exception) as expected:
        WRONG[name](torch, theirs)
    with pytest.raises(type(expected.value)) as error:
        WRONG[name](minigrad, ours)
    assert len(str(error.value)) > 15


def test_a_layer_whose_mask_cannot_be_made_stays_as_it_was() -> None:
    x = layer(minigrad)
    ours.l1_unstructured(x, "weight", 0.5)
    before = x.weight_mask.sum().item()
    with pytest.raises(ValueError, match="should be smaller than the number"):
        ours.l1_unstructured(x, "weight", 1000)
    with pytest.raises(ValueError, match="should be smaller than the number"):
        ours.l1_unstructured(x, "bias", 1000)
    assert [name for name, _ in x.named_parameters()] == ["bias", "weight_orig"]
    assert [type(hook) for hook in x._forward_pre_hooks.values()] == [pruning.L1Unstructured]
    assert x.weight_mask.sum().item() == before
