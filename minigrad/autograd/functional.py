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
from typing import Any

import numpy as np

from minigrad.devices import zeros
from minigrad.engine.api import grad
from minigrad.engine.grad_mode import enable_grad
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.pieces import stack


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and vᵀJ, where ``v`` has the shape of the outputs; it may be left out for a scalar.

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
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and J v, where ``v`` has the shape of the inputs; it may be left out for one number.

    Raises:
        RuntimeError: if ``v`` does not fit the inputs, or with ``strict``.
    """
    with enable_grad():
        xs, outputs = _call(func, inputs, create_graph)
        vs = _cotangents("v", v, xs)
        ws = [_variable(np.zeros_like(y.array)) for y in _each(outputs)]
        pulled = _gradients(outputs, xs, ws, True, strict)  # wᵀJ, a linear function of w
        found = _gradients(tuple(pulled), ws, vs, create_graph, strict)
    result = _kept(outputs, create_graph)
    return result, tuple(found) if isinstance(outputs, tuple) else found[0]


def jacobian(
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """J of every output by every input, of shape (*output.shape, *input.shape), as (a tuple of) tuples.

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


def _rows(y: Any, xs: Sequence[Any], create_graph: bool, strict: bool) -> list[Any]:
    """∂y/∂x for every x: one backward pass for each element of y."""
    columns: list[list[Any]] = [[] for _ in xs]
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
    func: Callable[..., Any],
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """∂²f/∂xᵢ∂xⱼ of a scalar function: (*xᵢ.shape, *xⱼ.shape) for every pair of inputs.

    Raises:
        RuntimeError: if ``func`` does not return one scalar tensor.
    """

    def gradient(*xs: Any) -> Any:
        y = func(*xs)
        _refuse_non_scalar("hessian", y)
        found = tuple(_gradients(y, xs, [wrap(np.ones_like(y.array))], True, strict))
        return found if isinstance(inputs, tuple | list) else found[0]

    return jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a scalar, and H v.

    Raises:
        RuntimeError: if ``func`` does not return one scalar tensor, or ``v`` does not fit the inputs.
    """
    return vhp(func, inputs, v, create_graph, strict)  # H is symmetric


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)``, a scalar, and vᵀH.

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


def _call(func: Callable[..., Any], inputs: Any, create_graph: bool) -> tuple[tuple[Any, ...], Any]:
    """Fresh variables with the inputs' values, and what ``func`` makes of them."""
    for x in _each(inputs):
        if not isinstance(x, TensorBase):
            raise TypeError(f"The inputs given to {getattr(func, '__name__', 'func')} must be Tensors, got {type(x)}")
    xs: tuple[Any, ...] = tuple(
        x.view_as(x) if create_graph and x.requires_grad else _variable(x.array) for x in _each(inputs)
    )
    outputs = func(*xs)
    if isinstance(outputs, list):
        outputs = tuple(outputs)
    return xs, outputs


def _variable(array: Any) -> Any:
    tensor = wrap(array)
    tensor.requires_grad = True
    return tensor


def _gradients(outputs: Any, xs: Sequence[Any], vs: Sequence[Any], create_graph: bool, strict: bool) -> list[Any]:
    """vᵀJ for every x, zeros where there is no dependence (an error with ``strict``)."""
    pairs = [(y, v) for y, v in zip(_each(outputs), vs, strict=True) if y.requires_grad]
    if strict and len(pairs) < len(_each(outputs)):
        raise RuntimeError("Output of the user-provided function does not require gradients (strict mode)")
    found: Sequence[Any] = [None] * len(xs)
    if pairs:
        ys, cotangents = zip(*pairs, strict=True)
        found = grad(ys, xs, cotangents, retain_graph=True, create_graph=create_graph, allow_unused=True)
    if strict and any(g is None for g in found):
        missing = [i for i, g in enumerate(found) if g is None]
        raise RuntimeError(f"Output of the user-provided function is independent of input {missing} (strict mode)")
    return [wrap(np.zeros_like(x.array)) if g is None else g for g, x in zip(found, xs, strict=True)]


def _cotangents(name: str, given: Any, like: Any) -> list[Any]:
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


def _refuse_non_scalar(what: str, y: Any) -> None:
    if not isinstance(y, TensorBase) or y.array.size != 1:
        got = f"a tensor of shape {list(y.array.shape)}" if isinstance(y, TensorBase) else f"a {type(y).__name__}"
        raise RuntimeError(f"{what} should return one Tensor with a single element, but returned {got}")


def _each(tensors: Any) -> list[Any]:
    return list(tensors) if isinstance(tensors, tuple | list) else [tensors]


def _as_given(inputs: Any, results: Sequence[Any]) -> Any:
    return tuple(results) if isinstance(inputs, tuple | list) else results[0]


def _kept(outputs: Any, create_graph: bool) -> Any:
    """The outputs, outside the graph unless it is wanted."""
    if create_graph:
        return outputs
    return tuple(y.detach() for y in outputs) if isinstance(outputs, tuple) else outputs.detach()
