"""Shape: the same elements arranged otherwise. Most are views, which share memory with their input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from minigrad import dtypes, kernels
from minigrad.device import to_host
from minigrad.engine.function import Function, TensorBase, wrap
from minigrad.ops.copying import Contiguous
from minigrad.ops.promotion import as_tensor_operand, cast, normalize_dim, normalize_dims, numpy_names
from minigrad.ops.selection import where


class Reshape(Function):
    """y = x in another shape, elements in the same (row-major) order        ∂L/∂x = ∂L/∂y reshaped back"""

    makes_view = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        self.shape = x.shape
        return np.reshape(x, shape)

    def backward(self, grad: Any) -> Any:
        return Reshape.apply(grad, self.shape), None


class Permute(Function):
    """y's dimension i is x's dimension dims[i]        ∂L/∂x = ∂L/∂y permuted back"""

    makes_view = True

    def forward(self, x: Any, dims: tuple[int, ...]) -> Any:
        self.dims = dims
        return np.transpose(x, dims)

    def backward(self, grad: Any) -> Any:
        return Permute.apply(grad, tuple(self.dims.index(d) for d in range(len(self.dims)))), None


class Expand(Function):
    """y = x repeated without copying        ∂L/∂x = Σ of ∂L/∂y over the copies (by the engine)"""

    makes_view = True
    broadcasts = True

    def forward(self, x: Any, shape: tuple[int, ...]) -> Any:
        return np.broadcast_to(x, shape)

    def backward(self, grad: Any) -> Any:
        return grad, None


class Cat(Function):
    """y = the inputs one after the other along a dimension        each gets its stretch of ∂L/∂y"""

    def forward(self, *xs: Any, dim: int) -> Any:
        self.dim = dim
        self.lengths = [x.shape[dim] for x in xs]
        return kernels.of(xs[0]).concatenate(xs, dim)

    def backward(self, grad: Any) -> Any:
        ends = np.cumsum(self.lengths).tolist()
        before = (slice(None),) * self.dim
        return tuple([grad[(*before, slice(end - n, end))] for n, end in zip(self.lengths, ends, strict=True)])


def reshape(input: Any, *sizes: Any, shape: Any = None) -> Any:
    """The same elements in another shape; one size may be −1. A view where memory allows.

    Raises:
        RuntimeError: if the number of elements differs.
    """
    x = as_tensor_operand("reshape", input)
    return Reshape.apply(x, resolve_sizes(_as_ints(sizes if shape is None else (shape,)), x.array.size))


def _as_ints(arguments: tuple[Any, ...]) -> tuple[int, ...]:
    """``f(2, 3)`` and ``f((2, 3))`` mean the same."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        arguments = tuple(arguments[0])
    return tuple(int(n) for n in arguments)


def resolve_sizes(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    """``shape`` with its −1, if any, replaced so that it holds ``size`` elements."""
    known = int(np.prod([n for n in shape if n != -1], dtype=np.int64))
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise RuntimeError(f"invalid shape dimension in {list(shape)}")
    if -1 in shape:
        if known == 0 and size == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension "
                "size -1 can be any value and is ambiguous"
            )
        if known == 0 or size % known:
            raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
        return tuple(size // known if n == -1 else n for n in shape)
    if known != size:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return shape


def view(input: Any, *shape: Any) -> Any:
    """``reshape`` that never copies.

    Raises:
        RuntimeError: if the memory order makes a copy necessary.
    """
    y = reshape(input, *shape)
    if y.array.size and not np.may_share_memory(y.array, input.array):
        raise RuntimeError(
            f"view of shape {list(y.array.shape)} is not compatible with the memory order of the input of shape "
            f"{list(input.array.shape)}. Use .reshape(...) instead."
        )
    return y


def permute(input: Any, *order: Any, dims: Any = None) -> Any:
    """The dimensions in another order, as a view.

    Raises:
        RuntimeError: if ``dims`` does not name every dimension once.
    """
    x = as_tensor_operand("permute", input)
    given = _as_ints(order if dims is None else (dims,))
    if len(given) != x.array.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {x.array.ndim} is not equal to len(dims) = {len(given)}"
        )
    normal = tuple(normalize_dim(d, x.array.ndim) for d in given)
    if len(set(normal)) != len(normal):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {list(given)}")
    return Permute.apply(x, normal)


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two dimensions exchanged, as a view."""
    ndim = as_tensor_operand("transpose", input).array.ndim
    first, second = normalize_dim(dim0, ndim), normalize_dim(dim1, ndim)
    dims = list(range(ndim))
    if ndim:
        dims[first], dims[second] = second, first
    return Permute.apply(input, tuple(dims))


def t(input: Any) -> Any:
    """The transpose of a matrix (a tensor of fewer dimensions is returned as it is).

    Raises:
        RuntimeError: if there are more than two dimensions.
    """
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D")
    return transpose(input, 0, 1) if input.array.ndim == 2 else input


def expand(input: Any, *sizes: Any) -> Any:
    """Dimensions of size 1 repeated to ``sizes`` without copying; −1 keeps a size.

    Raises:
        RuntimeError: if another size would have to change.
    """
    x = as_tensor_operand("expand", input)
    given = _as_ints(sizes)
    new = len(given) - x.array.ndim
    if new < 0:
        raise RuntimeError(
            f"expand: the number of sizes provided ({len(given)}) must be greater or equal to the number of "
            f"dimensions in the tensor ({x.array.ndim})"
        )
    shape = []
    for i, size in enumerate(given):
        have = x.array.shape[i - new] if i >= new else 1
        if size == -1 and i < new:
            raise RuntimeError("expand: -1 is not allowed in a leading, non-existing dimension")
        if size not in (-1, have) and have != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({size}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}. Target sizes: {list(given)}. Tensor sizes: {list(x.array.shape)}"
            )
        shape.append(have if size == -1 else size)
    return Expand.apply(x, tuple(shape))


def broadcast_to(input: Any, size: Sequence[int]) -> Any:
    """``expand`` as a function."""
    return expand(input, tuple(size))


def expand_reduced(grad: Any, shape: tuple[int, ...], dims: tuple[int, ...], keepdim: bool) -> Any:
    """A reduction's gradient, copied along the dimensions ``dims`` that the reduction took away."""
    if not keepdim:
        grad = Reshape.apply(grad, tuple(1 if d in dims else n for d, n in enumerate(shape)))
    return Expand.apply(grad, shape)


@numpy_names
def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors one after the other along ``dim``; their other sizes must agree.

    Raises:
        ValueError: for an empty list.
        RuntimeError: if sizes differ in another dimension.
    """
    if isinstance(tensors, TensorBase):
        raise TypeError("cat(): argument 'tensors' must be tuple of Tensors, not Tensor")
    xs = [as_tensor_operand("cat", x, "tensors") for x in tensors]
    if not xs:
        raise ValueError("cat(): expected a non-empty list of Tensors")
    dtype = dtypes.result_type(*[(x.array.dtype, 2) for x in xs])
    xs = [x for x in xs if x.array.shape != (0,)] or xs[:1]  # torch lets an empty 1-d tensor join anything
    first = xs[0].array
    if first.ndim == 0:
        raise RuntimeError("zero-dimensional tensor (at position 0) cannot be concatenated")
    dim = normalize_dim(dim, first.ndim)
    for i, x in enumerate(xs):
        if x.array.ndim != first.ndim:
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {first.ndim} and {x.array.ndim} (tensor number {i})"
            )
        for d, (expected, got) in enumerate(zip(first.shape, x.array.shape, strict=True)):
            if d != dim and expected != got:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {expected} but got size "
                    f"{got} in dimension {d} for tensor number {i} in the list."
                )
    return Cat.apply(*[cast(x, dtype) for x in xs], dim=dim)


@numpy_names
def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Tensors of one shape along a new dimension.

    Raises:
        RuntimeError: if the shapes differ, or the list is empty.
    """
    if isinstance(tensors, TensorBase):
        raise TypeError("stack(): argument 'tensors' must be tuple of Tensors, not Tensor")
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    shape = tensors[0].array.shape
    for i, x in enumerate(tensors):
        if x.array.shape != shape:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(shape)} at entry 0 and "
                f"{list(x.array.shape)} at entry {i}"
            )
    return cat([unsqueeze(x, dim) for x in tensors], normalize_dim(dim, len(shape) + 1))


@numpy_names
def squeeze(input: Any, dim: Any = None) -> Any:
    """Without the dimensions of size 1 (all of them, or those named)."""
    shape = as_tensor_operand("squeeze", input).array.shape
    dims = normalize_dims(dim, len(shape)) if dim is None or not isinstance(dim, tuple | list) or dim else ()
    return Reshape.apply(input, tuple(n for d, n in enumerate(shape) if n != 1 or d not in dims))


@numpy_names
def unsqueeze(input: Any, dim: int) -> Any:
    """With a new dimension of size 1 at ``dim``."""
    shape = as_tensor_operand("unsqueeze", input).array.shape
    at = normalize_dim(dim, len(shape) + 1)
    return Reshape.apply(input, (*shape[:at], 1, *shape[at:]))


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The dimensions from ``start_dim`` to ``end_dim`` (inclusive) joined into one.

    Raises:
        RuntimeError: if ``start_dim`` comes after ``end_dim``.
    """
    shape = as_tensor_operand("flatten", input).array.shape
    start, end = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    if not shape:
        return Reshape.apply(input, (1,))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    joined = int(np.prod(shape[start : end + 1], dtype=np.int64))
    return Reshape.apply(input, (*shape[:start], joined, *shape[end + 1 :]))


@numpy_names
def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """The stretch of ``length`` elements from ``start`` on along ``dim``, as a view.

    Raises:
        RuntimeError, IndexError: if it does not fit.
    """
    x = as_tensor_operand("narrow", input)
    if x.array.ndim == 0:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    if not isinstance(start, int):
        start = _integer(start)
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(f"start out of range (expected to be in range of [{-n}, {n}], but got {start})")
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return x[(*(slice(None),) * dim, slice(start, start + length))]


def _integer(start: Any) -> int:
    array = start.array if hasattr(start, "array") else np.asarray(start)
    if array.ndim or array.dtype.kind not in "iu":
        raise RuntimeError(f"start must be an 0-dim integral Tensor, got {array.dtype} of shape {list(array.shape)}")
    return int(to_host(array))


def split(tensor: Any, split_size_or_sections: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of stretches along ``dim``: of one size (the last may be smaller), or of several sizes.

    Raises:
        RuntimeError: if the size is negative, or the sizes do not add up.
    """
    x = as_tensor_operand("split", tensor, "tensor")
    dim = normalize_dim(dim, x.array.ndim)
    n = x.array.shape[dim] if x.array.ndim else 0
    if isinstance(split_size_or_sections, int):
        size = split_size_or_sections
        if size < 0 or (size == 0 and n):
            raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
        sizes = [min(size, n - at) for at in range(0, n, size)] if n else [0]
    else:
        sizes = [int(size) for size in split_size_or_sections]
        if sum(sizes) != n or min(sizes, default=0) < 0:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {dim}), "
                f"but got split_sizes={sizes}"
            )
    ends = np.cumsum(sizes).tolist()
    return tuple(narrow(x, dim, end - size, size) for end, size in zip(ends, sizes, strict=True))


@numpy_names
def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """At most ``chunks`` views of nearly equal stretches along ``dim``.

    Raises:
        RuntimeError: if ``chunks`` is below 1.
    """
    if chunks < 1:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    x = as_tensor_operand("chunk", input)
    n = x.array.shape[normalize_dim(dim, x.array.ndim)]
    return split(x, max(-(-n // chunks), 1), dim)


@numpy_names
def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """Views of every element along ``dim``, without that dimension."""
    x = as_tensor_operand("unbind", input)
    dim = normalize_dim(dim, x.array.ndim)
    return tuple(x[(*(slice(None),) * dim, i)] for i in range(x.array.shape[dim]))


def repeat(input: Any, *repeats: Any) -> Any:
    """The tensor laid out ``repeats`` times along each dimension (new ones in front), copied.

    Raises:
        RuntimeError: if there are fewer repeats than dimensions.
    """
    x = as_tensor_operand("repeat", input)
    counts = _as_ints(repeats)
    if len(counts) < x.array.ndim:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = (1,) * (len(counts) - x.array.ndim) + x.array.shape
    interleaved = x.reshape(*(n for size in shape for n in (1, size)))
    expanded = interleaved.expand(*(n for count, size in zip(counts, shape, strict=True) for n in (count, size)))
    return Contiguous.apply(expanded).reshape(*(count * size for count, size in zip(counts, shape, strict=True)))


def flip(input: Any, dims: Any) -> Any:
    """The elements in reverse order along ``dims``."""
    x = as_tensor_operand("flip", input)
    for dim in normalize_dims(dims, x.array.ndim) if isinstance(dims, int) or len(dims) else ():
        positions = np.arange(x.array.shape[dim] - 1, -1, -1)
        x = x[(*(slice(None),) * dim, positions)]
    return x if x is not input else input.clone()


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """The elements moved on by ``shifts`` along ``dims``, those beyond the end coming in at the front."""
    x = as_tensor_operand("roll", input)
    if dims is None:
        return roll(x.flatten(), shifts, 0).reshape(*x.array.shape) if x.array.ndim else x.clone()
    amounts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    over = (dims,) if isinstance(dims, int) else tuple(dims)
    if len(amounts) != len(over):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(amounts)}, dims: {len(over)}")
    for amount, d in zip(amounts, over, strict=True):
        dim = normalize_dim(d, x.array.ndim)
        n = x.array.shape[dim]
        positions = (np.arange(n) - amount) % max(n, 1)
        x = x[(*(slice(None),) * dim, positions)]
    return x


def tril(input: Any, diagonal: int = 0) -> Any:
    """Each matrix with zeros above the diagonal."""
    return _triangle("tril", input, lambda row, column: column - row <= diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    """Each matrix with zeros below the diagonal."""
    return _triangle("triu", input, lambda row, column: column - row >= diagonal)


def _triangle(name: str, input: Any, keep: Any) -> Any:
    x = as_tensor_operand(name, input)
    if x.array.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
    rows, columns = x.array.shape[-2:]
    mask = keep(np.arange(rows, like=x.array).reshape(rows, 1), np.arange(columns, like=x.array).reshape(1, columns))
    return where(wrap(mask), x, False)  # False is the zero that promotes no dtype
