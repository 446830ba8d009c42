"""Attention of several heads: the same attention in several subspaces at once, with weights that are learned."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from minigrad.engine.tensor_base import TensorBase, wrap
from minigrad.functions.activation import softmax
from minigrad.functions.affine import linear
from minigrad.functions.attention import scaled_dot_product_attention
from minigrad.functions.linalg import matmul
from minigrad.functions.noise import dropout
from minigrad.functions.padding import pad
from minigrad.functions.pieces import cat, chunk
from minigrad.ops.casting import cast
from minigrad.ops.shape import Split
from minigrad.typing import Tensor

__all__ = ["multi_head_attention_forward"]


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Return the attention of several heads, each in a subspace of its own, and its weights; see the layer.

    query (L, N, E), key and value (S, N, …), or without N → (L, N, E) and weights (N, L, S), where they are needed.

    Raises:
        AssertionError, RuntimeError: if the sizes do not fit.
    """
    if static_k is not None or static_v is not None:
        raise NotImplementedError("multi_head_attention_forward: static_k and static_v are not supported")
    batched = _check_heads(query, key, value, key_padding_mask, attn_mask, embed_dim_to_check, num_heads)
    if is_causal and attn_mask is None:
        raise RuntimeError("Need attn_mask if specifying the is_causal hint.")
    if not batched:
        same = query is key is value
        query, key, value = (query.unsqueeze(1),) * 3 if same else (x.unsqueeze(1) for x in (query, key, value))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    if use_separate_proj_weight:
        q, k, v = _projected(query, key, value, (q_proj_weight, k_proj_weight, v_proj_weight), in_proj_bias)
    else:
        q, k, v = _projected(query, key, value, in_proj_weight, in_proj_bias)
    length, n, size = q.shape
    if bias_k is not None and bias_v is not None:
        k, v = (cat([x, bias.repeat(1, n, 1)]) for x, bias in ((k, bias_k), (v, bias_v)))
    q, k, v = (x.reshape(-1, n, num_heads, size // num_heads).permute(1, 2, 0, 3) for x in (q, k, v))
    if add_zero_attn:
        k, v = (pad(x, (0, 0, 0, 1)) for x in (k, v))  # N heads S E/heads
    mask = _joined_masks(attn_mask, key_padding_mask, q, key.shape[0])
    if mask is not None:
        mask = pad(mask, (0, k.shape[2] - key.shape[0]))  # the keys added here may always be looked at
    dropped = dropout_p if training else 0.0
    if need_weights:
        scores = matmul(q * math.sqrt(1 / q.shape[-1]), k.transpose(-2, -1))
        weights = dropout(softmax(scores if mask is None else scores + mask, -1), dropped)
        mixed = matmul(weights, v)
    else:
        mixed = scaled_dot_product_attention(q, k, v, mask, dropped)
    output = linear(mixed.permute(2, 0, 1, 3).reshape(length, n, size), out_proj_weight, out_proj_bias)
    output = output if batched else output.squeeze(1)
    if not need_weights:
        return output, None
    weights = weights.mean(1) if average_attn_weights else weights
    return output, weights if batched else weights.squeeze(0)


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weight: Tensor | Sequence[Tensor | None] | None, bias: Tensor | None
) -> tuple[Tensor, ...]:
    """Return query, key and value, each times its own weight; the three may lie below each other in one tensor."""
    if isinstance(weight, TensorBase) and query is key is value:
        pieces: tuple[Tensor, ...] = Split.apply(linear(query, weight, bias), lengths=(query.shape[-1],) * 3, dim=2)
        return pieces
    each = chunk(weight, 3) if isinstance(weight, TensorBase) else weight
    if each is None or any(w is None for w in each):
        raise AssertionError("in_proj_weight is None; give it, or use_separate_proj_weight and three weights")
    biases = (None, None, None) if bias is None else chunk(bias, 3)
    return tuple(linear(x, w, b) for x, w, b in zip((query, key, value), each, biases, strict=True) if w is not None)


def _joined_masks(attn_mask: Tensor | None, key_padding_mask: Tensor | None, q: Tensor, keys: int) -> Tensor | None:
    """Return the sum of both masks as numbers to add to scores of shape (N, heads, L, S); true means "not there"."""
    n, heads, length, _ = q.shape
    mask = None
    if attn_mask is not None:
        mask = _as_forbidden("attn_mask", attn_mask, q)
        sizes = {2: (length, keys), 3: (n * heads, length, keys)}.get(mask.ndim)
        if sizes is None:
            raise RuntimeError(f"attn_mask's dimension {mask.ndim} is not supported")
        if mask.shape != sizes:
            raise RuntimeError(
                f"The shape of the {mask.ndim}D attn_mask is {list(mask.shape)}, but should be {list(sizes)}."
            )
        mask = mask.reshape(1, 1, *sizes) if mask.ndim == 2 else mask.reshape(n, heads, length, keys)
    if key_padding_mask is None:
        return mask
    padding = _as_forbidden("key_padding_mask", key_padding_mask, q)
    if padding.shape != (n, keys):
        raise AssertionError(f"expecting key_padding_mask shape of {(n, keys)}, but got {padding.shape}")
    padding = padding.reshape(n, 1, 1, keys)
    return padding if mask is None else mask + padding


def _as_forbidden(name: str, mask: Tensor, like: Tensor) -> Tensor:
    """Return a mask as numbers to add to scores: −∞ where it is true, or as they are."""
    if mask.array.dtype.kind == "f":
        return cast(mask, like.dtype)
    if mask.array.dtype.kind != "b":
        raise AssertionError(f"only bool and floating types of {name} are supported, got {mask.dtype}")
    return wrap(np.where(mask.array, -np.inf, 0.0).astype(like.dtype))


def _check_heads(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None,
    attn_mask: Tensor | None,
    embed_dim: int,
    num_heads: int,
) -> bool:
    """Return true if the inputs are batches.

    Raises:
        AssertionError: if numbers of dimensions or sizes do not fit, naming them.
    """
    ndim = query.ndim
    if ndim not in (2, 3):
        raise AssertionError(f"query should be unbatched 2D or batched 3D tensor but received {ndim}-D query tensor")
    kind = "batched (3-D)" if ndim == 3 else "unbatched (2-D)"
    if key.ndim != ndim or value.ndim != ndim:
        raise AssertionError(
            f"For {kind} `query`, expected `key` and `value` to be {ndim}-D but found {key.ndim}-D and "
            f"{value.ndim}-D tensors respectively"
        )
    if key_padding_mask is not None and key_padding_mask.ndim != ndim - 1:
        raise AssertionError(
            f"For {kind} `query`, expected `key_padding_mask` to be `None` or {ndim - 1}-D but found "
            f"{key_padding_mask.ndim}-D tensor instead"
        )
    if attn_mask is not None and attn_mask.ndim not in (2, 3):
        raise AssertionError(
            f"For {kind} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found {attn_mask.ndim}-D tensor "
            "instead"
        )
    if query.shape[-1] != embed_dim:
        raise AssertionError(f"was expecting embedding dimension of {embed_dim}, but got {query.shape[-1]}")
    if embed_dim % num_heads:
        raise AssertionError(f"embed_dim {embed_dim} not divisible by num_heads {num_heads}")
    if key.shape[:-1] != value.shape[:-1]:
        raise AssertionError(f"key shape {list(key.shape)} does not match value shape {list(value.shape)}")
    return ndim == 3
