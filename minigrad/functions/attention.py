"""Attention: every query takes the mean of the values, weighted by how well their keys fit it."""

from __future__ import annotations

import math

import numpy as np

from minigrad.engine.tensor_base import wrap
from minigrad.functions.activation import softmax
from minigrad.functions.arguments import as_tensor_operand
from minigrad.functions.linalg import matmul
from minigrad.functions.noise import dropout
from minigrad.functions.selection import masked_fill
from minigrad.ops.casting import cast
from minigrad.typing import Array, Tensor

__all__ = ["scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Return softmax(Q Kᵀ / √E) V: for each of L queries a mean of S values (Vaswani et al. 2017).

    Args:
        query, key, value: (…, L, E), (…, S, E) and (…, S, V) → (…, L, V).
        attn_mask: (…, L, S): true where a query may look, or numbers to add to the scores. A query that may look
            nowhere gets zeros.
        dropout_p: drop weights with this probability; also in evaluation, so pass 0 there.
        is_causal: query i looks at keys 0 … i only.
        scale: the factor of the scores, 1/√E by default.
        enable_gqa: each head of key and value, dimension −3, serves several heads of the query.

    Raises:
        RuntimeError: if the sizes or dtypes do not fit, or both ``attn_mask`` and ``is_causal`` are given.
    """
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = (_for_heads(x, query.array.shape[-3]) for x in (key, value))
    if is_causal:
        attn_mask = wrap(_causal(query.array, key.array))
    factor = 1 / math.sqrt(query.array.shape[-1]) if scale is None else scale
    scores = matmul(query * factor, key.transpose(-2, -1))  # … L S
    if attn_mask is None:
        weights = softmax(scores, -1)
    else:
        added = _as_added(attn_mask, query)
        blind = (added == -math.inf).all(-1, keepdim=True)
        weights = masked_fill(softmax(scores + masked_fill(added, blind, 0.0), -1), blind, 0.0)
    return matmul(dropout(weights, dropout_p), value)


def _causal(query: Array, key: Array) -> Array:
    """Return the mask (L, S) that is True where a query may look: at keys that are not after it."""
    queries, keys = np.arange(query.shape[-2], like=query), np.arange(key.shape[-2], like=query)
    mask: Array = queries[:, None] >= keys
    return mask


def _check_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None, is_causal: bool) -> None:
    name = "scaled_dot_product_attention"
    q, k, v = (as_tensor_operand(name, x, n).array for x, n in ((query, "query"), (key, "key"), (value, "value")))
    if min(q.ndim, k.ndim, v.ndim) < 2:
        raise RuntimeError(
            f"Expected query, key, and value to all be at least 2 dimensional, but got query.dim: {q.ndim} "
            f"key.dim: {k.ndim} and value.dim: {v.ndim} instead."
        )
    if not q.dtype == k.dtype == v.dtype:
        raise RuntimeError(
            f"Expected query, key, and value to have the same dtype, but got query.dtype: {q.dtype} "
            f"key.dtype: {k.dtype} and value.dtype: {v.dtype} instead."
        )
    if q.dtype.kind != "f":
        raise RuntimeError(f"{name}: query, key and value must be floating, got {q.dtype}")
    if attn_mask is not None and is_causal:
        raise RuntimeError(f"_{name}: Explicit attn_mask should not be set when is_causal=True")
    if attn_mask is not None and attn_mask.array.dtype not in (np.bool_, q.dtype, np.float32):
        raise RuntimeError(
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got attn_mask.dtype: "
            f"{attn_mask.array.dtype} and query.dtype: {q.dtype} instead."
        )


def _for_heads(x: Tensor, heads: int) -> Tensor:
    """Return x with each of its heads, dimension −3, repeated beside itself, so that there are ``heads`` of them."""
    *lead, own, rows, size = x.array.shape
    if heads % own:
        raise RuntimeError(
            f"Number of heads in key and value must divide the number of heads in query, but got {own} and {heads}"
        )
    repeated = x.unsqueeze(-3).expand(*lead, own, heads // own, rows, size)
    return repeated.reshape(*lead, heads, rows, size)


def _as_added(allowed: Tensor, query: Tensor) -> Tensor:
    """Return a mask as numbers to add to scores: 0 where it is true and −∞ where it is false, or as they are."""
    if allowed.array.dtype.kind != "b":
        return cast(allowed, query.dtype)
    return wrap(np.where(allowed.array, 0.0, -np.inf).astype(query.dtype))
