"""Functions of all parameters of a model: clip their gradients, join them into one vector (``torch.nn.utils``)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from minigrad.caller import warn
from minigrad.engine.grad_mode import no_grad
from minigrad.functions.pieces import cat, stack
from minigrad.functions.reduce import norm
from minigrad.tensor import Tensor

__all__ = ["clip_grad_norm_", "clip_grad_value_", "parameters_to_vector", "vector_to_parameters"]


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
    if foreach:
        raise NotImplementedError(
            "clip_grad_norm_: foreach=True is not supported; it selects one of torch's own implementations"
        )
    gradients = [p.grad for p in _each(parameters) if p.grad is not None]
    if not gradients:
        return Tensor(0.0)
    with no_grad():
        total = norm(stack([norm(g, norm_type) for g in gradients]), norm_type)
        if error_if_nonfinite and not math.isfinite(total.item()):
            raise RuntimeError(
                f"The total norm of order {float(norm_type)} for gradients from `parameters` is non-finite, so it "
                "cannot be clipped. To disable this error and scale the gradients by the non-finite norm anyway, set "
                "`error_if_nonfinite=False`"
            )
        factor = (max_norm / (total + 1e-6)).clamp(max=1.0)
        for g in gradients:
            g.mul_(factor.to(g.dtype))
    return total


def clip_grad_value_(parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None) -> None:
    """Limit every element of every gradient, in place, to [−clip_value, clip_value].

    Raises:
        NotImplementedError: for ``foreach=True``, one of torch's own implementations.
    """
    if foreach:
        raise NotImplementedError(
            "clip_grad_value_: foreach=True is not supported; it selects one of torch's own implementations"
        )
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
