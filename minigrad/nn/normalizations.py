"""Normalisation as layers."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import DTypeLike

from minigrad import creation, dtypes
from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter, new_parameter
from minigrad.nn.signatures import name_init_after
from minigrad.tensor import Tensor
from minigrad.typing import IntOrInts, Shape


class _Affine(Module):
    """A layer with a factor ``weight`` and an offset ``bias``, either of which may be None."""

    def _add_scale_and_shift(
        self, shape: Shape, scale: bool, shift: bool, device: DeviceLike | None, dtype: DTypeLike | None
    ) -> None:
        for name, wanted in (("weight", scale), ("bias", shift)):
            self.register_parameter(name, new_parameter(*shape, device=device, dtype=dtype) if wanted else None)
        self._reset_scale_and_shift()

    def _reset_scale_and_shift(self) -> None:
        for parameter, fill in ((self.weight, init.ones_), (self.bias, init.zeros_)):
            if parameter is not None:
                fill(parameter)

    def reset_parameters(self) -> None:
        """Set the factor to 1 and the offset to 0."""
        self._reset_scale_and_shift()


class _NormByChannel(_Affine):
    """Normalisation by channel; the running statistics are buffers."""

    dimensions: tuple[int, ...] = ()

    def __init_subclass__(cls) -> None:
        name_init_after(cls)

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        self._add_scale_and_shift((num_features,), affine, affine and bias, device, dtype)
        track = track_running_stats
        self.register_buffer(
            "running_mean", creation.zeros(num_features, device=device, dtype=dtype) if track else None
        )
        self.register_buffer("running_var", creation.ones(num_features, device=device, dtype=dtype) if track else None)
        self.register_buffer(
            "num_batches_tracked", creation.zeros(dtype=dtypes.int64, device=device) if track else None
        )

    def reset_running_stats(self) -> None:
        """Set the running mean to 0, the variance to 1, and the count of batches to 0."""
        for buffer, value in ((self.running_mean, 0), (self.running_var, 1), (self.num_batches_tracked, 0)):
            if buffer is not None:
                init.constant_(buffer, value)

    def reset_parameters(self) -> None:
        """Set the factor to 1, the offset to 0, and the running statistics to their first values."""
        self.reset_running_stats()
        self._reset_scale_and_shift()

    def _check_dimensions(self, input: Tensor) -> None:
        if input.ndim not in self.dimensions:
            wanted = " or ".join(f"{n}D" for n in self.dimensions)
            raise ValueError(f"expected {wanted} input (got {input.ndim}D input)")

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_NormByChannel):
    """Batch normalisation: each channel over the whole batch."""

    function = staticmethod(F.batch_norm)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        momentum = self.momentum
        if self.training and self.track_running_stats and self.num_batches_tracked is not None:
            momentum = self._count_batch()
        mean, var = self.running_mean, self.running_var
        by_batch = self.training or (mean is None and var is None)
        if self.training and not self.track_running_stats:
            mean = var = None
        return self.function(input, mean, var, self.weight, self.bias, by_batch, momentum or 0.0, self.eps)

    def _count_batch(self) -> float:
        """Count a batch, and return its share in the running statistics."""
        self.num_batches_tracked.array += 1  # a counter, not an operation of the model
        if self.momentum is None:  # a cumulative average: every batch counts the same
            return 1.0 / float(self.num_batches_tracked)
        return self.momentum


class BatchNorm1d(_BatchNorm):
    """Batch normalisation of (N, C) or (N, C, L).

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C) or (N, C, L); weight, bias (C).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm1d(3)(minigrad.randn(2, 3)).shape
    (2, 3)
    """

    dimensions = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of (N, C, H, W).

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, H, W); weight, bias (C).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm2d(3)(minigrad.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    dimensions = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of (N, C, D, H, W).

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, D, H, W); weight, bias (C).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNorm3d(3)(minigrad.randn(2, 3, 2, 4, 4)).shape
    (2, 3, 2, 4, 4)
    """

    dimensions = (5,)


class BatchNormReLU2d(BatchNorm2d):
    """Batch normalisation of (N, C, H, W), and the ReLU of that, in one pass over memory.

    The parameters and buffers are those of :class:`BatchNorm2d`. torch has no such module.

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, H, W); weight, bias (C).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BatchNormReLU2d(3)(minigrad.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    function = staticmethod(F.batch_norm_relu)


class LayerNorm(_Affine):
    """Normalisation over the last dimensions; see ``functional.layer_norm``.

    Args:
        normalized_shape: the sizes of the last dimensions, which are normalised together.
        eps: added to the variance.
        elementwise_affine: learn a factor and an offset for each element.
        bias: learn the offset too.

    Shape:
        input and output (…, *normalized_shape).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LayerNorm(4)(minigrad.randn(2, 3, 4)).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        normalized_shape: IntOrInts,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        given = normalized_shape
        self.normalized_shape = tuple(given) if isinstance(given, Sequence) else (given,)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self._add_scale_and_shift(self.normalized_shape, elementwise_affine, elementwise_affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        learned = f"elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        return f"{self.normalized_shape}, eps={self.eps}, {learned}"


class RMSNorm(Module):
    """Division by the root of the mean square over the last dimensions; see ``functional.rms_norm``.

    Args:
        normalized_shape: the sizes of the last dimensions, which are normalised together.
        eps: added to the mean square; by default the distance from 1 to the next number.
        elementwise_affine: learn a factor for each element.

    Shape:
        input and output (…, *normalized_shape).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.RMSNorm(4)(minigrad.randn(2, 3, 4)).shape
    (2, 3, 4)
    """

    weight: Parameter  # None with elementwise_affine=False

    def __init__(
        self,
        normalized_shape: IntOrInts,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        given = normalized_shape
        self.normalized_shape = tuple(given) if isinstance(given, Sequence) else (given,)
        self.eps, self.elementwise_affine = eps, elementwise_affine
        weight = new_parameter(*self.normalized_shape, device=device, dtype=dtype) if elementwise_affine else None
        self.register_parameter("weight", weight)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the factor to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"


class GroupNorm(_Affine):
    """Normalisation of groups of channels; see ``functional.group_norm``.

    Args:
        num_groups: the number of groups.
        num_channels: C, which num_groups divides.
        eps: added to the variance.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.

    Shape:
        input and output (N, C, …).

    Raises:
        ValueError: if ``num_groups`` does not divide ``num_channels``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GroupNorm(2, 6)(minigrad.randn(2, 6, 4, 4)).shape
    (2, 6, 4, 4)
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__()
        if num_channels % num_groups:
            raise ValueError(f"num_channels ({num_channels}) must be divisible by num_groups ({num_groups})")
        self.num_groups, self.num_channels, self.eps, self.affine = num_groups, num_channels, eps, affine
        self._add_scale_and_shift((num_channels,), affine, affine and bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine}"


class _InstanceNorm(_NormByChannel):
    """Instance normalisation: each channel of each image by itself."""

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        batched = input.ndim == max(self.dimensions)
        channel = 1 if batched else 0
        if self.affine and input.shape[channel] != self.num_features:
            raise ValueError(
                f"expected input's size at dim={channel} to match num_features ({self.num_features}), "
                f"but got: {input.shape[channel]}."
            )
        y = F.instance_norm(
            input if batched else input.unsqueeze(0),
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum or 0.0,
            self.eps,
        )
        return y if batched else y.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation of (N, C, L) or (C, L).

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, L) or (C, L).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.InstanceNorm1d(3)(minigrad.randn(2, 3, 5)).shape
    (2, 3, 5)
    """

    dimensions = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of (N, C, H, W) or (C, H, W).

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        bias: learn the offset too.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, H, W) or (C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.InstanceNorm2d(3)(minigrad.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    dimensions = (3, 4)


class LocalResponseNorm(Module):
    """Division by the squares of neighbouring channels; see ``functional.local_response_norm``.

    Args:
        size: the number of neighbouring channels.
        alpha, beta, k: y = x / (k + alpha · mean of squares) ** beta.

    Shape:
        input and output (N, C, …).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.LocalResponseNorm(3)(minigrad.ones(1, 4, 2, 2)).shape
    (1, 4, 2, 2)
    """

    def __init__(self, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, input: Tensor) -> Tensor:
        return F.local_response_norm(input, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
