"""Recurrent cells: one step of a recurrent network, for a loop of your own."""

from __future__ import annotations

import math

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter, new_parameter
from minigrad.nn.recurrent import STEPS, State
from minigrad.tensor import Tensor


class RNNCellBase(Module):
    """Base of the cells: the weights W_ih and W_hh of ``num_chunks`` gates, and their biases.

    Args:
        input_size, hidden_size: the sizes of the input and of the state.
        bias: add b_ih and b_hh.
        num_chunks: the number of gates.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter  # None with bias=False, as the next
    bias_hh: Parameter

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.input_size, self.hidden_size, self.bias = input_size, hidden_size, bias
        gates = num_chunks * hidden_size
        self.weight_ih = new_parameter(gates, input_size, device=device, dtype=dtype)
        self.weight_hh = new_parameter(gates, hidden_size, device=device, dtype=dtype)
        for name in ("bias_ih", "bias_hh"):
            self.register_parameter(name, new_parameter(gates, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weights and biases uniformly from ±1/√hidden_size, torch's default."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def _step(self, mode: str, input: Tensor, state: tuple[Tensor | None, ...]) -> State:
        """Return the next state, of (N, input_size) or of one sample (input_size)."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: Expected input to be 1D or 2D, got {input.ndim}D instead")
        batch = input if input.ndim == 2 else input.unsqueeze(0)
        if batch.shape[1] != self.input_size:
            raise RuntimeError(f"input has inconsistent input_size: got {batch.shape[1]} expected {self.input_size}")
        rows = []
        for i, given in enumerate(state):
            if given is not None and given.ndim not in (1, 2):
                which = f"hx[{i}]" if len(state) > 1 else "hidden"
                raise ValueError(f"{name}: Expected {which} to be 1D or 2D, got {given.ndim}D instead")
            if given is None:
                rows.append(creation.zeros(batch.shape[0], self.hidden_size, dtype=input.dtype, device=input.device))
            else:
                rows.append(given if input.ndim == 2 else given.unsqueeze(0))
            self._refuse_state(batch, rows[-1], i)
        x = F.linear(batch, self.weight_ih, self.bias_ih)
        after = STEPS[mode][1](x, tuple(rows), self.weight_hh, self.bias_hh)
        return after if input.ndim == 2 else tuple(s.squeeze(0) for s in after)

    def _refuse_state(self, batch: Tensor, state: Tensor, i: int) -> None:
        if state.shape[0] != batch.shape[0]:
            raise RuntimeError(f"Input batch size {batch.shape[0]} doesn't match hidden{i} batch size {state.shape[0]}")
        if state.shape[-1] != self.hidden_size:
            raise RuntimeError(
                f"hidden{i} has inconsistent hidden_size: got {state.shape[-1]}, expected {self.hidden_size}"
            )

    def extra_repr(self) -> str:
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


class RNNCell(RNNCellBase):
    """Return h′ = tanh(W_ih x + b_ih + W_hh h + b_hh), or with ReLU for tanh.

    Args:
        input_size, hidden_size: the sizes of x and of h.
        bias: add b_ih and b_hh.
        nonlinearity: "tanh" or "relu".

    Shape:
        input (N, input_size) or (input_size), hx and output (N, hidden_size) or (hidden_size); without hx it is 0.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.RNNCell(10, 20)(minigrad.randn(3, 10)).shape
    (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        mode = f"RNN_{self.nonlinearity.upper()}"
        if mode not in STEPS:
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}; use tanh or relu")
        return self._step(mode, input, (hx,))[0]

    def extra_repr(self) -> str:
        changed = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity}"
        return super().extra_repr() + changed


class LSTMCell(RNNCellBase):
    """One step of an LSTM; the formula is ``lstm_step`` in ``nn/recurrent.py``.

    Args:
        input_size, hidden_size: the sizes of x and of h and c.
        bias: add b_ih and b_hh.

    Shape:
        input (N, input_size) or (input_size); hx is (h, c), each (N, hidden_size) or (hidden_size), 0 if it is not
        given; the output is the next (h, c).

    >>> import minigrad
    >>> from minigrad import nn
    >>> h, c = nn.LSTMCell(10, 20)(minigrad.randn(3, 10))
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        h, c = self._step("LSTM", input, (None, None) if hx is None else tuple(hx))
        return h, c


class GRUCell(RNNCellBase):
    """One step of a GRU; the formula is ``gru_step`` in ``nn/recurrent.py``.

    Args:
        input_size, hidden_size: the sizes of x and of h.
        bias: add b_ih and b_hh.

    Shape:
        input (N, input_size) or (input_size), hx and output (N, hidden_size) or (hidden_size); without hx it is 0.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.GRUCell(10, 20)(minigrad.randn(3, 10)).shape
    (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return self._step("GRU", input, (hx,))[0]
