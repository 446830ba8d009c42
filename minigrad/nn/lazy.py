"""Lazy modules: the number of input features or channels is taken from the first input.

Their parameters exist from the beginning, so an optimizer may hold them, but have no shape before the first call or
``load_state_dict``. Then the module becomes one of the ordinary class.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import DTypeLike

from minigrad.devices import DeviceLike
from minigrad.nn.convolutions import Conv1d, Conv2d, ConvTranspose2d, IntOrTuple
from minigrad.nn.layers import Linear
from minigrad.nn.module import Module
from minigrad.nn.normalizations import BatchNorm1d, BatchNorm2d
from minigrad.nn.uninitialized import UninitializedBuffer, UninitializedParameter, UninitializedTensor, is_lazy
from minigrad.tensor import Tensor


class LazyModuleMixin(Module):
    """Base beside a module's class: call ``initialize_parameters`` with the first input, then become that class."""

    cls_to_become: type[Module] | None = None

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self._initialize_hook = self.register_forward_pre_hook(_initialize, with_kwargs=True)

    def initialize_parameters(self, *args: Any, **kwargs: Any) -> None:  # the arguments of forward
        """Give every parameter its shape. A subclass defines it."""
        raise NotImplementedError(f"initialize_parameters is not implemented for {type(self).__name__}")

    def has_uninitialized_params(self) -> bool:
        """Return true if a parameter or a buffer has no shape yet."""
        return any(map(is_lazy, (*self._parameters.values(), *self._buffers.values())))


def _initialize(module: LazyModuleMixin, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
    """Give a lazy module its parameters and its final class; a hook before its first ``forward``."""
    module.initialize_parameters(*args, **kwargs)
    if module.has_uninitialized_params():
        raise RuntimeError(f"module {type(module).__name__} has not been fully initialized")
    module._initialize_hook.remove()
    del module._initialize_hook
    if module.cls_to_become is not None:
        module.__class__ = module.cls_to_become  # type: ignore[assignment]  # of the class beside the mixin


class _LazyLayer(LazyModuleMixin):
    """A layer whose constructor takes the size that is not known, named ``size_name``, first."""

    size_name = "in_channels"
    parameters_without_shape: tuple[str, ...] = ("weight",)

    def _begin(self, device: DeviceLike | None, dtype: DTypeLike | None) -> None:
        """Take the shapes away from the parameters and buffers that depend on the size."""
        for registry, kind in ((self._parameters, UninitializedParameter), (self._buffers, UninitializedBuffer)):
            for name in self.parameters_without_shape:
                if registry.get(name) is not None:
                    registry[name] = kind(device=device, dtype=dtype)  # type: ignore[assignment]  # its kind

    def reset_parameters(self) -> None:
        """Draw the parameters, if they have a shape."""
        if not self.has_uninitialized_params() and getattr(self, self.size_name):
            super().reset_parameters()  # type: ignore[misc]  # of the layer's class

    def initialize_parameters(self, input: Tensor) -> None:
        """Take the size from an input, and the parameters from a layer of that size."""
        size = self._size_of(input)
        if self.has_uninitialized_params():
            setattr(self, self.size_name, size)
            fresh = self._fresh(size)
            for name, tensor in (*self._parameters.items(), *self._buffers.items()):
                if isinstance(tensor, UninitializedTensor):
                    tensor.become(getattr(fresh, name))
        elif not getattr(self, self.size_name):  # its parameters were loaded
            setattr(self, self.size_name, size)

    def _size_of(self, input: Tensor) -> int:
        return input.shape[1]

    def _fresh(self, size: int) -> Module:
        like = next(t for t in (*self._parameters.values(), *self._buffers.values()) if isinstance(t, Tensor))
        make: Callable[..., Module] = self.cls_to_become  # type: ignore[assignment]  # every lazy layer has one
        return make(size, **self._options(), device=like.device, dtype=like.dtype)

    def _options(self) -> dict[str, object]:
        """Return the options of the class that it becomes."""
        raise NotImplementedError


class LazyLinear(_LazyLayer, Linear):
    """A :class:`Linear` that takes ``in_features`` from the first input.

    Args:
        out_features: the size of the output's last dimension.
        bias: add b.

    Shape:
        as of :class:`Linear`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.LazyLinear(3)
    >>> layer(minigrad.ones(2, 5)).shape
    (2, 3)
    >>> layer
    Linear(in_features=5, out_features=3, bias=True)
    """

    cls_to_become = Linear
    size_name = "in_features"
    parameters_without_shape = ("weight", "bias")

    def __init__(
        self, out_features: int, bias: bool = True, device: DeviceLike | None = None, dtype: DTypeLike | None = None
    ) -> None:
        super().__init__(0, out_features, bias, device, dtype)
        self._begin(device, dtype)

    def _size_of(self, input: Tensor) -> int:
        return input.shape[-1]

    def _options(self) -> dict[str, object]:
        return {"out_features": self.out_features, "bias": self.bias is not None}


class _LazyConvolution(_LazyLayer):
    """Base of the lazy convolutions: the constructor of a convolution without its first argument."""

    parameters_without_shape = ("weight", "bias")

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple | str = 0,
        dilation: IntOrTuple = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        options = (kernel_size, stride, padding, dilation, groups, bias, padding_mode, device, dtype)
        super().__init__(0, out_channels, *options)
        self._begin(device, dtype)

    dimensions: int  # of the convolution

    def _size_of(self, input: Tensor) -> int:
        if input.ndim not in (self.dimensions + 1, self.dimensions + 2):
            raise RuntimeError(
                f"Expected {self.dimensions + 1}D (unbatched) or {self.dimensions + 2}D (batched) input to "
                f"{type(self).__name__}, but got input of size: {list(input.shape)}"
            )
        return input.shape[-1 - self.dimensions]

    def _options(self) -> dict[str, object]:
        names = ["out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "padding_mode"]
        names += ["output_padding"] if hasattr(self, "output_padding") else []
        return {**{name: getattr(self, name) for name in names}, "bias": self.bias is not None}


class LazyConv1d(_LazyConvolution, Conv1d):
    """A :class:`Conv1d` that takes ``in_channels`` from the first input.

    Args:
        out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode: as those of
            :class:`Conv1d`.

    Shape:
        as of :class:`Conv1d`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConv1d(3, 2)(minigrad.ones(2, 5, 7)).shape
    (2, 3, 6)
    """

    cls_to_become = Conv1d


class LazyConv2d(_LazyConvolution, Conv2d):
    """A :class:`Conv2d` that takes ``in_channels`` from the first input.

    Args:
        out_channels, kernel_size, stride, padding, dilation, groups, bias, padding_mode: as those of
            :class:`Conv2d`.

    Shape:
        as of :class:`Conv2d`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConv2d(3, 2)(minigrad.ones(2, 5, 7, 7)).shape
    (2, 3, 6, 6)
    """

    cls_to_become = Conv2d


class LazyConvTranspose2d(_LazyConvolution, ConvTranspose2d):
    """A :class:`ConvTranspose2d` that takes ``in_channels`` from the first input.

    Args:
        out_channels, kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode: as those of
            :class:`ConvTranspose2d`.

    Shape:
        as of :class:`ConvTranspose2d`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyConvTranspose2d(3, 2)(minigrad.ones(2, 5, 7, 7)).shape
    (2, 3, 8, 8)
    """

    cls_to_become = ConvTranspose2d

    def __init__(
        self,
        out_channels: int,
        kernel_size: IntOrTuple,
        stride: IntOrTuple = 1,
        padding: IntOrTuple = 0,
        output_padding: IntOrTuple = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: IntOrTuple = 1,
        padding_mode: str = "zeros",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        options = (kernel_size, stride, padding, output_padding, groups, bias, dilation, padding_mode, device, dtype)
        LazyModuleMixin.__init__(self, 0, out_channels, *options)
        self._begin(device, dtype)


class _LazyNormalization(_LazyLayer):
    """Base of the lazy normalisations by channel."""

    size_name = "num_features"
    parameters_without_shape = ("weight", "bias", "running_mean", "running_var")

    def __init__(
        self,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(0, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)
        self._begin(device, dtype)

    def _options(self) -> dict[str, object]:
        names = ("eps", "momentum", "affine", "track_running_stats")
        return {**{name: getattr(self, name) for name in names}, "bias": self.bias is not None}

    def _reset_scale_and_shift(self) -> None:
        if self.num_features:
            super()._reset_scale_and_shift()  # type: ignore[misc]  # of the layer's class


class LazyBatchNorm1d(_LazyNormalization, BatchNorm1d):
    """A :class:`BatchNorm1d` that takes ``num_features`` from the first input.

    Args:
        eps, momentum, affine, track_running_stats, bias: as those of :class:`BatchNorm1d`.

    Shape:
        as of :class:`BatchNorm1d`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyBatchNorm1d()(minigrad.randn(2, 5)).shape
    (2, 5)
    """

    cls_to_become = BatchNorm1d


class LazyBatchNorm2d(_LazyNormalization, BatchNorm2d):
    """A :class:`BatchNorm2d` that takes ``num_features`` from the first input.

    Args:
        eps, momentum, affine, track_running_stats, bias: as those of :class:`BatchNorm2d`.

    Shape:
        as of :class:`BatchNorm2d`.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LazyBatchNorm2d()(minigrad.randn(2, 5, 3, 3)).shape
    (2, 5, 3, 3)
    """

    cls_to_become = BatchNorm2d
