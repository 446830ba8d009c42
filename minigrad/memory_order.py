"""In which order the dimensions of an array lie in memory, and torch's names for it (docs/memory-layout.md)."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigrad.typing import Array, Shape

__all__ = ["channels_last", "channels_last_3d", "contiguous_format", "memory_format", "preserve_format"]


class memory_format:  # noqa: N801  # torch's name
    """A memory order by its name in torch; there are the four instances below."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"minigrad.{self.name}"

    def __reduce__(self) -> str:  # a copy is the instance itself
        return self.name


contiguous_format = memory_format("contiguous_format")  #: row-major: the last dimension is innermost
channels_last = memory_format("channels_last")  #: N H W C of a tensor (N, C, H, W)
channels_last_3d = memory_format("channels_last_3d")  #: refused wherever it is given: there are no 5-d feature maps
preserve_format = memory_format("preserve_format")  #: the order of the input


def check(name: str, format: object) -> None:
    """Refuse what is not a memory format, and the one that is not supported.

    Raises:
        TypeError, NotImplementedError: naming the function and the format.
    """
    if not isinstance(format, memory_format):
        raise TypeError(
            f"{name}(): argument 'memory_format' must be minigrad.memory_format, not {type(format).__name__}; "
            "for example minigrad.channels_last"
        )
    if format is channels_last_3d:
        raise NotImplementedError(f"{name}: memory_format=channels_last_3d is not supported")


def lies_in(array: Array, format: memory_format) -> bool:
    """Return whether an array lies in memory without gaps in the order of ``format``; one to preserve is row-major."""
    if format is not channels_last:
        return array.flags.c_contiguous
    if array.ndim != 4:
        return False
    step = array.itemsize
    for d in (1, 3, 2, 0):  # C innermost, then W, H, N
        if array.shape[d] != 1:
            if array.strides[d] != step:
                return False
            step *= array.shape[d]
    return True


def order_of(array: Array) -> tuple[int, ...]:
    """Return the dimensions of an array from the outermost in memory to the innermost."""
    return tuple(sorted(range(array.ndim), key=lambda d: -array.strides[d]))


def empty_in(format: memory_format, shape: Shape, dtype: DTypeLike, like: Array) -> Array:
    """Return an array without values in the order of ``format``; ``like`` says on which device, and what to preserve.

    Raises:
        RuntimeError: for channels last, if the shape has not four dimensions.
    """
    if format is preserve_format:
        return np.empty_like(like, dtype=dtype, shape=shape)
    if format is contiguous_format:
        return np.empty_like(like, dtype=dtype, shape=shape, order="C")
    if len(shape) != 4:
        raise RuntimeError("required rank 4 tensor to use channels_last format")
    n, c, h, w = shape
    return np.empty_like(like, dtype=dtype, shape=(n, h, w, c), order="C").transpose(0, 3, 1, 2)  # N H W C -> N C H W


def copy_in(format: memory_format, array: Array) -> Array:
    """Return a copy in the order of ``format``.

    Raises:
        RuntimeError: for channels last, if the array has not four dimensions.
    """
    copy = empty_in(format, array.shape, array.dtype, array)
    copy[...] = array
    return copy


def empty_channels_last(shape: Shape, dtype: DTypeLike) -> Array:
    """Return an array without values of any shape (N, C, …), in memory N … C: feature maps, or weights O kh kw C."""
    memory = np.empty((shape[0], *shape[2:], shape[1]), dtype)
    return np.moveaxis(memory, -1, 1)


def has_moved_channels(array: Array) -> bool:
    """Return whether an array of three or more dimensions is row-major but for its channels, which lie innermost.

    The channels may have been split (N, G, C/G, H, W), the batch may be missing (C, H, W), and the other dimensions be
    one (N, C, L). It has no gaps.
    """
    if array.ndim < 3 or array.flags.c_contiguous:
        return False
    real = [d for d in range(array.ndim) if array.shape[d] != 1]
    order = sorted(real, key=lambda d: -array.strides[d])
    if not array.squeeze().transpose([real.index(d) for d in order]).flags.c_contiguous:
        return False
    falls = [i for i in range(1, len(order)) if order[i] < order[i - 1]]
    if len(falls) != 1:
        return False
    moved = order[falls[0] :]  # the dimensions that lie innermost
    start = real.index(moved[0])
    return moved[0] <= 1 and moved == real[start : start + len(moved)]
