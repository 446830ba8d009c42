"""Batch norm over all shards: the mean and the variance are those of the whole batch, wherever its images are."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeVar, cast

import numpy as np

from minigrad import kernels
from minigrad.devices import device_of, to_device, to_host
from minigrad.distributed.group import Group
from minigrad.distributed.joining import default_group, is_initialized
from minigrad.distributed.tree import TreeSum
from minigrad.distributed.turns import is_first_in_turn, meet
from minigrad.engine.function import Function
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.normalizations import BatchNorm1d, BatchNorm2d, BatchNorm3d, BatchNormReLU2d
from minigrad.tensor import Tensor
from minigrad.typing import Array

T = TypeVar("T")


class Moments(NamedTuple):
    """The number of values of each channel, their mean, and the sum of their squared distances from it."""

    number: int
    mean: Array
    squares: Array

    @staticmethod
    def of(x: Array) -> Moments:
        """Return the moments of every channel of an array N x C x …, in float64 on the host."""
        axes = (0, *range(2, x.ndim))
        mean = np.mean(x, axes, dtype=np.float64, keepdims=True)
        squares = np.sum(np.square(x - mean), axes)
        return Moments(x.size // x.shape[1], to_host(mean.reshape(-1)), to_host(squares))

    def joined(self, other: Moments) -> Moments:
        """Return the moments of both sets of values together (Chan, Golub & LeVeque 1979)."""
        number = self.number + other.number
        distance = other.mean - self.mean
        mean = self.mean + distance * (other.number / number)
        squares = self.squares + other.squares + distance**2 * (self.number * other.number / number)
        return Moments(number, mean, squares)


class _SyncBatchNorm(Function):
    """y = x̂ · w + b with x̂ = (x − μ) / σ, where μ and σ² are of the values of all shards

    As in BatchNorm, ∂L/∂x = (ĝ − mean ĝ − x̂ · mean(ĝ · x̂)) / σ with ĝ = ∂L/∂y · w, and the means are over all shards.
    ∂L/∂w = Σ ∂L/∂y · x̂ and ∂L/∂b = Σ ∂L/∂y are of this shard: the tree adds them up like all gradients of weights.
    """

    def forward(
        self, x: Array, weight: Array | None, bias: Array | None, *, eps: float, relu: bool
    ) -> tuple[Array, Array, Array]:
        moments = _over_all_shards(Moments.of(x), Moments.joined)
        self.count, self.relu = moments.number, relu
        mean, var = (
            to_device(values.astype(x.dtype), device_of(x))
            for values in (moments.mean, moments.squares / moments.number)
        )
        self.sigma = np.sqrt(var + x.dtype.type(eps))
        y = kernels.of(x).normalize_channels(x, weight, bias, mean, var, eps, relu)
        self.save_for_backward(x, weight, mean, y if relu else None)
        unbiased = var * (self.count / max(self.count - 1, 1))
        self.mark_non_differentiable(mean, unbiased)
        return y, mean, unbiased

    def backward(self, grad: Tensor, *unused: None) -> tuple[Tensor | None, ...]:
        """Refuse: a gradient of the gradient would have to travel between the shards, too.

        Raises:
            NotImplementedError: always.
        """
        raise NotImplementedError("SyncBatchNorm has no gradients of gradients: use BatchNorm for create_graph=True")

    def fused_backward(self, grad: Array, *unused: None) -> tuple[Array | None, ...]:
        x, weight, mean, y = self.saved_arrays
        by_channel = (1, -1, *(1,) * (x.ndim - 2))
        axes = (0, *range(2, x.ndim))
        if self.relu:
            grad = grad * (y > 0)
        x_hat = (x - mean.reshape(by_channel)) / self.sigma.reshape(by_channel)
        own = np.sum(grad, axes, dtype=np.float64), np.sum(grad * x_hat, axes, dtype=np.float64)
        sums: Array = np.stack([to_host(each) for each in own])
        total = _over_all_shards(sums, np.add) / self.count
        mean_grad, mean_product = (to_device(each.astype(x.dtype), device_of(x)).reshape(by_channel) for each in total)
        factor = 1 / self.sigma if weight is None else weight / self.sigma
        dx = (grad - mean_grad - x_hat * mean_product) * factor.reshape(by_channel)
        db, dw = (each.astype(x.dtype) for each in own)
        return dx, dw if self.needs_input_grad[1] else None, db if self.needs_input_grad[2] else None


def _over_all_shards(own: T, join: Callable[[T, T], T]) -> T:
    """Return the values of all shards, on this rank and on others, joined in the order of the tree."""
    group = default_group() if is_initialized() else Group()
    tree: TreeSum[T] = TreeSum(join)
    for value in meet(own, lambda brought: [each for found in group.gather(brought) for each in found]):
        tree.add(cast(T, value))
    return tree.result()


class SyncBatchNorm(BatchNorm2d):
    """Batch normalisation of (N, C, …) over the images of all ranks (``torch.nn.SyncBatchNorm``).

    All ranks must run the same layers in the same order. In evaluation it is a batch norm.

    Args:
        num_features: C, the number of channels.
        eps: added to the variance.
        momentum: the share of a batch in the running statistics; None averages over all batches.
        affine: learn a factor and an offset for each channel.
        track_running_stats: keep statistics for evaluation.

    Shape:
        input and output (N, C, …); weight, bias (C).

    >>> import minigrad
    >>> SyncBatchNorm(3)(minigrad.randn(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    dimensions = (2, 3, 4, 5)  # type: ignore[assignment]  # any of them, where BatchNorm2d has one
    relu = False

    def forward(self, input: Tensor) -> Tensor:
        self._check_dimensions(input)
        if not self.training and self.running_mean is not None:
            function = F.batch_norm_relu if self.relu else F.batch_norm
            y: Tensor = function(
                input, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, self.eps
            )
            return y
        y, mean, unbiased = _SyncBatchNorm.apply(input, self.weight, self.bias, eps=self.eps, relu=self.relu)
        if self.training and self.running_mean is not None and is_first_in_turn():  # once in a step, not for each shard
            self._track(mean, unbiased)
        result: Tensor = y
        return result

    def _track(self, mean: Tensor, unbiased: Tensor) -> None:
        """Move the running statistics towards the mean and the unbiased variance of the batch."""
        share = self._count_batch()
        for running, batch in ((self.running_mean, mean), (self.running_var, unbiased)):
            running.array[...] = running.array * (1 - share) + batch.array * share
            running._written_in_place()

    @staticmethod
    def convert_sync_batchnorm(module: Module, process_group: None = None) -> Module:
        """Return the module with every batch norm in it replaced by a SyncBatchNorm with the same parameters."""
        if isinstance(module, BatchNorm1d | BatchNorm2d | BatchNorm3d) and not isinstance(module, SyncBatchNorm):
            return _synchronized(module)
        for name, child in module.named_children():
            setattr(module, name, SyncBatchNorm.convert_sync_batchnorm(child))
        return module


def _synchronized(norm: BatchNorm1d | BatchNorm2d | BatchNorm3d) -> SyncBatchNorm:
    new = SyncBatchNorm(norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats)
    new.relu = isinstance(norm, BatchNormReLU2d)
    for name, parameter in norm._parameters.items():
        new.register_parameter(name, parameter)
    for name, buffer in norm._buffers.items():
        new.register_buffer(name, buffer)
    new.training = norm.training
    return new
