"""Names of ``torch.nn`` that only programs for torch need; those of ``minigrad.nn`` follow them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

from minigrad import distributed, nn
from minigrad.as_torch.layers import (
    Dropout1d,
    GaussianNLLLoss,
    PairwiseDistance,
    PoissonNLLLoss,
    SoftMarginLoss,
    Unflatten,
    UpsamplingBilinear2d,
    UpsamplingNearest2d,
)
from minigrad.nn.convolutions import _Convolution
from minigrad.nn.normalizations import _BatchNorm, _InstanceNorm


class DataParallel(nn.Module):
    """A module on one device: it is called as it is, and its parameters are named ``module.…``, as in torch."""

    def __init__(self, module: nn.Module, *_: object, **__: object) -> None:
        super().__init__()
        self.module = module

    def forward(self, *inputs: object, **options: object) -> Any:
        return self.module(*inputs, **options)


class DistributedDataParallel(distributed.DistributedDataParallel):
    """A module on every rank; the devices that a program names have no meaning."""

    def __init__(
        self,
        module: nn.Module,
        device_ids: object = None,
        output_device: object = None,
        find_unused_parameters: bool = False,
        **_: object,
    ) -> None:
        super().__init__(module, find_unused_parameters=find_unused_parameters)


def _refused(name: str, reason: str) -> type:
    def refuse(self: object, *_: object, **__: object) -> None:
        raise NotImplementedError(f"torch.nn.{name} is not in minigrad: {reason}")

    return type(name, (nn.Module,), {"__init__": refuse, "__module__": "torch.nn", "__doc__": "A name; see the error."})


#: Classes that programs name as a default, or in ``isinstance``, without making one.
(
    BatchNorm3d,
    InstanceNorm3d,
    Conv3d,
    ConvTranspose3d,
    MaxPool3d,
    AvgPool3d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool3d,
    Dropout3d,
) = (
    _refused(name, "there are layers of one and two dimensions only")
    for name in [
        "BatchNorm3d",
        "InstanceNorm3d",
        "Conv3d",
        "ConvTranspose3d",
        "MaxPool3d",
        "AvgPool3d",
        "AdaptiveAvgPool3d",
        "AdaptiveMaxPool3d",
        "Dropout3d",
    ]
)
SyncBatchNorm = distributed.SyncBatchNorm
_NormBase = _BatchNorm
_ConvNd = _Convolution
_Loss = _WeightedLoss = nn.Module


def _ntuple(n: int) -> Callable[[Any], tuple[Any, ...]]:
    def tuple_of(x: Any) -> tuple[Any, ...]:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    return tuple_of


_single, _pair, _triple, _quadruple = (_ntuple(n) for n in (1, 2, 3, 4))
