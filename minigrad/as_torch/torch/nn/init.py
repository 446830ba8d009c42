"""Names of ``torch.nn.init`` that only older programs need: ``kaiming_normal`` for ``kaiming_normal_``, and so on."""

from __future__ import annotations

from minigrad.nn.init import (
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
