"""Normalisations: by the statistics of a batch, of groups of channels, of each image, or by a norm."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from minigrad import kernels
from minigrad.engine.grad_mode import is_grad_enabled, no_grad
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.padding import pad
from minigrad.functions.pool import avg_pool2d
from minigrad.functions.reduce import Dim, norm
from minigrad.ops.casting import cast, rounded_once
from minigrad.ops.norm import BatchNorm, BatchNormEval, BatchNormEvalRelu, BatchNormRelu, widened
from minigrad.typing import Tensor

__all__ = [
    "batch_norm",
    "batch_norm_relu",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "normalize",
    "rms_norm",
]


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise every channel (dimension 1) of (N, C, …), in training by the batch's own statistics.

    In training the running statistics, where given, move towards the batch's:
    running ← (1 − momentum) · running + momentum · batch, with the *unbiased* variance, although the
    normalisation uses the biased one. Otherwise the running statistics normalise.

    Raises:
        ValueError: in training, if there is only one value per channel (its variance says nothing); if eps is not
            positive; if only one of the running statistics is given.
        RuntimeError: if a statistic or parameter does not have C elements, or none are given in evaluation.
    """
    operations = BatchNorm, BatchNormEval
    return _batch_norm(operations, input, running_mean, running_var, weight, bias, training, momentum, eps)


def batch_norm_relu(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return relu(batch_norm(…)), computed in one pass over memory. torch has no such function.

    Raises:
        ValueError, RuntimeError: as :func:`batch_norm`.
    """
    operations = BatchNormRelu, BatchNormEvalRelu
    return _batch_norm(operations, input, running_mean, running_var, weight, bias, training, momentum, eps)


def _batch_norm(
    operations: tuple[type[BatchNorm], type[BatchNormEval]],
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    training: bool,
    momentum: float,
    eps: float,
) -> Tensor:
    by_batch, by_running = operations
    x = as_tensor_operand("batch_norm", input)
    if x.array.ndim < 2 and x.array.size:
        raise RuntimeError(f"batch_norm: expected an input of at least 2 dimensions, got {list(x.array.shape)}")
    if x.array.ndim < 2:
        return x.clone()
    if eps < 0 or (training and eps == 0):
        raise ValueError(f"batch_norm eps must be positive{' during training' if training else ''}, but got {eps}")
    channels = x.array.shape[1]
    for name, value in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if value is not None and value.array.size != channels:
            raise RuntimeError(f"{name} should contain {channels} elements not {value.array.size}")
        if value is not None and x.array.dtype.kind == "f" != value.array.dtype.kind:
            raise RuntimeError(f"batch_norm: {name} must be floating beside a floating input, got {value.array.dtype}")
    if not training:
        if running_mean is None or running_var is None:
            raise RuntimeError("Expected running_mean and running_var to be defined when training=False")
        return by_running.apply(x, weight, bias, running_mean.detach(), running_var.detach(), eps=eps)
    if x.array.size == 0:  # no values to take statistics of, and none to normalise
        return _scaled_by_channel(x.clone(), weight, bias)
    if x.array.dtype.kind != "f":
        raise RuntimeError(f"batch_norm: statistics need a floating input, got {x.array.dtype}; use x.float()")
    _refuse_one_statistic(running_mean, running_var)
    count = x.array.size // channels
    if count == 1:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(x.array.shape)}")
    y, mean, var = by_batch.apply(x, weight, bias, eps=eps)
    if running_mean is not None:
        _move(running_mean, mean, 1 - momentum, momentum)
    if running_var is not None:
        _move(running_var, var, 1 - momentum, momentum * count / (count - 1))
    return y


def _refuse_one_statistic(mean: Tensor | None, var: Tensor | None) -> None:
    if (mean is None) != (var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")


def _move(running: Tensor, batch: Tensor, keep: float, share: float) -> None:
    """Set running ← keep · running + share · batch, in place and not recorded."""
    kernels.of(running.array).blend(running.array, batch.array, keep, share)
    running._written_in_place()


def layer_norm(
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return (x − mean) / √(var + ε) · weight + bias over the last dimensions (Ba et al. 2016).

    Raises:
        RuntimeError: if the last dimensions are not ``normalized_shape``.
    """
    x = as_tensor_operand("layer_norm", input)
    shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not shape or x.array.shape[x.array.ndim - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size{list(x.array.shape)}"
        )
    y = _standardized(widened(x), tuple(range(x.array.ndim - len(shape), x.array.ndim)), eps)
    y = y if weight is None else y * weight
    return cast(y if bias is None else y + bias, x.dtype)


def rms_norm(
    input: Tensor, normalized_shape: int | Sequence[int], weight: Tensor | None = None, eps: float | None = None
) -> Tensor:
    """Return x / √(mean of x² + ε) · weight over the last dimensions (Zhang & Sennrich 2019).

    Without ``eps`` it is the distance from 1 to the next number of the dtype.

    Raises:
        RuntimeError: if the last dimensions are not ``normalized_shape``.
    """
    x = as_tensor_operand("rms_norm", input)
    shape = tuple(normalized_shape) if isinstance(normalized_shape, tuple | list) else (normalized_shape,)
    if not shape or x.array.shape[x.array.ndim - len(shape) :] != shape:
        raise RuntimeError(
            f"Given normalized_shape={list(shape)}, expected input with shape [*, {', '.join(map(str, shape))}], "
            f"but got input of size{list(x.array.shape)}"
        )
    wide, dims = widened(x), tuple(range(x.array.ndim - len(shape), x.array.ndim))
    small = float(np.finfo(x.dtype).eps) if eps is None else eps
    y = wide / ((wide * wide).mean(dims, keepdim=True) + small).sqrt()
    return cast(y if weight is None else y * weight, x.dtype)


def group_norm(
    input: Tensor, num_groups: int, weight: Tensor | None = None, bias: Tensor | None = None, eps: float = 1e-5
) -> Tensor:
    """Normalise the channels of each image in ``num_groups`` groups, then scale by channel (Wu & He 2018).

    Raises:
        RuntimeError: if the channels do not divide into the groups.
        ValueError: if a group has one value only, in a batch of one.
    """
    x = as_tensor_operand("group_norm", input)
    if x.array.ndim < 2:
        raise RuntimeError(f"Expected at least 2 dimensions for input tensor but received {x.array.ndim}")
    n, channels = x.array.shape[:2]
    if num_groups < 1 or channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input of shape "
            f"{list(x.array.shape)} and num_groups={num_groups}"
        )
    if x.array.size == num_groups:
        raise ValueError(f"Expected more than 1 value per channel when training, got input size {list(x.array.shape)}")
    grouped = widened(x).reshape(n, num_groups, channels // num_groups, *x.array.shape[2:])  # N C … -> N G C/G …
    y = _standardized(grouped, tuple(range(2, x.array.ndim + 1)), eps).reshape(*x.array.shape)
    return cast(_scaled_by_channel(y, weight, bias), x.dtype)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each image by itself (Ulyanov et al. 2016).

    It is the batch normalisation of one image whose channels are those of the whole batch. Running statistics, where
    given, move towards the mean over the batch of the images' own, and normalise if ``use_input_stats`` is false.

    Raises:
        ValueError: if a channel has one value only, or only one of the running statistics is given.
        RuntimeError: if a statistic or parameter does not have C elements, or none are given when they are needed.
    """
    x = as_tensor_operand("instance_norm", input)
    if x.array.ndim < 3:
        raise RuntimeError(f"instance_norm: expected an input of at least 3 dimensions, got {list(x.array.shape)}")
    if not use_input_stats:
        return batch_norm(x, running_mean, running_var, weight, bias, False, momentum, eps)
    _refuse_one_statistic(running_mean, running_var)
    n, channels, *spatial = x.array.shape
    if x.array.size and x.array.size == n * channels:
        raise ValueError(f"Expected more than 1 spatial element when training, got input size {list(x.array.shape)}")
    if x.array.size == 0:
        return batch_norm(x, running_mean, running_var, weight, bias, True, momentum, eps)
    mean, var = (None if value is None else value.detach().repeat(n) for value in (running_mean, running_var))
    y = batch_norm(widened(x).reshape(1, n * channels, *spatial), mean, var, None, None, True, momentum, eps)
    with no_grad():
        for running, moved in ((running_mean, mean), (running_var, var)):
            if running is not None and moved is not None:
                running.copy_(moved.reshape(n, channels).mean(0))
    return cast(_scaled_by_channel(y.reshape(*x.array.shape), weight, bias), x.dtype)


@rounded_once
def local_response_norm(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Tensor:
    """Return x / (k + α · mean of x² over ``size`` neighbouring channels)^β (Krizhevsky et al. 2012).

    Raises:
        ValueError: if there are fewer than three dimensions.
    """
    x = as_tensor_operand("local_response_norm", input)
    if x.array.ndim < 3:
        raise ValueError(f"Expected 3D or higher dimensionality input (got {x.array.ndim} dimensions)")
    if x.array.size == 0:
        return x.clone()
    n, channels = x.array.shape[:2]
    rows = (x * x).reshape(n, 1, channels, x.array.size // (n * channels))  # channels as the height of an image
    padded = pad(rows, (0, 0, size // 2, (size - 1) // 2))
    mean = avg_pool2d(padded, (size, 1), stride=1).reshape(*x.array.shape)
    return x / (mean * alpha + k) ** beta


@rounded_once
def _normalized(x: Tensor, p: float, dim: Dim, eps: float) -> Tensor:
    return x / norm(x, p, dim, keepdim=True).clamp(min=eps)


def normalize(input: Tensor, p: float = 2.0, dim: Dim = 1, eps: float = 1e-12, out: Tensor | None = None) -> Tensor:
    """Return x / max(‖x‖ₚ, ε) along ``dim``.

    Args:
        out: a tensor of the same shape to write the result into, for which no graph is recorded.

    Raises:
        RuntimeError: if there is a tensor to write into, and a gradient is wanted.
    """
    x = as_tensor_operand("normalize", input)
    if out is None:
        return _normalized(x, p, dim, eps)
    if is_grad_enabled() and (x.requires_grad or out.requires_grad):
        raise RuntimeError(
            "normalize(): functions with out=... arguments don't support automatic differentiation, but one of the "
            "arguments requires grad."
        )
    return out.copy_(_normalized(x, p, dim, eps))


def _standardized(x: Tensor, dims: tuple[int, ...], eps: float) -> Tensor:
    """Return (x − mean) / √(var + ε) over some dimensions, with the biased variance."""
    centred = x - x.mean(dims, keepdim=True)
    return centred / ((centred * centred).mean(dims, keepdim=True) + eps).sqrt()


def _scaled_by_channel(y: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    per_channel = (1, -1, *(1,) * (y.ndim - 2))
    y = y if weight is None else y * weight.reshape(*per_channel)
    return y if bias is None else y + bias.reshape(*per_channel)
