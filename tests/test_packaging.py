"""The installed package works without the repository: the wheel, its commands, and its types."""

from __future__ import annotations

import ast
import importlib
import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny_runs import tiny

ROOT = Path(__file__).parent.parent
GRADCHECK = """
import minigrad
from minigrad.testing import gradcheck, gradgradcheck

x = minigrad.randn(2, 3, 5, 5, dtype=minigrad.float64, requires_grad=True)
w = minigrad.randn(4, 3, 3, 3, dtype=minigrad.float64, requires_grad=True)
assert gradcheck(minigrad.conv2d, (x, w)) and gradgradcheck(minigrad.conv2d, (x, w))
print(minigrad.__file__)
"""
TYPED = """
import minigrad
from inception import InceptionV3

reveal_type(minigrad.randn(3))
reveal_type(InceptionV3(10))
minigrad.no_such_name
"""


def copy_of_the_sources(folder: Path) -> Path:
    """Copy what a package is built of, since building leaves files beside it."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("minigrad", "inception"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, folder / name)
    return folder


def environment() -> dict[str, str]:
    """Return the environment of a process that must not find the repository."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "MINIGRAD_"))}
    return {
        **kept,
        "MINIGRAD_KERNELS": "numpy",
    }  # others would be compiled anew, and are tested elsewhere


def run(*command: str | Path, folder: Path) -> str:
    """Run a command in ``folder`` and return what it printed."""
    done = subprocess.run(
        [*map(str, command)], cwd=folder, env=environment(), capture_output=True, encoding="utf-8", timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path, folder: Path) -> None:
    """Run this Python's pip, which then needs no network: what packages are built with is installed here already."""
    run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments, folder=folder)


def new_environment(folder: Path) -> Path:
    """Make a virtual environment that has what this one has, but for minigrad, and return its commands' folder."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder.parent)
    packages = sysconfig.get_path("purelib", "venv", {"base": str(folder)})
    (Path(packages) / "others.pth").write_text(f"{Path(np.__file__).parent.parent}\n", encoding="utf-8")
    return folder / ("Scripts" if os.name == "nt" else "bin")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    sources = copy_of_the_sources(folder / "sources")
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, sources, folder=folder)
    (found,) = folder.glob("minigrad-*.whl")
    return found


def test_the_wheel_has_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = [name for name in archive.namelist() if name.endswith("METADATA")]
        described = archive.read(metadata).decode()
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in ("minigrad", "inception")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected
    assert "minigrad/py.typed" in names
    assert "minigrad/kernels/gpu/kernels.cu" in names
    for line in (
        "Requires-Python: >=3.11",
        "Classifier: Programming Language :: Python :: 3",
        "Project-URL: Homepage",
    ):
        assert line in described


@pytest.mark.slow
def test_an_installed_minigrad_checks_gradients_trains_and_predicts(wheel: Path, tmp_path: Path) -> None:
    commands = new_environment(tmp_path / "environment")
    python = next(commands.glob("python*"))
    pip("--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, folder=tmp_path)
    assert str(tmp_path / "environment") in run(python, "-c", GRADCHECK, folder=tmp_path)
    assert "kernels: numpy" in run(commands / "minigrad", "info", folder=tmp_path)

    recipe = tiny(epochs=1)
    recipe += ["--schedule", "constant", "--optimizer", "sgd", "--output", "run"]
    assert "weights.safetensors" in run(commands / "inception", "train", *recipe, folder=tmp_path).replace("\\", "/")
    Image.fromarray(np.full((80, 90, 3), 128, np.uint8)).save(tmp_path / "grey.png")
    weights = ["--weights", tmp_path / "run" / "weights.safetensors"]
    answers = run(commands / "inception", "predict", *weights, "--top", "3", "grey.png", folder=tmp_path)
    assert all(f"class {i}" in answers for i in range(3))


def test_the_command_that_continues_a_run_is_the_one_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    from inception.advice import how_to_continue
    from inception.run_folder import RunFolder

    folder = RunFolder.__new__(RunFolder)
    folder.path = Path("runs") / "one"
    for started, command in (
        ("/usr/bin/inception", "inception train"),
        ("inception.exe", "inception train"),
        ("/somewhere/inception/__main__.py", "python -m inception train"),
    ):
        monkeypatch.setattr(sys, "argv", [started])
        assert how_to_continue(folder) == f"{command} --resume {folder.path}"


@pytest.mark.parametrize(
    "package",
    [
        "inception",
        "minigrad",
        "minigrad.data",
        "minigrad.data.datasets",
        "minigrad.nn",
        "minigrad.optim",
        "minigrad.testing",
    ],
)
def test_what_a_package_imports_for_its_users_is_what_it_calls_public(package: str) -> None:
    module = importlib.import_module(package)
    assert module.__file__ is not None
    public: set[str] = set()
    later: set[str] = set()  # imported when first used, and declared to type checkers as ``name as name``
    for statement in ast.parse(Path(module.__file__).read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.If):
            later.update(a.name for node in statement.body if isinstance(node, ast.ImportFrom) for a in node.names)
        if isinstance(statement, ast.ImportFrom):
            for name in [alias.asname or alias.name for alias in statement.names]:
                public.update(importlib.import_module(statement.module or "").__all__ if name == "*" else [name])
    public = {name for name in public if not name.startswith("_")} - {"Any", "TYPE_CHECKING", "require"}
    assert set(module.__all__) - later == public, "type checkers hold what is not in __all__ to be private"
    assert len(module.__all__) == len(set(module.__all__)), "a name is public once"
    assert all(hasattr(module, name) for name in module.__all__)
    assert {*module.__all__, *later} <= set(dir(module))


@pytest.mark.slow
def test_a_type_checker_follows_an_editable_install(tmp_path: Path) -> None:
    sources = copy_of_the_sources(tmp_path / "sources")
    commands = new_environment(tmp_path / "environment")
    python = next(commands.glob("python*"))
    options = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    pip("--python", python, "install", *options, "--editable", sources, folder=tmp_path)
    (tmp_path / "program.py").write_text(TYPED, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mypy",
            "--python-executable",
            str(python),
            "--strict",
            "--cache-dir",
            os.devnull,
            "program.py",
        ],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
    )
    assert 'Revealed type is "minigrad.tensor.Tensor"' in done.stdout, done.stdout
    assert 'Revealed type is "inception.model.InceptionV3"' in done.stdout, done.stdout
    assert 'Module has no attribute "no_such_name"' in done.stdout, done.stdout
    assert "import-untyped" not in done.stdout
