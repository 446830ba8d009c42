"""The engine's promises: what is recorded, what is refused, what is freed."""

from __future__ import annotations

import asyncio
import gc
import resource
import subprocess
import sys
import threading
import tracemalloc
import weakref
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import Tensor, autograd
from minigrad.autograd import Function
from minigrad.nn import functional as F
from minigrad.testing import gradcheck, gradgradcheck


def leaf(*values: float) -> Tensor:
    return minigrad.tensor(list(values), dtype=minigrad.float64, requires_grad=True)


# --- Gradients ---


def test_gradients_of_a_tensor_used_twice_add_up() -> None:
    x = leaf(2.0, 3.0)
    (x * x + x).sum().backward()
    assert x.grad.tolist() == [5.0, 7.0]


def test_gradients_add_up_over_backward_calls_until_cleared() -> None:
    x = leaf(1.0)
    for expected in (2.0, 4.0):
        (2 * x).sum().backward()
        assert x.grad.tolist() == [expected]
    x.grad = None
    (2 * x).sum().backward()
    assert x.grad.tolist() == [2.0]


def test_two_leaves_never_share_the_memory_of_their_gradients() -> None:
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).sum().backward()
    x.grad.zero_()
    assert y.grad.tolist() == [1.0, 1.0]


def test_grad_does_not_share_memory_with_the_users_cotangent() -> None:
    x, v = leaf(1.0, 2.0), minigrad.tensor([5.0, 6.0], dtype=minigrad.float64)
    x.clone().backward(v)
    x.grad.zero_()
    assert v.tolist() == [5.0, 6.0]


def test_grad_does_not_share_memory_with_what_a_hook_kept() -> None:
    kept = []
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: kept.append(g))
    (x * 3).sum().backward()
    x.grad.zero_()
    assert kept[0].tolist() == [3.0, 3.0]


def test_a_fresh_gradient_is_taken_over_without_a_copy() -> None:
    x = minigrad.randn(4, 4, requires_grad=True)
    made = []

    class Double(Function):
        def forward(self, a: np.ndarray) -> np.ndarray:
            return a * 2

        def backward(self, grad: Tensor) -> Tensor:
            result = grad * 2
            made.append(result.array.ctypes.data)
            return result

    Double.apply(x).sum().backward()
    assert x.grad.array.ctypes.data == made[0]


def test_gradients_added_to_grad_are_freed_as_they_arrive() -> None:
    weights = [minigrad.ones(100_000, requires_grad=True) for _ in range(10)]

    def backward() -> int:
        loss = minigrad.zeros(())
        for w in weights:
            loss = loss + (w * 3).sum()
        tracemalloc.start()
        loss.backward()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    one = weights[0].array.nbytes
    assert backward() > 10 * one  # they stay, as ``grad``
    assert backward() < 4 * one
    assert all(w.grad is not None and w.grad.tolist() == [6.0] * 100_000 for w in weights)


def test_a_grad_that_is_in_use_elsewhere_is_changed_only_after_the_sweep() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    (3 * x).sum().backward()
    g = x.grad
    assert g is not None
    (x + x).backward(g)  # both paths carry the array of x.grad
    assert g.tolist() == [9.0, 9.0]
    assert x.grad is g
    (x * g.detach() + x.exp() * x.grad).sum().backward()  # saved for the backward of both products
    assert np.allclose(g.array, 9 + 9 + 9 * np.exp([1.0, 2.0]))


def test_gradient_of_a_gradient() -> None:
    x = leaf(2.0)
    (first,) = autograd.grad((x**3).sum(), x, create_graph=True)
    (second,) = autograd.grad(first.sum(), x, create_graph=True)
    (third,) = autograd.grad(second.sum(), x)
    assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)


def test_backward_accepts_only_a_scalar_or_a_cotangent() -> None:
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="only for scalar outputs"):
        (x * 2).backward()
    with pytest.raises(RuntimeError, match="Mismatch in shape"):
        (x * 2).backward(minigrad.ones(3))
    with pytest.raises(RuntimeError, match="does not require grad"):
        minigrad.ones(1).sum().backward()


def test_backward_through_a_freed_graph_says_so() -> None:
    x = leaf(2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    with pytest.raises(RuntimeError, match="second time"):
        y.backward()


def test_grad_names_an_unused_input_and_can_allow_it() -> None:
    x, y = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="not have been used in the graph: input 1"):
        autograd.grad((x * 2).sum(), (x, y))
    assert autograd.grad((x * 2).sum(), (x, y), allow_unused=True)[1] is None
    assert autograd.grad((x * 2).sum(), (x, y), materialize_grads=True, allow_unused=True)[1].tolist() == [0.0]


def test_grad_touches_no_grad_attribute_and_runs_only_what_it_needs() -> None:
    ran = []

    class Spy(Function):
        def forward(self, a: np.ndarray) -> np.ndarray:
            return a.copy()

        def backward(self, grad: Tensor) -> Tensor:
            ran.append(True)
            return grad

    x, y = leaf(1.0), leaf(1.0)
    loss = (x * 2 + Spy.apply(y)).sum()
    autograd.grad(loss, x, retain_graph=True)
    assert not ran
    assert x.grad is None
    loss.backward(inputs=[y])  # the part that did not run is still there
    assert ran
    assert x.grad is None
    assert y.grad.tolist() == [1.0]


def test_an_inner_tensor_can_be_asked_for_its_gradient() -> None:
    x = leaf(3.0)
    y = x * 2
    (g,) = autograd.grad((y * y).sum(), y)
    assert g.tolist() == [12.0]


def test_retain_grad_keeps_the_gradient_of_an_inner_tensor() -> None:
    x = leaf(3.0)
    y = x * 2
    y.retain_grad()
    (y * y).sum().backward()
    assert y.grad.tolist() == [12.0]


# --- Modes and hooks ---


def test_no_grad_records_nothing_also_as_a_decorator_and_nested() -> None:
    x = leaf(1.0)

    @minigrad.no_grad()
    def double(t: Tensor) -> Tensor:
        return t * 2

    assert not double(x).requires_grad
    with minigrad.no_grad():
        assert not (x * 2).requires_grad
        with minigrad.enable_grad():
            assert (x * 2).requires_grad
        assert not minigrad.is_grad_enabled()
    assert (x * 2).requires_grad


def test_no_grad_in_one_thread_leaves_others_alone() -> None:
    seen = []
    with minigrad.no_grad():
        thread = threading.Thread(target=lambda: seen.append(minigrad.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_grad_modes_decorate_bare_and_the_bodies_of_generators_and_coroutines() -> None:
    @minigrad.no_grad
    def bare() -> bool:
        return minigrad.is_grad_enabled()

    @minigrad.no_grad()
    def generate():
        try:
            received = yield minigrad.is_grad_enabled()
            while True:
                received = yield (received, minigrad.is_grad_enabled())
        except KeyError:
            yield minigrad.is_grad_enabled()
        return "done"

    @minigrad.no_grad()
    async def wait() -> bool:
        await asyncio.sleep(0)
        return minigrad.is_grad_enabled()

    assert bare() is False
    generator = generate()
    assert (next(generator), minigrad.is_grad_enabled()) == (False, True)
    assert (generator.send(5), minigrad.is_grad_enabled()) == ((5, False), True)
    assert generator.throw(KeyError()) is False
    with pytest.raises(StopIteration, match="done"):
        next(generator)
    assert asyncio.run(wait()) is False
    assert minigrad.is_grad_enabled()


def test_set_grad_enabled_as_a_decorator_switches_within_the_function_only() -> None:
    @minigrad.set_grad_enabled(False)
    def inside() -> bool:
        return minigrad.is_grad_enabled()

    assert minigrad.is_grad_enabled()
    assert inside() is False
    assert minigrad.is_grad_enabled()


def test_a_decorated_function_may_run_in_several_threads_at_once() -> None:
    barrier = threading.Barrier(2)

    @minigrad.no_grad()
    def wait() -> None:
        barrier.wait()

    after = []

    def run() -> None:
        with minigrad.set_grad_enabled(len(after) == 0):
            wait()
            after.append(minigrad.is_grad_enabled())

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert after == [True, True]


def test_set_grad_enabled_works_at_once_and_as_a_block() -> None:
    minigrad.set_grad_enabled(False)
    assert not minigrad.is_grad_enabled()
    minigrad.set_grad_enabled(True)
    with minigrad.set_grad_enabled(False):
        assert not minigrad.is_grad_enabled()
    assert minigrad.is_grad_enabled()


def test_a_hook_may_replace_the_gradient_and_be_removed() -> None:
    x = leaf(1.0)
    y = x * 3
    handle = y.register_hook(lambda g: g * 10)
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [30.0]
    handle.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [3.0]


def test_a_hook_on_a_leaf_sees_the_whole_gradient_once() -> None:
    seen = []
    x = leaf(1.0)
    x.register_hook(lambda g: seen.append(g.item()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [5.0]


def test_detach_shares_memory_but_not_the_graph() -> None:
    x = leaf(1.0)
    y = (x * 2).detach()
    assert not y.requires_grad
    assert np.shares_memory(x.detach().array, x.array)


def test_anomaly_mode_shows_the_forward_line() -> None:
    x = leaf(0.0)
    with autograd.detect_anomaly(), np.errstate(all="ignore"):
        y = (x.sqrt() * 0).sum()  # the line that the message must show
        with pytest.raises(RuntimeError, match="the line that the message must show"):
            y.backward()


# --- In place ---


def test_writing_to_a_leaf_that_requires_grad_is_refused() -> None:
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="leaf Variable that requires grad"):
        x.add_(1)
    with minigrad.no_grad():
        x.add_(1)
    assert x.tolist() == [2.0]


def test_changing_a_saved_tensor_is_noticed() -> None:
    x = leaf(2.0)
    y = x * 1
    z = (y * y).sum()
    y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_changing_a_saved_tensor_through_a_view_is_noticed() -> None:
    x = leaf(2.0, 3.0)
    y = x * 1
    z = (y * y).sum()
    with minigrad.no_grad():
        y[0] = 7.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.backward()


def test_in_place_operations_are_differentiated() -> None:
    x = leaf(2.0, 3.0)
    y = x * 1
    y.mul_(3)
    y[0] = y[1] * 2
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 9.0]


def test_assignment_gives_gradients_to_base_and_value() -> None:
    base, value = leaf(1.0, 2.0, 3.0), leaf(5.0)
    y = base * 1
    y[1:] = value
    (y * minigrad.tensor([1.0, 10.0, 100.0], dtype=minigrad.float64)).sum().backward()
    assert base.grad.tolist() == [1.0, 0.0, 0.0]
    assert value.grad.tolist() == [110.0]


def test_assignment_into_a_plain_tensor_connects_it() -> None:
    x = leaf(2.0)
    y = minigrad.zeros(2, dtype=minigrad.float64)
    y[0] = x * 3
    y.sum().backward()
    assert x.grad.tolist() == [3.0]


def test_a_recorded_write_to_a_view_changes_its_base_too() -> None:
    x, w = leaf(1.0, 2.0), leaf(5.0)
    y = x * 1
    y[0].mul_(w[0])
    y[1:] += w
    assert y.tolist() == [5.0, 7.0]
    (y * y).sum().backward()
    assert x.grad.tolist() == [50.0, 14.0]
    assert w.grad.tolist() == [24.0]


def test_a_view_taken_before_a_recorded_write_sees_it() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    first, second, both = y[0], y[1:], y.view(2, 1)
    second.mul_(3)
    y.mul_(2)
    (first + 10 * second.sum() + 100 * both.sum()).backward()
    assert x.grad.tolist() == [202.0, 660.0]


def test_a_view_without_history_gets_one_with_its_base() -> None:
    w = leaf(3.0, 4.0)
    base = minigrad.zeros(2, dtype=minigrad.float64)
    view, view_of_view = base[:], base[:][:1]
    assert not view.requires_grad
    base.copy_(w * 2)
    assert view.requires_grad
    assert view.grad_fn is not None
    with pytest.raises(RuntimeError, match="requires grad"):
        view.numpy()
    (view.sum() + view_of_view.sum()).backward()
    assert w.grad.tolist() == [4.0, 2.0]


def test_a_write_of_a_gradient_into_a_plain_view_connects_the_base() -> None:
    w = leaf(3.0)
    base = minigrad.zeros(2, 2, dtype=minigrad.float64)
    base.t()[0].copy_(w)
    assert base.tolist() == [[3.0, 0.0], [3.0, 0.0]]
    base.sum().backward()
    assert w.grad.tolist() == [2.0]


def test_a_view_taken_without_gradients_is_refused_once_its_base_has_changed() -> None:
    y = leaf(1.0, 2.0) * 1
    with minigrad.no_grad():
        view = y[:1]
    with pytest.raises(RuntimeError, match="no_grad mode"):
        view.mul_(2)
    y.mul_(2)
    with pytest.raises(RuntimeError, match="taken under no_grad"):
        view.sum()


def test_a_write_that_fails_leaves_everything_as_it_was() -> None:
    x = leaf(1.0, 2.0)
    y = x * 1
    loss = (y * y).sum()
    with pytest.raises(RuntimeError, match="cannot write"):
        y[:] = minigrad.zeros(3)
    loss.backward()
    assert x.grad.tolist() == [2.0, 4.0]


def test_the_same_number_may_be_written_everywhere_where_elements_share_memory() -> None:
    x = minigrad.ones(3)
    x.expand(2, 3).zero_()
    assert x.tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(RuntimeError, match="single memory"):
        x.expand(2, 3)[:, 0] = 1.0
    x.expand(2, 3)[0] = minigrad.tensor([1.0, 2.0, 3.0])
    assert x.tolist() == [1.0, 2.0, 3.0]


def test_a_tensor_and_its_detached_alias_are_told_apart() -> None:
    x = leaf(3.0)
    for alias in (x.detach(), x.data):
        (first,) = minigrad.autograd.grad((x * alias).sum(), x, create_graph=True)
        assert first.tolist() == [3.0]
        assert not first.requires_grad


def test_a_copy_that_stands_in_for_a_view_is_one_to_the_eye() -> None:
    w = leaf(1.0, 2.0)
    y = minigrad.zeros(1, 2, 2, 3, dtype=minigrad.float64).to(memory_format=minigrad.channels_last)
    flat = y.view(-1)
    assert not np.may_share_memory(flat.array, y.array)
    y[0, 0, 0, :2] = w
    assert flat.tolist() == [1.0, 2.0, *[0.0] * 10]
    flat[6:8].add_(w)
    assert y[0, 1, 0].tolist() == [1.0, 2.0, 0.0]
    flat.mul_(3)
    (y.sum() + flat.sum()).backward()
    assert w.grad.tolist() == [12.0, 12.0]
    with pytest.raises(ValueError, match="read-only"):
        y.detach().view(-1).numpy()[0] = 1.0


def test_a_view_that_nobody_else_sees_is_written_like_any_tensor() -> None:
    x = leaf(1.0, 2.0, 3.0, 4.0)
    y = (x * 2).reshape(2, 2).t()
    y += 1
    y[0] = 0.0
    y.relu_()
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 2.0, 0.0, 2.0]


def test_of_the_pieces_of_what_is_gone_one_is_written() -> None:
    x = leaf(1.0, 2.0)
    first, second = (x * 2).chunk(2)
    first.mul_(3)
    (first + second).sum().backward()
    assert x.grad.tolist() == [6.0, 2.0]


def test_a_detached_alias_has_a_history_of_its_own() -> None:
    w = leaf(3.0, 4.0)
    y = w * 1
    alias = y.detach()
    y.mul_(w)
    alias_view = alias[:1]
    assert not (alias * 2).requires_grad
    y.add_(w)
    assert not (alias_view * 2).requires_grad
    assert alias_view.tolist() == [12.0]
    y.sum().backward()
    assert w.grad.tolist() == [7.0, 9.0]


def test_a_function_that_returns_its_input_returns_a_view_of_it() -> None:
    class Identity(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x

        def backward(self, grad: Tensor) -> Tensor:
            return -grad

    y = leaf(1.0, 2.0) * 1
    loss = (y * y).sum()
    z = Identity.apply(y)
    with minigrad.no_grad():
        z.add_(1)
    assert y.tolist() == [2.0, 3.0]
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_memory_that_numpy_protects_is_not_written() -> None:
    protected = np.arange(3.0)
    protected.flags.writeable = False
    x = minigrad.from_numpy(protected)
    for write in (lambda: x.add_(1), lambda: x[:1].zero_(), lambda: x.expand(1, 3).add_(1), x.expand(2, 3)[0].zero_):
        with pytest.raises(RuntimeError, match="read-only"):
            write()
    assert protected.tolist() == [0.0, 1.0, 2.0]


def test_in_place_refuses_a_larger_shape_or_a_higher_dtype() -> None:
    with pytest.raises(RuntimeError, match="doesn't match the broadcast shape"):
        minigrad.zeros(1).add_(minigrad.zeros(3))
    with pytest.raises(RuntimeError, match="can't be cast"):
        minigrad.tensor([1]).mul_(0.5)


# --- Functions of one's own ---


class Scale(Function):
    """y = a · x · option"""

    def forward(self, x: np.ndarray, a: np.ndarray, *, option: float) -> np.ndarray:
        self.option = option
        self.save_for_backward(x, a)
        return x * a * option

    def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
        x, a = self.saved_tensors
        return grad * a * self.option, (grad * x * self.option).sum()


class SplitInTwo(Function):
    """(x · 2, x · 3)"""

    def forward(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return x * 2, x * 3

    def backward(self, first: Tensor, second: Tensor) -> Tensor:
        return first * 2 + second * 3


def test_a_users_function_passes_both_gradient_checks() -> None:
    x = minigrad.randn(3, dtype=minigrad.float64, requires_grad=True)
    a = minigrad.tensor(1.5, dtype=minigrad.float64, requires_grad=True)
    assert gradcheck(lambda x, a: Scale.apply(x, a, option=2.0), (x, a))
    assert gradgradcheck(lambda x, a: Scale.apply(x, a, option=2.0), (x, a))


def test_an_unused_output_of_a_function_counts_as_zero() -> None:
    x = leaf(1.0)
    first, _ = SplitInTwo.apply(x)
    first.sum().backward()
    assert x.grad.tolist() == [2.0]


def test_gradcheck_finds_a_wrong_gradient_and_says_where() -> None:
    class Wrong(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * x

        def backward(self, grad: Tensor) -> Tensor:
            return grad * 3

    with pytest.raises(RuntimeError, match="Jacobian mismatch for output 0 with respect to input 0"):
        gradcheck(Wrong.apply, leaf(1.0, 2.0))
    assert not gradcheck(Wrong.apply, leaf(1.0, 2.0), raise_exception=False)


def test_gradcheck_refuses_float32() -> None:
    with pytest.raises(ValueError, match="needs float64"):
        gradcheck(minigrad.exp, minigrad.ones(1, requires_grad=True))


def test_a_gradient_of_the_wrong_shape_or_number_names_the_function() -> None:
    class WrongShape(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

        def backward(self, grad: Tensor) -> Tensor:
            return grad.sum()

    class WrongNumber(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

        def backward(self, grad: Tensor) -> tuple[Tensor, Tensor]:
            return grad, grad

    with pytest.raises(RuntimeError, match=r"WrongShape.backward returned a gradient of shape \[\]"):
        WrongShape.apply(leaf(1.0, 2.0)).sum().backward()
    with pytest.raises(RuntimeError, match=r"WrongNumber.backward returned 2 gradients for 1 inputs"):
        WrongNumber.apply(leaf(1.0)).sum().backward()


@pytest.mark.parametrize("wrong", [np.ones(2), 2.0, "a"], ids=["array", "number", "str"])
def test_a_gradient_that_is_no_tensor_names_the_function(wrong: object) -> None:
    class NoTensor(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

        def backward(self, grad: Tensor) -> object:
            return wrong

    with pytest.raises(RuntimeError, match=r"NoTensor.backward returned an? .* for input 0"):
        NoTensor.apply(leaf(1.0, 2.0)).sum().backward()


def test_a_gradient_of_another_dtype_is_rounded_to_the_inputs_and_trailing_nones_are_dropped() -> None:
    class Double(Function):
        def forward(self, x: np.ndarray) -> np.ndarray:
            return x * 2

        def backward(self, grad: Tensor) -> tuple[Tensor, None]:
            return grad.double() / 3, None

    x = minigrad.ones(2, requires_grad=True)
    y = x * 1
    (gradient,) = autograd.grad(Double.apply(y).sum(), y)
    assert gradient.dtype == minigrad.float32


# --- Memory ---


def test_dropping_the_output_frees_the_graph_without_the_garbage_collector() -> None:
    x = minigrad.randn(100, requires_grad=True)
    gc.disable()
    try:
        y = ((x * 2).exp() + x).relu().reshape(10, 10)
        nodes = []
        node = y.grad_fn
        while isinstance(node, Function):
            nodes.append(weakref.ref(node))
            node = node.next_functions[0][0]
        assert len(nodes) == 5
        del y, node
        assert all(reference() is None for reference in nodes)
    finally:
        gc.enable()


def test_backward_frees_what_was_saved() -> None:
    x = minigrad.randn(1000, requires_grad=True)
    y = x.exp()
    array = weakref.ref(y.array)
    loss = (y * y).sum()
    del y
    assert array() is not None
    loss.backward()
    assert array() is None, "the saved array must not outlive backward, although the loss does"


def test_batch_norm_with_relu_does_not_keep_its_output() -> None:
    x = minigrad.randn(4, 3, 5, 5, requires_grad=True)
    z = F.batch_norm_relu(x, None, None, training=True)
    positive = (z > 0).sum().item()
    array = weakref.ref(z.array)
    joined = minigrad.cat([z, z], 1)
    del z
    assert array() is None, "only the joined map should be in memory"
    weight, bias = minigrad.ones(3, requires_grad=True), minigrad.zeros(3, requires_grad=True)
    F.batch_norm_relu(x, None, None, weight, bias, training=True).sum().backward()
    assert bias.grad.sum().item() == positive
    joined.sum().backward()


def _resident_megabytes() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize() / 2**20


@pytest.mark.parametrize("rounds", [150_000, pytest.param(925_926, marks=pytest.mark.slow)])  # of 1.08 operations
def test_a_long_chain_of_operations_forward_backward_and_deletion(rounds: int) -> None:
    gc.disable()
    try:
        before = _resident_megabytes()
        x = leaf(1.0)
        y = x
        for i in range(rounds):
            y = y * 1.0 if i % 25 else y * 0.5 + y * 0.5  # now and then two paths that meet again
        assert y.grad_fn is not None
        y.backward()
        assert x.grad.tolist() == [1.0]
        peak = _resident_megabytes()
        del y, x
        assert _resident_megabytes() - before < 0.25 * (peak - before), "deletion must give the memory back"
    finally:
        gc.enable()


def test_infinities_and_nan_are_values_that_nobody_is_warned_of() -> None:
    program = """
import minigrad
from minigrad.nn import functional as F

x = minigrad.tensor([3e38, float("inf"), 0.0, -1.0, float("nan")], requires_grad=True)
operations = [lambda: x * 1e30, lambda: x - x, lambda: x.log(), lambda: 1 / x, lambda: x.exp(), lambda: x.cumsum(0)]
operations += [lambda: x.prod(), lambda: x.var(), lambda: x.softmax(0), lambda: x % 0, lambda: x.half()]
operations += [lambda: x.sin(), lambda: x @ x, lambda: x.norm(), lambda: F.layer_norm(x, (5,)), lambda: x**-0.5]
for operation in operations:
    operation().sum().backward()
"""
    run = subprocess.run([sys.executable, "-W", "always", "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_every_edge_leads_to_an_older_node_also_from_other_threads_and_after_writes() -> None:
    x = minigrad.randn(3, requires_grad=True)
    shared = x * 2

    def record(results: list[Tensor]) -> None:
        y = shared * 3
        y.add_(x)
        y[0] = shared[1]
        results.append((y * shared).sum())

    results: list[Tensor] = []
    threads = [threading.Thread(target=record, args=(results,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = results[0] + results[1] + results[2] + results[3]
    unvisited: list[Any] = [total.grad_fn]
    while unvisited:
        node = unvisited.pop()
        for edge in node.next_functions:
            if edge is not None:
                assert edge[0].number < node.number
                unvisited.append(edge[0])
    total.backward()
    doubled = 2 * x.detach()
    slope = 28 * x.detach()  # of (3 s + x) · s with s = 2 x
    slope[0] = 2 * doubled[1]  # where y is s[1]
    slope[1] = slope[1] + 2 * doubled[0]
    np.testing.assert_allclose(x.grad, 4 * slope, rtol=1e-4)


@pytest.mark.parametrize(
    ("operation", "gradient"),
    [
        (lambda x, c: x * c, lambda x, c: c),
        (lambda x, c: c * x, lambda x, c: c),
        (lambda x, c: x / c, lambda x, c: 1 / c),
    ],
)
def test_an_operand_may_be_overwritten_if_only_the_constant_beside_it_is_needed(operation: Any, gradient: Any) -> None:
    x = minigrad.tensor([1.0, 2.0, 3.0], requires_grad=True)
    c = minigrad.tensor([[2.0], [5.0]])
    inner = x * 1.0
    y = operation(inner, c)
    inner.fill_(0)
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), np.broadcast_to(gradient(1, c.numpy()), (2, 3)).sum(0), rtol=1e-6)
    y = operation(x, c).sum()
    c.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
