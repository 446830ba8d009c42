"""A narrower Inception V3: the same layers with fewer channels, for trying things out.

A convolution costs about width² as much. All numbers of channels are multiples of 16, so with a width of 1/16, 2/16, …
each layer keeps exactly its share, and what blocks concatenate still fits. Source: the width multiplier of MobileNets
(Howard et al. 2017, arXiv 1704.04861).
"""

from __future__ import annotations

from collections.abc import Mapping

from inception.model import InceptionV3
from minigrad import Tensor, nn

STEPS = 16  #: widths are multiples of 1 / STEPS
_FIRST, _CHANNELS, _COLOURS = "Conv2d_1a_3x3.conv.weight", 32, 3


def check_width(width: float) -> None:
    """Raise ValueError for a width that is no multiple of 1/16 up to 1."""
    if not 0 < width <= 1 or not (width * STEPS).is_integer():
        raise ValueError(f"--width must be a multiple of 1/{STEPS} = {1 / STEPS} from {1 / STEPS} to 1, got {width}")


def make_narrow(model: InceptionV3, width: float) -> None:
    """Leave each layer the first ``width`` of its channels.

    The colours of the image and the classes stay. The weights are a part of those that were drawn.
    """
    if width == 1:
        return
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.out_channels = _share(module.out_channels, width)
            module.in_channels = _share(module.in_channels, width)
            module.weight = _part(module.weight, slice(module.out_channels), slice(module.in_channels))
        elif isinstance(module, nn.BatchNorm2d):
            module.num_features = _share(module.num_features, width)
            kept = slice(module.num_features)
            module.weight, module.bias = _part(module.weight, kept), _part(module.bias, kept)
            module.running_mean, module.running_var = (
                module.running_mean[kept].clone(),
                module.running_var[kept].clone(),
            )
        elif isinstance(module, nn.Linear):
            module.in_features = _share(module.in_features, width)
            module.weight = _part(module.weight, slice(None), slice(module.in_features))


def width_of(state: Mapping[str, Tensor]) -> float | None:
    """Return the width of the model that a state dict is of, as its first layer tells; None if it does not tell."""
    if _FIRST not in state or state[_FIRST].ndim != 4:
        return None
    width = state[_FIRST].shape[0] / _CHANNELS
    return width if 0 < width <= 1 and (width * STEPS).is_integer() else None


def _part(parameter: Tensor, *kept: slice) -> nn.Parameter:
    return nn.Parameter(parameter.detach()[kept].clone())


def _share(channels: int, width: float) -> int:
    return channels if channels == _COLOURS else round(channels * width)
