"""Test gradients against difference quotients: is ``backward`` the derivative of ``forward``?

For every element of every input, (f(x + ε) − f(x − ε)) / 2ε approximates a column of the Jacobian with an
error of order ε²; backward gives its rows. In float64 the two agree to about 1e-8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from minigrad import autograd
from minigrad.devices import to_device, to_host
from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor
from minigrad.testing.naming import element, input_names, numbered, refuse_class, why_no_second_gradient
from minigrad.typing import Array

#: A tensor, or several arguments of which some may be anything else.
Inputs = Tensor | Sequence[object]


class GradcheckError(RuntimeError):
    """The gradient from ``backward`` is not the derivative; the message names the elements that differ."""


@dataclass(frozen=True)
class _Tolerance:
    """The step of the difference quotients, and how far they may be from the gradients."""

    eps: float
    atol: float
    rtol: float

    def close(self, found: Array, expected: Array) -> Array:
        """Return for each element whether the two agree; NaN agrees with NaN."""
        return np.isclose(found, expected, self.rtol, self.atol, equal_nan=True)


def gradcheck(
    func: Callable[..., object],
    inputs: Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Return whether the gradients of ``func`` at ``inputs`` are right.

    Args:
        func: a function of tensors, such as ``MyOp.apply``, which returns a tensor or a sequence of them.
        inputs: its arguments; those tensors that require a gradient are tested, and must be float64.
        eps: the step of the difference quotients.
        atol, rtol: how far they may be from the gradients.
        raise_exception: raise an error for a wrong gradient, rather than return ``False``.
        fast_mode: compare vᵀJu for one random pair of directions for each input and output, which costs two calls
            of ``func`` for each input however large it is. A wrong gradient passes with probability almost 0, but
            the message cannot name the elements that are wrong.
        seed: of the random directions.

    Raises:
        GradcheckError: naming every output and input whose derivative is wrong, how many elements of the input are
            concerned, and the worst of them (with ``raise_exception``).
        TypeError: if ``func`` is a ``Function`` class.
        ValueError: if no input requires a gradient, or one that does is not float64.

    >>> import minigrad
    >>> gradcheck(minigrad.sigmoid, minigrad.randn(3, dtype=minigrad.float64, requires_grad=True))
    True
    """
    refuse_class(func, "gradcheck")
    arguments = _as_arguments(inputs)
    names = input_names(func, len(arguments))
    return _check(func, arguments, names, _Tolerance(eps, atol, rtol), raise_exception, fast_mode, seed)


def gradgradcheck(
    func: Callable[..., object],
    inputs: Inputs,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    fast_mode: bool = False,
    seed: int = 0,
) -> bool:
    """Return whether the gradients of the gradients are right: ``gradcheck`` of vᵀJ with random cotangents v.

    The arguments are those of :func:`gradcheck`. The cotangents are tested as further inputs, named ``grad_output``.

    Raises:
        GradcheckError, TypeError, ValueError: as :func:`gradcheck`; also if a gradient has no gradient of its own,
            because ``backward`` is written in NumPy.
    """
    refuse_class(func, "gradgradcheck")
    arguments = _as_arguments(inputs)
    wanted = [i for i, x in enumerate(arguments) if isinstance(x, Tensor) and x.requires_grad]
    random = np.random.default_rng(seed)
    cotangents = []
    for output in _differentiable(func(*arguments)):
        v = wrap(to_device(random.standard_normal(output.shape), output.device))
        v.requires_grad = True
        cotangents.append(v)

    def gradient(*everything: Tensor) -> tuple[Tensor, ...]:
        values, vs = everything[: len(arguments)], everything[len(arguments) :]
        outputs = _differentiable(func(*values))
        sources = [values[i] for i in wanted]
        try:
            found = autograd.grad(outputs, sources, vs, create_graph=True, allow_unused=True, materialize_grads=True)
        except RuntimeError as error:
            if "Can't call numpy()" not in str(error):
                raise
            raise _NoSecondGradient from error
        if any(not g.requires_grad and np.any(to_host(g.array)) for g in found):  # yet it is linear in the cotangents
            raise _NoSecondGradient
        return found

    names = [*input_names(func, len(arguments)), *numbered("grad_output", len(cotangents))]
    tolerance = _Tolerance(eps, atol, rtol)
    try:
        return _check(gradient, (*arguments, *cotangents), names, tolerance, raise_exception, fast_mode, seed)
    except _NoSecondGradient:
        if not raise_exception:
            return False
        raise GradcheckError(why_no_second_gradient(func, "do without gradgradcheck")) from None


class _NoSecondGradient(Exception):  # noqa: N818  (an answer rather than an error)
    """The gradient is not connected to the graph."""


def _as_arguments(inputs: Inputs) -> tuple[object, ...]:
    arguments = (inputs,) if isinstance(inputs, Tensor | np.ndarray) else tuple(inputs)
    if not any(isinstance(x, Tensor) for x in arguments) and any(isinstance(x, np.ndarray) for x in arguments):
        raise ValueError("gradcheck takes tensors, not arrays: write minigrad.tensor(array, requires_grad=True)")
    return arguments


def _check(
    func: Callable[..., object],
    arguments: tuple[object, ...],
    names: Sequence[str],
    tolerance: _Tolerance,
    raise_exception: bool,
    fast_mode: bool,
    seed: int,
) -> bool:
    """Compare the derivative of every output with respect to every input that requires a gradient."""
    wanted = [(name, x) for name, x in zip(names, arguments, strict=True) if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise ValueError("gradcheck expects at least one input tensor to require gradient")
    for name, x in wanted:
        if x.dtype != np.float64:
            raise ValueError(
                f"gradcheck needs float64 inputs: {name} is {x.dtype}, too coarse for difference quotients"
            )
    outputs = numbered("output", len(_differentiable(func(*arguments))))
    find = _wrong_directions if fast_mode else _wrong_elements
    problems = find(func, arguments, wanted, outputs, tolerance, seed)
    if problems and raise_exception:
        raise GradcheckError("\n".join(problems))
    return not problems


def _wrong_elements(
    func: Callable[..., object],
    arguments: tuple[object, ...],
    wanted: Sequence[tuple[str, Tensor]],
    outputs: Sequence[str],
    tolerance: _Tolerance,
    seed: int,
) -> list[str]:
    """Compare whole Jacobians; return a line for each that is wrong."""
    problems = []
    for o, output in enumerate(outputs):
        for i, (name, x) in enumerate(wanted):
            expected = _numerical_jacobian(lambda: _differentiable(func(*arguments))[o], x, tolerance.eps)  # noqa: B023
            y = _differentiable(func(*arguments))[o]
            found = _jacobian(y, x)
            wrong = ~tolerance.close(found, expected)
            if wrong.any():
                difference = np.where(wrong, np.nan_to_num(np.abs(found - expected), nan=np.inf), -1)
                row, column = np.unravel_index(int(np.argmax(difference)), found.shape)
                at = element(name, np.unravel_index(row, x.shape) if x.shape else ())
                of = element(output, np.unravel_index(column, y.shape) if y.shape else ())
                count = int(wrong.any(1).sum())
                problems.append(
                    f"Jacobian mismatch for output {o} with respect to input {i}: the derivative of {output} is wrong "
                    f"for {count} of {x.numel()} elements of {name}. The worst is {at}: backward says "
                    f"∂{of}/∂{at} = {found[row, column]:.10g}, the difference quotient is {expected[row, column]:.10g}"
                )
    return problems


def _wrong_directions(
    func: Callable[..., object],
    arguments: tuple[object, ...],
    wanted: Sequence[tuple[str, Tensor]],
    outputs: Sequence[str],
    tolerance: _Tolerance,
    seed: int,
) -> list[str]:
    """Compare vᵀJu, for random unit vectors u and v, with v·(f(x + εu) − f(x − εu)) / 2ε."""
    random = np.random.default_rng(seed)
    problems = []
    for i, (name, x) in enumerate(wanted):
        u = _direction(random, x.shape)
        values = to_host(x.array).copy()
        shifted = []
        for step in (tolerance.eps, -tolerance.eps):
            x.array[...] = to_device(values + step * u, x.device)
            shifted.append([to_host(y.detach().array).copy() for y in _differentiable(func(*arguments))])
        x.array[...] = to_device(values, x.device)
        for o, (high, low) in enumerate(zip(*shifted, strict=True)):
            v = _direction(random, high.shape)
            expected = np.asarray(np.sum(v * (high - low)) / (2 * tolerance.eps))
            output = _differentiable(func(*arguments))[o]
            (g,) = autograd.grad(
                output, x, wrap(to_device(v, output.device)), allow_unused=True, materialize_grads=True
            )
            found = np.asarray(np.sum(to_host(g.detach().array) * u))
            if not tolerance.close(found, expected):
                problems.append(
                    f"Jacobian mismatch for output {o} with respect to input {i} ({name}), along random directions: "
                    f"backward says {found:.10g}, the difference quotient is {expected:.10g}. Without fast_mode the "
                    "message names the elements"
                )
    return problems


def _direction(random: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return a random vector of length 1."""
    vector = np.asarray(random.standard_normal(shape))
    return vector / max(float(np.sqrt(np.sum(vector * vector))), 1e-300)


def _differentiable(outputs: object) -> list[Tensor]:
    """Return those of the outputs that require a gradient."""
    several = outputs if isinstance(outputs, Sequence) else [outputs]
    return [output for output in several if isinstance(output, Tensor) and output.requires_grad]


def _numerical_jacobian(func: Callable[[], Tensor], x: Tensor, eps: float) -> Array:
    """Return ∂f/∂x by central differences, one element of x at a time; (elements of x, elements of f)."""
    values = to_host(x.array).copy()
    rows = []
    for index in np.ndindex(*values.shape):
        shifted = []
        for step in (eps, -eps):
            moved = values.copy()
            moved[index] += step
            x.array[...] = to_device(moved, x.device)
            shifted.append(to_host(func().detach().array).copy().reshape(-1))
        rows.append((shifted[0] - shifted[1]) / (2 * eps))
    x.array[...] = to_device(values, x.device)
    return np.array(rows)


def _jacobian(output: Tensor, x: Tensor) -> Array:
    """Return ∂f/∂x by backward, one element of f at a time; (elements of x, elements of f)."""
    columns = []
    for index in np.ndindex(*output.shape):
        v = np.zeros(output.shape)
        v[index] = 1
        (column,) = autograd.grad(
            output, x, wrap(to_device(v, output.device)), retain_graph=True, allow_unused=True, materialize_grads=True
        )
        columns.append(to_host(column.detach().array).reshape(-1))
    return np.array(columns).T.reshape(x.numel(), output.numel())
