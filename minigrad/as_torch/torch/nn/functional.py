"""Names of ``torch.nn.functional`` that only programs for torch need, beside those of ``minigrad.nn.functional``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from minigrad.as_torch import layers
from minigrad.nn import functional as F

dropout1d, pairwise_distance, soft_margin_loss = layers.dropout1d, layers.pairwise_distance, layers.soft_margin_loss
gaussian_nll_loss, poisson_nll_loss = layers.gaussian_nll_loss, layers.poisson_nll_loss
upsample, upsample_nearest, upsample_bilinear = layers.upsample, layers.upsample_nearest, layers.upsample_bilinear


def _writing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an activation that always computes in place."""

    @functools.wraps(function)
    def write(*arguments: Any, **options: Any) -> Any:
        return function(*arguments, **options, inplace=True)

    return write


relu_, leaky_relu_, elu_, selu_, celu_, hardtanh_, threshold_ = (
    _writing(function) for function in (F.relu, F.leaky_relu, F.elu, F.selu, F.celu, F.hardtanh, F.threshold)
)
