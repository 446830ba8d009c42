"""Names of ``torch.nn.functional`` that only programs for torch need: activations that write into their input."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minigrad.nn import functional as F


def _writing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an activation that always computes in place."""

    @functools.wraps(function)
    def write(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options, inplace=True)

    return write


relu_, leaky_relu_, elu_, selu_, celu_, hardtanh_, threshold_ = map(
    _writing, (F.relu, F.leaky_relu, F.elu, F.selu, F.celu, F.hardtanh, F.threshold)
)
