"""The functions behind the layers, under torch's names (``torch.nn.functional``). They hold no state."""

from typing import TYPE_CHECKING

from minigrad.absent import module_getattr as _module_getattr
from minigrad.functions import (
    activation,
    adaptive_pool,
    affine,
    attention,
    bags,
    clamped,
    conv,
    ctc,
    distances,
    gated,
    grids,
    heads,
    lookup,
    loss,
    noise,
    normalization,
    padding,
    patches,
    pool,
    pool_lines,
    rectifiers,
    resample,
    shuffles,
)
from minigrad.functions.activation import *
from minigrad.functions.adaptive_pool import *
from minigrad.functions.affine import *
from minigrad.functions.attention import *
from minigrad.functions.bags import *
from minigrad.functions.clamped import *
from minigrad.functions.conv import *
from minigrad.functions.ctc import *
from minigrad.functions.distances import *
from minigrad.functions.gated import *
from minigrad.functions.grids import *
from minigrad.functions.heads import *
from minigrad.functions.linalg import bilinear as bilinear
from minigrad.functions.lookup import *
from minigrad.functions.loss import *
from minigrad.functions.noise import *
from minigrad.functions.normalization import *
from minigrad.functions.padding import *
from minigrad.functions.patches import *
from minigrad.functions.pool import *
from minigrad.functions.pool_lines import *
from minigrad.functions.rectifiers import *
from minigrad.functions.resample import *
from minigrad.functions.shuffles import *

__all__ = (
    activation.__all__
    + adaptive_pool.__all__
    + affine.__all__
    + clamped.__all__
    + conv.__all__
    + ctc.__all__
    + distances.__all__
    + gated.__all__
    + attention.__all__
    + bags.__all__
    + grids.__all__
    + heads.__all__
    + lookup.__all__
    + loss.__all__
    + noise.__all__
    + normalization.__all__
    + padding.__all__
    + patches.__all__
    + shuffles.__all__
    + pool.__all__
    + pool_lines.__all__
    + rectifiers.__all__
    + resample.__all__
    + ["bilinear"]
)

if not TYPE_CHECKING:
    __getattr__ = _module_getattr(__name__)
