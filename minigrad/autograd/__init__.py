"""Gradients, under torch's name: ``torch.autograd``."""

from typing import TYPE_CHECKING

from minigrad.absent import module_getattr as _module_getattr
from minigrad.autograd import functional
from minigrad.engine.anomaly import detect_anomaly
from minigrad.engine.api import backward, grad
from minigrad.engine.function import Function
from minigrad.engine.grad_mode import enable_grad, inference_mode, is_grad_enabled, no_grad, set_grad_enabled

__all__ = [
    "Function",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "inference_mode",
    "is_grad_enabled",
    "no_grad",
    "set_grad_enabled",
]

if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
