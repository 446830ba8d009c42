"""Tensors as text, to the digit as torch prints them, and the options for it.

The elements of a tensor share one notation and one width, so that columns stand below each other. Floats are written
as integers with a point if all are whole numbers, in scientific notation if they differ by more than a factor of 1000
or are very large or small, and with ``precision`` digits after the point otherwise.

>>> import minigrad
>>> minigrad.tensor([[0.1, 22.0], [-0.333, 4.0]])
tensor([[ 0.1000, 22.0000],
        [-0.3330,  4.0000]])
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias, TypedDict, Unpack, cast

import numpy as np

from minigrad import dtypes
from minigrad.devices import device_of, to_host
from minigrad.engine.tensor_base import TensorBase
from minigrad.typing import Array

__all__ = ["set_printoptions"]


@dataclass(frozen=True)
class PrintOptions:
    """Options of printing; see :func:`set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


class Options(TypedDict, total=False):
    """The options as a dict, which :func:`set_printoptions` takes."""

    precision: int
    threshold: float
    edgeitems: int
    linewidth: int
    sci_mode: bool | None


Profile: TypeAlias = Literal["default", "short", "full"]

_PROFILES: dict[str, PrintOptions] = {
    "default": PrintOptions(),
    "short": PrintOptions(precision=2, edgeitems=2),
    "full": PrintOptions(threshold=math.inf),
}
_options = PrintOptions()


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: Profile | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed. What is None stays as it is, except ``sci_mode``.

    Args:
        precision: digits after the point of a float, 4 at first.
        threshold: print a summary, with ``...``, of a tensor with more elements than this, 1000 at first.
        edgeitems: elements that a summary shows at the beginning and the end of each dimension, 3 at first.
        linewidth: characters in a line, 80 at first. A longer line is broken.
        profile: ``"default"``, ``"short"`` (2 digits, 2 items) or ``"full"`` (no summaries); other options win over it.
        sci_mode: scientific notation always (True), never (False), or where it is shorter (None).

    Raises:
        ValueError: for another profile, or a negative number.

    >>> import minigrad
    >>> minigrad.set_printoptions(precision=2)
    >>> minigrad.tensor([1.12345])
    tensor([1.12])
    >>> minigrad.set_printoptions(profile="default")
    """
    global _options
    if profile is not None and profile not in _PROFILES:
        raise ValueError(f"profile must be one of {', '.join(map(repr, _PROFILES))}, got {profile!r}")
    given: dict[str, float | None] = {
        "precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth
    }  # fmt: skip
    changed = {name: value for name, value in given.items() if value is not None}
    for name, value in changed.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            raise ValueError(f"{name} must be a number of at least 0, got {value!r}")
    _options = replace(_options if profile is None else _PROFILES[profile], **changed, sci_mode=sci_mode)  # type: ignore[arg-type]  # checked above


def get_printoptions() -> Options:
    """Return the options as a dict that ``set_printoptions(**options)`` takes."""
    return cast(Options, asdict(_options))


@contextmanager
def printoptions(**options: Unpack[Options]) -> Iterator[None]:
    """Print with other options inside the ``with`` block; they are those of :func:`set_printoptions`."""
    global _options
    before = _options
    set_printoptions(**options)
    try:
        yield
    finally:
        _options = before


def tensor_text(tensor: TensorBase) -> str:
    """Return the ``repr`` of a tensor: its values, and in words what the values do not show."""
    tensor._catch_up()
    kind = type(tensor).__name__
    prefix = "tensor(" if kind in ("Tensor", "Parameter") else f"{kind}("
    text = prefix + array_text(to_host(tensor.array), len(prefix))
    return _with_suffixes(text, _suffixes(tensor), len(prefix))


def format_tensor(tensor: TensorBase, spec: str) -> str:
    """Return the number of a 0-d tensor in the format ``spec``; the ``repr`` of any other if that is empty.

    Raises:
        TypeError: if there is a format, and dimensions.
    """
    if not spec and (tensor.array.ndim or type(tensor).__name__ != "Tensor"):
        return repr(tensor)
    if tensor.array.ndim == 0:
        tensor._catch_up()
        return format(to_host(tensor.array).item(), spec)
    raise TypeError(
        f"unsupported format string passed to {type(tensor).__name__}.__format__: {spec!r} is for a single number, "
        f"and the tensor has shape {list(tensor.array.shape)}; format x.mean() or x[0], or set how tensors are printed "
        "with minigrad.set_printoptions(precision=...)"
    )


def array_text(array: Array, indent: int = 0) -> str:
    """Return the elements of an array in brackets; lines after the first are indented."""
    if array.size == 0:
        return "[]"
    summarize = array.size > _options.threshold
    return _nested(array, indent, summarize, notation(_shown(array) if summarize else array))


@dataclass(frozen=True)
class Notation:
    """One notation for all elements: a format, what follows a finite number, and the width of the widest one."""

    format: str = ""
    point: str = ""
    width: int = 1

    def write(self, value: float) -> str:
        """Return an element as text."""
        text = format(value, self.format) if self.format else str(value)
        return (text + (self.point if math.isfinite(value) else "")).rjust(self.width)


def notation(array: Array) -> Notation:
    """Return the notation of the elements of ``array``.

    >>> chosen = notation(np.array([0.5, -10.25]))
    >>> chosen.write(0.5), chosen.write(-10.25)
    ('  0.5000', '-10.2500')
    """
    if array.dtype.kind != "f":
        return Notation(width=max((len(str(value)) for value in array.reshape(-1).tolist()), default=1))
    values = array[np.isfinite(array) & (array != 0)]
    if values.size == 0:
        return Notation(".0f", ".")
    sizes = np.abs(values.astype(np.float64))
    smallest, largest = sizes.min().item(), sizes.max().item()
    scientific, digits = _options.sci_mode, _options.precision
    if scientific is None:
        scientific = largest / smallest > 1000 or largest > 1e8 or smallest < 1e-4
    whole = bool(np.all(values == np.ceil(values)))
    form, point = (f".{digits}e", "") if scientific else (".0f", ".") if whole else (f".{digits}f", "")
    return Notation(form, point, max(len(format(value, form)) for value in values.tolist()) + len(point))


def _shown(array: Array) -> Array:
    """Return the elements that a summary shows, as an array of the same number of dimensions."""
    edge = _options.edgeitems
    for axis, size in enumerate(array.shape):
        if size > 2 * edge:
            array = np.take(array, [*range(edge), *range(size - edge, size)], axis)
    return array


def _nested(array: Array, indent: int, summarize: bool, chosen: Notation) -> str:
    if array.ndim == 0:
        return chosen.write(array.item())
    edge = _options.edgeitems
    cut = summarize and len(array) > 2 * edge
    if array.ndim == 1:
        return _line(array, indent, cut, chosen)
    before, after = (array[:edge], array[len(array) - edge :]) if cut else (array, array[:0])
    rows = [_nested(row, indent + 1, summarize, chosen) for row in before]
    rows += ["..."] if cut else []
    rows += [_nested(row, indent + 1, summarize, chosen) for row in after]
    return "[" + ("," + "\n" * (array.ndim - 1) + " " * (indent + 1)).join(rows) + "]"


def _line(array: Array, indent: int, cut: bool, chosen: Notation) -> str:
    """Return a vector in brackets, broken where the line is full."""
    edge = _options.edgeitems
    if cut:
        before, after = array[:edge].tolist(), array[len(array) - edge :].tolist()
        texts = [*map(chosen.write, before), " ..." if edge else "...", *map(chosen.write, after)]
    else:
        texts = [chosen.write(value) for value in array.tolist()]
    in_a_line = max(1, int(_options.linewidth - indent) // (chosen.width + 2))
    lines = [", ".join(texts[i : i + in_a_line]) for i in range(0, len(texts), in_a_line)]
    return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"


def _suffixes(tensor: TensorBase) -> list[str]:
    """Return what is said beside the values: what differs from the usual device, dtype and lack of a gradient."""
    array, dtype = tensor.array, tensor.array.dtype
    default = dtypes.get_default_dtype()
    usual = (default,) if array.size == 0 else (default, dtypes.int64, dtypes.bool)
    where = device_of(array)
    hides_its_size = array.ndim != 1 if array.size == 0 else not _options.edgeitems
    said = {
        f"device='{where}'": where.type != "cpu",
        f"size={tuple(array.shape)}": hides_its_size,
        f"dtype=minigrad.{dtype.name}": dtype not in usual,
        f"grad_fn={tensor.grad_fn!r}": tensor.grad_fn is not None,
        "requires_grad=True": tensor.grad_fn is None and tensor.requires_grad,
    }
    return [text for text, is_said in said.items() if is_said]


def _with_suffixes(text: str, suffixes: list[str], indent: int) -> str:
    """Append the suffixes, each on a new line where it would not fit on the last one."""
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if column + len(suffix) + 2 > _options.linewidth:
            text += ",\n" + " " * indent + suffix
            column = indent + len(suffix)
        else:
            text += ", " + suffix
            column += len(suffix) + 2
    return text + ")"
