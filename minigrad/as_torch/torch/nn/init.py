"""Names of ``torch.nn.init`` that only older programs need: ``kaiming_normal`` for ``kaiming_normal_``, and so on.

Two of torch's own, whose names begin with ``_``, are used by many programs all the same.
"""

from __future__ import annotations

from minigrad import Tensor
from minigrad.nn.init import (
    _fans,
    constant_,
    dirac_,
    eye_,
    kaiming_normal_,
    kaiming_uniform_,
    normal_,
    orthogonal_,
    sparse_,
    uniform_,
    xavier_normal_,
    xavier_uniform_,
)

constant, dirac, eye, normal, orthogonal, sparse, uniform = (
    constant_,
    dirac_,
    eye_,
    normal_,
    orthogonal_,
    sparse_,
    uniform_,
)
kaiming_normal, kaiming_uniform, xavier_normal, xavier_uniform = (
    kaiming_normal_,
    kaiming_uniform_,
    xavier_normal_,
    xavier_uniform_,
)


def _calculate_fan_in_and_fan_out(tensor: Tensor) -> tuple[int, int]:
    """Return the numbers of inputs and outputs of a weight."""
    return _fans(tensor)


def _calculate_correct_fan(tensor: Tensor, mode: str) -> int:
    """Return the number of inputs or outputs, as ``mode``, fan_in or fan_out, says."""
    return _fans(tensor)[mode.lower() == "fan_out"]
