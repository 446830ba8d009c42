"""Indexing: reading parts of a tensor, and writing into them.

Reading and scattering are each other's derivative: a read sends its gradient back to where the elements
came from, *adding*, since an index may name an element more than once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from minigrad.device import device_of, to_device, to_host, zeros
from minigrad.dtypes import element_or_infinity
from minigrad.engine.backward import sum_to_shape
from minigrad.engine.function import Function, TensorBase, wrap
from minigrad.engine.inplace import allow_writing, refuse_overlapping_write
from minigrad.kernels.precision import rounded, widened
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, number, numpy_names


class Index(NamedTuple):
    """A torch index in two steps, each of which NumPy understands as torch does.

    ``basic`` has the ints, slices and new dimensions, and gives a view; ``advanced``, if there are any, the arrays
    of positions and masks, for the view. (In one step NumPy would count ints among the arrays: ``x[0, :, [1, 2]]``
    is of shape (2, n) in NumPy and (n, 2) in torch.)
    """

    basic: tuple[Any, ...]
    advanced: tuple[Any, ...] | None

    def read(self, x: Any) -> Any:
        """x[index]; a view unless there are arrays."""
        view = x[self.basic]
        if self.advanced is None:
            return view
        picked = view[self.advanced]
        if x.flags.c_contiguous and not picked.flags.c_contiguous:  # NumPy puts the dimension of the array outermost
            return np.copy(picked, order="C")
        return picked

    def write(self, x: Any, value: Any) -> None:
        """x[index] = value"""
        place = x[self.basic]
        if 0 in x.strides:
            refuse_overlapping_write(place)
            allow_writing(place, x)
        place[... if self.advanced is None else self.advanced] = value

    def add(self, x: Any, value: Any) -> None:
        """x[index] += value, where a position that the index names more than once gets each of its values."""
        if self.advanced is None:
            x[self.basic] += value
            return
        dim = _only_vector(self.advanced)
        turns = None if dim is None else _turns(self.advanced[dim] % x[self.basic].shape[dim])
        if dim is None or turns is None:
            np.add.at(x[self.basic], self.advanced, value)
            return
        before = (slice(None),) * dim
        for turn in turns:
            x[self.basic][(*before, self.advanced[dim][turn])] += value[(*before, turn)]


def _only_vector(advanced: tuple[Any, ...]) -> int | None:
    """The dimension that a NumPy vector of positions indexes, if nothing else does."""
    indexed = [d for d, part in enumerate(advanced) if not isinstance(part, slice)]
    if len(indexed) != 1 or not isinstance(advanced[indexed[0]], np.ndarray):
        return None
    vector = advanced[indexed[0]]
    return indexed[0] if vector.ndim == 1 and vector.dtype.kind == "i" and vector.size else None


_MOST_TURNS = 8


def _turns(positions: np.ndarray) -> list[np.ndarray] | None:
    """Which elements of a vector to take in each turn so that no turn has a position twice; None if that takes many.

    ``+=`` with distinct positions is many times faster than ``np.add.at``, and adds in the same order.
    """
    order = np.argsort(positions, kind="stable")
    first = np.searchsorted(positions[order], positions[order])  # where each one's equals begin
    turn = np.arange(order.size) - first
    count = int(turn.max()) + 1
    return [order[turn == i] for i in range(count)] if count <= _MOST_TURNS else None


class GetItem(Function):
    """y = x[index]        ∂L/∂x = zeros, with ∂L/∂y added at index"""

    makes_view = True  # for ints and slices; an index of tensors copies

    def forward(self, x: Any, index: Index) -> Any:
        self.shape, self.index = x.shape, index
        return index.read(x)

    def backward(self, grad: Any) -> Any:
        return ScatterAt.apply(grad, self.shape, self.index), None


class ScatterAt(Function):
    """y = zeros, with g added at index        ∂L/∂g = ∂L/∂y[index]"""

    def forward(self, g: Any, shape: tuple[int, ...], index: Index) -> Any:
        self.index = index
        if index.advanced is None:
            y = zeros(g, shape)
            index.write(y, g)  # no element twice, so nothing to add up
            return y
        wide = widened(g)
        y = zeros(wide, shape)
        index.add(y, wide)
        return rounded(y, g.dtype)

    def backward(self, grad: Any) -> Any:
        return GetItem.apply(grad, self.index), None, None


class SetItem(Function):
    """x[index] ← v        ∂L/∂x = ∂L/∂y with zeros at index,  ∂L/∂v = ∂L/∂y[index]"""

    in_place = True

    def forward(self, x: Any, value: Any, index: Index) -> Any:
        self.index = index
        self.value_shape = getattr(value, "shape", ())
        index.write(x, value)
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
        return x[_positions(indices, dim)]

    def backward(self, grad: Any) -> Any:
        (indices,) = self.saved_tensors
        return ScatterAddAlongDim.apply(grad, indices, self.shape, self.dim), None, None


class ScatterAddAlongDim(Function):
    """y = zeros, with g added at the indices along a dimension        ∂L/∂g = ∂L/∂y taken from there"""

    def forward(self, g: Any, indices: Any, shape: tuple[int, ...], dim: int) -> Any:
        self.dim = dim
        self.save_for_backward(indices)
        wide = widened(g)
        y = zeros(wide, shape)
        np.add.at(y, _positions(indices, dim), wide)
        return rounded(y, g.dtype)

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


def as_index(index: Any, like: Any) -> Index:
    """A torch index (one part or a tuple of parts), with its arrays on the device of the array ``like``.

    Raises:
        ValueError: for a slice with a step below 1, which torch does not have (use ``flip``).
        IndexError: for a part that is no index.
    """
    parts = index if isinstance(index, tuple) else tuple(index) if _is_list_of_parts(index) else (index,)
    basic: list[Any] = []
    advanced: list[Any] = []
    for part in parts:
        if isinstance(part, slice):
            if part.step is not None and part.step < 1:
                raise ValueError("step must be greater than zero")
            basic.append(part)
            advanced.append(slice(None))
        elif part is None or part is Ellipsis:
            basic.append(part)
            advanced.append(slice(None) if part is None else part)
        elif isinstance(part, int) and not isinstance(part, bool):
            basic.append(part)
        else:
            _add_array_part(part, basic, advanced, like)
    has_arrays = any(not isinstance(part, slice) and part is not Ellipsis for part in advanced)
    if Ellipsis not in basic:  # so that ints alone give a 0-d view, where NumPy would give a copy
        basic.append(Ellipsis)
    return Index(tuple(basic), tuple(advanced) if has_arrays else None)


def _is_list_of_parts(index: Any) -> bool:
    """Whether a list means a tuple of indices, not positions along dimension 0: torch's rule, from NumPy's past."""
    if not isinstance(index, list) or len(index) >= 32:
        return False
    return any(
        part is None or part is Ellipsis or isinstance(part, list | tuple | range | slice | np.ndarray | TensorBase)
        for part in index
    )


def _add_array_part(part: Any, basic: list[Any], advanced: list[Any], like: Any) -> None:
    """Adds a part made of numbers: an array of positions, a mask, or one number of either kind."""
    array = _part_as_array(part, like)
    if array.ndim == 0 and array.dtype.kind in "iu" and array.dtype != np.uint8:
        basic.append(int(to_host(array)))
    elif array.ndim == 0:  # True adds a dimension of size 1, False one of size 0
        chosen = np.zeros(int(bool(to_host(array))), np.int64)
        basic.append(None)
        advanced.append(to_device(chosen, device_of(like)))
    else:
        mask = array.dtype.kind == "b" or array.dtype == np.uint8  # torch still takes bytes as a mask
        basic.extend([slice(None)] * (array.ndim if mask else 1))
        advanced.append(array.astype(bool) if mask else array)


def _part_as_array(part: Any, like: Any) -> Any:
    if isinstance(part, TensorBase):
        array = part.array
    elif isinstance(part, list | tuple | range | np.ndarray | np.integer | np.bool_ | bool):
        array = np.asarray(part)
        if array.size == 0 and array.dtype.kind == "f":  # an empty list
            array = array.astype(np.int64)
        array = to_device(array, device_of(like))
    else:
        raise IndexError(
            "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid indices "
            f"(got {type(part).__name__})"
        )
    if array.dtype.kind not in "iub":
        raise IndexError(f"tensors used as indices must be long, int, byte or bool tensors, got {array.dtype}")
    return array


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
    dtype = input.array.dtype
    value = cast(value, dtype) if isinstance(value, TensorBase) else element_or_infinity(number(value), dtype)
    try:
        SetItem.apply(input, value, as_index(index, input.array))
    except ValueError as error:
        raise RuntimeError(f"cannot write a value of shape {list(getattr(value, 'shape', ()))}: {error}") from None


@numpy_names
def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """Along ``dim``, the elements that ``indices`` (int64) name; the other dimensions broadcast.

    Without ``dim``, both are flattened first.

    Raises:
        RuntimeError: if the indices are not int64, have another number of dimensions, or are out of range.
    """
    x, index = as_tensor_operand("take_along_dim", input), as_tensor_operand("take_along_dim", indices, "indices")
    if index.array.dtype != np.int64:
        raise RuntimeError(f"take_along_dim(): dtype of indices should be Long but got {index.array.dtype}")
    if dim is None:
        return gather(x.reshape(-1), 0, index.reshape(-1))
    if index.array.ndim != x.array.ndim:
        raise RuntimeError(
            f"take_along_dim(): input and indices should have the same number of dimensions, but got {x.array.ndim} "
            f"dimensions for input, and {index.array.ndim} dimensions for indices"
        )
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim] if x.array.ndim else 1
    index = wrap(np.where(index.array < 0, index.array + n, index.array))  # from the end, as in NumPy
    others = [_without(shape, dim) for shape in (x.array.shape, index.array.shape)]
    if others[0] != others[1]:
        common = list(np.broadcast_shapes(*others))
        x = x.expand(*common[:dim], x.array.shape[dim], *common[dim:])
        index = index.expand(*common[:dim], index.array.shape[dim], *common[dim:])
    return gather(x, dim, index)


def _without(shape: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return shape[:dim] + shape[dim + 1 :]


@numpy_names
def gather(input: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    """y[…, i, …] = input[…, index[…, i, …], …] along ``dim``; ``index`` may be smaller in the other dimensions.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range.
    """
    if sparse_grad:
        raise NotImplementedError("gather: sparse_grad=True is not supported: there are no sparse tensors here")
    x = as_tensor_operand("gather", input)
    dim = normalize_dim(dim, x.array.ndim)
    index = _checked_index("gather", index, x.array.shape, dim)
    if x.array.ndim == 0 or index.array.ndim == 0:  # 0-d counts as one element
        y = gather(x.reshape(-1) if x.array.ndim == 0 else x, 0, index.reshape(-1))
        return y.reshape(*index.array.shape)
    if index.array.ndim != x.array.ndim:  # an index of no elements may have any shape
        return x.reshape(-1)[:0].reshape(*index.array.shape)
    return TakeAlongDim.apply(x, index, dim)


def _checked_index(name: str, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """``index`` as int64, checked to name elements of a tensor of ``shape`` along ``dim``."""
    given = as_tensor_operand(name, index, "index").array
    if given.size == 0:
        return cast(index, np.dtype(np.int64))
    if given.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index, got {given.dtype}")
    if max(given.ndim, 1) != max(len(shape), 1):
        raise RuntimeError(
            f"Index tensor must have the same number of dimensions as input tensor, got {given.ndim} and {len(shape)}"
        )
    for d, (n, m) in enumerate(zip(given.shape, shape, strict=False)):
        if d != dim and n > m:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(given.shape)} to be no larger than "
                f"self {list(shape)} apart from dimension {dim}"
            )
    size = shape[dim] if shape else 1
    wrong = (given < 0) | (given >= size)
    if to_host(np.any(wrong)):
        bad = int(to_host(given)[to_host(wrong)][0])
        raise RuntimeError(f"{name}(): index {bad} is out of bounds for dimension {dim} with size {size}")
    return cast(index, np.dtype(np.int64))


@numpy_names
def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """``input`` with each ``src`` added at the position that ``index`` names along ``dim``; gather's transpose.

    Raises:
        RuntimeError: if the index is not of integers, does not fit, or is out of range, or the dtypes differ.
    """
    x, source = as_tensor_operand("scatter_add", input), as_tensor_operand("scatter_add", src, "src")
    dim = normalize_dim(dim, x.array.ndim)
    if x.array.dtype != source.array.dtype:
        raise RuntimeError(
            f"scatter(): Expected self.dtype to be equal to src.dtype, got {x.array.dtype} and {source.array.dtype}"
        )
    index = _checked_index("scatter_add", index, x.array.shape, dim)
    if index.array.size == 0:
        return x.clone()
    if x.array.ndim == 0:
        return scatter_add(x.reshape(1), 0, index.reshape(-1), source.reshape(-1)).reshape(())
    if index.array.ndim == 0 or source.array.ndim == 0:
        index, source = index.reshape(-1), source.reshape(-1)
    if source.array.ndim != index.array.ndim or any(
        n > m for n, m in zip(index.array.shape, source.array.shape, strict=True)
    ):
        raise RuntimeError(
            f"Expected index {list(index.array.shape)} to be no larger than src {list(source.array.shape)} in every "
            "dimension"
        )
    cut = source[tuple(slice(n) for n in index.array.shape)]
    return x + ScatterAddAlongDim.apply(cut, index, x.array.shape, dim)


@numpy_names
def index_select(input: Any, dim: int, index: Any) -> Any:
    """The slices along ``dim`` that the vector ``index`` names, in its order.

    Raises:
        IndexError: if the index is no vector of integers, or is out of range.
    """
    x, positions = as_tensor_operand("index_select", input), as_tensor_operand("index_select", index, "index").array
    dim = normalize_dim(dim, x.array.ndim)
    if positions.ndim > 1:
        raise IndexError(f"index_select(): Index is supposed to be a vector, but got dim: {positions.ndim}")
    if positions.dtype not in (np.int64, np.int32):
        raise RuntimeError(f"index_select(): Expected dtype int32 or int64 for index, got {positions.dtype}")
    size = x.array.shape[dim] if x.array.ndim else 1
    if to_host(np.any((positions < 0) | (positions >= size))):
        raise IndexError(f"index out of range in self: index_select along a dimension of size {size}")
    if x.array.ndim == 0:
        if positions.size != 1:
            raise IndexError("index_select(): Index to scalar can have only 1 value")
        return x.clone()
    return getitem(x, (*(slice(None),) * dim, index.reshape(-1)))


def index_put(input: Any, indices: Sequence[Any], values: Any, accumulate: bool = False) -> Any:
    """A copy of ``input`` with ``values`` written at ``input[indices]``, or added to what is there.

    Raises:
        RuntimeError: if the values cannot be broadcast to the place, or have another dtype.
        IndexError: if the index does not fit.
    """
    x, new = as_tensor_operand("index_put", input), as_tensor_operand("index_put", values, "values")
    if x.array.dtype != new.array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, "
            f"got {x.array.dtype} for the destination and {new.array.dtype} for the source."
        )
    index = tuple(indices)
    if accumulate:
        where = as_index(index, x.array)
        return x + ScatterAt.apply(new.expand(*where.read(x.array).shape), x.array.shape, where)
    result = x.clone()
    setitem(result, index, new)
    return result
