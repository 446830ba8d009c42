"""Derivatives of functions, rather than of tensors: ``torch.autograd.functional``.

Everything here is ``autograd.grad``, called once or more. With J = ∂f/∂x, (rows are outputs):

        vjp       vᵀJ      one backward pass
        jacobian  J        one backward pass for each output element, with v = 0 … 1 … 0
        jvp       J u      two backward passes: w ↦ wᵀJ is linear in w, and its own vjp with u is J u
        hessian   ∂²f/∂x²  the jacobian of the gradient of a scalar f
        hvp       H u      the gradient of ⟨∂f/∂x, u⟩, without ever making H

Each result has the structure of the arguments: a tensor for a tensor, a tuple for a tuple.
Source: torch documentation, "torch.autograd.functional".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from minigrad.devices import zeros
from minigrad.engine.api import grad
from minigrad.engine.grad_mode import enable_grad
from minigrad.engine.tensor_base import wrap
from minigrad.functions.pieces import stack
from minigrad.tensor import Tensor
from minigrad.typing import Array

#: One tensor or several; results have the structure of what was given.
_Tensors: TypeAlias = Tensor | tuple[Tensor, ...] | list[Tensor]
_Inputs = TypeVar("_Inputs", bound=Tensor | tuple[Tensor, ...])
_Given = TypeVar("_Given", bound=_Tensors)
_Outputs = TypeVar("_Outputs", bound=Tensor | tuple[Tensor, ...])


def vjp(
    func: Callable[..., _Outputs],
    inputs: _Inputs,
    v: _Outputs | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[_Outputs, _Inputs]:
    """Return ``func(*inputs)`` and vᵀJ, where ``v`` has the shape of the outputs; it may be left out for a scalar.

    Args:
        create_graph: whether the results can be differentiated in turn.
        strict: an input that an output does not depend on is an error, not a zero.

    Raises:
        RuntimeError: if ``v`` does not fit the outputs, or with ``strict``.
    """
    with enable_grad():
        xs, outputs = _call(func, inputs, create_graph)
        vs = _cotangents("v", v, outputs)
        found = _gradients(outputs, xs, vs, create_graph, strict)
    return _kept(outputs, create_graph), _as_given(inputs, found)


def jvp(
    func: Callable[..., _Outputs],
    inputs: _Inputs,
    v: _Inputs | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[_Outputs, _Outputs]:
    """Return ``func(*inputs)`` and J v, where ``v`` has the shape of the inputs; it may be left out for a scalar.

    Raises:
        RuntimeError: if ``v`` does not fit the inputs, or with ``strict``.
    """
    with enable_grad():
        xs, outputs = _call(func, inputs, create_graph)
        vs = _cotangents("v", v, xs)
        ws = [_variable(np.zeros_like(y.array)) for y in _each(outputs)]
        pulled = _gradients(outputs, xs, ws, True, strict)  # wᵀJ, a linear function of w
        found = _gradients(tuple(pulled), ws, vs, create_graph, strict)
    return _kept(outputs, create_graph), _as_given(outputs, found)


def jacobian(
    func: Callable[..., Tensor | tuple[Tensor, ...]],
    inputs: _Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # a tensor, or a tuple (of tuples) of them, by what ``func`` takes and returns
    """Return J of every output by every input, of shape (*output.shape, *input.shape), as (a tuple of) tuples.

    Raises:
        NotImplementedError: for the forward-mode strategy.
        RuntimeError: with ``strict``, if an output does not depend on an input.
    """
    if strategy != "reverse-mode":
        raise NotImplementedError(f"jacobian: strategy {strategy!r} is not supported; only 'reverse-mode' is")
    with enable_grad():
        xs, outputs = _call(func, inputs, create_graph)
        rows = [_rows(y, xs, create_graph, strict) for y in _each(outputs)]
    several = [_as_given(inputs, row) for row in rows]
    return tuple(several) if isinstance(outputs, tuple) else several[0]


def _rows(y: Tensor, xs: Sequence[Tensor], create_graph: bool, strict: bool) -> list[Tensor]:
    """Return ∂y/∂x for every x, by one backward pass for each element of y."""
    columns: list[list[Tensor]] = [[] for _ in xs]
    for i in range(y.array.size):
        v = np.zeros_like(y.array)
        v[np.unravel_index(i, v.shape)] = 1
        for column, g in zip(columns, _gradients(y, xs, [wrap(v)], create_graph, strict), strict=True):
            column.append(g)
    results = []
    for x, column in zip(xs, columns, strict=True):
        shape = (*y.array.shape, *x.array.shape)
        if not column:
            results.append(wrap(zeros(x.array, shape)))
        else:
            results.append(stack(column).reshape(*shape))
    return results


def hessian(
    func: Callable[..., Tensor],
    inputs: _Tensors,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # a tensor, or a tuple of tuples of them, by what ``func`` takes
    """Return ∂²f/∂xᵢ∂xⱼ of a scalar function, of shape (*xᵢ.shape, *xⱼ.shape) for every pair of inputs.

    Raises:
        RuntimeError: if ``func`` does not return one scalar tensor.
    """

    def gradient(*xs: Tensor) -> Tensor | tuple[Tensor, ...]:
        y = func(*xs)
        _refuse_non_scalar("hessian", y)
        found = tuple(_gradients(y, xs, [wrap(np.ones_like(y.array))], True, strict))
        return found if isinstance(inputs, tuple | list) else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def hvp(
    func: Callable[..., Tensor],
    inputs: _Inputs,
    v: _Inputs | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, _Inputs]:
    """Return ``func(*inputs)``, a scalar, and H v.

    Raises:
        RuntimeError: if ``func`` does not return one scalar tensor, or ``v`` does not fit the inputs.
    """
    return vhp(func, inputs, v, create_graph, strict)  # H is symmetric


def vhp(
    func: Callable[..., Tensor],
    inputs: _Inputs,
    v: _Inputs | None = None,
    create_graph: bool = False,
    strict: bool = False,
) -> tuple[Tensor, _Inputs]:
    """Return ``func(*inputs)``, a scalar, and vᵀH.

    Raises:
        RuntimeError: as for :func:`hvp`.
    """
    with enable_grad():
        xs, y = _call(func, inputs, create_graph)
        _refuse_non_scalar("the function given to hvp or vhp", y)
        vs = _cotangents("v", v, xs)
        first = _gradients(y, xs, [wrap(np.ones_like(y.array))], True, strict)
        found = _gradients(tuple(first), xs, vs, create_graph, strict)
    return _kept(y, create_graph), _as_given(inputs, found)


def _call(func: Callable[..., _Outputs], inputs: _Tensors, create_graph: bool) -> tuple[tuple[Tensor, ...], _Outputs]:
    """Return fresh variables with the inputs' values, and the outputs of ``func`` for them."""
    for x in _each(inputs):
        if not isinstance(x, Tensor):
            raise TypeError(f"The inputs given to {getattr(func, '__name__', 'func')} must be Tensors, got {type(x)}")
    xs = tuple(x.view_as(x) if create_graph and x.requires_grad else _variable(x.array) for x in _each(inputs))
    outputs = func(*xs)
    if isinstance(outputs, list):
        outputs = tuple(outputs)
    return xs, outputs


def _variable(array: Array) -> Tensor:
    tensor = wrap(array)
    tensor.requires_grad = True
    return tensor


def _gradients(
    outputs: _Tensors, xs: Sequence[Tensor], vs: Sequence[Tensor], create_graph: bool, strict: bool
) -> list[Tensor]:
    """Return vᵀJ for every x, zeros where there is no dependence (an error with ``strict``)."""
    pairs = [(y, v) for y, v in zip(_each(outputs), vs, strict=True) if y.requires_grad]
    if strict and len(pairs) < len(_each(outputs)):
        raise RuntimeError("Output of the user-provided function does not require gradients (strict mode)")
    found: Sequence[Tensor | None] = [None] * len(xs)
    if pairs:
        ys, cotangents = zip(*pairs, strict=True)
        found = grad(ys, xs, cotangents, retain_graph=True, create_graph=create_graph, allow_unused=True)
    if strict and any(g is None for g in found):
        missing = [i for i, g in enumerate(found) if g is None]
        raise RuntimeError(f"Output of the user-provided function is independent of input {missing} (strict mode)")
    return [wrap(np.zeros_like(x.array)) if g is None else g for g, x in zip(found, xs, strict=True)]


def _cotangents(name: str, given: _Tensors | None, like: _Tensors) -> list[Tensor]:
    targets = _each(like)
    if given is None:
        if len(targets) != 1 or targets[0].array.size != 1:
            raise RuntimeError(
                f"The vector {name} can only be None if there is a single number; "
                f"here it must have the shapes {[list(t.array.shape) for t in targets]}"
            )
        return [wrap(np.ones_like(targets[0].array))]
    vectors = _each(given)
    shapes = [[list(t.array.shape) for t in ts] for ts in (vectors, targets)]
    if shapes[0] != shapes[1]:
        raise RuntimeError(f"{name} has the shapes {shapes[0]}, but must have {shapes[1]}")
    return vectors


def _refuse_non_scalar(what: str, y: object) -> None:
    if not isinstance(y, Tensor) or y.array.size != 1:
        got = f"a tensor of shape {list(y.array.shape)}" if isinstance(y, Tensor) else f"a {type(y).__name__}"
        raise RuntimeError(f"{what} should return one Tensor with a single element, but returned {got}")


def _each(tensors: _Tensors) -> list[Tensor]:
    return list(tensors) if isinstance(tensors, tuple | list) else [tensors]


def _as_given(given: _Given, results: Sequence[Tensor]) -> _Given:
    """Return the results in the structure of ``given``: a tensor for a tensor, a tuple for several."""
    return cast(_Given, tuple(results) if isinstance(given, tuple | list) else results[0])


def _kept(outputs: _Outputs, create_graph: bool) -> _Outputs:
    """Return the outputs, outside the graph unless it is wanted."""
    return outputs if create_graph else _as_given(outputs, [y.detach() for y in _each(outputs)])
