"""An operation, and how it is recorded on the way forward.

In micrograd a ``Value`` is three things: its ``data``, the inputs it was computed from (``_prev``), and a closure that
propagates its gradient (``_backward``). Here a ``Tensor`` holds the data, and a :class:`Function` the other two:

        x ──┐                       z.grad_fn                 is the node: Mul
            ├──> Mul ──> z          z.grad_fn.backward        propagates the gradient
        y ──┘                       z.grad_fn.next_functions  are the edges, which lead back to x and y

- A *node* is an instance of a Function that ran, with the values that it saved for ``backward``.
- A *leaf* is a tensor that no recorded operation made, such as x and y. There ``backward`` leaves the gradient.
- An *edge* leads from a node to the node that made one of its inputs, and says which of that node's outputs the input
  was; if the input is a leaf, it leads to the leaf. Gradients travel along the edges, so torch calls them "next".
- No node refers to its own output. So there are no reference cycles, and dropping the output frees the graph at once.
- Nodes are *numbered* as they are recorded. The inputs of an operation exist before it runs, so every edge leads to an
  older node: the order of recording is a topological order. backward.py relies on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any, TypeAlias

from numpy import ndarray

from minigrad.engine.grad_mode import grad_enabled
from minigrad.engine.memory import share_memory
from minigrad.engine.mistakes import explain_forward, refuse_result, refuse_static_methods
from minigrad.engine.saved import packed, unpacked
from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.engine.watchers import watched, watchers
from minigrad.typing import Array, DType, Shape, Tensor

if TYPE_CHECKING:
    from weakref import ref

    from minigrad.engine.tensor_base import Hook

Node: TypeAlias = "Function | TensorBase"  # a recorded operation, or a leaf
Edge: TypeAlias = tuple[Node, int]  # the node that made an input, and which of its outputs the input was

_numbers = count(1)


class Function:
    """One operation: ``forward`` computes on arrays, ``backward`` on tensors.

    Subclass it to define an operation of your own, then call ``YourOp.apply(x, y, option=3)``:

    - ``forward(self, *inputs, **options)`` gets an array for each tensor and returns an array (or a
      tuple of them). The instance is its own context: set attributes, and keep with
      ``self.save_for_backward`` the arrays that ``backward`` needs. Make options keyword-only, after ``*``.
    - ``backward(self, *grad_outputs)`` gets the gradient ∂L/∂y of each output y, a tensor, and returns ∂L/∂x for each
      positional input x (``None`` where there is none). Written in differentiable operations, it gives
      gradients of gradients too.
    - Gradients that nobody wants are dropped, so ``backward`` may return them all. Where one is expensive, skip it:
      ``dx = … if self.needs_input_grad[0] else None``, with the position of x among the inputs.
    - ``fused_backward(self, *grad_outputs)`` is optional: the same on arrays, where a kernel computes the first
      derivative in one pass (``self.saved_arrays`` has what was saved). It is called when the gradients need no graph
      of their own, and returns a tuple.

    >>> import minigrad
    >>> class Square(Function):
    ...     '''y = x²        ∂L/∂x = ∂L/∂y · 2x'''
    ...     def forward(self, x):
    ...         self.save_for_backward(x)
    ...         return x * x
    ...     def backward(self, grad):
    ...         (x,) = self.saved_tensors
    ...         return grad * 2 * x
    >>> x = minigrad.tensor(3.0, requires_grad=True)
    >>> Square.apply(x).backward()
    >>> x.grad
    tensor(6.)
    """

    broadcasts = False  #: inputs may be broadcast; the engine sums their gradients back to shape
    makes_view = False  #: the output may share the first input's memory

    fused_backward: Callable[..., tuple[Array | None, ...]] | None = None
    _edges: tuple[Edge | None, ...] = ()  #: where gradients go; ``None`` for an input without one
    number = 0
    num_outputs = 1
    _output_kinds: Sequence[tuple[Shape, DType] | None] = ()  #: of each output's gradient; ``None`` if it has none
    _saved: Sequence[Any] | None = ()  # values in forward, later what saved.py makes of them; None once freed
    _non_differentiable: tuple[int, ...] = ()  # the identities of outputs
    tensor_hooks: dict[int, dict[int, Hook]] = {}  # of each output; see hooks.py
    retained: dict[int, ref[TensorBase]] = {}
    forward_trace: str | None = None  # see anomaly.py

    def __init_subclass__(cls) -> None:
        refuse_static_methods(cls)
        if "backward" in vars(cls) and "fused_backward" not in vars(cls):
            cls.fused_backward = None  # an inherited one computes the derivative of another operation

    # Any: each operation has inputs, options and results of its own. Subclasses annotate theirs with Array and Tensor.
    def forward(self, *inputs: Any, **options: Any) -> Any:
        """Compute the output arrays from the input arrays."""
        raise NotImplementedError(f"{self.name} must define forward")

    def backward(self, *grad_outputs: Any, **_: Any) -> Any:  # with **_ a type checker accepts every signature
        """Compute the gradients of the inputs from the gradients of the outputs."""
        raise NotImplementedError(f"{self.name} must define backward to be differentiated")

    def save_for_backward(self, *values: object) -> None:
        """Keep inputs, outputs or other arrays for ``backward``, which reads them from ``saved_tensors``."""
        self._saved = values

    def mark_non_differentiable(self, *outputs: Array) -> None:
        """Declare that no gradient flows through these outputs."""
        self._non_differentiable = tuple(map(id, outputs))

    @classmethod
    def apply(cls, *inputs: Any, **options: Any) -> Any:
        """Run the operation, record it if a gradient may be wanted, and return tensors."""
        node, enabled = cls(), grad_enabled.get()
        arrays: list[Any] = []  # and None or numbers, where such an input was given
        edges: list[Edge | None] = []
        recording = False
        for x in inputs:
            edge = None
            if isinstance(x, TensorBase):
                if x._base is not None or x._stand_in is not None:
                    x._catch_up()
                if enabled and x._requires_grad:
                    edge, recording = gradient_edge(x), True
                x = x.array
            arrays.append(x)
            edges.append(edge)
        node._edges = tuple(edges)

        try:
            forward = watched(node, "forward") if watchers else node.forward
            results = forward(*arrays, **options)
        except (TypeError, ValueError) as error:
            explain_forward(node, arrays, error)
            raise

        several = isinstance(results, tuple)
        if not several:
            results = (results,)
        outputs = []
        for result in results:
            if not isinstance(result, ndarray):
                refuse_result(node, result)
            outputs.append(wrap(result))
        if cls.makes_view or (arrays and results[0] is arrays[0]):
            share_memory(outputs[0], inputs[0], (cls, inputs[1:], options), enabled)
        if recording:
            node._record(inputs, arrays, results, outputs)
        return tuple(outputs) if several else outputs[0]

    def _record(
        self, inputs: Sequence[object], arrays: Sequence[Array], results: Sequence[Array], outputs: Sequence[Tensor]
    ) -> None:
        """Make this instance a node: number it, and mark the outputs as its own."""
        self.number = next(_numbers)
        if self._saved:
            self._saved = packed(self._saved, inputs, arrays, results, outputs)
        self.num_outputs = len(outputs)
        kinds: list[tuple[Shape, DType] | None] = []
        for index, result in enumerate(results):
            if result.dtype.kind == "f" and id(result) not in self._non_differentiable:
                output = outputs[index]
                output._grad_fn, output._output_index, output._requires_grad = self, index, True
                kinds.append((result.shape, result.dtype))
            else:
                kinds.append(None)
        self._output_kinds = tuple(kinds)

    @property
    def next_functions(self) -> tuple[Edge | None, ...]:
        """The edges: where the gradient of each input goes; ``None`` for an input without one."""
        return tuple([None if edge is None else _ShownEdge(edge) for edge in self._edges])

    @property
    def needs_input_grad(self) -> tuple[bool, ...]:
        """True for each input whose gradient is wanted."""
        return tuple([edge is not None for edge in self._edges])

    @property
    def saved_tensors(self) -> tuple[Any, ...]:
        """The values given to ``save_for_backward``, as tensors in their places in the graph."""
        return unpacked(self, as_arrays=False, connect=grad_enabled.get())

    @property
    def saved_arrays(self) -> tuple[Any, ...]:
        """The values given to ``save_for_backward``, as arrays, for ``fused_backward``."""
        return unpacked(self, as_arrays=True, connect=False)

    def release(self) -> None:
        """Free the saved values; a later backward through this node then says so."""
        if self._saved:
            self._saved = None

    @property
    def name(self) -> str:
        """The operation's name."""
        return type(self).__name__

    def __repr__(self) -> str:
        return f"<{self.name}Backward>"


class _ShownEdge(tuple[Node, int]):
    """An edge whose text names a leaf by its shape, not by its values."""

    def __repr__(self) -> str:
        node, index = self
        shown = f"<leaf of shape {list(node.array.shape)}>" if isinstance(node, TensorBase) else repr(node)
        return f"({shown}, {index})"


def gradient_edge(tensor: TensorBase) -> Edge:
    """Return where the gradient of ``tensor`` goes: to the node that made it, or to itself if it is a leaf."""
    node = tensor.grad_fn
    return (tensor, 0) if node is None else (node, tensor._output_index)
