"""Compile kernels, and keep their machine code on disk, so that they are compiled only once (needs Numba).

Numba has a cache of its own, but it looks only at the file in which a function stands. Machine code also contains
whatever the function calls, and constants such as the shape of a block of registers, from other files; after an
upgrade of those the old code would go on being used. So here code stands in a folder named after everything it may
depend on: the *content* of the function's file and of all the kernels' files that it imports, directly or not, the
versions of Python, Numba and llvmlite, and the width of vectors. Code of another version is simply not found. (Such
folders may be deleted at any time.)

Code is read from, and written to, the first of these that works: ``NUMBA_CACHE_DIR``, ``__pycache__`` beside this
file, the user's cache folder. Where none can be written, kernels are compiled in every process. Code that another user
may have written is not run (kept_files.py).
"""

from __future__ import annotations

import ast
import hashlib
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import ParamSpec, TypeVar, cast

import llvmlite
import numba
from numba import njit
from numba.core.caching import NullCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from minigrad.kernels.compiled import kept_files, vectors
from minigrad.kernels.compiled.lock import Lock
from minigrad.kernels.compiled.names import Context, Dispatcher, Signature

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

_HERE = Path(__file__).parent
_KERNELS = _HERE.parent


def compiled(function: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Compile a kernel: without Python's lock, and with division by zero as in NumPy."""
    return cast(Callable[Parameters, Result], _kept(njit(nogil=True, error_model="numpy")(function)))


def _kept(dispatcher: Dispatcher) -> Dispatcher:
    dispatcher._cache = _Kept(dispatcher.py_func)
    return dispatcher


class _Kept(NullCache):
    """The machine code of one function, for each of the types that it was called with: a cache, in Numba's words."""

    def __init__(self, function: FunctionType) -> None:
        self._module = function.__module__
        self._name = f"{self._module.rpartition('.')[2]}.{function.__qualname__}"
        self._locks: dict[str, Lock] = {}  # of what is being compiled

    def load_overload(self, signature: Signature, target: Context) -> CompileResult | None:
        """Return the code that was kept for these types and this processor, or None, which makes Numba compile it.

        If another process is compiling it, wait for that.
        """
        target.refresh()
        name = self._file(signature, target.codegen())
        found = self._read(name, target)
        if found is None:
            lock = Lock(name, _folders(self._module))
            found = self._read(name, target)
            if found is None:
                self._locks[name] = lock
            else:
                lock.release()
        return found

    def _read(self, name: str, target: Context) -> CompileResult | None:
        """Return the code in a file, or None. Damaged files are ignored, with a line that says so."""
        data = kept_files.read(name, _folders(self._module))
        if data is None:
            return None
        try:
            return CompileResult._rebuild(target, *pickle.loads(data))
        except Exception:  # whole, but nothing that this Numba can load
            kept_files.say_damaged(_folders(self._module)[0])
            return None

    def save_overload(self, signature: Signature, result: CompileResult) -> None:
        """Keep the code of a function that was just compiled."""
        name = self._file(signature, result.codegen)
        keepable = not result.library.has_dynamic_globals  # type: ignore[attr-defined]  # addresses of this process
        if keepable and not kept_files.write(name, dumps(result._reduce()), _folders(self._module)):
            _warn()
        if lock := self._locks.pop(name, None):
            lock.release()

    def _file(self, signature: Signature, codegen: Context) -> str:
        key = repr((signature, codegen.magic_tuple()))
        return f"{self._name}-{hashlib.sha256(key.encode()).hexdigest()[:32]}.code"


@cache
def _folders(module: str) -> list[Path]:
    """Return where the code of a module's functions may be kept, best first."""
    parents = [_HERE / "__pycache__"]
    if chosen := os.environ.get("NUMBA_CACHE_DIR"):
        parents.insert(0, Path(chosen))
    user = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    with suppress(RuntimeError):  # some users have no home
        parents.append((Path(user) if user else Path.home() / ".cache") / "minigrad")
    return [parent / f"minigrad-{_digest(module)}" for parent in parents]


def _digest(module: str) -> str:
    """Return a name for everything, beside the processor, that a module's machine code may depend on."""
    versions = sys.version_info[:2], numba.__version__, llvmlite.__version__, vectors.BITS
    digest = hashlib.sha256(repr(versions).encode())
    for file in sorted(_files(module)):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _files(module: str) -> set[Path]:
    """Return the file of a module, and of every module of the kernels that it imports, directly or not."""
    files: set[Path] = set()
    unread = [module]
    while unread:
        path = _KERNELS.parent.parent.joinpath(*unread.pop().split("."))
        for file in (path.with_suffix(".py"), path / "__init__.py"):
            if file not in files and file.is_relative_to(_KERNELS) and file.exists():
                files.add(file)
                unread += _imports(file)
    return files or set(_KERNELS.rglob("*.pyc"))  # where only those are installed


@cache
def _imports(file: Path) -> list[str]:
    """Return the names in a file that may be those of imported modules."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


@cache
def _warn() -> None:
    tried = ", ".join(str(folder.parent) for folder in _folders(__name__))
    warnings.warn(
        f"compiled kernels cannot be kept, because none of these folders can be written: {tried}. Every process "
        "compiles them anew, which takes up to half a minute. Set NUMBA_CACHE_DIR to a folder that can be written",
        stacklevel=2,
    )
