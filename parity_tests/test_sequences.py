"""Recurrent layers, attention and transformers against torch's: values, gradients, second gradients, errors, text."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

import minigrad
from minigrad import nn
from minigrad.testing.close import as_numpy
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

#: ``run(library, module, *tensors)`` returns tensors, or nested tuples of them.
Run = Callable[..., Any]


def _tensors(value: Any) -> list[Any]:
    if isinstance(value, tuple | list):
        return [tensor for item in value for tensor in _tensors(item)]
    return [] if value is None else [value]


def compare(
    make: Callable[[Any], Any], run: Run, arrays: Sequence[np.ndarray], second: bool = True, training: bool = True
) -> None:
    """Assert that both libraries have equal text, names, outputs, gradients and gradients of gradients."""
    theirs, ours = make(torch).double().train(training), make(minigrad).double().train(training)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    results = []
    for library, module in ((minigrad, ours), (torch, theirs)):
        inputs = [library.tensor(a, requires_grad=True) if a.dtype.kind == "f" else library.tensor(a) for a in arrays]
        with sdpa_kernel(SDPBackend.MATH):  # torch's other implementations have no second gradient
            outputs = _tensors(run(library, module, *inputs))
        wanted = [x for x in (*inputs, *module.parameters()) if x.requires_grad]
        loss = 0.0
        for y in outputs:
            cotangent = np.cos(np.arange(y.numel())).reshape(tuple(y.shape))
            loss = loss + (y * y * library.tensor(cotangent)).sum()
        first = library.autograd.grad(loss, wanted, create_graph=second, allow_unused=True)
        squares = sum((g * g).sum() for g in first if g is not None)
        more = library.autograd.grad(squares, wanted, allow_unused=True) if second else ()
        results.append((outputs, first, more))
    for kind, our_tensors, their_tensors in zip(("output", "gradient", "second gradient"), *results, strict=True):
        for i, (a, b) in enumerate(zip(our_tensors, their_tensors, strict=True)):
            assert (a is None) == (b is None), f"{kind} {i}"
            if a is not None:
                assert_close(a, b, FLOAT64, f"{kind} {i}")


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(shape)


# --- Recurrent layers ---

KINDS = ("LSTM", "GRU", "RNN")
OPTIONS: list[dict[str, Any]] = [
    {"num_layers": n, "bidirectional": both, "bias": bias, "batch_first": first}
    for (n, bias, first), both in itertools.product(((1, True, False), (2, False, True), (3, True, True)), (0, 1))
    for both in (bool(both),)
]


def _states(kind: str, options: dict[str, Any], *batch: int) -> list[np.ndarray]:
    layers = options["num_layers"] * (2 if options["bidirectional"] else 1)
    return [numbers(layers, *batch, 4) + i for i in range(2 if kind == "LSTM" else 1)]


def _state(kind: str, given: tuple[Any, ...]) -> Any:
    return given if kind == "LSTM" else given[0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_recurrent_layer_equals_torchs(kind: str, options: dict[str, Any]) -> None:
    def make(m: Any) -> Any:
        return getattr(m.nn, kind)(3, 4, **options)

    x = numbers(2, 5, 3)
    compare(make, lambda m, layer, x: layer(x), [x])
    given = _states(kind, options, 2 if options["batch_first"] else 5)
    compare(make, lambda m, layer, x, *state: layer(x, _state(kind, state)), [x, *given])
    compare(make, lambda m, layer, x, *state: layer(x, _state(kind, state)), [x[0], *_states(kind, options)])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", OPTIONS[1::2], ids=str)
def test_recurrent_layer_of_packed_sequences_equals_torchs(kind: str, options: dict[str, Any]) -> None:
    first = options["batch_first"]
    x = numbers(3, 5, 3) if first else numbers(5, 3, 3)

    def run(m: Any, layer: Any, x: Any, *state: Any) -> Any:
        rnn = m.nn.utils.rnn
        packed = rnn.pack_padded_sequence(x, m.tensor([2, 5, 3]), batch_first=first, enforce_sorted=False)
        output, last = layer(packed, _state(kind, state))
        longer = {"padding_value": 0.5, "total_length": 7}
        return output.data, last, rnn.pad_packed_sequence(output, batch_first=first, **longer)[0]

    compare(lambda m: getattr(m.nn, kind)(3, 4, **options), run, [x, *_states(kind, options, 3)])


def test_relu_network_and_one_sorted_pack_equal_torchs() -> None:
    def run(m: Any, layer: Any, x: Any) -> Any:
        return layer(m.nn.utils.rnn.pack_sequence([x, x[:3], x[1:2]]))[0].data

    compare(lambda m: m.nn.RNN(3, 4, nonlinearity="relu", bidirectional=True), run, [numbers(5, 3)])


@pytest.mark.parametrize(
    "make",
    [
        lambda m: m.nn.LSTMCell(3, 4),
        lambda m: m.nn.GRUCell(3, 4, bias=False),
        lambda m: m.nn.RNNCell(3, 4),
        lambda m: m.nn.RNNCell(3, 4, nonlinearity="relu"),
    ],
)
def test_recurrent_cell_equals_torchs(make: Callable[[Any], Any]) -> None:
    two = isinstance(make(minigrad), nn.LSTMCell)
    for batch in ((), (2,)):
        states = [numbers(*batch, 4) + i for i in range(2 if two else 1)]
        compare(make, lambda m, cell, x: cell(x), [numbers(*batch, 3)])
        compare(make, lambda m, cell, x, *s: cell(x, s if two else s[0]), [numbers(*batch, 3), *states])


def test_dropout_between_the_layers_is_not_after_the_last() -> None:
    layer = nn.GRU(3, 4, num_layers=2, dropout=1.0)
    x = minigrad.randn(5, 2, 3)
    below, _ = layer(x)
    assert as_numpy(below).any()
    plain, _ = layer.eval()(x)
    assert not np.allclose(as_numpy(below), as_numpy(plain))
    for m in (torch, minigrad):
        with pytest.warns(UserWarning, match="num_layers greater than 1"):
            m.nn.LSTM(3, 4, dropout=0.5)


def test_projections_are_refused_by_name() -> None:
    with pytest.raises(NotImplementedError, match="LSTM: proj_size=2 is not supported"):
        nn.LSTM(3, 4, proj_size=2)


def test_many_steps_cost_memory_and_time_in_proportion() -> None:
    """The gradient of each step's part of the input is as large as the part, not as the whole sequence."""
    layer = nn.RNN(1, 2)
    x = minigrad.randn(300, 1, 1, requires_grad=True)
    layer(x)[0].sum().backward()
    assert x.grad is not None
    assert x.grad.shape == (300, 1, 1)


# --- Sequences of different lengths ---


def test_padding_and_unpacking_equal_torchs() -> None:
    lengths = [2, 4, 1]
    for sequences_are, (first, side) in itertools.product(((), (3,)), ((True, "left"), (False, "right"))):
        arrays = [numbers(n, *sequences_are) for n in lengths]
        made = []
        for m in (minigrad, torch):
            rnn = m.nn.utils.rnn
            each = [m.tensor(a) for a in arrays]
            padded = rnn.pad_sequence(each, first, -1.0, side)
            packed = rnn.pack_sequence(each, enforce_sorted=False)
            right = rnn.pad_sequence(each, first)
            again = rnn.unpad_sequence(right, m.tensor(lengths), first)
            made.append([padded, *packed, *rnn.unpack_sequence(packed), *again])
        for ours, theirs in zip(*made, strict=True):
            assert_close(ours, theirs, FLOAT64, "sequence")


def test_integers_are_padded_with_integers() -> None:
    each = [minigrad.tensor([1, 2]), minigrad.tensor([3])]
    padded = minigrad.nn.utils.rnn.pad_sequence(each, batch_first=True)
    assert (padded.tolist(), padded.dtype) == ([[1, 2], [3, 0]], minigrad.int64)


ERRORS: dict[str, Callable[[Any], object]] = {
    "unsorted lengths": lambda m: m.nn.utils.rnn.pack_padded_sequence(m.zeros(3, 2, 1), [2, 3]),
    "a length of 0": lambda m: m.nn.utils.rnn.pack_padded_sequence(m.zeros(3, 2, 1), [2, 0]),
    "too few lengths": lambda m: m.nn.utils.rnn.pack_padded_sequence(m.zeros(3, 2, 1), [2]),
    "lengths of 2-D": lambda m: m.nn.utils.rnn.pack_padded_sequence(m.zeros(3, 2, 1), [[2]]),
    "no sequences": lambda m: m.nn.utils.rnn.pad_sequence([]),
    "a number for sequences": lambda m: m.nn.utils.rnn.pad_sequence(3),
    "a wrong side": lambda m: m.nn.utils.rnn.pad_sequence([m.zeros(3), m.zeros(2)], padding_side="middle"),
    "too short a total": lambda m: m.nn.utils.rnn.pad_packed_sequence(
        m.nn.utils.rnn.pack_sequence([m.zeros(3)]), total_length=2
    ),
    "LSTM of 4-D": lambda m: m.nn.LSTM(3, 4)(m.zeros(1, 1, 1, 3)),
    "LSTM of no steps": lambda m: m.nn.LSTM(3, 4)(m.zeros(0, 2, 3)),
    "LSTM of the wrong size": lambda m: m.nn.LSTM(3, 4)(m.zeros(3, 3, 2)),
    "LSTM of float64": lambda m: m.nn.LSTM(3, 4)(m.zeros(3, 3, 3, dtype=m.float64)),
    "LSTM with a 2-D state": lambda m: m.nn.LSTM(3, 4)(m.zeros(3, 2, 3), (m.zeros(1, 4), m.zeros(1, 4))),
    "LSTM with a wrong state": lambda m: m.nn.LSTM(3, 4)(m.zeros(3, 2, 3), (m.zeros(1, 2, 4), m.zeros(1, 3, 4))),
    "GRU with a wrong state": lambda m: m.nn.GRU(3, 4)(m.zeros(3, 2, 3), m.zeros(2, 2, 4)),
    "GRU unbatched with a 3-D state": lambda m: m.nn.GRU(3, 4)(m.zeros(3, 3), m.zeros(1, 1, 4)),
    "RNN of no nonlinearity": lambda m: m.nn.RNN(3, 4, nonlinearity="sin"),
    "RNN without layers": lambda m: m.nn.RNN(3, 4, num_layers=0),
    "RNN of size 0": lambda m: m.nn.RNN(0, 4),
    "RNN of half a size": lambda m: m.nn.RNN(3, 4.5),
    "RNN with bias 1": lambda m: m.nn.RNN(3, 4, bias=1),
    "RNN with dropout 2": lambda m: m.nn.RNN(3, 4, dropout=2),
    "RNNBase of no mode": lambda m: m.nn.RNNBase("RNN", 3, 4),
    "cell of the wrong size": lambda m: m.nn.LSTMCell(3, 4)(m.zeros(2, 2)),
    "cell of 3-D": lambda m: m.nn.LSTMCell(3, 4)(m.zeros(2, 2, 3)),
    "cell with a wrong state": lambda m: m.nn.LSTMCell(3, 4)(m.zeros(2, 3), (m.zeros(2, 3), m.zeros(2, 4))),
    "cell with a wrong batch": lambda m: m.nn.GRUCell(3, 4)(m.zeros(2, 3), m.zeros(3, 4)),
    "cell with a 3-D state": lambda m: m.nn.GRUCell(3, 4)(m.zeros(2, 3), m.zeros(1, 2, 4)),
    "heads that do not divide": lambda m: m.nn.MultiheadAttention(5, 2),
    "no heads": lambda m: m.nn.MultiheadAttention(4, 0),
    "query of the wrong size": lambda m: m.nn.MultiheadAttention(4, 2)(*(m.zeros(3, 2, 5),) * 3),
    "query of 4-D": lambda m: m.nn.MultiheadAttention(4, 2)(*(m.zeros(1, 3, 2, 4),) * 3),
    "keys without a batch": lambda m: m.nn.MultiheadAttention(4, 2)(m.zeros(3, 2, 4), m.zeros(3, 4), m.zeros(3, 4)),
    "keys unlike values": lambda m: m.nn.MultiheadAttention(4, 2)(m.zeros(3, 2, 4), m.zeros(3, 2, 4), m.zeros(4, 2, 4)),
    "a mask of the wrong size": lambda m: m.nn.MultiheadAttention(4, 2)(
        *(m.zeros(3, 2, 4),) * 3, attn_mask=m.zeros(2, 2)
    ),
    "a mask of integers": lambda m: m.nn.MultiheadAttention(4, 2)(
        *(m.zeros(3, 2, 4),) * 3, attn_mask=m.zeros(3, 3, dtype=m.int64)
    ),
    "a padding mask of the wrong size": lambda m: m.nn.MultiheadAttention(4, 2)(
        *(m.zeros(3, 2, 4),) * 3, key_padding_mask=m.zeros(3, 2, dtype=m.bool)
    ),
    "causal without a mask": lambda m: m.nn.MultiheadAttention(4, 2)(*(m.zeros(3, 2, 4),) * 3, is_causal=True),
    "an unknown activation": lambda m: m.nn.TransformerEncoderLayer(4, 2, activation="sin"),
    "a wrong feature number": lambda m: m.nn.Transformer(4, 2, 1, 1, 4)(m.zeros(3, 2, 5), m.zeros(3, 2, 4)),
    "a wrong batch number": lambda m: m.nn.Transformer(4, 2, 1, 1, 4)(m.zeros(3, 2, 4), m.zeros(3, 1, 4)),
}


@pytest.mark.parametrize("name", ERRORS)
def test_what_torch_refuses_is_refused_with_its_exception(name: str) -> None:
    raised = []
    for m in (minigrad, torch):
        with pytest.raises(Exception, match=r".") as caught:
            ERRORS[name](m)
        raised.append(caught.value)
    ours, theirs = raised
    assert type(ours) is type(theirs), f"raises {ours!r}, torch raises {theirs!r}"
    assert len(str(ours)) > 15


# --- Attention ---

BOTH_MASKS = [np.tril(np.ones((4, 6))) == 0, np.arange(6)[None] >= np.array([[6], [4], [3]])]
HEADS: dict[str, tuple[Callable[[Any], Any], Run, list[np.ndarray]]] = {
    "of itself": (lambda m: m.nn.MultiheadAttention(8, 2), lambda m, a, x: a(x, x, x), [numbers(4, 3, 8)]),
    "without a batch": (lambda m: m.nn.MultiheadAttention(8, 2), lambda m, a, x: a(x, x, x), [numbers(4, 8)]),
    "without weights": (
        lambda m: m.nn.MultiheadAttention(8, 4, bias=False, batch_first=True),
        lambda m, a, q, k: a(q, k, k, need_weights=False),
        [numbers(3, 4, 8), numbers(3, 6, 8)],
    ),
    "of other sizes": (
        lambda m: m.nn.MultiheadAttention(8, 2, kdim=3, vdim=5),
        lambda m, a, q, k, v: a(q, k, v, average_attn_weights=False),
        [numbers(4, 3, 8), numbers(6, 3, 3), numbers(6, 3, 5)],
    ),
    "with a mask and padding": (
        lambda m: m.nn.MultiheadAttention(8, 2),
        lambda m, a, q, k, mask, padding: (
            a(q, k, k, attn_mask=mask, key_padding_mask=padding),
            a(q, k, k, attn_mask=mask, key_padding_mask=padding, need_weights=False),
        ),
        [numbers(4, 3, 8), numbers(6, 3, 8), *BOTH_MASKS],
    ),
    "with numbers for a mask": (
        lambda m: m.nn.MultiheadAttention(8, 2, batch_first=True),
        lambda m, a, q, k, mask: (a(q, k, k, attn_mask=mask), a(q, k, k, attn_mask=mask, need_weights=False)),
        [numbers(3, 4, 8), numbers(3, 6, 8), numbers(6, 4, 6)],
    ),
    "with keys added": (
        lambda m: m.nn.MultiheadAttention(8, 2, add_bias_kv=True, add_zero_attn=True),
        lambda m, a, q, k, mask, padding: (
            a(q, k, k, attn_mask=mask, key_padding_mask=padding),
            a(q, k, k, need_weights=False),
        ),
        [numbers(4, 3, 8), numbers(6, 3, 8), *BOTH_MASKS],
    ),
    "causal": (
        lambda m: m.nn.MultiheadAttention(8, 2),
        lambda m, a, x: a(x, x, x, attn_mask=m.ones(4, 4).triu(1) > 0, is_causal=True, need_weights=False),
        [numbers(4, 3, 8)],
    ),
}


@pytest.mark.parametrize("name", HEADS)
def test_attention_of_several_heads_equals_torchs(name: str) -> None:
    compare(*HEADS[name], training=name != "causal")


# --- Transformers ---


def _causal(m: Any, n: int) -> Any:
    return m.nn.Transformer.generate_square_subsequent_mask(n).double()


SMALL = {"d_model": 8, "nhead": 2, "dim_feedforward": 6, "dropout": 0.0}
TRANSFORMERS: dict[str, tuple[Callable[[Any], Any], Run, list[np.ndarray]]] = {
    "encoder layer": (
        lambda m: m.nn.TransformerEncoderLayer(**SMALL),
        lambda m, layer, x: (layer(x), layer(x, _causal(m, 4), is_causal=True)),
        [numbers(4, 3, 8)],
    ),
    "encoder layer of gelu, norm first": (
        lambda m: m.nn.TransformerEncoderLayer(**SMALL, activation="gelu", norm_first=True, batch_first=True),
        lambda m, layer, x, padding: layer(x, src_key_padding_mask=padding),
        [numbers(3, 6, 8), BOTH_MASKS[1]],
    ),
    "decoder layer": (
        lambda m: m.nn.TransformerDecoderLayer(**SMALL, bias=False),
        lambda m, layer, x, memory, padding: layer(x, memory, _causal(m, 4), memory_key_padding_mask=padding),
        [numbers(4, 3, 8), numbers(6, 3, 8), BOTH_MASKS[1]],
    ),
    "encoder": (
        lambda m: m.nn.TransformerEncoder(
            m.nn.TransformerEncoderLayer(**SMALL, batch_first=True), 2, m.nn.LayerNorm(8), enable_nested_tensor=False
        ),
        lambda m, layers, x, padding: layers(x, _causal(m, 6) < 0, padding),
        [numbers(3, 6, 8), BOTH_MASKS[1]],
    ),
    "both": (
        lambda m: m.nn.Transformer(8, 2, 1, 2, 6, 0.0, norm_first=True),
        lambda m, model, src, tgt, padding: model(
            src, tgt, tgt_mask=_causal(m, 4), src_key_padding_mask=padding, memory_key_padding_mask=padding
        ),
        [numbers(6, 3, 8), numbers(4, 3, 8), BOTH_MASKS[1]],
    ),
}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformer_equals_torchs(name: str) -> None:
    compare(*TRANSFORMERS[name])
