"""Functions of all parameters of a model: clip their gradients, join them into one vector (``torch.nn.utils``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from minigrad.caller import warn
from minigrad.engine.grad_mode import no_grad
from minigrad.functions.pieces import cat, stack
from minigrad.functions.reduce import norm
from minigrad.tensor import Tensor

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "vector_to_parameters",
]


def _refuse_foreach(function: str, foreach: bool | None) -> None:
    if foreach:
        raise NotImplementedError(
            f"{function}: foreach=True is not supported; it selects one of torch's own implementations"
        )


def _each(parameters: Tensor | Iterable[Tensor]) -> list[Tensor]:
    if isinstance(parameters, Tensor):
        return [parameters]
    each = list(parameters)
    if not each and isinstance(parameters, Iterator):
        warn("`parameters` is an empty generator, no gradient clipping will occur.")
    return each


def clip_grad_norm_(
    parameters: Tensor | Iterable[Tensor],
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients, in place, so that the norm of all of them together is at most ``max_norm``.

    Pascanu et al. 2013: one step along an exploded gradient undoes a thousand good ones.

    Args:
        norm_type: the p of the p-norm; ``float("inf")`` is the largest element.
        error_if_nonfinite: raise an error for an infinite or NaN norm, rather than scale by it.

    Returns:
        The norm before scaling, a 0-d tensor.

    Raises:
        RuntimeError: with ``error_if_nonfinite``.
    """
    _refuse_foreach("clip_grad_norm_", foreach)
    parameters = _each(parameters)
    with no_grad():
        total = get_total_norm([p.grad for p in parameters if p.grad is not None], norm_type, error_if_nonfinite)
    clip_grads_with_norm_(parameters, max_norm, total)
    return total


def get_total_norm(
    tensors: Iterable[Tensor],
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the p-norm of all elements of several tensors, such as gradients; 0 without any.

    Raises:
        RuntimeError: with ``error_if_nonfinite``, for an infinite or NaN norm.
    """
    _refuse_foreach("get_total_norm", foreach)
    norms = [norm(x, norm_type) for x in _each(tensors)]
    total = norm(stack(norms), norm_type) if norms else Tensor(0.0)
    if error_if_nonfinite and not math.isfinite(total.item()):
        raise RuntimeError(
            f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it "
            "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
            "`error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Tensor | Iterable[Tensor], max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale all gradients, in place, by ``max_norm`` over the norm that they have together, if that is larger."""
    _refuse_foreach("clip_grads_with_norm_", foreach)
    with no_grad():
        factor = (max_norm / (total_norm + 1e-6)).clamp(max=1.0)
        for p in _each(parameters):
            if p.grad is not None:
                p.grad.mul_(factor.to(p.grad.dtype))


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient, in place, to [−clip_value, clip_value].

    Raises:
        NotImplementedError: for ``foreach=True``, one of torch's own implementations.
    """
    _refuse_foreach("clip_grad_value_", foreach)
    with no_grad():
        for p in _each(parameters):
            if p.grad is not None:
                p.grad.clamp_(-float(clip_value), float(clip_value))


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Return all parameters joined into one vector; gradients flow back to each of them."""
    return cat([p.reshape(-1) for p in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Copy consecutive parts of a vector into the parameters, in order.

    Raises:
        TypeError: if ``vec`` is not a tensor.
        RuntimeError: if ``vec`` is too short.
    """
    if not isinstance(vec, Tensor):
        raise TypeError(f"expected a Tensor, but got: {type(vec).__name__}")
    start = 0
    for p in parameters:
        part = vec.array[start : start + p.numel()]
        if part.size < p.numel():
            raise RuntimeError(f"the vector of {vec.numel()} elements is too short: a parameter begins at {start}")
        p.array[...] = part.reshape(p.shape)
        p._written_in_place()
        start += p.numel()
