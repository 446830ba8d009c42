"""Makes torchvision's models importable beside a CPU build of torch, for which it has no compiled ops."""

from __future__ import annotations

import sys

import torch

try:
    from torchvision.models import inception_v3
except RuntimeError:  # "operator torchvision::nms does not exist": declare the two schemas it looks for
    for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    _library = torch.library.Library("torchvision", "DEF")
    for _op in ("nms", "qnms"):
        _library.define(f"{_op}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    from torchvision.models import inception_v3

__all__ = ["inception_v3"]
