"""Recurrent layers: LSTM, GRU and RNN, in several layers and both directions, over padded or packed sequences."""

from __future__ import annotations

import math
from typing import TypeVar

from numpy.typing import DTypeLike

from minigrad import creation
from minigrad.autocast import half_type
from minigrad.caller import warn
from minigrad.devices import DeviceLike, to_host
from minigrad.functions.pieces import cat, stack
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.packing import PackedSequence
from minigrad.nn.parameter import Parameter, new_parameter
from minigrad.nn.recurrent import STEPS, State, over_time
from minigrad.tensor import Tensor

#: A packed input gives a packed output.
Sequences = TypeVar("Sequences", Tensor, PackedSequence)


class RNNBase(Module):
    """Base of the recurrent layers; see :class:`LSTM`. ``mode`` names the formula.

    Raises:
        ValueError: for an unknown ``mode``.
        NotImplementedError: for a ``proj_size``.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        if mode not in STEPS:
            raise ValueError(f"Unrecognized RNN mode: {mode}; known: {', '.join(STEPS)}")
        if proj_size:
            raise NotImplementedError(
                f"{type(self).__name__}: proj_size={proj_size} is not supported; add an nn.Linear"
            )
        _check_options(input_size, hidden_size, num_layers, bias, batch_first, dropout)
        self.mode, self.input_size, self.hidden_size, self.num_layers = mode, input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.dropout = bias, batch_first, float(dropout)
        self.bidirectional, self.proj_size = bidirectional, proj_size
        self._directions = ("", "_reverse") if bidirectional else ("",)
        gates = STEPS[mode][0] * hidden_size
        for layer in range(num_layers):
            inputs = input_size if layer == 0 else hidden_size * len(self._directions)
            for name in self._names(layer):
                shape = {"weight_ih": (gates, inputs), "weight_hh": (gates, hidden_size)}.get(name[:9], (gates,))
                self.register_parameter(name, new_parameter(*shape, device=device, dtype=dtype))
        self.reset_parameters()

    def _names(self, layer: int) -> list[str]:
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh") if self.bias else ("weight_ih", "weight_hh")
        return [f"{kind}_l{layer}{direction}" for direction in self._directions for kind in kinds]

    def reset_parameters(self) -> None:
        """Draw weights and biases uniformly from ±1/√hidden_size, torch's default."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: torch arranges the weights for cuDNN here."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each layer and direction."""
        each = [getattr(self, name) for layer in range(self.num_layers) for name in self._names(layer)]
        count = 4 if self.bias else 2
        return [each[i : i + count] for i in range(0, len(each), count)]

    def _run(self, input: Sequences, initial: State | None) -> tuple[Sequences, State]:
        """Return the output of the last layer at every step, and the last state of every layer and direction."""
        if isinstance(input, PackedSequence):
            sizes = to_host(input.batch_sizes.array).tolist()
            self._check_input(input.data)
            initial = self._initial(initial, sizes[0], input.data)
            if input.sorted_indices is not None:
                order = input.sorted_indices
                initial = tuple(s.index_select(1, order) for s in initial)
            rows, last = self._through_layers(input.data, sizes, initial)
            if input.unsorted_indices is not None:
                order = input.unsorted_indices
                last = tuple(s.index_select(1, order) for s in last)
            return input._replace(data=rows), last
        batched = self._is_batch(input, initial)
        self._check_input(input)
        if not batched:
            input = input.unsqueeze(1)
            initial = None if initial is None else tuple(s.unsqueeze(1) for s in initial)
        elif self.batch_first:
            input = input.transpose(0, 1)  # N T F -> T N F
        steps, n, features = input.shape
        initial = self._initial(initial, n, input)
        if steps == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        rows, last = self._through_layers(input.reshape(steps * n, features), [n] * steps, initial)
        if not batched:
            return rows, tuple(s.squeeze(1) for s in last)
        output = rows.reshape(steps, n, -1 if n else self.hidden_size * len(self._directions))
        return output.transpose(0, 1) if self.batch_first else output, last

    def _through_layers(self, rows: Tensor, sizes: list[int], initial: State) -> tuple[Tensor, State]:
        """Return the output of the last layer, its steps one after the other, and the last states."""
        step = STEPS[self.mode][1]
        ends: list[State] = []
        for layer in range(self.num_layers):
            outputs = []
            for direction in self._directions:
                weight_ih, weight_hh = (getattr(self, f"weight_{w}_l{layer}{direction}") for w in ("ih", "hh"))
                bias_ih, bias_hh = (
                    getattr(self, f"bias_{w}_l{layer}{direction}") if self.bias else None for w in ("ih", "hh")
                )
                x = F.linear(rows, weight_ih, bias_ih)  # of all steps at once
                start = tuple(s[len(ends)] for s in initial)
                output, end = over_time(step, x, sizes, start, weight_hh, bias_hh, direction == "_reverse")
                outputs.append(output)
                ends.append(end)
            rows = outputs[0] if len(outputs) == 1 else cat(outputs, 1)
            if layer < self.num_layers - 1:
                rows = F.dropout(rows, self.dropout, self.training)
        return rows, tuple(stack(list(each)) for each in zip(*ends, strict=True))

    def _initial(self, given: State | None, n: int, like: Tensor) -> State:
        """Return the state to start from: zeros, or the given one if its sizes are right."""
        shape = (self.num_layers * len(self._directions), n, self.hidden_size)
        if given is None:
            return (creation.zeros(*shape, dtype=like.dtype, device=like.device),) * (2 if self.mode == "LSTM" else 1)
        for name, state in zip(("hidden[0]", "hidden[1]") if len(given) == 2 else ("hidden",), given, strict=True):
            if state.shape != shape:
                raise RuntimeError(f"Expected {name} size {shape}, got {list(state.shape)}")
        return given

    def _is_batch(self, input: Tensor, state: State | None) -> bool:
        if input.ndim not in (2, 3):
            raise ValueError(f"{type(self).__name__}: Expected input to be 2D or 3D, got {input.ndim}D instead")
        if state is not None and any(s.ndim != input.ndim for s in state):
            kind = "batched 3-D" if input.ndim == 3 else "unbatched 2-D"
            names, ndims = ("hx and cx", [s.ndim for s in state]) if len(state) == 2 else ("hx", state[0].ndim)
            raise RuntimeError(f"For {kind} input, {names} should also be {input.ndim}-D but got {ndims}-D")
        return input.ndim == 3

    def _check_input(self, input: Tensor) -> None:
        dtype = next(self.parameters()).dtype
        if input.dtype != dtype and half_type.get() is None:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). Convert input: "
                f"input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        if input.shape[-1] != self.input_size:
            raise RuntimeError(
                f"input.size(-1) must be equal to input_size. Expected {self.input_size}, got {input.shape[-1]}"
            )

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        usual = {"num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False}
        return text + "".join(f", {k}={getattr(self, k)}" for k, v in usual.items() if getattr(self, k) != v)


def _check_options(
    input_size: int, hidden_size: int, num_layers: int, bias: bool, batch_first: bool, dropout: float
) -> None:
    if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
        raise ValueError(
            "dropout should be a number in range [0, 1] representing the probability of an element being zeroed, "
            f"but got {dropout}"
        )
    if dropout > 0 and num_layers == 1:
        warn(
            "dropout option adds dropout after all but last recurrent layer, so non-zero dropout expects num_layers "
            f"greater than 1, but got dropout={dropout} and num_layers={num_layers}"
        )
    for name, flag in (("bias", bias), ("batch_first", batch_first)):
        if not isinstance(flag, bool):
            raise TypeError(f"{name} should be of type bool, got: {type(flag).__name__}")
    for name, size in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
        if not isinstance(size, int):
            raise TypeError(f"{name} should be of type int, got: {type(size).__name__}")
        if size <= 0:
            raise ValueError(f"{name} must be greater than zero, but got {size}")


class LSTM(RNNBase):
    """A long short-term memory; the formula is ``lstm_step`` in ``nn/recurrent.py``.

    Args:
        input_size, hidden_size: the sizes of the input and of the state.
        num_layers: layers above each other, each of which reads the output of the one below.
        bias: add b_ih and b_hh.
        batch_first: inputs and outputs are (N, T, …) rather than (T, N, …); the states stay as they are.
        dropout: the probability of dropping between the layers.
        bidirectional: run a second network from the end to the start, and join the outputs.
        proj_size: projections of the state are not supported; any size but 0 is refused.

    Shape:
        input (T, N, input_size), (T, input_size) or packed; states (layers · directions, N, hidden_size); output
        (T, N, directions · hidden_size). Parameters of layer k: weight_ih_lk, weight_hh_lk, bias_ih_lk, bias_hh_lk,
        each of the gates i, f, g, o below each other, and the same with ``_reverse``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> output, (h, c) = nn.LSTM(10, 20, num_layers=2)(minigrad.randn(5, 3, 10))
    >>> output.shape, h.shape, c.shape
    ((5, 3, 20), (2, 3, 20), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, proj_size, device, dtype)
        super().__init__("LSTM", input_size, hidden_size, *options)

    def forward(
        self,
        input: Sequences,
        hx: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Sequences, tuple[Tensor, Tensor]]:
        output, (h, c) = self._run(input, hx)
        return output, (h, c)


class GRU(RNNBase):
    """A gated recurrent unit; the formula is ``gru_step`` in ``nn/recurrent.py``.

    Args:
        input_size, hidden_size: the sizes of the input and of the state.
        num_layers, bias, batch_first, dropout, bidirectional: as those of :class:`LSTM`.

    Shape:
        as of :class:`LSTM`, with one state, and the gates r, z, n.

    >>> import minigrad
    >>> from minigrad import nn
    >>> output, h = nn.GRU(10, 20, bidirectional=True)(minigrad.randn(5, 3, 10))
    >>> output.shape, h.shape
    ((5, 3, 40), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__("GRU", input_size, hidden_size, *options)

    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h


class RNN(RNNBase):
    """Elman's network: h′ = tanh(W_ih x + b_ih + W_hh h + b_hh), or with ReLU for tanh.

    Args:
        input_size, hidden_size: the sizes of the input and of the state.
        num_layers, bias, batch_first, dropout, bidirectional: as those of :class:`LSTM`.
        nonlinearity: "tanh" or "relu".

    Shape:
        as of :class:`LSTM`, with one state.

    Raises:
        ValueError: for another ``nonlinearity``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> output, h = nn.RNN(10, 20, batch_first=True)(minigrad.randn(3, 5, 10))
    >>> output.shape, h.shape
    ((3, 5, 20), (1, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"Unknown nonlinearity '{nonlinearity}'. Select from 'tanh' or 'relu'.")
        options = (num_layers, bias, batch_first, dropout, bidirectional, 0, device, dtype)
        super().__init__(f"RNN_{nonlinearity.upper()}", input_size, hidden_size, *options)
        self.nonlinearity = nonlinearity

    def forward(self, input: Sequences, hx: Tensor | None = None) -> tuple[Sequences, Tensor]:
        output, (h,) = self._run(input, None if hx is None else (hx,))
        return output, h
