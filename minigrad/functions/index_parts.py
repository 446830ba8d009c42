"""Translate an index as users write it (``x[0, 1:, mask]``) into the :class:`Index` that the primitives take."""

from __future__ import annotations

from types import EllipsisType
from typing import TYPE_CHECKING, TypeAlias, Union

import numpy as np

from minigrad.devices import device_of, to_device, to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.ops.indexing import AdvancedPart, BasicPart, Index
from minigrad.typing import Array, Tensor

if TYPE_CHECKING:
    from collections.abc import Sequence


#: A dimension of size 1 in an index.
newaxis = None

#: What may stand in brackets, alone or in a tuple.
IndexPart: TypeAlias = Union[int, slice, EllipsisType, "Tensor", Array, "Sequence[object]", None]
TorchIndex: TypeAlias = IndexPart | tuple[IndexPart, ...]


def as_index(index: TorchIndex, like: Array) -> Index:
    """Return an index of torch (a part, or a tuple of parts) with its arrays on the device of the array ``like``.

    Raises:
        ValueError: for a slice with a step below 1, which torch does not have (use ``flip``).
        IndexError: for a part that is no index.
    """
    basic: list[BasicPart] = []
    advanced: list[AdvancedPart] = []
    for part in _parts(index):
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
            _add_array(part, basic, advanced, like)
    arrays = [part for part in advanced if not isinstance(part, slice) and part is not Ellipsis]
    _check_that_they_broadcast(arrays)
    if Ellipsis not in basic:  # so that integers alone give a 0-d view, where NumPy would give a copy
        basic.append(Ellipsis)
    return Index(tuple(basic), tuple(advanced) if arrays else None)


def _check_that_they_broadcast(arrays: Sequence[Array]) -> None:
    """Raise torch's error, which not every array library raises, unless the arrays of positions broadcast."""
    if len(arrays) > 1 and all(array.dtype.kind != "b" for array in arrays):
        try:
            np.broadcast_shapes(*[array.shape for array in arrays])
        except ValueError:
            shapes = ", ".join(str(list(array.shape)) for array in arrays)
            raise IndexError(
                f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
            ) from None


def _parts(index: TorchIndex) -> tuple[IndexPart, ...]:
    if isinstance(index, tuple):
        return index
    return tuple(index) if isinstance(index, list) and _is_list_of_parts(index) else (index,)


def _is_list_of_parts(index: list[object]) -> bool:
    """Return whether a list means a tuple of parts, not positions: torch's rule, and NumPy's of the past."""
    return len(index) < 32 and any(
        part is None or part is Ellipsis or isinstance(part, list | tuple | range | slice | np.ndarray | TensorBase)
        for part in index
    )


def _add_array(part: object, basic: list[BasicPart], advanced: list[AdvancedPart], like: Array) -> None:
    """Add a part made of numbers: an array of positions, a mask, or a scalar of either kind."""
    array = _as_array(part, like)
    if array.ndim == 0 and array.dtype.kind in "iu" and array.dtype != np.uint8:
        basic.append(int(to_host(array)))
    elif array.ndim == 0:  # True adds a dimension of size 1, False one of size 0
        chosen = np.zeros(int(bool(to_host(array))), np.int64)
        basic.append(None)
        advanced.append(to_device(chosen, device_of(like)))
    else:
        is_mask = array.dtype.kind == "b" or array.dtype == np.uint8  # torch still takes bytes as a mask
        basic.extend([slice(None)] * (array.ndim if is_mask else 1))
        advanced.append(array.astype(bool) if is_mask else array)


def _as_array(part: object, like: Array) -> Array:
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
