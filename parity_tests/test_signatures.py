"""Names, argument orders and defaults are torch's."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
import torch

import minigrad
from minigrad import nn, optim
from minigrad.nn import functional as F

LAYERS = [
    name for name, item in vars(nn).items() if inspect.isclass(item) and name not in ("Parameter", "BatchNormReLU2d")
]
FUNCTIONS = [name for name in F.__all__ if hasattr(torch.nn.functional, name)]
OPTIMIZERS = [name for name in optim.__all__ if hasattr(torch.optim, name) and inspect.isclass(getattr(optim, name))]
SCHEDULES = [
    name
    for name, item in vars(optim.lr_scheduler).items()
    if inspect.isclass(item) and issubclass(item, optim.lr_scheduler.LRScheduler) and not name.startswith("_")
]
INITIALIZERS = [name for name in vars(nn.init) if name.endswith("_") and not name.startswith("_")]

CASES: list[tuple[str, Any, Any]] = [
    *((f"nn.{name}", getattr(nn, name), getattr(torch.nn, name)) for name in LAYERS),
    *((f"nn.functional.{name}", getattr(F, name), getattr(torch.nn.functional, name)) for name in FUNCTIONS),
    *((f"optim.{name}", getattr(optim, name), getattr(torch.optim, name)) for name in OPTIMIZERS),
    *(
        (f"lr_scheduler.{name}", getattr(optim.lr_scheduler, name), getattr(torch.optim.lr_scheduler, name))
        for name in SCHEDULES
    ),
    *((f"nn.init.{name}", getattr(nn.init, name), getattr(torch.nn.init, name)) for name in INITIALIZERS),
]


def _shows_its_signature(item: Any) -> bool:
    try:
        return bool(inspect.signature(item))
    except ValueError:  # written in C++
        return False


CASES = [case for case in CASES if _shows_its_signature(case[2])]

#: Arguments of torch's own machinery, which have no meaning here.
NOT_OURS = {"foreach", "capturable", "differentiable", "fused", "_stacklevel", "verbose"}


def _arguments(item: Any) -> list[inspect.Parameter]:
    parameters = inspect.signature(item).parameters.values()
    return [p for p in parameters if p.name not in NOT_OURS and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]


def _by_name(default: Any) -> Any:
    """Return the name of a function, of which each library has its own; anything else as it is."""
    return default.__name__ if inspect.isroutine(default) else default


@pytest.mark.parametrize(("name", "ours", "theirs"), CASES, ids=[case[0] for case in CASES])
def test_arguments_and_defaults_are_torchs(name: str, ours: Any, theirs: Any) -> None:
    own = [p for p in _arguments(ours) if p.kind != p.KEYWORD_ONLY]
    reference = _arguments(theirs)
    # Functions that torch overloads or decorates show only (*args, **kwargs): nothing to compare by position.
    positional = [p for p in reference if p.kind != p.KEYWORD_ONLY]
    for mine, torchs in zip(own, positional, strict=False):
        assert mine.name == torchs.name, f"{[p.name for p in own]}, torch has {[p.name for p in positional]}"
        defaults = [_by_name(p.default) for p in (mine, torchs)]
        assert defaults[0] is defaults[1] or defaults[0] == defaults[1], f"{mine.name}: {defaults}"


def test_every_public_tensor_function_exists_in_torch_under_its_name() -> None:
    own = {"Generator", "get_num_threads", "set_num_threads"}
    for name in dir(minigrad):
        item = getattr(minigrad, name)
        if callable(item) and not name.startswith("_") and name not in own:
            assert hasattr(torch, name), name
    for name in dir(minigrad.Tensor):
        if not name.startswith("_") and name not in (
            "array",
            "retains_grad",
            "next_functions",
            "num_outputs",
            "number",
        ):
            assert hasattr(torch.Tensor, name), name


#: torch's list of its own functions has other names for these arguments than its documentation, which is followed.
DOCUMENTED_OTHERWISE = {
    "bernoulli",
    "broadcast_to",
    "diag_embed",
    "dot",
    "isfinite",
    "isinf",
    "logsumexp",
    "permute",
    "prod",
    "repeat_interleave",
    "swapaxes",
    "swapdims",
    "topk",
    "where",
}
BUILT_IN = [
    name
    for name in dir(minigrad)
    if inspect.isfunction(getattr(minigrad, name))
    and not name.startswith("_")
    and name not in DOCUMENTED_OTHERWISE
    and getattr(torch, name, None) in torch.overrides.get_testing_overrides()
]


@pytest.mark.parametrize("name", BUILT_IN)
def test_arguments_of_built_in_functions_are_torchs(name: str) -> None:
    theirs = torch.overrides.get_testing_overrides()[getattr(torch, name)]
    own = [p.name for p in _arguments(getattr(minigrad, name)) if p.kind != inspect.Parameter.KEYWORD_ONLY]
    expected = [p.name for p in _arguments(theirs) if p.name != "out"]
    both = min(len(own), len(expected))  # of overloads torch lists the shortest
    assert own[:both] == expected[:both]
