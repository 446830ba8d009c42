"""Looking up rows of a table by number."""

from __future__ import annotations

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.grad_mode import no_grad
from minigrad.engine.tensor_base import wrap
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.reduce import norm
from minigrad.functions.selection import where
from minigrad.ops.identity import ScaleGradient
from minigrad.typing import Tensor

__all__ = ["embedding", "one_hot"]


def embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Tensor:
    """Return weight[input]: (…) of integers and a table (V, D) → (…, D).

    Args:
        padding_idx: a row that gets no gradient.
        max_norm: scale the rows that are looked up and longer than this to this norm first, *in place in the table*.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide each row's gradient by the number of times that it was looked up.

    Raises:
        RuntimeError: if ``input`` is not of integers.
        ValueError: if ``padding_idx`` is out of range.
        IndexError: if a number is not in 0 … V−1.
    """
    index, table = as_tensor_operand("embedding", input), as_tensor_operand("embedding", weight, "weight")
    if sparse:
        raise NotImplementedError("embedding: sparse=True is not supported: there are no sparse tensors here")
    if table.array.ndim != 2:
        raise RuntimeError(f"'weight' must be 2-D, got {list(table.array.shape)}")
    if index.array.dtype not in (np.int64, np.int32):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int; but got "
            f"{index.array.dtype} instead (while checking arguments for embedding)"
        )
    rows = table.array.shape[0]
    if to_host(np.any((index.array < 0) | (index.array >= rows))):
        raise IndexError(f"index out of range in self: the table has {rows} rows, got {to_host(index.array).max()}")
    if padding_idx is not None:
        if not -rows <= padding_idx < rows:
            raise ValueError(f"padding_idx must be within num_embeddings: got {padding_idx} for {rows} rows")
        padding_idx %= rows
    if max_norm is not None:
        _limit_norms(table, index, max_norm, norm_type)
    picked = table[index.reshape(-1)]  # V D -> (number of elements) D
    looked_up = picked.reshape(*index.array.shape, table.array.shape[1])
    if scale_grad_by_freq and table.array.dtype.kind == "f":
        factor = np.ones_like(index.array, dtype=table.array.dtype)
        for number, count in zip(*np.unique(to_host(index.array), return_counts=True), strict=True):
            factor[index.array == int(number)] /= int(count)
        looked_up = ScaleGradient.apply(looked_up, wrap(np.expand_dims(factor, -1)))
    if padding_idx is not None:
        looked_up = where(wrap(np.expand_dims(index.array == padding_idx, -1)), looked_up.detach(), looked_up)
    return looked_up


def _limit_norms(table: Tensor, index: Tensor, max_norm: float, norm_type: float) -> None:
    """Scale the rows of ``table`` that ``index`` names and that are longer than ``max_norm``, in place."""
    with no_grad():
        used = np.unique(to_host(index.array))
        rows = table.detach()[used]
        size = norm(rows, norm_type, 1, keepdim=True)
        scale = wrap(np.where(size.array > max_norm, max_norm / (size.array + 1e-7), 1.0).astype(table.array.dtype))
        table.detach()[used] = rows * scale


def one_hot(tensor: Tensor, num_classes: int = -1) -> Tensor:
    """Return classes (…) as rows (…, num_classes) of zeros with a one; int64.

    Raises:
        RuntimeError: if a class is negative or not below ``num_classes``, the dtype is not int64, or ``num_classes`` is
            to be inferred from no classes.
    """
    as_tensor_operand("one_hot", tensor, "tensor")
    if tensor.dtype != np.int64:
        raise RuntimeError(f"one_hot is only applicable to index tensor of type LongTensor, got {tensor.dtype}")
    labels = to_host(tensor.array)
    if labels.size == 0 and num_classes == -1:
        raise RuntimeError("Can not infer total number of classes from empty tensor.")
    classes = int(labels.max()) + 1 if num_classes == -1 else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise RuntimeError(f"Class values must be non-negative and smaller than num_classes ({classes}).")
    rows = np.expand_dims(tensor.array, -1) == np.arange(classes, like=tensor.array)
    return wrap(rows.astype(np.int64))
