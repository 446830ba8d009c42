"""The same elements under another shape. The results are views, which share the memory of the input where possible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import numpy as np

from minigrad.engine.memory import StandIn
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand, normalize_dim, normalize_dims, numpy_names
from minigrad.memory_order import has_moved_channels
from minigrad.ops.shape import Expand, Permute, Reshape
from minigrad.typing import DType, Shape, Tensor

__all__ = [
    "broadcast_to",
    "flatten",
    "moveaxis",
    "movedim",
    "permute",
    "ravel",
    "reshape",
    "squeeze",
    "t",
    "transpose",
    "unflatten",
    "unsqueeze",
]


def reshape(input: Tensor, *sizes: int | Sequence[int], shape: Sequence[int] | None = None) -> Tensor:
    """Return the same elements in another shape, as a view where the memory order allows; one size may be −1.

    Raises:
        RuntimeError: if the number of elements differs.
    """
    x = as_tensor_operand("reshape", input)
    y: Tensor = Reshape.apply(x, shape=resolve_sizes(as_ints(sizes if shape is None else (shape,)), x.array.size))
    if y._base is None and y is not x and _would_be_view_in_torch(x):
        y._stand_in = StandIn(x, (Reshape, (), {"shape": y.array.shape}))
    return y


def _would_be_view_in_torch(x: Tensor) -> bool:
    """Return whether ``x`` is, or is a view of, a result in another than row-major order, which torch's rarely are."""
    base = x if x._base is None else x._base
    if not isinstance(base.array, np.ndarray) or not x.array.size or base.array.flags.c_contiguous:
        return False
    return base is x or has_moved_channels(x.array)


def as_ints(arguments: Sequence[int | Sequence[int]]) -> tuple[int, ...]:
    """Return the integers of ``f(2, 3)`` or of ``f((2, 3))``, which mean the same."""
    if len(arguments) == 1 and isinstance(arguments[0], tuple | list):
        arguments = tuple(arguments[0])
    return tuple(int(n) for n in arguments)  # type: ignore[arg-type]


def resolve_sizes(shape: Shape, size: int) -> Shape:
    """Return ``shape`` with its −1, if any, replaced so that it holds ``size`` elements.

    Raises:
        RuntimeError: if there is no such number, or the number of elements differs.
    """
    known = math.prod([n for n in shape if n != -1])
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


def view(input: Tensor, *shape: int | Sequence[int] | DType) -> Tensor:
    """Return ``reshape(input, *shape)``, which must need no copy; with a dtype, the same memory read as that dtype.

    Of a tensor whose channels lie last in memory it may be a copy that stands in for the view: torch makes such tensors
    only where they are asked for, so its programs expect a view (docs/memory-layout.md). It shows what is written to
    the input, and writes to it reach the input; only its NumPy array is read-only.

    Raises:
        RuntimeError: if any other memory order makes a copy necessary.
    """
    if len(shape) == 1 and not isinstance(shape[0], int | Sequence | np.integer):
        return _read_as(input, np.dtype(shape[0]))
    y = reshape(input, *cast("tuple[int | Sequence[int], ...]", shape))
    if y._stand_in is not None:
        y.array.flags.writeable = False  # what NumPy would write there, the input would not see
    elif y.array.size and not np.may_share_memory(y.array, input.array):
        raise RuntimeError(
            f"view of shape {list(y.array.shape)} is not compatible with the memory order of the input of shape "
            f"{list(input.array.shape)}. Use .reshape(...) instead."
        )
    return y


def _read_as(x: Tensor, dtype: DType) -> Tensor:
    """Return the memory of a tensor read as another dtype, outside the graph.

    Raises:
        RuntimeError: if the sizes of the elements differ and do not divide the last dimension.
    """
    if x.array.dtype == dtype:
        return view(x, x.array.shape)
    try:
        return wrap(x.array.view(dtype))
    except ValueError as error:
        raise RuntimeError(f"view: {x.array.dtype} of shape {list(x.array.shape)} as {dtype}: {error}") from None


def permute(input: Tensor, *order: int | Sequence[int], dims: Sequence[int] | None = None) -> Tensor:
    """Return a view with the dimensions in another order.

    Raises:
        RuntimeError: if ``dims`` does not name every dimension once.
    """
    x = as_tensor_operand("permute", input)
    given = as_ints(order if dims is None else (dims,))
    if len(given) != x.array.ndim:
        raise RuntimeError(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the length of the desired "
            f"ordering of dimensions i.e. input.dim() = {x.array.ndim} is not equal to len(dims) = {len(given)}"
        )
    normal = tuple(normalize_dim(d, x.array.ndim) for d in given)
    if len(set(normal)) != len(normal):
        raise RuntimeError(f"permute(): duplicate dims are not allowed, got {list(given)}")
    return Permute.apply(x, dims=normal)


def transpose(input: Tensor, dim0: int, dim1: int) -> Tensor:
    """Return a view with two dimensions exchanged."""
    ndim = as_tensor_operand("transpose", input).array.ndim
    first, second = normalize_dim(dim0, ndim), normalize_dim(dim1, ndim)
    dims = list(range(ndim))
    if ndim:
        dims[first], dims[second] = second, first
    return Permute.apply(input, dims=tuple(dims))


def t(input: Tensor) -> Tensor:
    """Return the transpose of a matrix, or a tensor of fewer dimensions unchanged.

    Raises:
        RuntimeError: if there are more than two dimensions.
    """
    if input.array.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {input.array.ndim}D")
    return transpose(input, 0, 1) if input.array.ndim == 2 else input


def expand(input: Tensor, *sizes: int | Sequence[int]) -> Tensor:
    """Return a view in which dimensions of size 1 are repeated to ``sizes``; −1 keeps a size.

    Raises:
        RuntimeError: if a size other than 1 would change.
    """
    x = as_tensor_operand("expand", input)
    given = as_ints(sizes)
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
    return Expand.apply(x, shape=tuple(shape))


def broadcast_to(input: Tensor, size: Sequence[int]) -> Tensor:
    """Return ``expand(input, size)``."""
    return expand(input, tuple(size))


@numpy_names
def squeeze(input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Return a view without the dimensions of size 1: all of them, or those that ``dim`` names."""
    shape = as_tensor_operand("squeeze", input).array.shape
    dims = normalize_dims(dim, len(shape)) if dim is None or not isinstance(dim, tuple | list) or dim else ()
    return Reshape.apply(input, shape=tuple(n for d, n in enumerate(shape) if n != 1 or d not in dims))


@numpy_names
def unsqueeze(input: Tensor, dim: int) -> Tensor:
    """Return a view with a new dimension of size 1 at ``dim``."""
    shape = as_tensor_operand("unsqueeze", input).array.shape
    at = normalize_dim(dim, len(shape) + 1)
    return Reshape.apply(input, shape=(*shape[:at], 1, *shape[at:]))


def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Return the tensor with the dimensions from ``start_dim`` to ``end_dim`` (inclusive) joined into one.

    Raises:
        RuntimeError: if ``start_dim`` comes after ``end_dim``.
    """
    shape = as_tensor_operand("flatten", input).array.shape
    start, end = normalize_dim(start_dim, len(shape)), normalize_dim(end_dim, len(shape))
    if not shape:
        return Reshape.apply(input, shape=(1,))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return input
    joined = math.prod(shape[start : end + 1])
    return Reshape.apply(input, shape=(*shape[:start], joined, *shape[end + 1 :]))


def ravel(input: Tensor) -> Tensor:
    """Return the elements as a vector."""
    return reshape(input, -1) if as_tensor_operand("ravel", input).array.size else reshape(input, 0)


def unflatten(input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """Return the tensor with dimension ``dim`` divided into several of the given sizes, one of which may be −1.

    Raises:
        RuntimeError: if there are no sizes, or their product is not that of the dimension.
    """
    shape = as_tensor_operand("unflatten", input).array.shape
    at = normalize_dim(dim, len(shape))
    given = as_ints((sizes,))
    if not given:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if not shape:
        raise RuntimeError("unflatten: a 0-d tensor has no dimension to divide")
    known = math.prod([n for n in given if n != -1])
    if known != shape[at] if -1 not in given else (known == 0 or shape[at] % known):
        raise RuntimeError(
            f"unflatten: Provided sizes {list(given)} don't multiply up to the size of dim {dim} ({shape[at]}) "
            "in the input tensor"
        )
    return reshape(input, (*shape[:at], *resolve_sizes(given, shape[at]), *shape[at + 1 :]))


def movedim(input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]) -> Tensor:
    """Return a view with the dimensions ``source`` moved to the places ``destination``, the others in their order.

    Raises:
        RuntimeError: if there are not as many places as dimensions, or one is named twice.
    """
    ndim = as_tensor_operand("movedim", input).array.ndim
    given, places = as_ints((source,)), as_ints((destination,))
    if len(given) != len(places):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(given)} dims) should contain the same number "
            f"of dims as destination ({list(places)} dims)"
        )
    moved, to = ([normalize_dim(d, ndim) for d in dims] for dims in (given, places))
    for name, dims in (("source", moved), ("destination", to)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    if ndim == 0:
        return permute(input, ())
    order = [d for d in range(ndim) if d not in moved]
    for place, d in sorted(zip(to, moved, strict=True)):
        order.insert(place, d)
    return permute(input, tuple(order))


moveaxis = movedim
