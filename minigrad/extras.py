"""Optional packages: import them when they are first used, and explain how to install a missing one."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path

#: By the name to import: the usual name, and the requirement for pip.
PACKAGES = {
    "cupy": ("CuPy", "minigrad[cuda13]"),
    "hypothesis": ("Hypothesis", "minigrad[test]"),
    "matplotlib": ("Matplotlib", "minigrad[train]"),
    "mpi4py": ("mpi4py", "minigrad[mpi]"),
    "numba": ("Numba", "minigrad[fast]"),
    "onnx": ("onnx", "minigrad[export]"),
    "PIL": ("Pillow", "minigrad[train]"),
    "safetensors": ("safetensors", "minigrad[train]"),
    "sklearn": ("scikit-learn", "minigrad[train]"),
    "tensorboardX": ("tensorboardX", "minigrad[board]"),
    "torch": ("PyTorch", "torch"),
    "tqdm": ("tqdm", "minigrad[train]"),
}


class MissingPackageError(ModuleNotFoundError):
    """A package is needed that is not installed; the message contains the command that installs it."""


def installed(package: str) -> bool:
    """Return whether ``package`` can be found, without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except (ImportError, ValueError):
        return False


def require(what: str, *packages: str) -> None:
    """Check, before the work begins, that all ``packages`` are installed.

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

    So a file can be imported without the package, and the error appears only when a function needs it. Type checkers
    see the module itself:

        if TYPE_CHECKING:
            from PIL import Image
        else:
            Image = Later("PIL.Image", "an image")

    Args:
        module: the name to import.
        what: the beginning of the message: "an image needs Pillow, …".
    """

    def __init__(self, module: str, what: str) -> None:
        self._module, self._what = module, what

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # copying, pickling and test runners look for these in any object
            raise AttributeError(name)
        try:
            module = importlib.import_module(self._module)
        except ModuleNotFoundError as error:
            package = self._module.partition(".")[0]
            if error.name is None or error.name.partition(".")[0] != package:
                raise  # the package is installed, but lacks one of its own requirements
            raise MissingPackageError(_sentence(self._what, [package]), name=package) from None
        value: object = getattr(module, name)
        self.__dict__[name] = value  # the next access does not call __getattr__
        return value

    def __reduce__(self) -> tuple[type[Later], tuple[str, str]]:
        return Later, (self._module, self._what)
