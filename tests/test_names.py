"""A name that a user can import is a file or a function that a reader can open."""

from __future__ import annotations

import importlib
import pkgutil
import subprocess
import sys
from types import ModuleType

import pytest

import minigrad
from minigrad import functions
from minigrad.engine.function import Function

#: torch has a function or class of this name, and the file about it has the same name here.
SAME_NAME = {"minigrad.autocast", "minigrad.tensor"}


def modules(package: ModuleType) -> list[str]:
    return [info.name for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]


@pytest.mark.parametrize(
    "package", ["minigrad", "minigrad.functions", "minigrad.ops", "minigrad.nn", "minigrad.engine"]
)
def test_no_function_hides_a_file_of_its_name(package: str) -> None:
    module = importlib.import_module(package)
    hidden = {
        name for name in modules(module) if not isinstance(getattr(module, name.rpartition(".")[2], module), ModuleType)
    }
    assert hidden - SAME_NAME == set()


def test_every_public_function_is_the_one_in_functions() -> None:
    for name in functions.__all__:
        function = getattr(functions, name)
        places = [space for space in (minigrad, minigrad.nn.functional) if name in space.__all__]
        assert places, f"{name} is public nowhere"
        assert all(getattr(space, name) is function for space in places)
        assert sys.modules[function.__module__].__name__.startswith("minigrad.functions.")


def test_a_file_of_functions_states_its_names_once() -> None:
    stated = [name for path in modules(functions) for name in getattr(importlib.import_module(path), "__all__", [])]
    assert sorted(stated) == sorted(functions.__all__)


def test_ops_holds_primitives_and_functions_holds_none() -> None:
    for path in modules(functions):
        classes = [item for item in vars(importlib.import_module(path)).values() if isinstance(item, type)]
        assert [c for c in classes if issubclass(c, Function) and c.__module__ == path] == []


def test_what_takes_a_while_to_import_is_imported_when_it_is_used() -> None:
    program = (
        "import sys, minigrad\n"
        "later = ['checkpoint', 'data', 'onnx', 'testing']\n"
        "assert not any('minigrad.' + name in sys.modules for name in later)\n"
        "assert set(later) <= set(dir(minigrad))\n"
        "assert all(getattr(minigrad, name) is sys.modules['minigrad.' + name] for name in later)\n"
        "assert not hasattr(minigrad, 'no_such_name')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_torchs_utils_are_a_file() -> None:
    from minigrad.nn import utils
    from minigrad.nn.parameters import clip_grad_norm_

    assert utils.__file__ is not None
    assert "utils" in utils.__file__
    assert utils.clip_grad_norm_ is clip_grad_norm_
