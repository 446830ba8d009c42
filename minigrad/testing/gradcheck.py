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
from minigrad.engine.function import wrap
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
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Whether the gradients of ``func`` at ``inputs`` (float64, some with ``requires_grad``) are right.

    Args:
        eps: the step of the difference quotients.
        atol, rtol: how far they may be from the gradients.
        raise_exception: whether to raise, rather than return ``False``.
        fast_mode: compares vᵀJu for one random pair of directions for each input and output, which costs two calls
            of ``func`` for each input however large it is; a wrong gradient passes with probability almost 0, but
            the message cannot say at which element it is wrong.
        seed: of the random directions.

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
    if fast_mode:
        return _check_directions(func, arguments, wanted, eps, atol, rtol, raise_exception, seed)
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


def _check_directions(
    func: Callable[..., Any],
    arguments: tuple[Any, ...],
    wanted: list[Tensor],
    eps: float,
    atol: float,
    rtol: float,
    raise_exception: bool,
    seed: int,
) -> bool:
    """Compares vᵀJu, for random unit vectors u and v, with v·(f(x + εu) − f(x − εu)) / 2ε."""
    random = np.random.default_rng(seed)
    for i, x in enumerate(wanted):
        u = _direction(random, x.shape)
        values = to_host(x.array).copy()
        shifted = []
        for step in (eps, -eps):
            x.array[...] = to_device(values + step * u, x.device)
            shifted.append([to_host(y.detach().array).copy() for y in _differentiable(func(*arguments))])
        x.array[...] = to_device(values, x.device)
        for o, (high, low) in enumerate(zip(*shifted, strict=True)):
            v = _direction(random, high.shape)
            expected = float(np.sum(v * (high - low)) / (2 * eps))
            output = _differentiable(func(*arguments))[o]
            (g,) = autograd.grad(
                output, x, wrap(to_device(v, output.device)), allow_unused=True, materialize_grads=True
            )
            found = float(np.sum(to_host(g.detach().array) * u))
            if not np.isclose(found, expected, rtol, atol, equal_nan=True):
                if raise_exception:
                    raise GradcheckError(
                        f"Jacobian mismatch for output {o} with respect to input {i}, along random directions: "
                        f"backward says {found:.10g}, the difference quotient is {expected:.10g}; without fast_mode "
                        "the message says at which element"
                    )
                return False
    return True


def _direction(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    vector = np.asarray(random.standard_normal(shape))
    return vector / max(float(np.sqrt(np.sum(vector * vector))), 1e-300)


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
