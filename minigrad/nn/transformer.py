"""Transformers: an encoder and a decoder of several layers each (Vaswani et al. 2017)."""

from __future__ import annotations

import copy
import math

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.containers import ModuleList
from minigrad.nn.module import Module
from minigrad.nn.normalizations import LayerNorm
from minigrad.nn.transformer_layers import Activation, Mask, TransformerDecoderLayer, TransformerEncoderLayer
from minigrad.tensor import Tensor


def _copies(layer: Module, count: int) -> ModuleList:
    return ModuleList([copy.deepcopy(layer) for _ in range(count)])


class TransformerEncoder(Module):
    """Encoder layers one after the other, then a normalisation.

    Args:
        encoder_layer: is copied ``num_layers`` times, so all begin with the same weights.
        num_layers: the number of layers.
        norm: the normalisation at the end, if any.
        enable_nested_tensor, mask_check: are ignored; they choose among torch's own implementations.

    Shape:
        input and output as of the layer.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 4, 32), 2)(minigrad.randn(5, 2, 16)).shape
    (5, 2, 16)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__()
        self.layers, self.num_layers, self.norm = _copies(encoder_layer, num_layers), num_layers, norm

    def forward(
        self, src: Tensor, mask: Mask = None, src_key_padding_mask: Mask = None, is_causal: bool | None = None
    ) -> Tensor:
        """Return the output of the last layer; every layer gets the masks."""
        x = src
        for layer in self.layers:
            x = layer(x, mask, src_key_padding_mask, bool(is_causal))
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Decoder layers one after the other, then a normalisation.

    Args:
        decoder_layer: is copied ``num_layers`` times, so all begin with the same weights.
        num_layers: the number of layers.
        norm: the normalisation at the end, if any.

    Shape:
        inputs and output as of the layer.

    >>> import minigrad
    >>> from minigrad import nn
    >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32), 2)
    >>> decoder(minigrad.randn(5, 2, 16), minigrad.randn(7, 2, 16)).shape
    (5, 2, 16)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__()
        self.layers, self.num_layers, self.norm = _copies(decoder_layer, num_layers), num_layers, norm

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the output of the last layer; every layer gets the memory and the masks."""
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        x = tgt
        for layer in self.layers:
            x = layer(x, memory, *masks, bool(tgt_is_causal), memory_is_causal)
        return x if self.norm is None else self.norm(x)


class Transformer(Module):
    """An encoder, and a decoder that reads its output.

    Args:
        d_model: E, the size of a position.
        nhead: the number of heads.
        num_encoder_layers, num_decoder_layers: the numbers of layers.
        custom_encoder, custom_decoder: modules in place of those made here.
        dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias: as those of
            :class:`TransformerEncoderLayer`.

    Shape:
        src (S, N, E), tgt and output (L, N, E), or all without N.

    >>> import minigrad
    >>> from minigrad import nn
    >>> model = nn.Transformer(16, 4, 1, 1, 32)
    >>> model(minigrad.randn(7, 2, 16), minigrad.randn(5, 2, 16)).shape
    (5, 2, 16)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        options = (d_model, nhead, dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias)
        encoder, decoder = custom_encoder, custom_decoder
        if encoder is None:
            layer: Module = TransformerEncoderLayer(*options, device, dtype)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        self.encoder = encoder
        if decoder is None:
            layer = TransformerDecoderLayer(*options, device, dtype)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, device=device, dtype=dtype)
            decoder = TransformerDecoder(layer, num_decoder_layers, norm)
        self.decoder = decoder
        self._reset_parameters()
        self.d_model, self.nhead, self.batch_first = d_model, nhead, batch_first

    def _reset_parameters(self) -> None:
        """Draw all weights by Xavier's rule."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                init.xavier_uniform_(parameter)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Mask = None,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Return the decoder's output.

        Raises:
            RuntimeError: if the numbers of sequences differ, or a size is not ``d_model``.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise RuntimeError(
                f"the batch number of src and tgt must be equal, got {src.shape[batch]} and {tgt.shape[batch]}"
            )
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise RuntimeError(
                f"the feature number of src and tgt must be equal to d_model={self.d_model}, got {src.shape[-1]} and "
                f"{tgt.shape[-1]}"
            )
        memory = self.encoder(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = (tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask)
        output: Tensor = self.decoder(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return output

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: DeviceLike | None = None, dtype: DTypeLike | None = None
    ) -> Tensor:
        """Return the mask (sz, sz) that lets each position look at earlier ones: 0 there and −∞ elsewhere."""
        return creation.full((sz, sz), -math.inf, dtype=dtype, device=device).triu(1)
