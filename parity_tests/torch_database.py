"""torch's own database of samples and errors, put to minigrad.

PyTorch tests its operations against records (``OpInfo``): samples of calls, and calls that must raise. They ship
with torch under ``torch.testing._internal``. Here each is made with minigrad as well.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.nn import functional as F
from minigrad.testing import ParityReport, assert_parity

#: The operations of the database that minigrad has, by their names there.
NAMES = """
    floor_divide fmod remainder
    T __getitem__ __radd__ __rdiv__ __rmatmul__ __rmul__ __rpow__ __rsub__ abs add addmm all amax amin any arange
    argmax argmin argsort bmm bool broadcast_to byte cat ceil char chunk clamp clone contiguous cos cumsum
    div.floor_rounding div.no_rounding_mode div.trunc_rounding dot double einsum eq exp expand expand_as expm1 eye
    flatten flip float floor full full_like gather ge gt half index_put index_select int isfinite isnan item le
    linspace log log1p log_softmax log_softmax.with_dtype logical_and logical_not logical_or logsumexp long lt mT
    masked_fill matmul max.binary max.reduction_no_dim max.reduction_with_dim maximum mean min.binary
    min.reduction_no_dim min.reduction_with_dim minimum mm mul narrow ne neg nn.functional.adaptive_avg_pool2d
    nn.functional.adaptive_max_pool2d nn.functional.avg_pool2d nn.functional.batch_norm nn.functional.bilinear
    nn.functional.binary_cross_entropy nn.functional.binary_cross_entropy_with_logits nn.functional.conv1d
    nn.functional.conv2d nn.functional.conv_transpose2d nn.functional.cosine_embedding_loss
    nn.functional.cosine_similarity nn.functional.cross_entropy nn.functional.ctc_loss nn.functional.elu
    nn.functional.embedding nn.functional.gelu nn.functional.group_norm nn.functional.hardswish
    nn.functional.hinge_embedding_loss nn.functional.huber_loss nn.functional.instance_norm
    nn.functional.interpolate.bilinear nn.functional.interpolate.nearest nn.functional.kl_div nn.functional.l1_loss
    nn.functional.layer_norm nn.functional.leaky_relu nn.functional.linear nn.functional.local_response_norm
    nn.functional.margin_ranking_loss nn.functional.max_pool2d nn.functional.mse_loss nn.functional.nll_loss
    nn.functional.normalize nn.functional.one_hot nn.functional.pad.circular nn.functional.pad.constant
    nn.functional.pad.reflect nn.functional.pad.replicate nn.functional.pad.replicate_negative nn.functional.relu
    nn.functional.relu6 nn.functional.silu nn.functional.smooth_l1_loss nn.functional.softplus
    nn.functional.triplet_margin_loss nn.functional.unfold norm norm.fro norm.inf ones ones_like outer permute pow
    prod repeat reshape reshape_as roll round round.decimals_0 round.decimals_3 round.decimals_neg_3 rsqrt
    scatter_add short sigmoid sign sin softmax softmax.with_dtype sort split split.list_args sqrt squeeze
    squeeze.multiple stack std std.unbiased sub sum t take_along_dim tanh tensordot to topk transpose tril triu
    trunc unbind unsqueeze var var.unbiased var_mean var_mean.unbiased view view_as where zeros zeros_like
    isinf logical_xor nonzero reciprocal square
    nn.functional.avg_pool1d nn.functional.max_pool1d nn.functional.adaptive_avg_pool1d
    nn.functional.adaptive_max_pool1d nn.functional.conv_transpose1d nn.functional.pixel_shuffle
    nn.functional.pixel_unshuffle nn.functional.channel_shuffle nn.functional.prelu
    nn.functional.hardtanh nn.functional.hardshrink nn.functional.softshrink nn.functional.threshold
    nn.functional.mish nn.functional.selu nn.functional.celu nn.functional.logsigmoid nn.functional.softsign
    nn.functional.tanhshrink nn.functional.softmin nn.functional.softmin.with_dtype nn.functional.glu
    acos acosh addcdiv addcmul allclose asin asinh atan atan2 atanh cholesky cosh cummax cummin cumprod diag
    diag_embed diagonal diff equal erf index_add index_copy isclose kthvalue lerp linalg.cholesky linalg.det
    linalg.diagonal linalg.eigvalsh linalg.inv linalg.matrix_norm linalg.pinv linalg.pinv.hermitian linalg.qr
    linalg.slogdet linalg.solve linalg.svdvals linalg.vector_norm index_fill norm.nuc qr
    nn.functional.interpolate.bicubic
    log10 log2 logdet median meshgrid.variadic_tensors movedim mv nan_to_num new_full new_ones
    new_zeros nn.functional.interpolate.linear nn.functional.interpolate.nearest-exact nn.functional.rms_norm ravel
    repeat_interleave scatter scatter_reduce.amax scatter_reduce.amin scatter_reduce.mean scatter_reduce.prod
    scatter_reduce.sum select sinh std_mean std_mean.unbiased tan tile trace true_divide unflatten unfold unique
""".split()  # noqa: SIM905


_WRITTEN_OTHERWISE: dict[str, Callable[..., Any]] = {
    "__getitem__": lambda x, i: x[i],
    "__rdiv__": lambda x, y: y / x,
    "T": lambda x: x.T,
    "mT": lambda x: x.mT,
    "einsum": lambda operands, equation: minigrad.einsum(equation, *operands),
    "embedding": lambda weight, index, **options: F.embedding(index, weight, **options),
    "where": lambda x, condition, y: minigrad.where(condition, x, y),
}


def sample_quickly() -> None:
    """Let torch make its samples without its own test's bookkeeping, which takes three quarters of the time.

    It seeds the generators of all kinds of devices before each sample, for each of which that is absent it formats the
    whole stack, and searches the stack for a ``unittest.TestCase``. The samples are made on the CPU and stay the same.
    """
    from torch.testing._internal import common_utils

    def set_rng_seed(seed: int | None = None) -> None:
        seed = common_utils.SEED if seed is None else seed
        torch.default_generator.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)

    common_utils.set_rng_seed = set_rng_seed
    common_utils.extract_test_fn = lambda: None


@functools.cache
def database() -> dict[str, Any]:
    """torch's records by name (``name.variant``)."""
    from torch.testing._internal.common_methods_invocations import op_db

    sample_quickly()
    return {op.name + (f".{op.variant_test_name}" if op.variant_test_name else ""): op for op in op_db}


def ours(name: str) -> Callable[..., Any]:
    """minigrad's operation of a name in the database."""
    plain = name.removeprefix("nn.functional.").split(".")[0]
    if plain in _WRITTEN_OTHERWISE:
        return _WRITTEN_OTHERWISE[plain]
    if name.startswith("nn.functional."):
        return getattr(F, plain)
    if name.startswith("linalg."):
        return getattr(minigrad.linalg, name.split(".")[1])
    if plain in ("int", "long", "float", "double", "half", "short", "char", "byte", "bool"):
        return getattr(minigrad.Tensor, plain)
    return getattr(minigrad, plain, None) or getattr(minigrad.Tensor, plain)


def convert(value: Any) -> Any:
    """Return a torch argument that is no tensor, as minigrad takes it."""
    if isinstance(value, torch.dtype | torch.memory_format):
        return getattr(minigrad, str(value).removeprefix("torch."))
    if isinstance(value, torch.device):
        return str(value)
    return tuple(value) if isinstance(value, torch.Size) else value


def tensors_in(value: Any) -> list[torch.Tensor]:
    """Return the tensors in nested sequences and dicts, in order."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    return [t for item in value for t in tensors_in(item)] if isinstance(value, tuple | list) else []


def rebuilt(value: Any, tensors: Any, other: Callable[[Any], Any] = lambda value: value) -> Any:
    """``value`` with its tensors replaced by the next ones of an iterator, and ``other`` applied to the rest."""
    if isinstance(value, torch.Tensor):
        return next(tensors)
    if isinstance(value, dict):
        return {key: rebuilt(item, tensors, other) for key, item in value.items()}
    if isinstance(value, tuple | list) and not isinstance(value, torch.Size):
        return type(value)(rebuilt(item, tensors, other) for item in value)
    return other(value)


def compare_sample(name: str, sample: Any, second: bool = True, **tolerances: float) -> ParityReport:
    """Return one sample of the database in both libraries."""
    op, mine = database()[name], ours(name)
    arguments = (sample.input, sample.args, sample.kwargs)
    ties_in_any_order = name in ("sort", "topk", "kthvalue") and not sample.kwargs.get("stable")

    def settled(result: Any, x: Any, dim: int) -> Any:
        """Which of equal elements comes first is nobody's promise: what the indices name counts."""
        if not ties_in_any_order:
            return result
        values, indices = result
        missing = x.ndim > indices.ndim  # kthvalue drops the dimension
        return values, x.gather(dim, indices.unsqueeze(dim) if missing else indices)

    position = {"sort": 0, "topk": 1, "kthvalue": 1}.get(name, 99)
    dim = sample.args[position] if len(sample.args) > position else sample.kwargs.get("dim", -1)

    def call_ours(*tensors: Any) -> Any:
        given = iter(tensors)
        first, args, kwargs = (rebuilt(part, given, convert) for part in arguments)
        return settled(mine(first, *args, **kwargs), first, dim)

    def call_theirs(*tensors: Any) -> Any:
        given = iter(tensors)
        first, args, kwargs = (rebuilt(part, given) for part in arguments)
        return settled(op(first, *args, **kwargs), first, dim)

    return assert_parity(call_ours, call_theirs, *tensors_in(arguments), second_gradient=second, **tolerances)
