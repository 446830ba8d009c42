"""Optimizers where memory, states and numbers are not as usual; that they compute what torch does: parity_tests/."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

import minigrad
from inception.recipes import Recipe
from inception.state import Training
from minigrad import Tensor, checkpoint, optim
from minigrad.checkpoint import CheckpointError
from minigrad.kernels.blocked.backend import Blocked
from minigrad.kernels.compiled import backend
from minigrad.kernels.compiled.backend import Compiled
from minigrad.kernels.reference import Reference
from minigrad.kernels.rules import Rule
from minigrad.optim import optimizer as module

OPTIMIZERS: dict[str, Callable[[Any], optim.Optimizer]] = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    "Adam": lambda p: optim.Adam(p, lr=0.1),
    "Adam amsgrad": lambda p: optim.Adam(p, lr=0.1, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p, lr=0.1, weight_decay=0.0),
    "RMSprop": lambda p: optim.RMSprop(p, lr=0.1),
    "RMSprop centered": lambda p: optim.RMSprop(p, lr=0.1, centered=True, momentum=0.5),
    "Adagrad": lambda p: optim.Adagrad(p, lr=0.1),
    "Adamax": lambda p: optim.Adamax(p, lr=0.1),
    "NAdam": lambda p: optim.NAdam(p, lr=0.1),
    "RAdam": lambda p: optim.RAdam(p, lr=0.1),
    "Lion": lambda p: optim.Lion(p, lr=0.1),
}
KERNELS = {"reference": Reference(), "blocked": Blocked(), "compiled": Compiled()}

every_optimizer = pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)


@pytest.fixture(params=KERNELS)
def kernels(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each backend in turn."""
    if request.param == "compiled":
        pytest.importorskip("numba", reason="the compiled kernels need Numba")
        monkeypatch.setattr(backend, "FEW", 0)  # or small parameters would be moved in NumPy
    monkeypatch.setattr(module, "kernels_of", lambda array: KERNELS[request.param])
    return request.param


def parameter(array: np.ndarray, gradient: float = 1.0) -> Tensor:
    p = minigrad.from_numpy(array).requires_grad_()
    p.grad = minigrad.full(array.shape, gradient, dtype=p.dtype)
    return p


# --- Memory ---


@every_optimizer
def test_read_only_memory_is_refused_and_nothing_is_changed(kernels: str, make: Any) -> None:
    content = np.arange(6, dtype=np.float32).tobytes()
    before = bytes(bytearray(content))
    other = parameter(np.ones(3, np.float32))
    optimizer = make([other, parameter(np.frombuffer(content, np.float32).reshape(2, 3))])
    states = {p: dict(state) for p, state in optimizer.state.items()}
    with pytest.raises(ValueError, match=r"a parameter of shape \[2, 3\] lies in read-only memory"):
        optimizer.step()
    assert content == before
    assert other.tolist() == [1, 1, 1]
    assert optimizer.state == states


@every_optimizer
def test_a_file_mapped_for_reading_is_refused(kernels: str, make: Any, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_bytes(bytes(mmap.PAGESIZE))
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        optimizer = make([parameter(np.frombuffer(mapped, np.float32))])
        with pytest.raises(ValueError, match="read-only memory"):
            optimizer.step()
        optimizer.param_groups.clear()
        optimizer.state.clear()
    assert path.read_bytes() == bytes(mmap.PAGESIZE)


@every_optimizer
def test_one_place_in_memory_for_several_elements_is_refused(kernels: str, make: Any) -> None:
    one = np.ones(1, np.float32)
    for writeable in (True, False):
        view = np.lib.stride_tricks.as_strided(one, (3, 2), (0, 0), writeable=writeable)
        with pytest.raises(RuntimeError, match="more than one element of the written-to tensor"):
            make([parameter(view)]).step()
    assert one.tolist() == [1]


@every_optimizer
def test_read_only_gradients_are_only_read(kernels: str, make: Any) -> None:
    p, q = (parameter(np.ones(4, np.float32)) for _ in range(2))
    content = np.full(4, 2, np.float32).tobytes()
    p.grad, q.grad = minigrad.from_numpy(np.frombuffer(content, np.float32)), minigrad.full((4,), 2.0)
    make([p]).step()
    make([q]).step()
    assert p.tolist() == q.tolist() != [1, 1, 1, 1]
    assert np.frombuffer(content, np.float32).tolist() == [2, 2, 2, 2]


@every_optimizer
def test_a_state_in_read_only_memory_is_not_written(kernels: str, make: Any) -> None:
    p = parameter(np.ones(4, np.float32))
    optimizer = make([p])
    optimizer.step()
    tensors = [value for value in optimizer.state[p].values() if isinstance(value, Tensor)]
    for state in tensors:
        state.array.setflags(write=False)
    before = [state.tolist() for state in tensors]
    if tensors:
        with pytest.raises(ValueError, match="read-only"):
            optimizer.step()
    assert [state.tolist() for state in tensors] == before


@every_optimizer
@pytest.mark.parametrize("layout", ["strided", "transposed", "backwards", "a part of another"])
def test_memory_with_gaps_is_updated_like_any_other(kernels: str, make: Any, layout: str) -> None:
    base = np.ones((6, 8), np.float32)
    view = {
        "strided": base[::2, 1::3],
        "transposed": base.T,
        "backwards": base[::-1, ::-1],
        "a part of another": base[2:4, 3:5],
    }[layout]
    p, plain = parameter(view), parameter(np.ones(view.shape, np.float32))
    two = make([p]), make([plain])
    for _ in range(3):
        for optimizer in two:
            optimizer.step()
    assert np.array_equal(p.detach().numpy(), plain.detach().numpy())
    assert (base != 1).sum() == view.size


@every_optimizer
@pytest.mark.parametrize("size", [5, 200_000])
def test_parameters_that_share_memory_are_updated_one_after_the_other(kernels: str, make: Any, size: int) -> None:
    def run(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
        monkeypatch.setattr(module, "kernels_of", lambda array: chosen)
        base = np.linspace(0, 1, 2 * size, dtype=np.float32)
        views = [base[:size], base[size // 2 : size // 2 + size], base[::2], base[:size], base[size:]]
        optimizer = make([parameter(view, i + 1.0) for i, view in enumerate(views)])
        for _ in range(2):
            optimizer.step()
        return base

    with pytest.MonkeyPatch.context() as patch:
        assert np.array_equal(run(KERNELS[kernels], patch), run(KERNELS["reference"], patch))


# --- Values that are not finite ---


@every_optimizer
def test_an_infinite_parameter_without_weight_decay_stays_infinite(kernels: str, make: Any) -> None:
    start = np.array([np.inf, -np.inf, 1.0, 2.0], np.float32)
    p = parameter(start.copy())
    optimizer = make([p])
    for _ in range(3):
        optimizer.step()
    assert p.tolist()[:2] == [np.inf, -np.inf]
    assert np.isfinite(p.tolist()[2:]).all()


@every_optimizer
@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan, 0.0])
def test_backends_agree_on_gradients_and_states_that_are_not_finite(kernels: str, make: Any, value: float) -> None:
    def run(chosen: Any, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
        monkeypatch.setattr(module, "kernels_of", lambda array: chosen)
        p = parameter(np.array([1.0, 2.0, np.inf, -np.inf, np.nan]))
        optimizer = make([p])
        for gradient in (1.0, value, 1.0):
            p.grad = minigrad.tensor([gradient, 1.0, gradient, gradient, 1.0], dtype=minigrad.float64)
            with np.errstate(all="ignore"):
                optimizer.step()
        return p.detach().numpy()

    with pytest.MonkeyPatch.context() as patch:
        np.testing.assert_allclose(run(KERNELS[kernels], patch), run(KERNELS["reference"], patch), rtol=1e-12)


# --- States from files ---


def stepped(make: Any) -> tuple[optim.Optimizer, list[Tensor]]:
    parameters = [parameter(np.ones(shape, np.float32)) for shape in ((2, 3), (4,))]
    optimizer = make(parameters)
    optimizer.step()
    return optimizer, parameters


BAD_TENSORS: dict[str, Any] = {
    "None": None,
    "a number": 1.0,
    "text": "zeros",
    "a list": [[1.0] * 3] * 2,
    "a dict": {},
    "another shape": np.zeros((3, 2), np.float32),
    "a shape that would broadcast": np.zeros((1, 3), np.float32),
    "no dimension": np.zeros((), np.float32),
    "no element": np.zeros((0,), np.float32),
    "integers": np.zeros((2, 3), np.int64),
    "truth values": np.zeros((2, 3), bool),
    "complex numbers": np.zeros((2, 3), np.complex64),
    "objects": np.full((2, 3), None),
    "a tensor of another shape": minigrad.zeros(6),
}
BAD_NUMBERS: dict[str, Any] = {
    "None": None,
    "text": "1",
    "NaN": float("nan"),
    "infinite": float("inf"),
    "negative": -1.0,
    "a truth value": True,
    "a list": [1.0],
    "many": np.ones(2),
    "a truth value as an array": np.array(True),
    "an object": np.array(None),
    "text as an array": np.array("1"),
    "a huge integer": 10**5000,
    "complex": 1j,
}


@every_optimizer
def test_a_state_of_another_kind_than_the_optimizers_is_refused_by_name(make: Any) -> None:
    optimizer, parameters = stepped(make)
    saved = optimizer.state_dict()
    values = [p.tolist() for p in parameters]
    tried = 0
    kept = saved["state"].get(0, {})  # plain SGD keeps nothing
    for name, good in kept.items():
        for bad in (BAD_TENSORS if isinstance(good, Tensor) else BAD_NUMBERS).values():
            if name == "momentum_buffer" and bad is None and "SGD" in repr(optimizer):
                continue  # which torch's SGD saves before the first step with momentum
            state = {**saved["state"], 0: {**kept, name: bad}}
            with pytest.raises(ValueError, match=rf"loaded state dict: {name} in the state of parameter 0"):
                optimizer.load_state_dict({**saved, "state": state})
            tried += 1
        if not (name == "momentum_buffer" and "SGD" in repr(optimizer)):
            lacking = {key: value for key, value in kept.items() if key != name}
            if lacking:
                with pytest.raises(ValueError, match=rf"the state of parameter 0 lacks {name}"):
                    optimizer.load_state_dict({**saved, "state": {0: lacking}})
    assert tried or "SGD" in repr(optimizer)
    optimizer.step()  # it is as it was before
    assert [p.tolist() for p in parameters] != values


@pytest.mark.parametrize(
    ("state_dict", "message"),
    [
        (None, "expected a state dict"),
        ([], "expected a state dict"),
        ({"state": {}}, "expected a state dict"),
        ({"state": {}, "param_groups": None}, "must be a list of dicts"),
        ({"state": {}, "param_groups": [None]}, "must be a list of dicts"),
        ({"state": {}, "param_groups": []}, "has 0 parameter groups, the optimizer has 1"),
        ({"state": {}, "param_groups": [{}]}, "params of group 0 must be a list"),
        ({"state": {}, "param_groups": [{"params": 0}]}, "params of group 0 must be a list"),
        ({"state": {}, "param_groups": [{"params": [[], {}]}]}, "params of group 0 must be a list"),
        ({"state": {}, "param_groups": [{"params": [0]}]}, "a parameter group 0 of 1 parameters"),
        ({"state": {}, "param_groups": [{"params": [0, 0]}]}, "number 0 stands for several parameters"),
        ({"state": None, "param_groups": [{"params": [0, 1]}]}, "state must be a dict by the numbers"),
        ({"state": {7: {}}, "param_groups": [{"params": [0, 1]}]}, "state must be a dict by the numbers"),
        ({"state": {0: None}, "param_groups": [{"params": [0, 1]}]}, "the state of parameter 0 must be a dict"),
        ({"state": {0: [1]}, "param_groups": [{"params": [0, 1]}]}, "the state of parameter 0 must be a dict"),
    ],
)
def test_what_is_no_state_dict_is_refused(state_dict: Any, message: str) -> None:
    optimizer, _ = stepped(OPTIMIZERS["Adam"])
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state_dict)


BAD_OPTIONS: dict[str, list[Any]] = {
    "number": [None, "0.1", [0.1], {}, float("nan"), float("inf"), True, np.ones(2), 10**5000, 1j],
    "flag": [None, "true", 2, -1, 1.0, [], np.ones(1)],
    "betas": [
        None,
        0.9,
        "ab",
        [0.9],
        [0.9, 0.9, 0.9],
        [0.9, 1.0],
        [-0.1, 0.9],
        [0.9, None],
        ["a", "b"],
        [float("nan")] * 2,
    ],
}


@every_optimizer
def test_an_option_of_another_kind_than_the_optimizers_is_refused_by_name(make: Any) -> None:
    optimizer, _ = stepped(make)
    saved = optimizer.state_dict()
    before = repr(optimizer)
    for name, own in saved["param_groups"][0].items():
        if name == "params":
            continue
        kind = "flag" if isinstance(own, bool) else "betas" if isinstance(own, tuple) else "number"
        for bad in BAD_OPTIONS[kind]:
            with pytest.raises(ValueError, match=rf"loaded state dict: {name} of group 0 must be"):
                optimizer.load_state_dict({**saved, "param_groups": [{**saved["param_groups"][0], name: bad}]})
    assert repr(optimizer) == before


@every_optimizer
def test_a_state_dict_comes_back_through_a_checkpoint(make: Any, tmp_path: Path) -> None:
    optimizer, parameters = stepped(make)
    checkpoint.save(tmp_path / "c", {"optimizer": optimizer.state_dict()})
    again = make(parameters)
    again.load_state_dict(checkpoint.load(tmp_path / "c")["optimizer"])
    assert repr(again) == repr(optimizer)
    for p in parameters:
        ours, theirs = again.state.get(p, {}), optimizer.state.get(p, {})
        assert list(ours) == list(theirs)
        assert all(np.array_equal(np.asarray(ours[k]), np.asarray(theirs[k])) for k in theirs)


def test_options_are_taken_as_the_kind_of_value_that_the_optimizer_has() -> None:
    optimizer, parameters = stepped(OPTIMIZERS["Adam"])
    saved = optimizer.state_dict()
    options = {
        "maximize": 1,
        "amsgrad": np.bool_(False),
        "betas": [0.5, 0.25],
        "lr": minigrad.tensor(0.5),
        "eps": np.array([1e-3]),
    }
    optimizer.load_state_dict({**saved, "param_groups": [{**saved["param_groups"][0], **options}]})
    group = optimizer.param_groups[0]
    assert (group["maximize"], group["amsgrad"], group["betas"]) == (True, False, (0.5, 0.25))
    assert type(group["maximize"]) is bool
    assert (group["lr"], group["eps"]) == (0.5, 1e-3)
    assert group["params"] == parameters


def test_flags_given_as_numbers_are_compiled_for_as_truth_values() -> None:
    pytest.importorskip("numba", reason="the compiled kernels need Numba")
    from minigrad.kernels.compiled import rules as loops

    optimizer, _ = stepped(OPTIMIZERS["SGD momentum"])
    before = len(loops.sgd.signatures)
    optimizer.param_groups[0].update(maximize=1, nesterov=0, lr=1, momentum=np.float32(0.5))
    optimizer.step()
    assert len(loops.sgd.signatures) == max(before, 1)


@pytest.mark.parametrize("value", [None, 1.0, "x"])
def test_a_checkpoint_with_a_wrong_state_is_named(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "checkpoint.safetensors"
    training = Training.from_recipe(Recipe(data="synthetic", optimizer="adam"), 2, 2)
    for p in training.model.parameters():
        p.grad = minigrad.zeros_like(p)
    training.optimizer.step()
    training.save(path)
    tree = checkpoint.load(path)
    tree["optimizer"]["state"][0]["exp_avg"] = value
    with pytest.raises(CheckpointError, match=r"checkpoint\.safetensors: .*exp_avg in the state of parameter 0"):
        training.restore(path, tree)


def test_a_state_that_was_removed_by_hand_is_an_error_and_no_crash(kernels: str) -> None:
    optimizer, parameters = stepped(OPTIMIZERS["Adam"])
    optimizer.state[parameters[0]]["exp_avg"] = None
    with pytest.raises(TypeError):
        optimizer.step()


# --- Rules and optimisers of the user's own ---


def test_a_rule_of_the_users_own_may_have_any_name(kernels: str) -> None:
    @dataclass
    class sgd(Rule):  # noqa: N801
        """p ← p − lr·b with b ← b + g"""

        arrays: ClassVar[dict[str, str]] = {"total": ""}
        lr: float

        def step(self, p: Any, g: Any, total: Any) -> None:
            total += g
            p -= self.lr * total

    class Own(optim.Optimizer):
        rule_type = sgd

        def rule(self, parameter: Tensor, state: dict[str, Any], group: dict[str, Any]) -> sgd:
            return sgd(group["lr"])

    p = parameter(np.zeros(3, np.float32))
    optimizer = Own([p], {"lr": 0.5})
    optimizer.step()
    optimizer.step()
    assert p.tolist() == [-1.5] * 3
    assert optimizer.state_dict()["state"][0]["total"].tolist() == [2.0] * 3
    again = Own([parameter(np.zeros(3, np.float32))], {"lr": 0.5})
    again.load_state_dict(optimizer.state_dict())
    with pytest.raises(ValueError, match="total in the state of parameter 0"):
        again.load_state_dict({**optimizer.state_dict(), "state": {0: {"total": 1.0}}})


@pytest.mark.parametrize("make", [optim.SGD, optim.Adam, optim.AdamW, optim.RMSprop, optim.Adagrad, optim.Lion])
def test_an_unknown_option_is_refused_by_name(make: Any) -> None:
    with pytest.raises(TypeError, match="learning_rate"):
        make([parameter(np.zeros(3, np.float32))], learning_rate=0.1)


def test_a_subclass_of_an_optimizer_may_have_an_init_of_its_own() -> None:
    class Mine(optim.SGD):
        def __init__(self, params: Any, strength: float) -> None:
            super().__init__(params, lr=strength)

    p = parameter(np.zeros(1, np.float32))
    Mine([p], strength=2.0).step()
    assert p.tolist() == [-2.0]
