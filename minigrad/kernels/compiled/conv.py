"""The ways to convolve without columns, and the choice among them.

Each way takes and returns arrays N C H W, for one group of channels. Where none fits, ``way`` returns None.
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np

from minigrad.kernels import blas
from minigrad.kernels.compiled.layout import are_maps
from minigrad.kernels.compiled.load import load
from minigrad.kernels.geometry import Window
from minigrad.kernels.threads import get_num_threads
from minigrad.typing import Array, Shape

_FILLED_POSITIONS = 1_024  # of all images, up to which a batch may be filled up with zeros
_LARGE_PRODUCT = 2**24  # multiplications, from which on BLAS would start threads for long


class Way(Protocol):
    """A way to compute a convolution and its gradients."""

    def conv2d(self, x: Array, w: Array, window: Window) -> Array:
        """Return the output."""

    def input_gradient(self, g: Array, w: Array, input_shape: Shape, window: Window) -> Array:
        """Return ∂L/∂x."""

    def weight_gradient(self, x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
        """Return ∂L/∂w."""

    def both_gradients(self, x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
        """Return (∂L/∂x, ∂L/∂w)."""


def way(input_shape: Shape, window: Window, groups: int, *arrays: Array) -> Way | None:
    """Return the way to convolve images of this shape where ``arrays`` (x, w or g) are given, or None."""
    if groups != 1 or not are_maps(*arrays) or 0 in input_shape:
        return None
    dtype = arrays[0].dtype
    direct = load("conv_direct")
    if direct.suits(input_shape, dtype, window):
        return DIRECT
    if _sees_all(input_shape, window):
        return _WHOLE
    n, *_, height, width = input_shape
    count = -(-n // direct.step_of(dtype)) * direct.step_of(dtype)
    positions = max(height * width, math.prod(window.output_size(height, width)))
    if positions * count <= _FILLED_POSITIONS and direct.suits((count, *input_shape[1:]), dtype, window):
        return _FilledUp(count)
    return None


def _sees_all(input_shape: Shape, window: Window) -> bool:
    """Return whether the window has one position and sees the whole image there."""
    size = input_shape[2:]
    return window.kernel == size and window.output_size(*size) == (1, 1) and not any(map(any, window.padding))


class _Direct:
    """The kernels of conv_direct.py, in which the taps read the input where it lies."""

    def conv2d(self, x: Array, w: Array, window: Window) -> Array:
        return _old_from_order(load("conv_direct").conv2d(_old_in_order(x), w, window))

    def input_gradient(self, g: Array, w: Array, input_shape: Shape, window: Window) -> Array:
        n, *rest = input_shape
        return _old_from_order(load("conv_direct").input_gradient(_old_in_order(g), w, (*rest, n), window))

    def weight_gradient(self, x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
        dw: Array = load("conv_direct").weight_gradient(_old_in_order(x), _old_in_order(g), weight_shape, window)
        return dw

    def both_gradients(self, x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
        dx, dw = load("conv_direct").both_gradients(_old_in_order(x), w, _old_in_order(g), window)
        return _old_from_order(dx), dw


class _Whole:
    """Windows that see the whole image at their only position: the layer is a fully connected one."""

    def conv2d(self, x: Array, w: Array, window: Window) -> Array:
        with blas_for(w.size * len(x)):
            return _old_from_order((w.reshape(len(w), -1) @ _columns(x)).reshape(len(w), 1, 1, len(x)))

    def input_gradient(self, g: Array, w: Array, input_shape: Shape, window: Window) -> Array:
        n, *rest = input_shape
        with blas_for(w.size * len(g)):
            return _old_from_order((w.reshape(len(w), -1).T @ _old_rows_of(g)).reshape(*rest, n))

    def weight_gradient(self, x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
        with blas_for(math.prod(weight_shape) * len(x)):
            return (_old_rows_of(g) @ _columns(x).T).reshape(weight_shape)

    def both_gradients(self, x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
        return self.input_gradient(g, w, x.shape, window), self.weight_gradient(x, g, w.shape, window)


# --- The former memory order, C H W N, until the convolution is channels last ---


def _old_in_order(x: Array) -> Array:
    return np.require(x.transpose(1, 2, 3, 0), requirements=["C", "W"])


def _old_from_order(y: Array) -> Array:
    return y.transpose(3, 0, 1, 2)


def _old_rows_of(x: Array) -> Array:
    return _old_in_order(x).reshape(x.shape[1], -1)


def _columns(x: Array) -> Array:
    """Return ``x`` (N, C, H, W) as a matrix with one column an image."""
    return _old_in_order(x).reshape(-1, len(x))


class _FilledUp:
    """The kernels of conv_direct.py for a small batch, filled up with images of zeros.

    Where maps are so small that there are fewer positions than a vector has elements, to read the weights takes
    most of the time, and the zeros cost little.
    """

    def __init__(self, count: int) -> None:
        self._count = count  # of images

    def conv2d(self, x: Array, w: Array, window: Window) -> Array:
        y: Array = load("conv_direct").conv2d(self._filled(x), w, window)
        return _old_from_order(y[..., : len(x)].copy())

    def input_gradient(self, g: Array, w: Array, input_shape: Shape, window: Window) -> Array:
        shape = *input_shape[1:], self._count
        dx: Array = load("conv_direct").input_gradient(self._filled(g), w, shape, window)
        return _old_from_order(dx[..., : len(g)].copy())

    def weight_gradient(self, x: Array, g: Array, weight_shape: Shape, window: Window) -> Array:
        dw: Array = load("conv_direct").weight_gradient(self._filled(x), self._filled(g), weight_shape, window)
        return dw

    def both_gradients(self, x: Array, w: Array, g: Array, window: Window) -> tuple[Array, Array]:
        dx, dw = load("conv_direct").both_gradients(self._filled(x), w, self._filled(g), window)
        return _old_from_order(dx[..., : len(x)].copy()), dw

    def _filled(self, x: Array) -> Array:
        """Return x (N, C, H, W) as (C, H, W, count), with images of zeros after its own."""
        filled = np.zeros((*x.shape[1:], self._count), x.dtype)
        filled[..., : len(x)] = x.transpose(1, 2, 3, 0)
        return filled


DIRECT, _WHOLE = _Direct(), _Whole()


# --- BLAS ---


def is_large(multiplications: int) -> bool:
    """Return whether BLAS would start threads for a product of this many multiplications."""
    return multiplications >= _LARGE_PRODUCT


def blas_for(multiplications: int) -> AbstractContextManager[None]:
    """Return a context with BLAS in one thread for a small product: its second thread may find our helpers on its core.

    (BLAS's threads go on spinning afterwards, on the cores that the next kernel needs.)
    """
    if blas.CAN_LIMIT and get_num_threads() > 1 and not is_large(multiplications):
        return blas.single_threaded_blas
    return nullcontext()
