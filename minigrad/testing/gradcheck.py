"""Gradients against difference quotients: is ``backward`` the derivative of ``forward``?

For every element of every input, (f(x + ε) − f(x − ε)) / 2ε approximates a column of the Jacobian with an
error of order ε²; backward gives its rows. In float64 the two agree to about 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from minigrad import autograd
from minigrad.device import to_device, to_host
from minigrad.function import wrap
from minigrad.tensor import Tensor


class GradcheckError(RuntimeError):
    """The gradient from ``backward`` is not the derivative; the message says where they differ."""


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """Whether the gradients of ``func`` at ``inputs`` (float64, some with ``requires_grad``) are right.

    Raises:
        GradcheckError: naming output, input and index where they differ most (with ``raise_exception``).
        ValueError: if no input requires a gradient, or one that does is not float64.

    >>> import minigrad
    >>> gradcheck(minigrad.sigmoid, minigrad.randn(3, dtype=minigrad.float64, requires_grad=True))
    True
    """
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [x for x in arguments if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck expects at least one input tensor to require gradient")
    for x in wanted:
        if x.dtype != np.float64:
            raise ValueError(f"gradcheck needs float64 inputs: {x.dtype} is too coarse for difference quotients")
    outputs = _differentiable(func(*arguments))
    for o in range(len(outputs)):
        for i, x in enumerate(wanted):
            expected = _numerical_jacobian(lambda: _differentiable(func(*arguments))[o], x, eps)  # noqa: B023
            found = _jacobian(_differentiable(func(*arguments))[o], x)
            if not np.allclose(found, expected, rtol, atol, equal_nan=True):
                if raise_exception:
                    raise GradcheckError(_difference(o, i, found, expected))
                return False
    return True


def gradgradcheck(func: Callable[..., Any], inputs: Any, *, seed: int = 0, **options: Any) -> bool:
    """Whether the gradients of the gradients are right: ``gradcheck`` of vᵀJ with random cotangents v.

    Raises:
        GradcheckError, ValueError: as :func:`gradcheck`.
    """
    arguments = (inputs,) if isinstance(inputs, Tensor) else tuple(inputs)
    wanted = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    random = np.random.default_rng(seed)
    cotangents = []
    for output in _differentiable(func(*arguments)):
        v = wrap(to_device(random.standard_normal(output.shape), output.device))
        v.requires_grad = True
        cotangents.append(v)

    def gradient(*everything: Any) -> Any:
        values, vs = everything[: len(arguments)], everything[len(arguments) :]
        outputs = _differentiable(func(*values))
        return autograd.grad(
            outputs, [values[i] for i in wanted], vs, create_graph=True, allow_unused=True, materialize_grads=True
        )

    return gradcheck(gradient, (*arguments, *cotangents), **options)


def _differentiable(outputs: Any) -> list[Tensor]:
    several = outputs if isinstance(outputs, Sequence) else [outputs]
    return [output for output in several if isinstance(output, Tensor) and output.requires_grad]


def _numerical_jacobian(func: Callable[[], Tensor], x: Tensor, eps: float) -> np.ndarray:
    """∂f/∂x by central differences, one element of x at a time; (elements of x, elements of f)."""
    values = to_host(x.array).copy()
    columns = []
    for index in np.ndindex(*values.shape):
        shifted = []
        for step in (eps, -eps):
            moved = values.copy()
            moved[index] += step
            x.array[...] = to_device(moved, x.device)
            shifted.append(to_host(func().detach().array).copy().reshape(-1))
        columns.append((shifted[0] - shifted[1]) / (2 * eps))
    x.array[...] = to_device(values, x.device)
    return np.array(columns)


def _jacobian(output: Tensor, x: Tensor) -> np.ndarray:
    """∂f/∂x by backward, one element of f at a time."""
    rows = []
    for index in np.ndindex(*output.shape):
        v = np.zeros(output.shape)
        v[index] = 1
        (row,) = autograd.grad(
            output, x, wrap(to_device(v, output.device)), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        rows.append(to_host(row.detach().array).reshape(-1))
    return np.array(rows).T.reshape(x.numel(), output.numel())


def _difference(output: int, input: int, found: np.ndarray, expected: np.ndarray) -> str:
    x, y = np.unravel_index(np.nanargmax(np.abs(found - expected)), found.shape)
    return (
        f"Jacobian mismatch for output {output} with respect to input {input}: backward says "
        f"∂f[{y}]/∂x[{x}] = {found[x, y]:.10g}, the difference quotient is {expected[x, y]:.10g} "
        "(flat indices; the worst element)"
    )
