"""The engine and the tensor's protocols in both libraries: the same result, or the same type of error."""

from __future__ import annotations

import copy
import operator
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

import minigrad
from minigrad import nn


def outcome(call: Callable[[Any], Any], library: Any) -> Any:
    """Return the result of ``call(library)`` in terms that both libraries share, or the type of its exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return plain(call(library))
        except Exception as error:
            return type(error)


def plain(value: Any) -> Any:
    if isinstance(value, minigrad.Tensor | torch.Tensor):
        array = value.detach().numpy()
        return ("tensor", array.shape, array.dtype.name, repr(array.tolist()), value.requires_grad)
    if isinstance(value, np.ndarray):
        return ("array", value.shape, value.dtype.name, value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    return value


def assert_same(call: Callable[[Any], Any]) -> None:
    expected, ours = outcome(call, torch), outcome(call, minigrad)
    if isinstance(expected, type) and isinstance(ours, type):
        assert issubclass(ours, expected), f"{ours.__name__}, torch raises {expected.__name__}"
    else:
        assert ours == expected


def cases(*calls: Callable[[Any], Any]) -> Any:
    return pytest.mark.parametrize("call", calls, ids=range(len(calls)))


# --- Python's protocols ---

SPECS = ("", ".3f", "d", "5", ">10", "e", "x", "s")


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("value", [2.123456, 7, True, [1.0, 2.0], [2.5]], ids=str)
def test_a_number_formats_as_a_number_and_nothing_else_does(value: Any, spec: str) -> None:
    if spec or not isinstance(value, list):
        assert_same(lambda m: format(m.tensor(value), spec))
    if not isinstance(value, list):
        assert_same(lambda m: format(m.tensor(float(value), requires_grad=True) * 1, spec))


OTHERS: list[Any] = [3, 9.0, True, None, "a", [1.0], (1.0, 2.0), {}, object, np.float64(1), np.ones(2)]


@pytest.mark.parametrize("other", OTHERS, ids=str)
@pytest.mark.parametrize(
    "op", [operator.contains, operator.eq, operator.ne, lambda a, b: b == a, lambda a, b: a in [b]]
)
def test_comparing_and_looking_for_any_object(op: Any, other: Any) -> None:
    if op is operator.ne and isinstance(other, np.ndarray):
        return  # torch answers True, for the whole
    assert_same(lambda m: op(m.tensor([1.0, 3.0]), other))
    assert_same(lambda m: op(m.tensor(3.0), other))


@cases(
    lambda m: m.tensor([1.0, 2.0]) in m.ones(2, 2),
    lambda m: 0 in m.tensor([]),
    lambda m: [None, "a", t := m.tensor(1.0)].index(t),
    lambda m: (v := m.tensor([1.0, 2.0])) in [None, v],
    lambda m: bool(m.tensor([])),
    lambda m: bool(m.tensor([0.0])),
    lambda m: bool(m.tensor([1.0, 2.0])),
    lambda m: int(m.tensor([1.0, 2.0])),
    lambda m: float(m.tensor([])),
    lambda m: complex(m.tensor(2.0)),
    lambda m: complex(m.tensor([1.0, 2.0])),
    lambda m: list(range(9))[m.tensor(2)],
    lambda m: list(range(9))[m.tensor(2.0)],
    lambda m: [1] * m.tensor(2),
    lambda m: [1, 2, 3][: m.tensor(2)],
    lambda m: len(m.tensor(1.0)),
    lambda m: list(m.tensor(1.0)),
    lambda m: list(reversed(m.tensor([1.0, 2.0]))),
    lambda m: reversed(m.tensor(1.0)),
    lambda m: sorted(m.tensor([3.0, 1.0])),
    lambda m: +m.tensor([1.0]),
    lambda m: +m.tensor(True),
    lambda m: np.sin(m.tensor([1.0], dtype=m.float64)),
    lambda m: np.exp(m.tensor([1.0], requires_grad=True)),
    lambda m: np.stack([m.tensor([1.0]), m.tensor([2.0])]),
    lambda m: np.float64(2) * m.tensor([1.0]),
    lambda m: np.float32(2) * m.tensor([1]),
    lambda m: np.float64(3) * m.tensor(2.5, requires_grad=True),
)
def test_python_and_numpy_find_what_they_expect(call: Any) -> None:
    assert_same(call)


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod, operator.pow, operator.matmul]


@pytest.mark.parametrize("op", BINARY)
@pytest.mark.parametrize("other", [np.full(2, 2.0), [1.0, 2.0], "a", None], ids=["array", "list", "str", "None"])
def test_operators_with_an_array_or_a_stranger_at_the_right(op: Any, other: Any) -> None:
    assert_same(lambda m: op(m.tensor([1.0, 3.0], dtype=m.float64), other))
    assert_same(lambda m: op(m.tensor([1.0, 3.0], dtype=m.float64, requires_grad=True), other))


# --- Bits, and operators that write ---

VALUES: dict[str, Callable[[Any], Any]] = {
    "float": lambda m: m.tensor([3.0, 4.0]),
    "long": lambda m: m.tensor([3, 4]),
    "int": lambda m: m.tensor([1, 2], dtype=m.int32),
    "bool": lambda m: m.tensor([True, False]),
    "0-d": lambda m: m.tensor(5),
    "rows": lambda m: m.tensor([[1, 2], [3, 4]]),
    "2": lambda m: 2,
    "0.5": lambda m: 0.5,
    "True": lambda m: True,
    "str": lambda m: "a",
}
BITS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]
IN_PLACE = [operator.iadd, operator.imul, operator.itruediv, operator.ifloordiv, operator.imod, operator.ipow]
IN_PLACE += [operator.iand, operator.ior, operator.ixor, operator.ilshift, operator.irshift, operator.imatmul]


@pytest.mark.parametrize("op", BITS)
@pytest.mark.parametrize("second", VALUES)
@pytest.mark.parametrize("first", VALUES)
def test_bits(op: Any, first: str, second: str) -> None:
    a, b = VALUES[first], VALUES[second]
    if any(not isinstance(x(torch), int | float | str) for x in (a, b)):
        assert_same(lambda m: op(a(m), b(m)))


@pytest.mark.parametrize("count", [-1, 0, 7, 8, 9, 31, 63, 64, 70])
@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_shifts_beyond_the_width_of_the_type(dtype: str, count: int) -> None:
    for op in (operator.lshift, operator.rshift):
        assert_same(lambda m, op=op: op(m.tensor([3, -5], dtype=getattr(m, dtype)), count))


@pytest.mark.parametrize("op", IN_PLACE)
@pytest.mark.parametrize("second", VALUES)
@pytest.mark.parametrize("first", ["float", "long", "int", "0-d"])
def test_operators_that_write_reach_aliases_and_views(op: Any, first: str, second: str) -> None:
    def call(m: Any) -> Any:
        x = VALUES[first](m)
        view = x.view(-1)[:1]
        y = op(x, VALUES[second](m))
        return [y, x, view, y is x]

    assert_same(call)


# --- Hooks and .grad are checked ---

REPLACEMENTS: dict[str, Callable[[Any, Any], Any]] = {
    "None": lambda m, g: None,
    "good": lambda m, g: g * 2,
    "shorter": lambda m, g: g[:1],
    "one element": lambda m, g: m.ones(1),
    "double": lambda m, g: g.double(),
    "long": lambda m, g: g.long(),
    "array": lambda m, g: g.numpy(),
    "number": lambda m, g: 2.0,
    "tuple": lambda m, g: (g,),
}


@pytest.mark.parametrize("made", [False, True], ids=["leaf", "inner"])
@pytest.mark.parametrize("what", REPLACEMENTS)
def test_what_a_hook_returns_is_checked(what: str, made: bool) -> None:
    def call(m: Any) -> Any:
        x = m.ones(2, requires_grad=True)
        y = x * 1
        (y if made else x).register_hook(lambda g: REPLACEMENTS[what](m, g))
        (y * 2).sum().backward()
        return x.grad

    assert_same(call)


@pytest.mark.parametrize("what", [w for w in REPLACEMENTS if w not in ("tuple", "number")])
def test_what_a_modules_backward_hook_returns_is_checked(what: str) -> None:
    for kind in ("register_full_backward_hook", "register_full_backward_pre_hook"):

        def call(m: Any, kind: str = kind) -> Any:
            module = (nn if m is minigrad else torch.nn).ReLU()
            getattr(module, kind)(
                lambda module, *grads: None if what == "None" else (REPLACEMENTS[what](m, grads[0][0]),)
            )
            x = m.ones(2, requires_grad=True)
            module(x).sum().backward()
            return x.grad

        assert_same(call)


@pytest.mark.parametrize("what", REPLACEMENTS)
def test_what_is_assigned_to_grad_is_checked(what: str) -> None:
    def call(m: Any) -> Any:
        x = m.ones(2, requires_grad=True)
        x.grad = REPLACEMENTS[what](m, m.ones(2))
        return x.grad

    assert_same(call)


@cases(
    lambda m: setattr(x := m.ones(2), "grad", x),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, m.ones(3)),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, np.ones(2)),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, [1.0]),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, 1.0),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, m.ones(2, dtype=m.float64)),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)) * 2, x, m.tensor([1, 2])),
    lambda m: m.autograd.grad((x := m.ones(2, requires_grad=True)).sum(), x, m.ones(1)),
    lambda m: (m.ones(2, requires_grad=True) * 2).backward("a"),
)
def test_cotangents_are_checked_and_take_the_outputs_dtype(call: Any) -> None:
    assert_same(call)


# --- Views, writes and kept gradients: what torch computes is computed, or refused with a RuntimeError ---


def weights(m: Any) -> Any:
    return m.tensor([3.0, 4.0], requires_grad=True)


def late_history(read: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    """Take a view, let its base gain a history, and return the result of ``read`` on the view."""

    def call(m: Any) -> Any:
        w = weights(m)
        base = m.zeros(2)
        view = base[:]
        base.add_(w)
        total = read(m, view)
        (total.sum() + base.sum()).backward()
        return w.grad

    return call


@pytest.mark.parametrize(
    "read",
    [
        lambda m, v: v,
        lambda m, v: v * 3,
        lambda m, v: v[:1],
        lambda m, v: v.reshape(2, 1).t(),
        lambda m, v: v.clone(),
        lambda m, v: m.cat([v, v]),
        lambda m, v: m.ones(2).mul_(v),
        lambda m, v: m.ones(2).copy_(v),
        lambda m, v: m.where(v > 0, v, 0.0),
        lambda m, v: v.expand(3, 2),
        lambda m, v: v.to(m.float64),
        lambda m, v: v @ v,
        lambda m, v: v.max(),
        lambda m, v: v[[0, 0]],
        lambda m, v: v.numpy() if v.numpy() is None else m.tensor(np.asarray(v)),
        lambda m, v: m.autograd.grad(v.sum(), v)[0],
        lambda m, v: v.detach() * 2,
    ],
)
def test_a_view_whose_base_gains_a_history_never_has_a_wrong_gradient(read: Any) -> None:
    expected, ours = (outcome(late_history(read), m) for m in (torch, minigrad))
    assert ours == expected or ours is RuntimeError


def test_a_view_whose_base_has_gained_a_history_can_be_written() -> None:
    assert outcome(late_history(lambda m, v: v.mul_(2)), minigrad)[3] == "[4.0, 4.0]"  # torch takes it for a leaf


def _kept(*, write: Any) -> Callable[[Any], Any]:
    def call(m: Any) -> Any:
        x = weights(m)
        y = x * 3
        y.retain_grad()
        write(y)
        (y * y).sum().backward()
        return y.grad, x.grad

    return call


@cases(
    _kept(write=lambda y: y.mul_(2)),
    _kept(write=lambda y: y.mul_(2).add_(1)),
    _kept(write=lambda y: y.relu_()),
    _kept(write=lambda y: y.__setitem__(0, 5.0)),
    _kept(write=lambda y: None),
)
def test_retain_grad_keeps_the_gradient_of_the_value_that_is_there(call: Any) -> None:
    assert_same(call)


def _no_grad_view(m: Any) -> Any:
    y = weights(m) * 1
    with m.no_grad():
        v = y[:1]
    v.mul_(2)


def _view_of_a_leaf(m: Any) -> Any:
    weights(m)[:1].mul_(2)


def _late_leaf(m: Any) -> Any:
    x = m.ones(2)
    v = x[:1]
    x.requires_grad_()
    v.mul_(2)


def _detach_a_view(m: Any) -> Any:
    y = weights(m) * 1
    v = y[:1]
    v.detach_()


def _scaled_by_a_parameter(m: Any) -> Any:
    w = weights(m)
    y = m.full((2,), 5.0)
    y.mul_(w).div_(w * 2)
    (y * w).sum().backward()
    return w.grad


def _sums_gradient(m: Any) -> Any:
    y = weights(m) * 1
    y.retain_grad()
    y.sum().backward()
    y.grad[0] = 9
    return y.grad.add_(1)


def _zeros(m: Any) -> Any:
    x = m.tensor(2.0, requires_grad=True)
    y = 3 * x
    for _ in range(3):
        (y,) = m.autograd.grad(y, x, create_graph=True, allow_unused=True, materialize_grads=True)
    return y.item()


@cases(
    _no_grad_view,
    _view_of_a_leaf,
    _late_leaf,
    _detach_a_view,
    _scaled_by_a_parameter,
    _sums_gradient,
    _zeros,
)
def test_writes_into_views_and_kept_gradients(call: Any) -> None:
    assert_same(call)


def memory(change: Callable[[Any, Any], Any]) -> Callable[[Any], Any]:
    def call(m: Any) -> Any:
        x = m.arange(6.0).reshape(2, 3)
        return change(m, x), x

    return call


@cases(
    memory(lambda m, x: x[:1].repeat(4, 1).add_(1)),
    memory(lambda m, x: x.repeat(1, 1, 1).add_(1)),
    memory(lambda m, x: x.repeat(2, 1).view(3, 4)),
    memory(lambda m, x: x.expand(2, 3).add_(1)),
    memory(lambda m, x: x.expand(-1, -1).mul_(2)),
    memory(lambda m, x: x[0].expand(1, 3).contiguous().add_(1)),
    memory(lambda m, x: x[0].expand(2, 3).add_(1)),
    memory(lambda m, x: x[:, :1].expand(2, 4).relu_()),
    memory(lambda m, x: x[0].expand(2, 3)[0].add_(1)),
    memory(lambda m, x: x[0].expand(2, 3).__setitem__(0, 7.0)),
    memory(lambda m, x: x[:, [0, 2]].view(-1)),
    memory(lambda m, x: x[..., [0, 2]].flatten().add_(1)),
    memory(lambda m, x: x[range(2)]),
    memory(lambda m, x: x[range(2), range(1, 3)]),
    memory(lambda m, x: x[[[0, 1], [1, 0]]]),
    memory(lambda m, x: x[[0, slice(0, 2)]]),
    memory(lambda m, x: x[[[True, False]]]),
    memory(lambda m, x: x[[]]),
    memory(lambda m, x: x.flatten(1, 1) is x),
)
def test_memory_is_shared_and_written_where_torch_does(call: Any) -> None:
    assert_same(call)


# --- Copies ---


@cases(
    lambda m: attributes(m.ones(1), copy.deepcopy),
    lambda m: attributes(m.ones(1), copy.copy),
    lambda m: attributes(m.ones(1), lambda x: pickle.loads(pickle.dumps(x))),
    lambda m: copy.deepcopy(m.ones(1, requires_grad=True) * 2),
    lambda m: copy.deepcopy([x := m.ones(1), x])[0] is x,
)
def test_copies_keep_what_users_set_on_a_tensor(call: Any) -> None:
    assert_same(call)


def attributes(x: Any, copied: Any) -> Any:
    x.label, x.tags = "weight", [1, 2]
    y = copied(x)
    return y.label, y.tags, y.tags is x.tags
