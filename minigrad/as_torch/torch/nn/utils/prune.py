"""``torch.nn.utils.prune``: hold a part of the weights of a model at 0."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import minigrad
from minigrad import Tensor, nn
from minigrad.as_torch.pruning import (
    BasePruningMethod,
    CustomFromMask,
    Identity,
    L1Unstructured,
    LnStructured,
    PruningContainer,
    RandomStructured,
    RandomUnstructured,
    hook_of,
    hooks_of,
)
from minigrad.nn.utils import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


def identity(module: nn.Module, name: str) -> nn.Module:
    """Give a parameter a mask of ones."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: nn.Module, name: str, amount: float) -> nn.Module:
    """Prune random elements: a number of them, or a fraction."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module: nn.Module, name: str, amount: float, importance_scores: Tensor | None = None) -> nn.Module:
    """Prune the elements with the smallest scores; their absolute values are these by default."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: nn.Module, name: str, amount: float, dim: int) -> nn.Module:
    """Prune random channels of a dimension."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: nn.Module, name: str, amount: float, n: Any, dim: int, importance_scores: Tensor | None = None
) -> nn.Module:
    """Prune the channels of a dimension with the smallest n-norms."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: nn.Module, name: str, mask: Tensor) -> nn.Module:
    """Prune what a mask has at 0."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[nn.Module, str]],
    pruning_method: type[BasePruningMethod],
    importance_scores: dict[tuple[nn.Module, str], Tensor] | None = None,
    **kwargs: Any,
) -> None:
    """Prune several parameters, (module, name), as if they were one.

    Raises:
        TypeError: if the parameters are not iterable, the scores no dict, or the method is not unstructured.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pruned = [(module, name, getattr(module, name)) for module, name in parameters]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. '
            f"Found method {pruning_method} of type {method.PRUNING_TYPE}"
        )
    given = parameters_to_vector([scores.get((module, name), tensor) for module, name, tensor in pruned])
    masks = [getattr(module, f"{name}_mask", minigrad.ones_like(tensor)) for module, name, tensor in pruned]
    mask = PruningContainer(method).compute_mask(given, parameters_to_vector(masks))
    start = 0
    for module, name, tensor in pruned:
        custom_from_mask(module, name, mask[start : start + tensor.numel()].reshape(tensor.shape))
        start += tensor.numel()


def remove(module: nn.Module, name: str) -> nn.Module:
    """Make a pruned weight a parameter again, with its zeros.

    Raises:
        ValueError: if it is not pruned.
    """
    found = hook_of(module, name)
    if found is None:
        raise ValueError(f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed")
    key, method = found
    method.remove(module)
    del hooks_of(module)[key]
    return module


def is_pruned(module: nn.Module) -> bool:
    """Return whether a module, or one inside it, has pruned weights."""
    return any(isinstance(hook, BasePruningMethod) for part in module.modules() for hook in hooks_of(part).values())
