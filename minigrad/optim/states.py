"""The state that an optimiser keeps for a parameter, and the options of a group of parameters."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from minigrad.tensor import Tensor
from minigrad.typing import Array

#: Numbers (such as "step"), tensors in the parameter's shape, and None for a tensor that is made later, by name.
State: TypeAlias = dict[str, Any]
#: The parameters of a group ("params") and the options that they share, by name.
Group: TypeAlias = dict[str, Any]


def zeros_state(parameter: Tensor) -> Tensor:
    """Return a tensor of zeros in the parameter's shape, dtype, memory order and device."""
    return like(parameter, np.zeros_like(parameter.array))


def like(parameter: Tensor, array: Array) -> Tensor:
    """Return an array as a tensor that needs no gradient, apart from the parameter's memory."""
    tensor = parameter.detach()
    tensor.array, tensor._version_cell = array, None
    return tensor
