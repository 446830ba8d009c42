"""Before the first step: refuse ranks that would not compute the same run, and name what differs."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

import inception
import minigrad
from inception.ranks import ranks
from inception.resume import PLACES
from inception.state import Training
from minigrad import kernels, nn
from minigrad.devices import to_host
from minigrad.distributed.agreement import digest_of_sources, refuse_differences

PACKAGES = ("numpy", "numba", "pillow")  # on which the result of a step depends


def refuse_other_ranks(training: Training, find_lr: bool = False) -> None:
    """Compare what all ranks are about to do: the recipe, the data, the weights, and the code that computes.

    Where the files lie on each machine makes no difference.

    Raises:
        RanksDifferError: on every rank, naming the first differences.
    """
    if ranks().size == 1:
        return
    recipe = {name: value for name, value in training.recipe.as_dict().items() if name not in PLACES}
    facts = {
        "code": {
            "minigrad": minigrad.__version__,
            "of minigrad (digest)": digest_of_sources(str(Path(minigrad.__file__).parent)),
            "of inception (digest)": digest_of_sources(str(Path(inception.__file__).parent)),
            "Python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
            "kernels": type(kernels.of(np.zeros(1, np.float32))).__name__,
        },
        "recipe": {**recipe, "find_lr": find_lr},
        "data": training.data,
        "place": {"epoch": training.epoch, "step": training.step},
        "weights": {"digest": _digest(training.model)},
    }
    refuse_differences(facts, ranks())


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _digest(model: nn.Module) -> str:
    digest = hashlib.blake2b(digest_size=8)
    for tensor in model.state_dict().values():
        digest.update(np.ascontiguousarray(to_host(tensor.array)).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
