"""Reading parts of an array, and writing into them.

Reading copies elements: y[k] = x[index[k]]. An index may name an element of x several times, and then the element's
gradient is the *sum* of the gradients of its copies:

    ∂L/∂x[i] = Σ over the k with index[k] = i of ∂L/∂y[k]

This is a write that adds ("scatter"): start with zeros, and add each ∂L/∂y[k] at index[k]. Scattering copies each
element to one position, so its gradient is in turn a read: the two operations are each other's derivative.
"""

from __future__ import annotations

from types import EllipsisType
from typing import NamedTuple, TypeAlias

import numpy as np

from minigrad.devices import add_at, zeros
from minigrad.engine.backward import sum_to_shape
from minigrad.engine.function import Function
from minigrad.engine.inplace import InPlace
from minigrad.engine.memory import allow_writing, refuse_overlapping_write
from minigrad.kernels.precision import rounded, widened
from minigrad.memory_order import order_of
from minigrad.typing import Array, Number, Shape, Tensor

BasicPart: TypeAlias = int | slice | EllipsisType | None
AdvancedPart: TypeAlias = Array | slice | EllipsisType


class GetItem(Function):
    """y = x[index]        ∂L/∂x = zeros, with ∂L/∂y added at index"""

    makes_view = True  # for integers and slices; an index of arrays copies

    def forward(self, x: Array, *, index: Index) -> Array:
        self.shape, self.index = x.shape, index
        return index.read(x)

    def backward(self, grad: Tensor) -> Tensor:
        return ScatterAt.apply(grad, shape=self.shape, index=self.index)


class ScatterAt(Function):
    """y = zeros, with g added at index        ∂L/∂g = ∂L/∂y[index]"""

    def forward(self, g: Array, *, shape: Shape, index: Index) -> Array:
        self.index = index
        if index.advanced is None:
            y = zeros(g, shape)
            index.write(y, g)  # integers and slices name no element twice, so there is nothing to add up
            return y
        wide = widened(g)
        y = zeros(wide, shape)
        index.add(y, wide)
        return rounded(y, g.dtype)

    def backward(self, grad: Tensor) -> Tensor:
        return GetItem.apply(grad, index=self.index)


class SetItem(InPlace):
    """x[index] ← v        ∂L/∂x = ∂L/∂y with zeros at index (those elements are gone),  ∂L/∂v = ∂L/∂y[index]"""

    def forward(self, x: Array, value: Array | Number, *, index: Index) -> Array:
        self.index = index
        self.value_shape = getattr(value, "shape", ())
        index.write(x, value)
        return x

    def backward(self, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        grad_x = grad_value = None
        if self.needs_input_grad[0]:
            grad_x = grad.clone()
            SetItem.apply(grad_x, 0.0, index=self.index)
        if self.needs_input_grad[1]:
            picked = GetItem.apply(grad, index=self.index)
            extra = max(len(self.value_shape) - picked.ndim, 0)  # leading 1s, which an assignment drops
            grad_value = sum_to_shape(picked, self.value_shape[extra:]).reshape(self.value_shape)
        return grad_x, grad_value


class Index(NamedTuple):
    """An index of torch in two steps, each of which NumPy understands as torch does.

    ``basic`` has the integers, slices and new dimensions, and gives a view. ``advanced`` has the arrays of positions
    and the masks, which are applied to that view; it is ``None`` if there are none. In one step NumPy would count
    integers among the arrays: ``x[0, :, [1, 2]]`` has shape (2, n) in NumPy and (n, 2) in torch.
    """

    basic: tuple[BasicPart, ...]
    advanced: tuple[AdvancedPart, ...] | None

    def read(self, x: Array) -> Array:
        """Return x[index], as a view unless the index has arrays."""
        view = x[self.basic]
        if self.advanced is None:
            return view
        dim, vector = _only_vector(self.advanced)
        if vector is not None:  # the result lies in x's memory order
            order = order_of(view)
            picked = np.take(view.transpose(order), vector, axis=order.index(dim))
            return picked.transpose([order.index(d) for d in range(view.ndim)])
        picked = view[self.advanced]
        if x.flags.c_contiguous and not picked.flags.c_contiguous:  # NumPy puts the dimension of the array outermost
            return np.copy(picked, order="C")
        return picked

    def write(self, x: Array, value: Array | Number) -> None:
        """Set x[index] = value."""
        target = x[self.basic]
        if 0 in x.strides:
            if getattr(value, "shape", ()) == () and self.advanced is None:  # a number, the same everywhere
                target = target[tuple([slice(None) if step else slice(1) for step in target.strides])]
            refuse_overlapping_write(target)
            allow_writing(target, x)
        target[... if self.advanced is None else self.advanced] = value

    def add(self, x: Array, value: Array) -> None:
        """Add ``value`` to x[index]. An element that the index names several times gets the sum of its values."""
        if self.advanced is None:
            x[self.basic] += value
            return
        view = x[self.basic]
        dim, vector = _only_vector(self.advanced)
        rounds = None if vector is None else _rounds(vector % view.shape[dim])
        if vector is None or rounds is None:
            add_at(view, self.advanced, value)
            return
        before: tuple[AdvancedPart, ...] = (slice(None),) * dim
        for chosen in rounds:
            view[(*before, vector[chosen])] += value[(*before, chosen)]


def _only_vector(advanced: tuple[AdvancedPart, ...]) -> tuple[int, Array | None]:
    """Return the vector of positions in an index, and its dimension, if nothing else is indexed; else 0 and ``None``.

    It must be a NumPy array, since on a GPU ``add_at`` is fast.
    """
    indexed = [(d, part) for d, part in enumerate(advanced) if not isinstance(part, slice)]
    if len(indexed) != 1:
        return 0, None
    dim, part = indexed[0]
    if isinstance(part, np.ndarray) and part.ndim == 1 and part.dtype.kind == "i" and part.size:
        return dim, part
    return 0, None


_MOST_ROUNDS = 8


def _rounds(positions: np.ndarray) -> list[np.ndarray] | None:
    """Divide the elements of a vector into rounds without repeated positions; return ``None`` if that takes many.

    ``+=`` at distinct positions is many times faster than ``np.add.at``, and it adds in the same order.
    """
    order = np.argsort(positions, kind="stable")
    first = np.searchsorted(positions[order], positions[order])  # where the run of equal positions begins
    number = np.arange(order.size) - first
    count = int(number.max()) + 1
    return [order[number == i] for i in range(count)] if count <= _MOST_ROUNDS else None
