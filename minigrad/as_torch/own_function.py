"""``torch.autograd.Function``: static methods that compute on tensors, and a ``ctx`` between them.

In minigrad, ``forward`` computes on arrays, and the instance is its own context. The node that a :class:`Function`
here leaves in the graph is a Function of minigrad's, :class:`_Node`, which calls the two static methods.
"""

from __future__ import annotations

from typing import Any

from minigrad import Tensor, no_grad
from minigrad.engine.function import Function as EngineFunction
from minigrad.engine.tensor_base import wrap


class Context:
    """The values that ``forward`` leaves for ``backward``: saved tensors, and any attributes."""

    def __init__(self, node: _Node) -> None:
        self._node = node
        self._to_save: tuple[Any, ...] = ()
        self._without_gradient: tuple[Tensor, ...] = ()
        self.materialize_grads = True

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keep inputs or outputs, or None, for ``backward``."""
        self._to_save = tensors

    save_for_forward = save_for_backward

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The values that were kept."""
        return self._node.saved_tensors

    saved_variables = saved_tensors

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """True for each argument whose gradient is wanted."""
        return tuple(self._node.needs_input_grad)

    def mark_non_differentiable(self, *outputs: Tensor) -> None:
        """Declare that no gradient flows through these outputs."""
        self._without_gradient = outputs

    def set_materialize_grads(self, value: bool) -> None:
        """Give ``backward`` zeros, or None, for an output that the result does not depend on."""
        self.materialize_grads = value

    def mark_dirty(self, *tensors: Tensor) -> None:
        """Refuse: an operation of one's own cannot write to its inputs.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError(
            "ctx.mark_dirty is not supported: let forward return a new tensor, and use x.copy_(y)"
        )


class _Node(EngineFunction):
    """One call of a Function of torch's form, as an operation of minigrad's."""

    def forward(self, *inputs: object, function: type[Function], given: tuple[Any, ...]) -> Any:
        self.function, self.context = function, Context(self)
        own = "setup_context" in dir(function)
        args = tuple(_as_given(array, x) for array, x in zip(inputs, given, strict=True))
        with no_grad():
            result = function.forward(*args) if own else function.forward(self.context, *args)
            if own:
                function.setup_context(self.context, args, result)
        self.save_for_backward(*(x.array if isinstance(x, Tensor) else x for x in self.context._to_save))
        self.mark_non_differentiable(*(x.array for x in self.context._without_gradient))
        self.context._to_save = self.context._without_gradient = ()  # else the node would hold its own output
        return tuple(x.array for x in result) if isinstance(result, tuple) else result.array

    def backward(self, *grad_outputs: object) -> Any:
        return self.function.backward(self.context, *grad_outputs)


def _as_given(array: Any, given: object) -> Any:
    """Return an argument as ``forward`` sees it: a tensor that has no history, or whatever else was given."""
    if not isinstance(given, Tensor):
        return given
    tensor = wrap(array)
    tensor.requires_grad = given.requires_grad and given.is_floating_point()
    return tensor


class Function:
    """An operation of one's own, with ``forward(ctx, …)`` and ``backward(ctx, *grad_outputs)`` as static methods.

    >>> class Square(Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         ctx.save_for_backward(x)
    ...         return x * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         (x,) = ctx.saved_tensors
    ...         return grad * 2 * x
    >>> x = Tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    @staticmethod
    def forward(*args: object) -> Any:
        """Compute the outputs from the arguments, after ``ctx`` if there is no ``setup_context``."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: object) -> Any:
        """Compute the gradient of each argument of ``forward`` from those of the outputs."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom autograd.Function"
        )

    setup_context: Any

    @classmethod
    def apply(cls, *args: object) -> Any:
        """Run the operation, and record it if a gradient may be wanted."""
        return _Node.apply(*args, function=cls, given=args)
