"""Resampling pictures to another size.

Output pixel i of n' looks at position p(i) of the n input pixels, with n / n' (or 1 / scale_factor) input pixels
to one of output:

        nearest                    p(i) = ⌊i · n / n'⌋
        bilinear                   p(i) = (i + ½) · n / n' − ½        pixels are areas; p is kept ≥ 0
        bilinear, align_corners    p(i) = i · (n − 1) / (n' − 1)      pixels are points; corners meet

Bilinear resampling mixes the two pixels beside p(i). It is linear along each dimension, so it is a product with
one matrix from the left and one from the right, and its derivative needs no formula of its own.
Source: torch documentation, "interpolate".
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from minigrad.device import device_of, to_device
from minigrad.function import wrap
from minigrad.ops.promotion import as_tensor_operand

#: The modes, and for how many spatial dimensions they are.
_MODES = {"nearest": (1, 2, 3), "linear": (1,), "bilinear": (2,), "trilinear": (3,)}


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """(N, C, L), (N, C, H, W) or (N, C, D, H, W) resampled to ``size``, or by ``scale_factor``.

    Args:
        size: of the output: an int, or one for each dimension.
        scale_factor: output pixels for one of input: a number, or one for each dimension. The output's size is
            rounded down; the positions follow the factor given, unless ``recompute_scale_factor`` says to derive
            it from the sizes.
        mode: ``nearest``, or ``linear``, ``bilinear``, ``trilinear`` for one, two, three dimensions.
        align_corners: for the linear modes; see the formulas above.

    Raises:
        ValueError: if not just one of ``size`` and ``scale_factor`` is given, or an option does not fit the mode.
        NotImplementedError: for other modes, and for ``antialias``.
    """
    x = as_tensor_operand("interpolate", input)
    spatial = x.array.shape[2:]
    if antialias:
        raise NotImplementedError("interpolate: antialias=True is not supported")
    if mode not in _MODES or len(spatial) not in _MODES[mode]:
        raise NotImplementedError(
            f"interpolate: mode {mode!r} of a {x.array.ndim}-D input is not supported; there are nearest (3-D, 4-D and "
            "5-D input), linear (3-D), bilinear (4-D) and trilinear (5-D)"
        )
    if mode == "nearest" and align_corners is not None:
        raise ValueError(
            "align_corners option can only be set with the interpolating modes: linear | bilinear | trilinear"
        )
    sizes, factors = _sizes(spatial, size, scale_factor, recompute_scale_factor)
    if min(sizes) < 1 or 0 in x.array.shape[1:]:
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input {list(spatial)} and output {sizes}"
        )
    for d, (n, m, factor) in enumerate(zip(spatial, sizes, factors, strict=True), start=2):
        ratio = n / m if factor is None else 1 / factor
        if mode == "nearest":
            positions = np.minimum((np.arange(m) * ratio).astype(np.int64), n - 1)
            x = x[(*(slice(None),) * d, positions)]
        else:
            matrix = _mixing(n, m, ratio, bool(align_corners), x.array)
            x = (x.transpose(d, -1) @ matrix.t()).transpose(d, -1)
    return x


def _sizes(spatial: Any, size: Any, scale_factor: Any, recompute: bool | None) -> tuple[list[int], list[Any]]:
    """The output's sizes, and the factors that the positions follow (``None``: those of the sizes)."""

    def for_each(value: Any, name: str) -> list[Any]:
        values = list(value) if isinstance(value, tuple | list) else [value] * len(spatial)
        if len(values) != len(spatial):
            raise ValueError(
                f"Input and {name} must have the same number of spatial dimensions, but got input with spatial "
                f"dimensions of {list(spatial)} and {name} of {value}"
            )
        return values

    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        if recompute:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        return [int(n) for n in for_each(size, "output size")], [None] * len(spatial)
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    factors = [float(f) for f in for_each(scale_factor, "scale_factor")]
    sizes = [math.floor(n * f) for n, f in zip(spatial, factors, strict=True)]
    return sizes, [None] * len(spatial) if recompute else factors


def _mixing(n: int, m: int, ratio: float, align_corners: bool, like: Any) -> Any:
    """The (m, n) matrix whose row i mixes the two input pixels beside p(i)."""
    if align_corners:
        positions = np.arange(m) * ((n - 1) / (m - 1) if m > 1 else 0.0)
    else:
        positions = np.maximum((np.arange(m) + 0.5) * ratio - 0.5, 0.0)
    left = np.minimum(positions.astype(np.int64), n - 1)
    right = np.minimum(left + 1, n - 1)
    share = positions - left
    matrix = np.zeros((m, n))
    np.add.at(matrix, (np.arange(m), left), 1 - share)
    np.add.at(matrix, (np.arange(m), right), share)
    return wrap(to_device(matrix.astype(like.dtype), device_of(like)))
