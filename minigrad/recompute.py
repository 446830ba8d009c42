"""Checkpointing: keep nothing of a part of the network for backward, and compute it again there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from minigrad.engine.api import grad
from minigrad.engine.function import Function
from minigrad.engine.grad_mode import enable_grad, is_grad_enabled
from minigrad.engine.selection import reachable
from minigrad.engine.tensor_base import TensorBase
from minigrad.random import State, default_generator
from minigrad.tensor import Tensor
from minigrad.typing import Array

_Result = TypeVar("_Result")


class Recompute(Function):
    """y = f(x, p)        backward computes f again, and sends ∂L/∂y through that graph to x and p

    ``p`` are the leaves that f uses beside its arguments: the parameters of its layers.
    """

    def forward(
        self,
        *arrays: Array,
        function: Callable[..., object],
        outputs: Array | tuple[Array, ...],
        count: int,
        state: State | None,
    ) -> Array | tuple[Array, ...]:
        self.function, self.count, self.state = function, count, state
        self.save_for_backward(*arrays)
        return outputs

    def backward(self, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        wants_graph = is_grad_enabled()
        arguments = list(self.saved_tensors)
        if not wants_graph:
            for i in range(self.count):
                arguments[i] = arguments[i].detach().requires_grad_(self.needs_input_grad[i])
            for i in range(self.count, len(arguments)):
                edge = self._edges[i]
                arguments[i] = arguments[i] if edge is None else edge[0]  # a leaf is its own node
        before = default_generator.get_state()
        if self.state is not None:
            default_generator.set_state(self.state)
        with enable_grad():
            outputs = _as_tuple(self.function(*arguments[: self.count]))
        default_generator.set_state(before)
        pairs = [(y, g) for y, g in zip(outputs, grads, strict=True) if y.requires_grad and g is not None]
        wanted = [i for i, need in enumerate(self.needs_input_grad) if need]
        found = grad(
            [y for y, _ in pairs],
            [arguments[i] for i in wanted],
            [g for _, g in pairs],
            create_graph=wants_graph,
            allow_unused=True,
        )
        results: list[Tensor | None] = [None] * len(arguments)
        for i, g in zip(wanted, found, strict=True):
            results[i] = g
        return tuple(results)


def checkpoint(
    function: Callable[..., _Result],
    *args: object,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: object,
) -> _Result:
    """Return ``function(*args, **kwargs)`` without keeping its inner results: backward computes them again.

    This saves memory and costs time: a network of n equal parts, each checkpointed, keeps the n inputs of the parts
    and the inner results of one part at a time. In torch it is ``torch.utils.checkpoint.checkpoint``. Gradients reach
    arguments and parameters, also with ``autograd.grad`` and ``create_graph``.

    Args:
        function: of tensors, to a tensor or a tuple of them. It must do the same both times it is called.
        preserve_rng_state: let dropout draw the same numbers the second time.
        use_reentrant: accepted for compatibility with torch, and ignored: there is one implementation.
    """
    positions = [i for i, x in enumerate(args) if isinstance(x, Tensor)]

    def run(*tensors: Tensor) -> _Result:
        given = list(args)
        for i, tensor in zip(positions, tensors, strict=True):
            given[i] = tensor
        return function(*given, **kwargs)

    tensors = [x for x in args if isinstance(x, Tensor)]
    if not is_grad_enabled():
        return run(*tensors)
    state = default_generator.get_state() if preserve_rng_state else None
    inner = [x.detach().requires_grad_(x.requires_grad) for x in tensors]
    outputs = run(*inner)
    several = isinstance(outputs, tuple)
    tracked = [y for y in _as_tuple(outputs) if y.requires_grad]
    if not tracked:
        return outputs
    own = {id(x) for x in inner}
    parameters = [node for node in reachable(tracked) if isinstance(node, TensorBase) and id(node) not in own]
    arrays = tuple(y.array for y in _as_tuple(outputs))
    results: _Result = Recompute.apply(
        *tensors,
        *parameters,
        function=run,
        outputs=arrays if several else arrays[0],
        count=len(tensors),
        state=state,
    )
    return results


def _as_tuple(outputs: object) -> tuple[Any, ...]:
    return tuple(outputs) if isinstance(outputs, tuple | list) else (outputs,)
