"""jacobian, hessian, vjp, jvp, hvp, module hooks, clipping and checkpointing against torch's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
import torch.utils.checkpoint

import minigrad
from minigrad import nn
from minigrad.recompute import checkpoint
from minigrad.testing.close import as_numpy
from minigrad.testing.parity import flat_outputs
from parity_tests.compare import assert_close
from parity_tests.tolerances import FLOAT64

pytestmark = pytest.mark.device

RANDOM = np.random.default_rng(0)
X, Y = RANDOM.standard_normal((3, 2)), RANDOM.standard_normal(2)

#: One line is run with ``m`` minigrad and torch, ``f`` their autograd.functional.
CALLS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "vjp": lambda m, f, x, y: f.vjp(lambda x, y: (x @ y).tanh(), (x, y), m.ones(3, dtype=m.float64)),
    "vjp of a scalar": lambda m, f, x, y: f.vjp(lambda x: x.exp().sum(), x),
    "vjp of several outputs": lambda m, f, x, y: f.vjp(lambda x, y: (x * y, y.sum()), (x, y), (x, y[0])),
    "jvp": lambda m, f, x, y: f.jvp(lambda x, y: (x @ y).tanh(), (x, y), (x * 2, y + 1)),
    "jvp of several outputs": lambda m, f, x, y: f.jvp(lambda x: (x.exp(), x.sum(0)), x, x + 1),
    "jacobian": lambda m, f, x, y: f.jacobian(lambda x: x.exp() * x.sum(), x),
    "jacobian of several": lambda m, f, x, y: f.jacobian(lambda x, y: ((x @ y).tanh(), y * y), (x, y)),
    "jacobian without dependence": lambda m, f, x, y: f.jacobian(lambda x, y: x * 2, (x, y)),
    "hessian": lambda m, f, x, y: f.hessian(lambda x: (x * x * x).sum() * x[0, 0], x),
    "hessian of several": lambda m, f, x, y: f.hessian(lambda x, y: (x @ y).exp().sum(), (x, y)),
    "hvp": lambda m, f, x, y: f.hvp(lambda x, y: (x @ y).exp().sum(), (x, y), (x + 1, y * 2)),
    "vhp": lambda m, f, x, y: f.vhp(lambda x: (x * x * x).sum(), x, x + 1),
}


@pytest.mark.parametrize("name", CALLS)
def test_derivatives_of_functions_equal_torchs(name: str) -> None:
    call = CALLS[name]
    ours = call(minigrad, minigrad.autograd.functional, minigrad.as_tensor(X), minigrad.as_tensor(Y))
    theirs = call(torch, torch.autograd.functional, torch.as_tensor(X), torch.as_tensor(Y))
    assert _structure(ours) == _structure(theirs)
    for i, (a, b) in enumerate(zip(flat_outputs(ours), flat_outputs(theirs), strict=True)):
        assert_close(a, b, FLOAT64, f"result {i}")
        assert a.requires_grad == b.requires_grad


def _structure(value: Any) -> Any:
    return [_structure(item) for item in value] if isinstance(value, tuple) else tuple(value.shape)


@pytest.mark.parametrize("name", ["jacobian", "hessian", "hvp", "vjp", "jvp"])
def test_create_graph_makes_the_derivative_differentiable(name: str) -> None:
    found = []
    for m, make in ((minigrad, minigrad.tensor), (torch, torch.tensor)):
        f = m.autograd.functional
        x = make(X, requires_grad=True)
        v = make(X)

        def cubic(x: Any) -> Any:
            return (x * x * x).sum()

        result = {
            "jacobian": lambda f=f, x=x: f.jacobian(lambda x: (x * x).exp(), x, create_graph=True),
            "hessian": lambda f=f, x=x: f.hessian(cubic, x, create_graph=True),
            "hvp": lambda f=f, x=x, v=v: f.hvp(cubic, x, v, create_graph=True)[1],
            "vjp": lambda f=f, x=x, v=v: f.vjp(lambda x: x.exp(), x, v, create_graph=True)[1],
            "jvp": lambda f=f, x=x, v=v: f.jvp(lambda x: x.exp(), x, v, create_graph=True)[1],
        }[name]()
        found.append(m.autograd.grad((result * result).sum(), x)[0])
    assert_close(found[0], found[1], FLOAT64, name)


ERRORS: dict[str, Callable[[Any, Any, Any], Any]] = {
    "v missing": lambda f, x, y: f.vjp(lambda x: x * 2, x),
    "v of another shape": lambda f, x, y: f.vjp(lambda x: x * 2, x, y),
    "jvp of another shape": lambda f, x, y: f.jvp(lambda x: x * 2, x, y),
    "hessian of no scalar": lambda f, x, y: f.hessian(lambda x: x * 2, x),
    "strict": lambda f, x, y: f.jacobian(lambda x, y: x * 2, (x, y), strict=True),
    "no tensor": lambda f, x, y: f.jacobian(lambda x: x, 3.0),
}


@pytest.mark.parametrize("call", ERRORS.values(), ids=ERRORS)
def test_bad_calls_raise_torchs_type_of_error(call: Any) -> None:
    with pytest.raises(Exception) as theirs:
        call(torch.autograd.functional, torch.as_tensor(X), torch.as_tensor(Y))
    with pytest.raises(type(theirs.value)):
        call(minigrad.autograd.functional, minigrad.as_tensor(X), minigrad.as_tensor(Y))


# --- Hooks on modules ---


def _twins() -> tuple[Any, Any]:
    def make(m: Any) -> Any:
        return m.Sequential(m.Linear(3, 4), m.Tanh(), m.Linear(4, 2)).double()

    theirs, ours = make(torch.nn), make(nn)
    ours.load_state_dict({key: as_numpy(value) for key, value in theirs.state_dict().items()})
    return ours, theirs


def _gradients(model: Any, x: Any) -> list[Any]:
    y = model(x)
    (y * y).sum().backward()
    return [y, x.grad, *(p.grad for p in model.parameters())]


HOOKS: dict[str, Callable[[Any, list[Any]], Any]] = {
    "forward pre sees": lambda model, seen: model[1].register_forward_pre_hook(lambda m, args: seen.append(args[0])),
    "forward pre changes": lambda model, seen: model[1].register_forward_pre_hook(lambda m, args: args[0] * 2),
    "forward pre with kwargs": lambda model, seen: model[2].register_forward_pre_hook(
        lambda m, args, kwargs: ((args[0] + 1,), kwargs), with_kwargs=True
    ),
    "forward sees": lambda model, seen: model[0].register_forward_hook(lambda m, args, y: seen.extend([args[0], y])),
    "forward changes": lambda model, seen: model[0].register_forward_hook(lambda m, args, y: y * 3),
    "backward sees": lambda model, seen: model[1].register_full_backward_hook(
        lambda m, grad_in, grad_out: seen.extend([*grad_in, *grad_out])
    ),
    "backward changes": lambda model, seen: model[2].register_full_backward_hook(
        lambda m, grad_in, grad_out: (grad_in[0] * 2,)
    ),
    "backward pre changes": lambda model, seen: model[2].register_full_backward_pre_hook(
        lambda m, grad_out: (grad_out[0] * 5,)
    ),
    "in order": lambda model, seen: [
        model[0].register_forward_hook(lambda m, args, y: y + 1),
        model[0].register_forward_hook(lambda m, args, y: y * 2),
        model[0].register_forward_hook(lambda m, args, y: y - 3, prepend=True),
    ],
}


@pytest.mark.parametrize("register", HOOKS.values(), ids=HOOKS)
def test_module_hooks_see_and_change_what_torchs_do(register: Any) -> None:
    ours, theirs = _twins()
    our_seen: list[Any] = []
    their_seen: list[Any] = []
    register(ours, our_seen)
    register(theirs, their_seen)
    x = RANDOM.standard_normal((5, 3))
    found = _gradients(ours, minigrad.tensor(x, requires_grad=True)) + our_seen
    expected = _gradients(theirs, torch.tensor(x, requires_grad=True)) + their_seen
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert_close(a, b, FLOAT64, f"value {i}")


def test_a_backward_hook_fires_without_a_gradient_for_the_input_and_can_be_removed() -> None:
    for model, x in zip(
        _twins(), (minigrad.tensor(X @ np.ones((2, 3))), torch.tensor(X @ np.ones((2, 3)))), strict=True
    ):
        seen: list[Any] = []
        handle = model[0].register_full_backward_hook(lambda m, g, _, seen=seen: seen.append(g))
        model(x).sum().backward()
        assert seen == [(None,)]
        handle.remove()
        model(x).sum().backward()
        assert len(seen) == 1


# --- nn.utils ---

UTILS = (nn.utils, torch.nn.utils)


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0, float("inf")])
@pytest.mark.parametrize("max_norm", [0.1, 100.0])
def test_clipping_by_norm_equals_torchs(max_norm: float, norm_type: float) -> None:
    ours, theirs = _twins()
    x = RANDOM.standard_normal((5, 3))
    _gradients(ours, minigrad.tensor(x, requires_grad=True))
    _gradients(theirs, torch.tensor(x, requires_grad=True))
    our_norm = nn.utils.clip_grad_norm_(ours.parameters(), max_norm, norm_type)
    their_norm = torch.nn.utils.clip_grad_norm_(theirs.parameters(), max_norm, norm_type)
    assert_close(our_norm, their_norm, FLOAT64, "norm")
    totals = [
        m.get_total_norm([p.grad for p in x.parameters()], norm_type)
        for m, x in zip(UTILS, (ours, theirs), strict=True)
    ]
    for m, x, total in zip(UTILS, (ours, theirs), totals, strict=True):
        m.clip_grads_with_norm_(x.parameters(), max_norm / 2, total)
    assert_close(*totals, FLOAT64, "norm after it")
    assert nn.utils.get_total_norm([]).item() == 0.0
    nn.utils.clip_grad_value_(ours.parameters(), 0.05)
    torch.nn.utils.clip_grad_value_(theirs.parameters(), 0.05)
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(a.grad, b.grad, FLOAT64, "clipped gradient")


def test_a_norm_that_is_not_finite_is_an_error_if_asked() -> None:
    p = minigrad.zeros(2, requires_grad=True)
    p.grad = minigrad.tensor([float("inf"), 0.0])
    with pytest.raises(RuntimeError, match="non-finite"):
        nn.utils.clip_grad_norm_(p, 1.0, error_if_nonfinite=True)


def test_parameters_to_vector_and_back() -> None:
    ours, theirs = _twins()
    vector = nn.utils.parameters_to_vector(ours.parameters())
    assert_close(vector, torch.nn.utils.parameters_to_vector(theirs.parameters()), FLOAT64, "vector")
    nn.utils.vector_to_parameters(vector.detach() * 2, ours.parameters())
    for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(a, b * 2, FLOAT64, "parameter")
    with pytest.raises(RuntimeError, match="too short"):
        nn.utils.vector_to_parameters(vector.detach()[:3], ours.parameters())


# --- Recomputing ---


def test_checkpointed_parts_have_torchs_gradients() -> None:
    ours, theirs = _twins()
    x = RANDOM.standard_normal((5, 3))
    results = []
    for model, x_, recompute in (
        (ours, minigrad.tensor(x, requires_grad=True), checkpoint),
        (
            theirs,
            torch.tensor(x, requires_grad=True),
            lambda *a: torch.utils.checkpoint.checkpoint(*a, use_reentrant=False),
        ),
    ):
        y = recompute(model, x_)
        (y * y).sum().backward()
        results.append([y, x_.grad, *(p.grad for p in model.parameters())])
    for i, (a, b) in enumerate(zip(*results, strict=True)):
        assert_close(a, b, FLOAT64, f"value {i}")


# --- Memory shared with torch ---


@pytest.mark.skipif("config.getoption('--device') is not None", reason="this is about host memory")
def test_dlpack_shares_memory_with_torch_both_ways() -> None:
    theirs = torch.arange(6.0).reshape(2, 3)
    ours = minigrad.from_dlpack(theirs)
    ours[0, 1] = 9.0
    assert theirs[0, 1] == 9.0
    back = torch.from_dlpack(minigrad.ones(2, 3).t())
    assert (tuple(back.shape), tuple(back.stride())) == ((3, 2), (1, 3))
    mine = minigrad.zeros(3)
    torch.from_dlpack(mine)[1] = 5.0
    assert mine.tolist() == [0.0, 5.0, 0.0]
