"""Multi-head attention as a layer: its weights, and how they start."""

from __future__ import annotations

from numpy.typing import DTypeLike

from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.layers import Linear
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter, new_parameter
from minigrad.tensor import Tensor


class NonDynamicallyQuantizableLinear(Linear):
    """A linear layer, under the name that torch prints for the output of attention."""


class MultiheadAttention(Module):
    """Attention of several heads at once: each projects query, key and value by weights of its own.

    head_i = softmax(Q_i K_iᵀ / √d) V_i with Q_i = query W_iᵠ, …; the output is Linear(all heads joined).

    Args:
        embed_dim: E, the size of queries and outputs; each head has d = E / num_heads of it.
        num_heads: the number of heads.
        dropout: the probability of dropping weights of the mean, in training.
        bias: add biases in the projections.
        add_bias_kv: learn one more key and value, which every query may look at.
        add_zero_attn: add a key and a value of zeros.
        kdim, vdim: the sizes of keys and values, E by default.
        batch_first: batches are (N, L, E) rather than (L, N, E).

    Shape:
        query (L, N, E), key (S, N, kdim), value (S, N, vdim), or all without N. The output is like the query; the
        weights are (N, L, S), the mean of the heads, or (N, heads, L, S).

    Raises:
        ValueError: for a size that is not above 0.
        AssertionError: if ``num_heads`` does not divide ``embed_dim``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> x = minigrad.randn(5, 2, 8)
    >>> output, weights = nn.MultiheadAttention(8, 4)(x, x, x)
    >>> output.shape, weights.shape
    ((5, 2, 8), (2, 5, 5))
    """

    in_proj_weight: Parameter  # None where kdim or vdim differ from embed_dim; then there are three of them
    q_proj_weight: Parameter
    k_proj_weight: Parameter
    v_proj_weight: Parameter
    in_proj_bias: Parameter  # None with bias=False
    bias_k: Parameter  # None without add_bias_kv, as bias_v
    bias_v: Parameter

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if embed_dim <= 0 or num_heads <= 0:
            raise ValueError(
                f"embed_dim and num_heads must be greater than 0, got embed_dim={embed_dim} and num_heads={num_heads} "
                "instead"
            )
        if embed_dim % num_heads:
            raise AssertionError(f"embed_dim must be divisible by num_heads, got {embed_dim} and {num_heads}")
        super().__init__()
        self.embed_dim, self.num_heads, self.head_dim = embed_dim, num_heads, embed_dim // num_heads
        self.kdim, self.vdim = embed_dim if kdim is None else kdim, embed_dim if vdim is None else vdim
        self.dropout, self.batch_first, self.add_zero_attn = dropout, batch_first, add_zero_attn
        self._qkv_same_embed_dim = self.kdim == self.vdim == embed_dim
        sizes = {"q_proj_weight": embed_dim, "k_proj_weight": self.kdim, "v_proj_weight": self.vdim}
        if self._qkv_same_embed_dim:
            self.in_proj_weight = new_parameter(3 * embed_dim, embed_dim, device=device, dtype=dtype)
            for name in sizes:
                self.register_parameter(name, None)
        else:
            for name, size in sizes.items():
                self.register_parameter(name, new_parameter(embed_dim, size, device=device, dtype=dtype))
            self.register_parameter("in_proj_weight", None)
        self.register_parameter(
            "in_proj_bias", new_parameter(3 * embed_dim, device=device, dtype=dtype) if bias else None
        )
        self.out_proj = NonDynamicallyQuantizableLinear(embed_dim, embed_dim, bias, device, dtype)
        for name in ("bias_k", "bias_v"):
            extra = new_parameter(1, 1, embed_dim, device=device, dtype=dtype) if add_bias_kv else None
            self.register_parameter(name, extra)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        """Draw the weights by Xavier's rule; the biases are 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for bias in (self.bias_k, self.bias_v):
            if bias is not None:
                init.xavier_normal_(bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Return the output, and the weights of the means or None.

        Args:
            key_padding_mask: (N, S), true where a key is padding and not looked at, or numbers to add.
            need_weights: return the weights too.
            attn_mask: (L, S) or (N · heads, L, S), true where a query may not look, or numbers to add.
            average_attn_weights: return the mean of the heads' weights, not those of each.
            is_causal: say that ``attn_mask`` lets each query look at earlier keys only; it is read either way.
        """
        turned = self.batch_first and query.ndim == 3
        if turned:  # N L E -> L N E
            same = query is key is value
            first = query.transpose(0, 1)
            query, key, value = (first, first, first) if same else (first, key.transpose(0, 1), value.transpose(0, 1))
        output, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            self.training,
            key_padding_mask,
            need_weights,
            attn_mask,
            not self._qkv_same_embed_dim,
            self.q_proj_weight,
            self.k_proj_weight,
            self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return output.transpose(0, 1) if turned else output, weights
