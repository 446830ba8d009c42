"""Every public name of torch's exists, or is answered by a sentence that says what to write instead."""

from __future__ import annotations

import ast
import inspect
import math
import pickle
import subprocess
import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.utils.prune  # which torch.nn.utils then has

import minigrad
import minigrad.data
from minigrad import absent_names, nn, optim

PLACES: dict[str, tuple[Any, Any]] = {
    "": (minigrad, torch),
    "nn": (nn, torch.nn),
    "nn.functional": (nn.functional, torch.nn.functional),
    "nn.init": (nn.init, torch.nn.init),
    "nn.utils": (nn.utils, torch.nn.utils),
    "optim": (optim, torch.optim),
    "optim.lr_scheduler": (optim.lr_scheduler, torch.optim.lr_scheduler),
    "autograd": (minigrad.autograd, torch.autograd),
    "linalg": (minigrad.linalg, torch.linalg),
    "amp": (minigrad.amp, torch.amp),
    "cuda": (minigrad.cuda, torch.cuda),
    "data": (minigrad.data, torch.utils.data),
    "profiler": (minigrad.profiler, torch.profiler),
    "Tensor": (minigrad.ones(2, 2), torch.Tensor),
    "nn.Module": (nn.Linear(2, 2), torch.nn.Module),
}


def public_names(of: Any) -> list[str]:
    """Return the names that are torch's own, not those of modules that torch imports."""
    names = []
    for name in dir(of):
        item = inspect.getattr_static(of, name)
        home = item.__name__ if isinstance(item, ModuleType) else getattr(item, "__module__", None) or "torch"
        if not name.startswith("_") and home.partition(".")[0] == "torch" and name != "torch":
            names.append(name)
    return names


@pytest.mark.parametrize("place", PLACES)
def test_every_name_of_torchs_exists_or_is_answered(place: str) -> None:
    ours, theirs = PLACES[place]
    unanswered = []
    for name in public_names(theirs):
        if hasattr(ours, name):
            continue
        with pytest.raises(AttributeError) as caught:
            getattr(ours, name)
        if " is not in minigrad" not in str(caught.value):
            unanswered.append(name)
        assert name not in dir(ours)
    assert unanswered == []


def test_an_absent_name_is_an_attribute_error_and_not_implemented() -> None:
    for kind in (AttributeError, NotImplementedError):
        with pytest.raises(kind, match=r"minigrad\.nn\.CrossMapLRN2d is not in minigrad; use nn\.LocalResp"):
            nn.CrossMapLRN2d  # noqa: B018
    assert not hasattr(minigrad, "bucketize")
    assert getattr(minigrad.ones(1), "sum_to_size", None) is None
    assert not hasattr(minigrad.Tensor, "sum_to_size")
    assert not hasattr(nn.Linear(1, 1), "get_parameter")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("from minigrad import bucketize", "minigrad.bucketize is not in minigrad; use (x[..., None] > boundaries)"),
        ("from minigrad.nn import CrossMapLRN2d", "minigrad.nn.CrossMapLRN2d is not in minigrad; use"),
        ("from minigrad.optim import SparseAdam", "SparseAdam is not in minigrad; use"),
        ("from minigrad.nn import Conv2D", "Did you mean 'Conv2d'"),
        ("from minigrad.utils.data import DataLoader", "minigrad.data for torch.utils.data"),
        ("import minigrad.utils.checkpoint", "minigrad.recompute for torch.utils.checkpoint"),
        ("import minigrad.fft", "use numpy.fft"),
    ],
)
def test_an_import_of_an_absent_name_is_answered(statement: str, message: str) -> None:
    with pytest.raises(ImportError, match="minigrad") as caught:
        exec(statement, {})
    assert message in str(caught.value)


def test_an_import_of_a_module_that_is_there_or_of_nobodys_is_pythons() -> None:
    exec("from minigrad import system, data, testing; import minigrad.nn.averaging", {})
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'minigrad\.nobodys'"):
        exec("import minigrad.nobodys", {})


@pytest.mark.parametrize(
    ("of", "name", "meant"),
    [
        (minigrad, "sofmax", "softmax"),
        (nn, "CrossEntropyloss", "CrossEntropyLoss"),
        (nn.functional, "cross_entrophy", "cross_entropy"),
        (optim, "SDG", "SGD"),
        (minigrad.data, "DataLoadr", "DataLoader"),
        (nn.Linear(1, 1), "weigth", "weight"),
    ],
)
def test_a_slip_of_the_pen_is_answered_with_the_name_that_was_meant(of: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean '{meant}'"):
        getattr(of, name)


@pytest.mark.parametrize(
    ("of", "name", "meant"),
    [
        (minigrad, "get_defualt_dtype", "get_default_dtype"),
        (minigrad.cuda, "memory_alocated", "memory_allocated"),
        (nn, "AdaptiveAvgPol2d", "AdaptiveAvgPool2d"),
        (nn.init, "xavier_unifrom_", "xavier_uniform_"),
    ],
)
def test_a_slip_in_a_name_that_looks_like_torchs_is_not_called_deprecated(of: Any, name: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=f"Did you mean '{meant}'") as caught:
        getattr(of, name)
    assert "is not in minigrad" not in str(caught.value)


def test_a_slip_can_be_sent_to_another_process() -> None:
    with pytest.raises(AttributeError) as caught:
        nn.Linear(1, 1).weigth  # noqa: B018
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_torchs_older_names_of_initial_values_are_answered_with_the_newer_ones() -> None:
    with pytest.raises(AttributeError, match=r"use minigrad\.nn\.init\.xavier_uniform_"):
        nn.init.xavier_uniform  # noqa: B018


def test_python_itself_suggests_methods_of_tensors() -> None:
    program = "import minigrad; minigrad.ones(2).sofmax(0)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=False)
    assert "Did you mean: 'softmax'" in done.stderr


def test_a_subclass_may_define_an_absent_name() -> None:
    class Own(minigrad.Tensor):
        def sum_to_size(self) -> str:
            return "mine"

    own = Own([1.0])
    assert own.sum_to_size() == "mine"
    assert "sum_to_size" in dir(own)
    other = minigrad.ones(1)
    other.dim_order = 3  # type: ignore[attr-defined]  # anything may be set on a tensor
    assert other.dim_order == 3  # type: ignore[attr-defined]


def expressions() -> list[str]:
    """Return the elementwise functions whose replacement is an expression of x, y and z."""
    names = list(absent_names.INSTEAD)[: list(absent_names.INSTEAD).index("bucketize")]
    known = {"minigrad", "nn", "math", "x", "y", "z", "value"}
    names = [name for name in names if "..." not in absent_names.INSTEAD[name]]
    return [name for name in names if hasattr(torch, name) and variables(absent_names.INSTEAD[name]) <= known]


def variables(text: str) -> set[str]:
    try:
        return {node.id for node in ast.walk(ast.parse(text, mode="eval")) if isinstance(node, ast.Name)}
    except SyntaxError:
        return {"words"}


@pytest.mark.parametrize("name", expressions())
def test_a_replacement_computes_what_torch_computes(name: str) -> None:
    text = absent_names.INSTEAD[name]
    generator = np.random.default_rng(0)
    arrays = {letter: generator.uniform(0.1, 0.9, (3, 3)) + (name == "acosh") for letter in "xyz"}
    operands = [letter for letter in "xyz" if letter in variables(text)]
    expected = getattr(torch, name)(*(torch.from_numpy(arrays[letter]) for letter in operands))
    tensors = {letter: minigrad.from_numpy(array) for letter, array in arrays.items()}
    found = eval(text, {"minigrad": minigrad, "nn": nn, "math": math, "value": 1, **tensors})
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=1e-6)
