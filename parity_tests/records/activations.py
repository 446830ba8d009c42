"""Activation functions."""

from __future__ import annotations

from minigrad.testing import strategies as s
from parity_tests.records.base import record, record_elementwise

record_elementwise("relu", lambda m, F, x: F.relu(x), s.unary(), lambda m, F: F.relu(m.tensor([True])))
record_elementwise("relu.inplace", lambda m, F, x: F.relu(x * 2, inplace=True), s.unary())
record_elementwise("sigmoid", lambda m, F, x: m.sigmoid(x * 5), s.unary())
record_elementwise("tanh", lambda m, F, x: m.tanh(x), s.unary())
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

record_elementwise("relu6", lambda m, F, x: F.relu6(x * 6), s.unary())
record_elementwise("relu6.inplace", lambda m, F, x: F.relu6(x * 6, inplace=True), s.unary())
record_elementwise("leaky_relu", lambda m, F, x: F.leaky_relu(x, 0.2), s.unary())
record_elementwise("elu", lambda m, F, x: F.elu(x * 3 + 0.1, alpha=1.5), s.unary())
record_elementwise("silu", lambda m, F, x: F.silu(x * 3), s.unary())
record_elementwise("hardswish", lambda m, F, x: F.hardswish(x * 3.1), s.unary(values="positive"))
record_elementwise("softplus", lambda m, F, x: F.softplus(x * 8, beta=2.0, threshold=10.0), s.unary())
record_elementwise("gelu", lambda m, F, x: F.gelu(x * 2), s.unary())
record_elementwise(
    "gelu.tanh",
    lambda m, F, x: F.gelu(x * 2, approximate="tanh"),
    s.unary(),
    lambda m, F: F.gelu(m.zeros(2), approximate="no"),
)
