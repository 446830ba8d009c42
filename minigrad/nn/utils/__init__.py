"""Functions of a model's parameters, under torch's name: ``torch.nn.utils``."""

from typing import TYPE_CHECKING

from minigrad.absent import module_getattr as _module_getattr
from minigrad.nn.parameters import (
    clip_grad_norm_,
    clip_grad_value_,
    clip_grads_with_norm_,
    get_total_norm,
    parameters_to_vector,
    vector_to_parameters,
)
from minigrad.nn.utils import rnn

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]

if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
