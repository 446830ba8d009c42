"""Functions of a model's parameters, under torch's name: ``torch.nn.utils``."""

from minigrad.nn import parameters
from minigrad.nn.parameters import *

__all__ = parameters.__all__
