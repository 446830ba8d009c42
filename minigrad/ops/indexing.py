"""Indexing: reading parts of a tensor, and writing into them.

Reading and scattering are each other's derivative: a read sends its gradient back to where the elements
came from, *adding*, since an index may name an element more than once.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigrad.autograd import sum_to_shape
from minigrad.device import device_of, to_device, to_host
from minigrad.function import Function, TensorBase
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, number


class GetItem(Function):
    """y = x[index]        ∂L/∂x = zeros, with ∂L/∂y added at index"""

    makes_view = True  # for ints and slices; an index of tensors copies

    def forward(self, x: Any, index: Any) -> Any:
        self.shape, self.index = x.shape, index
        return x[index]

    def backward(self, grad: Any) -> Any:
        return ScatterAt.apply(grad, self.shape, self.index), None


class ScatterAt(Function):
    """y = zeros, with g added at index        ∂L/∂g = ∂L/∂y[index]"""

    def forward(self, g: Any, shape: tuple[int, ...], index: Any) -> Any:
        self.index = index
        y = np.zeros_like(g, shape=shape)
        if _is_basic(index):
            y[index] = g  # no element twice, so nothing to add up
        else:
            np.add.at(y, index, g)
        return y

    def backward(self, grad: Any) -> Any:
        return GetItem.apply(grad, self.index), None, None


class SetItem(Function):
    """x[index] ← v        ∂L/∂x = ∂L/∂y with zeros at index,  ∂L/∂v = ∂L/∂y[index]"""

    in_place = True

    def forward(self, x: Any, value: Any, index: Any) -> Any:
        self.index = index
        self.value_shape = getattr(value, "shape", ())
        x[index] = value
        return x

    def backward(self, grad: Any) -> Any:
        grad_x = grad_value = None
        if self.needs_input_grad[0]:
            grad_x = grad.clone()
            SetItem.apply(grad_x, 0.0, self.index)
        if self.needs_input_grad[1]:
            picked = GetItem.apply(grad, self.index)
            extra = max(len(self.value_shape) - picked.ndim, 0)  # leading 1s, which an assignment drops
            grad_value = sum_to_shape(picked, self.value_shape[extra:]).reshape(self.value_shape)
        return grad_x, grad_value, None


class TakeAlongDim(Function):
    """y[…, i, …] = x[…, indices[…, i, …], …]        ∂L/∂x = zeros, with ∂L/∂y added at the indices"""

    def forward(self, x: Any, indices: Any, dim: int) -> Any:
        self.shape, self.dim = x.shape, dim
        self.save_for_backward(indices)
        return np.take_along_axis(x, indices, axis=dim)

    def backward(self, grad: Any) -> Any:
        (indices,) = self.saved_tensors
        return ScatterAddAlongDim.apply(grad, indices, self.shape, self.dim), None, None


class ScatterAddAlongDim(Function):
    """y = zeros, with g added at the indices along a dimension        ∂L/∂g = ∂L/∂y taken from there"""

    def forward(self, g: Any, indices: Any, shape: tuple[int, ...], dim: int) -> Any:
        self.dim = dim
        self.save_for_backward(indices)
        y = np.zeros_like(g, shape=shape)
        np.add.at(y, _positions(indices, dim), g)
        return y

    def backward(self, grad: Any) -> Any:
        (indices,) = self.saved_tensors
        return TakeAlongDim.apply(grad, indices, self.dim), None, None, None


def _positions(indices: Any, dim: int) -> tuple[Any, ...]:
    """A full index tuple: ``indices`` along ``dim``, each element's own position along the others."""
    own = []
    for d, n in enumerate(indices.shape):
        along_d = tuple(n if e == d else 1 for e in range(indices.ndim))
        own.append(np.arange(n, like=indices).reshape(along_d))
    return tuple(indices if d == dim else own[d] for d in range(indices.ndim))


def _is_basic(index: Any) -> bool:
    parts = index if isinstance(index, tuple) else (index,)
    return all(part is None or part is Ellipsis or isinstance(part, slice | int) for part in parts)


def as_index(index: Any, like: Any) -> Any:
    """A torch index as NumPy takes it: tensors and lists become arrays, on the device of the array ``like``.

    Raises:
        ValueError: for a slice with a step below 1, which torch does not have (use ``flip``).
        IndexError: for a part that is no index.
    """
    parts = tuple(_index_part(part, like) for part in (index if isinstance(index, tuple) else (index,)))
    # With a final "..." NumPy gives a 0-d view for an index of ints only, where it would give a copy.
    return parts if not _is_basic(parts) or Ellipsis in parts else (*parts, Ellipsis)


def _index_part(part: Any, like: Any) -> Any:
    if isinstance(part, TensorBase):
        if part.array.dtype.kind not in "iub":
            raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {part.array.dtype}")
        return int(to_host(part.array)) if part.array.ndim == 0 and part.array.dtype.kind != "b" else part.array
    if isinstance(part, slice):
        if part.step is not None and part.step < 1:
            raise ValueError("step must be greater than zero")
        return part
    if isinstance(part, list | np.ndarray):
        return to_device(np.asarray(part), device_of(like))
    if part is None or part is Ellipsis or isinstance(part, int):
        return part
    if isinstance(part, np.integer):
        return int(part)
    raise IndexError(
        "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
        f"(got {type(part).__name__})"
    )


def getitem(input: Any, index: Any) -> Any:
    """``input[index]``: ints, slices, ``None``, ``...``, and tensors of positions or of bools.

    Raises:
        IndexError: if the index does not fit, naming it and the shape.
    """
    index = as_index(index, input.array)
    try:
        return GetItem.apply(input, index)
    except IndexError as error:
        raise IndexError(f"{error} (tensor of shape {list(input.array.shape)})") from None


def setitem(input: Any, index: Any, value: Any) -> None:
    """``input[index] = value``, recorded: later gradients see the new elements.

    Raises:
        IndexError: if the index does not fit.
        RuntimeError: if the value cannot be broadcast to the place, or autograd cannot track the write.
    """
    value = cast(value, input.array.dtype) if isinstance(value, TensorBase) else number(value)
    try:
        SetItem.apply(input, value, as_index(index, input.array))
    except ValueError as error:
        raise RuntimeError(f"cannot write a value of shape {list(getattr(value, 'shape', ()))}: {error}") from None


def take_along_dim(input: Any, indices: Any, dim: int) -> Any:
    """Along ``dim``, the elements that ``indices`` (int64, equal sizes in the other dimensions) name."""
    x = as_tensor_operand("take_along_dim", input)
    return TakeAlongDim.apply(x, indices, normalize_dim(dim, x.array.ndim))


def gather(input: Any, dim: int, index: Any) -> Any:
    """``take_along_dim`` in torch's older argument order; ``index`` may be smaller than ``input``.

    Raises:
        RuntimeError: if the index is not int64 or does not fit.
    """
    x = as_tensor_operand("gather", input)
    dim = normalize_dim(dim, x.array.ndim)
    if index.array.dtype != np.int64:
        raise RuntimeError(f"gather(): Expected dtype int64 for index, got {index.array.dtype}")
    if index.array.ndim != x.array.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (n, m) in enumerate(zip(index.array.shape, x.array.shape, strict=True)):
        if d != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.array.shape)} to be no larger than "
                f"self {list(x.array.shape)} apart from dimension {dim}"
            )
    cut = tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.array.shape))
    return TakeAlongDim.apply(getitem(x, cut), index, dim)
