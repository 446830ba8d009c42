"""What one types at the prompt works as expected, or is answered by a sentence that helps."""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np
import pytest

import minigrad
from minigrad import nn, optim
from minigrad.nn import functional as F


def test_a_tensor_without_dimensions_is_formatted_as_its_number() -> None:
    assert f"{minigrad.tensor(2.34567):.3f}" == "2.346"
    assert f"{minigrad.tensor(2.5, requires_grad=True):8.2f}|" == "    2.50|"
    assert f"{nn.Parameter(minigrad.tensor(0.5)):.0%}" == "50%"
    assert f"{minigrad.tensor(7):>3}" == "  7"
    assert f"{minigrad.tensor(1.5)}" == "1.5"
    assert f"{minigrad.tensor([1.5])}" == "tensor([1.5000])"
    with pytest.raises(TypeError, match=r"'\.3f' is for a single number, and the tensor has shape \[1\]"):
        f"{minigrad.ones(1):.3f}"


def test_round_rounds_every_element() -> None:
    x = minigrad.tensor([1.25, -2.375])
    assert round(x, 1).tolist() == x.round(decimals=1).tolist()
    assert round(x).tolist() == [1.0, -2.0]


def test_a_conversion_of_several_elements_says_what_to_do() -> None:
    x = minigrad.ones(2, 3)
    with pytest.raises(ValueError, match=r"got 6 elements in shape \[2, 3\].*x\.mean\(\)"):
        float(x)
    with pytest.raises(ValueError, match="only one element tensors"):
        int(x)
    with pytest.raises(RuntimeError, match="more than one value is ambiguous"):
        bool(x)
    with pytest.raises(RuntimeError, match=r"no values is ambiguous.*x\.numel\(\)"):
        bool(minigrad.ones(0))
    with pytest.raises(TypeError, match=r"float32 of shape \[\]"):
        [1, 2][minigrad.tensor(1.0)]  # type: ignore[call-overload]  # a mistake
    assert int(minigrad.tensor([3.7])) == 3
    assert [1, 2][minigrad.tensor(1)] == 2


REDUCTIONS: dict[str, Callable[[Any], Any]] = {
    "sum": lambda x: np.sum(x),
    "sum over an axis": lambda x: np.sum(x, axis=1, keepdims=True),
    "mean": lambda x: np.mean(x, axis=0),
    "max": lambda x: np.max(x),
    "max over an axis": lambda x: np.max(x, axis=1),
    "min": lambda x: np.min(x, axis=0),
    "prod": lambda x: np.prod(x),
    "std": lambda x: np.std(x),
    "var": lambda x: np.var(x, axis=1),
    "var with a correction": lambda x: np.var(x, ddof=1),
    "cumsum": lambda x: np.cumsum(x, axis=1),
    "argmax": lambda x: np.argmax(x, axis=1),
    "any": lambda x: np.any(x),
    "exp": lambda x: np.exp(x),
    "clip": lambda x: np.clip(x, 0, 1),
    "round": lambda x: np.round(x, 1),
    "asarray": lambda x: np.asarray(x),
    "stack": lambda x: np.stack([x, x]),
}


@pytest.mark.parametrize("name", REDUCTIONS)
def test_numpys_functions_of_a_tensor_give_numpys_values(name: str) -> None:
    x = minigrad.tensor([[0.25, -1.5, 3.0], [2.0, 0.5, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = REDUCTIONS[name](x)
    np.testing.assert_allclose(np.asarray(found), REDUCTIONS[name](x.numpy()), rtol=1e-6)


def test_numpys_reductions_of_a_tensor_keep_the_gradient() -> None:
    x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    mean: Any = np.mean(x)  # type: ignore[call-overload]  # NumPy does not know of tensors
    mean.backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.5, 0.5]


def test_numpys_other_functions_of_a_tensor_that_learns_name_the_way_out() -> None:
    x = minigrad.ones(2, requires_grad=True)
    for function in (np.exp, np.asarray, lambda x: np.stack([x])):
        with pytest.raises(RuntimeError, match=r"detach\(\)\.numpy\(\).*minigrad\.exp\(x\)"):
            function(x)


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, x: a + x,
    "-": lambda a, x: a - x,
    "*": lambda a, x: a * x,
    "/": lambda a, x: a / x,
    "@": lambda a, x: a @ x,
    "**": lambda a, x: a**x,
    "<": lambda a, x: a < x,
    ">=": lambda a, x: a >= x,
}


@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_of_an_array_and_a_tensor_says_how_to_make_a_tensor(name: str) -> None:
    with pytest.raises(TypeError, match="from_numpy"):
        OPERATORS[name](np.ones(2), minigrad.ones(2))


def _warns_of(code: str, beginning: str, **names: Any) -> None:
    """Check that code in a user's file warns once for each line, and that the line is the user's."""
    program = compile(code, "user.py", "exec")
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("default")
        exec(program, {"__name__": "user", "minigrad": minigrad, "nn": nn, "F": F, "optim": optim, **names})
    found = [warning for warning in found if warning.category is not RuntimeWarning]  # NumPy's, of NaN
    texts = [str(warning.message) for warning in found]
    assert len(texts) == 1, texts
    assert texts[0].startswith(beginning)
    assert {warning.filename for warning in found} == {"user.py"}
    assert {warning.category for warning in found} == {UserWarning}
    assert found[0].lineno == max(number for number, line in enumerate(code.splitlines(), 1) if "# here" in line)


BROADCAST = "Using a target size ([4]) that is different to the input size ([4, 1])"
WARNINGS = {
    "mse_loss": ("for _ in range(3): F.mse_loss(minigrad.zeros(4, 1), minigrad.zeros(4))  # here", BROADCAST),
    "l1_loss": ("F.l1_loss(minigrad.zeros(4, 1), minigrad.zeros(4))  # here", BROADCAST),
    "smooth_l1_loss": ("F.smooth_l1_loss(minigrad.zeros(4, 1), minigrad.zeros(4))  # here", BROADCAST),
    "huber_loss": ("F.huber_loss(minigrad.zeros(4, 1), minigrad.zeros(4))  # here", BROADCAST),
    "MSELoss": ("loss = nn.MSELoss()\nloss(minigrad.zeros(4, 1), minigrad.zeros(4))  # here", BROADCAST),
    "grad": ("y = minigrad.ones(2, requires_grad=True) * 2\ny.sum().backward()\ny.grad  # here", "The .grad attribute"),
    "softmax": ("F.softmax(minigrad.ones(2, 2))  # here", "softmax: implicit dimension choice"),
    "Softmax": ("nn.Sequential(nn.Softmax())(minigrad.ones(2, 2))  # here", "softmax: implicit dimension choice"),
    "scheduler": (
        "optimizer = optim.SGD([minigrad.ones(1, requires_grad=True)], lr=0.1)\n"
        "schedule = optim.lr_scheduler.StepLR(optimizer, 3)\n"
        "for _ in range(3): schedule.step()  # here",
        "lr_scheduler.step() is called before optimizer.step()",
    ),
    "size_average": ("F.mse_loss(minigrad.ones(2), minigrad.ones(2), size_average=False)  # here", "size_average and"),
    "reduce": ("nn.L1Loss(reduce=False)  # here", "size_average and reduce are deprecated; write reduction='none'"),
    "kl_div": ("F.kl_div(minigrad.ones(2), minigrad.ones(2))  # here", "kl_div: reduction='mean' divides by"),
    "tensor": ("minigrad.tensor(minigrad.ones(2))  # here", "To copy a tensor, write x.detach().clone()"),
    "std": ("minigrad.std(minigrad.ones(1))  # here", "var and std: degrees of freedom is <= 0"),
    "T": ("minigrad.ones(2, 3, 4).T  # here", "x.T of 3 dimensions is deprecated"),
    "zero elements": ("nn.init.normal_(minigrad.empty(0, 3))  # here", "Initializing zero-element tensors"),
    "duplicates": ("p = minigrad.ones(1, requires_grad=True)\noptim.SGD([p, p], lr=0.1)  # here", "optimizer contains"),
}  # fmt: skip


@pytest.mark.parametrize("name", WARNINGS)
def test_a_likely_mistake_is_warned_of_once_at_the_users_line(name: str) -> None:
    _warns_of(*WARNINGS[name])


def test_ordinary_training_warns_of_nothing() -> None:
    model = nn.Linear(3, 1)
    optimizer = optim.Adam(model.parameters(), lr=0.1)
    schedule = optim.lr_scheduler.SequentialLR(
        optimizer,
        [optim.lr_scheduler.LinearLR(optimizer), optim.lr_scheduler.CosineAnnealingLR(optimizer, 3)],
        milestones=[2],
    )
    scaler = minigrad.amp.GradScaler()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for _ in range(3):
            loss = nn.MSELoss()(model(minigrad.ones(2, 3)), minigrad.ones(2, 1))
            scaler.scale(loss * math.inf if schedule.last_epoch == 0 else loss).backward()  # a step that is skipped
            scaler.step(optimizer)
            scaler.update()
            schedule.step()
            optimizer.zero_grad()
        resumed = optim.lr_scheduler.StepLR(optim.SGD(model.parameters(), lr=0.1), 3)
        resumed.load_state_dict({**resumed.state_dict(), "last_epoch": 4})
        resumed.step()
        hidden = model(minigrad.ones(1, 3))
        hidden.retain_grad()
        assert hidden.grad is None
        assert minigrad.ones(2).mul(2).grad is None


@pytest.mark.parametrize(
    ("old", "new"), [((None, False), "none"), ((False, None), "sum"), ((True, True), "mean"), ((False, False), "none")]
)
@pytest.mark.filterwarnings("ignore:size_average")
def test_torchs_older_arguments_of_losses_mean_a_reduction(old: tuple[bool | None, bool | None], new: Any) -> None:
    x, y = minigrad.tensor([1.0, 4.0]), minigrad.zeros(2)
    size_average, reduce = old
    found = F.mse_loss(x, y, size_average=size_average, reduce=reduce)
    assert found.tolist() == F.mse_loss(x, y, reduction=new).tolist()
    assert nn.SmoothL1Loss(size_average, reduce).reduction == new


MISFITS: dict[str, tuple[tuple[int, ...], tuple[int, ...], str]] = {
    "a single number": ((1, 3), (), r"batch_size \(1\).*targets of shape \[1\], got \[\]"),
    "another batch": ((2, 3), (3,), r"batch_size \(2\) to match target batch_size \(3\)"),
    "a column": ((2, 3), (2, 1), r"got \[2, 1\]; remove the dimensions of size 1 with target.reshape\(\[2\]\)"),
    "too few dimensions": ((2, 3, 4), (2,), r"Expected target size \[2, 4\], got \[2\]$"),
    "one sample": ((3,), (2,), r"batch_size \(none\).*\[\], got \[2\]"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_labels_that_do_not_fit_are_refused_with_the_shapes(name: str) -> None:
    scores, labels, message = MISFITS[name]
    with pytest.raises((ValueError, RuntimeError), match=message):
        F.cross_entropy(minigrad.zeros(scores), minigrad.zeros(labels, dtype=minigrad.int64))
    with pytest.raises(RuntimeError, match=r"int64.*target\.long\(\)"):
        F.cross_entropy(minigrad.zeros(2, 3), minigrad.zeros(2))


LAYERS = [item for name in nn.__all__ if isinstance(item := getattr(nn, name), type)]
BASES = (
    *(nn.Module, nn.Sequential, nn.Parameter, nn.RNNBase, nn.RNNCellBase),
    *(nn.UninitializedParameter, nn.UninitializedBuffer),
)


@pytest.mark.parametrize("layer", [layer for layer in LAYERS if layer not in BASES], ids=lambda layer: layer.__name__)
def test_a_layer_explains_its_arguments_and_shapes_and_shows_an_example(layer: type) -> None:
    text = layer.__doc__ or ""
    assert ">>> " in text  # which is run as a doctest
    arguments = set(inspect.signature(layer).parameters) - {"device", "dtype", "_", "__"}
    old = {"size_average", "reduce", "sparse", "_weight", "_freeze", "norm_type", "recompute_scale_factor"}
    for name in arguments - old:
        assert re.search(rf"\b{name}\b.*:", text), f"{name} is not explained"
    assert "Shape:" in text or layer in (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)


def test_an_error_about_arguments_names_the_layer() -> None:
    for layer in LAYERS:
        if layer not in BASES:
            init: Any = layer.__init__  # type: ignore[misc]  # of the class itself
            assert not init.__qualname__.startswith("_"), init
    with pytest.raises(TypeError, match=r"^Conv2d\.__init__\(\) missing 1 required positional argument: 'kernel_size'"):
        nn.Conv2d(3, 8)  # type: ignore[call-arg]  # a mistake


def test_every_public_name_of_a_tensor_and_every_function_has_a_docstring() -> None:
    for name in dir(minigrad.Tensor):
        if not name.startswith("_") and name not in ("array", "grad_fn", "number", "num_outputs", "next_functions"):
            item = inspect.getattr_static(minigrad.Tensor, name)
            assert getattr(item, "__doc__", None), f"Tensor.{name}"
    for space in (minigrad, F, optim, nn.init, nn.utils, minigrad.autograd, minigrad.data, minigrad.amp):
        for name in getattr(space, "__all__", dir(space)):
            item = getattr(space, name)
            if callable(item) and not name.startswith("_") and isinstance(item, type | FunctionType):
                assert item.__doc__, f"{space.__name__}.{name}"


def test_the_edges_of_a_node_name_a_leaf_by_its_shape() -> None:
    layer = nn.Linear(3, 2)
    y = layer(minigrad.ones(1, 3)).relu()
    assert repr(y.grad_fn.next_functions) == "((<LinearBackward>, 0),)"  # type: ignore[union-attr]  # recorded
    node, _ = y.grad_fn.next_functions[0]  # type: ignore[union-attr,misc]  # recorded
    assert repr(node.next_functions) == "(None, (<leaf of shape [2, 3]>, 0), (<leaf of shape [2]>, 0))"
    assert node.next_functions[1] == (layer.weight, 0)


@pytest.mark.parametrize(
    ("mistake", "kind", "message"),
    [
        (lambda: nn.Conv2d(3, 1, 3)(minigrad.zeros(1, 8, 8, 3)), RuntimeError, "is it N H W C"),
        (
            lambda: nn.Conv2d(3, 1, 3)(minigrad.zeros(1, 3, 8, 8).double()),
            RuntimeError,
            r"x\.float\(\) or model",
        ),
        (
            lambda: nn.Conv2d(3, 1, 3)(minigrad.zeros(1, 3, 8, 8).byte()),
            RuntimeError,
            r"same; write x\.float",
        ),
        (lambda: nn.MSELoss(minigrad.ones(2), minigrad.ones(2)), TypeError, r"nn\.MSELoss\(\)\(input, target\)"),
        (lambda: nn.Sequential(nn.ReLU), TypeError, r"ReLU is not a Module; make one with ReLU\("),
        (lambda: nn.Sequential(F.relu), TypeError, "relu is not a Module"),
        (lambda: nn.Linear(2.0, 1), TypeError, r"must be ints, got 2\.0"),
        (lambda: minigrad.zeros("3"), TypeError, "must be ints, got '3'"),
        (lambda: minigrad.randn(2, dtype=minigrad.int64), NotImplementedError, "use randint"),
        (lambda: minigrad.tensor([1, None]), RuntimeError, "Could not infer dtype of NoneType"),
        (lambda: minigrad.tensor("cat"), TypeError, "not of text: 'cat'"),
        (lambda: optim.SGD([minigrad.ones(1)], learning_rate=1), TypeError, r"SGD\.__init__\(\) got .*'learning_rate'"),
    ],
)
def test_a_likely_mistake_is_refused_with_the_way_out(mistake: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        mistake()


def test_pythons_types_are_the_dtypes_that_torch_takes_them_for() -> None:
    assert minigrad.tensor([1.5], dtype=float).dtype == minigrad.ones(1).to(float).dtype == minigrad.float64
    assert minigrad.ones(1).to(int).dtype == minigrad.int64
    assert minigrad.ones(1).to(bool).dtype == minigrad.bool
    assert minigrad.tensor(0.5).dtype == minigrad.get_default_dtype() == minigrad.float32
