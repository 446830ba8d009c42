"""Packages that only some of minigrad needs: when each is imported, and what to say where it is not installed."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

#: By the name to import: the name people know, and what to install.
PACKAGES = {
    "cupy": ("CuPy", "minigrad[cuda13]"),
    "hypothesis": ("Hypothesis", "minigrad[test]"),
    "matplotlib": ("Matplotlib", "minigrad[train]"),
    "numba": ("Numba", "minigrad[fast]"),
    "onnx": ("onnx", "minigrad[export]"),
    "PIL": ("Pillow", "minigrad[train]"),
    "safetensors": ("safetensors", "minigrad[train]"),
    "sklearn": ("scikit-learn", "minigrad[test]"),
    "tensorboardX": ("tensorboardX", "minigrad[board]"),
    "torch": ("PyTorch", "torch"),
    "tqdm": ("tqdm", "minigrad[train]"),
}


class MissingPackageError(ModuleNotFoundError):
    """Something needs a package that is not installed; the message says how to install it."""


def installed(package: str) -> bool:
    """Return whether ``package`` can be found, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def require(what: str, *packages: str) -> None:
    """Make sure, before the work begins, that all ``packages`` are installed.

    Raises:
        MissingPackageError: otherwise, naming them, what needs them, and how to install them.
    """
    missing = [package for package in packages if not installed(package)]
    if missing:
        raise MissingPackageError(_sentence(what, missing), name=missing[0])


def ensure_installed(*packages: str) -> None:
    """End the program, a script, with one sentence unless all ``packages`` are installed."""
    name = Path(sys.argv[0]).name
    try:
        require("this command" if name == "__main__.py" else name, *packages)
    except MissingPackageError as error:
        raise SystemExit(f"error: {error}") from None


def _sentence(what: str, missing: list[str]) -> str:
    names = [PACKAGES[package][0] for package in missing]
    sources = dict.fromkeys(PACKAGES[package][1] for package in missing)
    listed = " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
    commands = " ".join(f"'{source}'" if "[" in source else source for source in sources)
    return f"{what} needs {listed}, which {'is' if len(names) == 1 else 'are'} not installed: pip install {commands}"


class Later:
    """A module of such a package, imported when it is first used.

    So a file can be imported without the package, as long as nothing is called that needs it; and everything that does
    need it says the same. Type checkers see the module itself:

        if TYPE_CHECKING:
            from PIL import Image
        else:
            Image = Later("PIL.Image", "an image")

    Args:
        module: the name to import.
        what: begins the message: "an image needs Pillow, …".
    """

    def __init__(self, module: str, what: str) -> None:
        self._module, self._what = module, what

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what copying, pickling and test runners look for in any object
            raise AttributeError(name)
        try:
            module = importlib.import_module(self._module)
        except ModuleNotFoundError as error:
            package = self._module.partition(".")[0]
            if error.name is None or error.name.partition(".")[0] != package:
                raise  # the package is there, and itself lacks something
            raise MissingPackageError(_sentence(self._what, [package]), name=package) from None
        value = getattr(module, name)
        self.__dict__[name] = value  # from now on found without coming here
        return value

    def __reduce__(self) -> tuple[type[Later], tuple[str, str]]:
        return Later, (self._module, self._what)
