"""Assert that two tensors are equal up to rounding; if not, report how many elements differ, which, and by how much."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.testing.naming import element
from minigrad.typing import Array

#: torch.testing's own: relative and absolute tolerance of each floating dtype; other dtypes must be equal.
TOLERANCES = {"float16": (1e-3, 1e-5), "float32": (1.3e-6, 1e-5), "float64": (1e-7, 1e-7)}


def as_numpy(value: object) -> Array:
    """Return the values of a tensor (minigrad's or torch's, on any device), an array, or a number."""
    if isinstance(value, TensorBase):
        return to_host(value.array)
    if hasattr(value, "detach"):  # torch's, without importing it
        array: Array = value.detach().numpy(force=True)
        return array
    return np.asarray(value)


def assert_close(
    actual: object,
    expected: object,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    equal_nan: bool = False,
    check_dtype: bool = True,
    msg: str | None = None,
) -> None:
    """Assert |actual − expected| ≤ atol + rtol · |expected| for every element, and equal shape and dtype.

    Args:
        actual, expected: tensors (of minigrad or torch), arrays, numbers, or lists, tuples and dicts of them.
        rtol, atol: both or neither; by default ``TOLERANCES`` of the coarser dtype.
        equal_nan: let NaN equal NaN.
        check_dtype: require equal dtypes.
        msg: a text in front of the report.

    Raises:
        AssertionError: reporting how many elements differ, and the first and the worst of them.
        ValueError: if only one of ``rtol`` and ``atol`` is given.

    >>> import minigrad
    >>> assert_close(minigrad.tensor([1.0, 2.0]), minigrad.tensor([1.0, 2.5]))
    Traceback (most recent call last):
    AssertionError: not close: 1 of 2 elements differ
      first at index (1,): 2.0, expected 2.5 (difference 5.000e-01, relative 2.000e-01)
      allowed: 1.3e-06 relative + 1e-05 absolute
    """
    if (rtol is None) != (atol is None):
        raise ValueError(f"give both rtol and atol or neither, got rtol={rtol}, atol={atol}")
    what = "" if msg is None else f"{msg}: "
    for key, inner, wanted in _parts(actual, expected, what):
        assert_close(
            inner,
            wanted,
            rtol=rtol,
            atol=atol,
            equal_nan=equal_nan,
            check_dtype=check_dtype,
            msg=f"{'' if msg is None else msg + ' '}[{key!r}]",
        )
    if isinstance(expected, dict | list | tuple):
        return
    a, b = as_numpy(actual), as_numpy(expected)
    if check_dtype and a.dtype != b.dtype:
        raise AssertionError(f"{what}dtype {a.dtype}, expected {b.dtype}")
    if rtol is None or atol is None:
        rtol, atol = max(TOLERANCES.get(d.name, (0.0, 0.0)) for d in (a.dtype, b.dtype))
    report = difference_report(a, b, rtol, atol, equal_nan)
    if report is not None:
        raise AssertionError(what + report)


def _parts(actual: object, expected: object, what: str) -> list[tuple[object, object, object]]:
    """Return (key, actual, expected) for each item of a dict, list or tuple; nothing for a single value.

    Raises:
        AssertionError: if the two have different keys or lengths.
    """
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or set(actual) != set(expected):
            raise AssertionError(f"{what}keys {sorted(_items(actual))}, expected {sorted(expected)}")
        return [(key, actual[key], expected[key]) for key in expected]
    if isinstance(expected, list | tuple):
        values = _items(actual)
        if len(values) != len(expected):
            raise AssertionError(f"{what}{len(values)} values, expected {len(expected)}")
        return [(i, *pair) for i, pair in enumerate(zip(values, expected, strict=True))]
    return []


def _items(several: object) -> list[Any]:
    """Return the items of an iterable; a single value counts as one."""
    return list(several) if isinstance(several, Iterable) else [several]


def difference_report(
    actual: Array,
    expected: Array,
    rtol: float,
    atol: float,
    equal_nan: bool = False,
    inputs: Sequence[Array] | None = None,
    name: str | None = None,
    further: Array | None = None,
) -> str | None:
    """Return which elements of two arrays differ by more than allowed, the first and the worst; ``None`` if none do.

    Args:
        inputs: arrays of the same shape; the report gives their elements at the same indices.
        name: of the array, for names of elements such as ``w[0, 1]`` in place of ``index (0, 1)``.
        further: what each element may differ by, beyond the tolerances.
    """
    if actual.shape != expected.shape:
        return f"shape {list(actual.shape)}, expected {list(expected.shape)}"
    with np.errstate(over="ignore", invalid="ignore"):
        limit = atol if further is None else atol + further
        close = np.isclose(actual, expected, rtol=rtol, atol=limit, equal_nan=equal_nan)
    if close.all():
        return None
    a, b = actual.astype(np.float64), expected.astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        difference = np.abs(a - b)
        relative = difference / np.abs(b)
    first = np.unravel_index(int(np.argmax(~close)), close.shape)
    off = np.where(close, -1.0, np.where(np.isnan(difference), np.inf, difference))
    worst = np.unravel_index(int(np.argmax(off)), close.shape)
    lines = [f"not close: {int((~close).sum())} of {close.size} elements differ"]
    for label, at in (("first", first), ("most", worst)):
        if label == "most" and at == first:
            continue
        where = f"index {tuple(map(int, at))}" if name is None else element(name, at)
        lines.append(
            f"  {label} at {where}: {actual[at]}, expected {expected[at]} "
            f"(difference {difference[at]:.3e}, relative {relative[at]:.3e})"
            + (f" from {', '.join(str(x[at]) for x in inputs if x.shape == actual.shape)}" if inputs else "")
        )
    beyond = "" if further is None else f" + {further[worst]:.3g} for the rounding of what is added up"
    return "\n".join([*lines, f"  allowed: {rtol:.3g} relative + {atol:.3g} absolute{beyond}"])
