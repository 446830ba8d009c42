"""Run a program that was written for torch, unchanged, on minigrad.

    python -m minigrad.as_torch script.py [arguments]            run it
    python -m minigrad.as_torch --beside script.py [arguments]   run it on torch too, and compare what both print

In a notebook, call :func:`install` before the first ``import torch``. What is in here serves such programs only, and
minigrad itself uses none of it: names that mean nothing here but do no harm (``torch.jit.script``,
``torch.backends.cudnn.benchmark``), torch's form of ``autograd.Function``, and ``torch.float32`` with torch's
attributes. See ``docs/torch-programs.md``.
"""

from __future__ import annotations

import sys

from minigrad.as_torch.importer import Importer, torch_modules
from minigrad.as_torch.modules import adapt_modules, restore_modules
from minigrad.as_torch.tensors import adapt_tensors, restore_tensors

__all__ = ["install", "uninstall"]


def install() -> None:
    """Let minigrad answer to ``import torch`` and ``import torchvision`` in this process.

    Raises:
        RuntimeError: if torch itself is imported already.
    """
    if any(isinstance(finder, Importer) for finder in sys.meta_path):
        return
    if "torch" in sys.modules:
        raise RuntimeError(
            "torch itself is imported already: call minigrad.as_torch.install() in a fresh process, first"
        )
    sys.meta_path.insert(0, Importer())
    adapt_tensors()
    adapt_modules()


def uninstall() -> None:
    """Undo :func:`install`. Modules that imported ``torch`` meanwhile keep what they have."""
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, Importer)]
    for name in torch_modules():
        del sys.modules[name]
    restore_tensors()
    restore_modules()
