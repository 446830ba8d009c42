"""Functions of a model's parameters, under torch's name: ``torch.nn.utils``."""

from typing import TYPE_CHECKING

from minigrad.absent import module_getattr as _module_getattr
from minigrad.nn import parameters
from minigrad.nn.parameters import *

__all__ = parameters.__all__

if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
