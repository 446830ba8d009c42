"""Activation functions."""

from __future__ import annotations

from minigrad.testing import strategies as s
from parity_tests.records.base import record

record("relu", lambda m, F, x: F.relu(x), s.unary(), lambda m, F: F.relu(m.tensor([True])))
record("relu.inplace", lambda m, F, x: F.relu(x * 2, inplace=True), s.unary())
record("sigmoid", lambda m, F, x: m.sigmoid(x * 5), s.unary())
record("tanh", lambda m, F, x: m.tanh(x), s.unary())
record(
    "softmax",
    lambda m, F, x, dim: F.softmax(x, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: F.softmax(m.zeros(2), 1),
    lambda m, F: F.softmax(m.arange(3), 0),
)
record(
    "log_softmax",
    lambda m, F, x, dim: F.log_softmax(x * 3, dim),
    s.with_dim(keepdim=False, several=False),
    lambda m, F: F.log_softmax(m.zeros(2), 1),
)

record("relu6", lambda m, F, x: F.relu6(x * 6), s.unary())
record("leaky_relu", lambda m, F, x: F.leaky_relu(x, 0.2), s.unary())
record("elu", lambda m, F, x: F.elu(x * 3 + 0.1, alpha=1.5), s.unary())
record("silu", lambda m, F, x: F.silu(x * 3), s.unary())
record("hardswish", lambda m, F, x: F.hardswish(x * 3.1), s.unary(values="positive"))
record("softplus", lambda m, F, x: F.softplus(x * 8, beta=2.0, threshold=10.0), s.unary())
record("gelu", lambda m, F, x: F.gelu(x * 2), s.unary())
record(
    "gelu.tanh",
    lambda m, F, x: F.gelu(x * 2, approximate="tanh"),
    s.unary(),
    lambda m, F: F.gelu(m.zeros(2), approximate="no"),
)
