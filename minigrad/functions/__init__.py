"""The functions that users call, with torch's names, argument orders, defaults, checks and messages.

A function here checks its arguments, brings them to one dtype, and applies primitives of ``minigrad/ops/`` or calls
other functions. A derivative is in ``ops/`` only.

The names in the ``__all__`` of a file are public. They are stated there and nowhere else. Adding an operation touches
at most four places:

1. the primitive, in ``minigrad/ops/``;
2. the function, in a file of this folder, and the ``__all__`` at the top of that file;
3. a record in ``parity_tests/records/``, which every generic test then reads;
4. if it is a method too, a line in ``minigrad/tensor.py``.

A file whose functions torch has at its top (``torch.exp``) is named in ``minigrad/__init__.py``, a file whose functions
are in ``torch.nn.functional`` in ``minigrad/nn/functional.py``, and some are named in both.
"""

from minigrad.functions import (
    activation,
    adaptive_pool,
    affine,
    alike,
    arithmetic,
    arrangement,
    attention,
    bags,
    bitwise,
    blends,
    clamped,
    closeness,
    comparison,
    contraction,
    conv,
    copying,
    counting,
    ctc,
    decompositions,
    diagonals,
    distances,
    gated,
    gathering,
    grids,
    heads,
    indexing,
    linalg,
    lookup,
    loss,
    noise,
    normalization,
    order,
    padding,
    patches,
    pieces,
    pool,
    pool_lines,
    rectifiers,
    reduce,
    resample,
    running,
    sampling,
    scattering,
    selection,
    shape,
    shuffles,
    synonyms,
    trigonometry,
    unary,
)
from minigrad.functions.activation import *
from minigrad.functions.adaptive_pool import *
from minigrad.functions.affine import *
from minigrad.functions.arithmetic import *
from minigrad.functions.arrangement import *
from minigrad.functions.attention import *
from minigrad.functions.bags import *
from minigrad.functions.bitwise import *
from minigrad.functions.blends import *
from minigrad.functions.clamped import *
from minigrad.functions.closeness import *
from minigrad.functions.comparison import *
from minigrad.functions.contraction import *
from minigrad.functions.conv import *
from minigrad.functions.copying import *
from minigrad.functions.counting import *
from minigrad.functions.ctc import *
from minigrad.functions.decompositions import *
from minigrad.functions.diagonals import *
from minigrad.functions.distances import *
from minigrad.functions.gated import *
from minigrad.functions.gathering import *
from minigrad.functions.grids import *
from minigrad.functions.heads import *
from minigrad.functions.indexing import *
from minigrad.functions.linalg import *
from minigrad.functions.lookup import *
from minigrad.functions.loss import *
from minigrad.functions.noise import *
from minigrad.functions.normalization import *
from minigrad.functions.order import *
from minigrad.functions.padding import *
from minigrad.functions.patches import *
from minigrad.functions.pieces import *
from minigrad.functions.pool import *
from minigrad.functions.pool_lines import *
from minigrad.functions.rectifiers import *
from minigrad.functions.reduce import *
from minigrad.functions.resample import *
from minigrad.functions.running import *
from minigrad.functions.sampling import *
from minigrad.functions.scattering import *
from minigrad.functions.selection import *
from minigrad.functions.shape import *
from minigrad.functions.shuffles import *
from minigrad.functions.synonyms import *
from minigrad.functions.trigonometry import *
from minigrad.functions.unary import *

__all__ = (
    activation.__all__
    + adaptive_pool.__all__
    + affine.__all__
    + arithmetic.__all__
    + arrangement.__all__
    + attention.__all__
    + bags.__all__
    + bitwise.__all__
    + clamped.__all__
    + comparison.__all__
    + contraction.__all__
    + conv.__all__
    + copying.__all__
    + ctc.__all__
    + distances.__all__
    + gated.__all__
    + gathering.__all__
    + heads.__all__
    + indexing.__all__
    + decompositions.__all__
    + grids.__all__
    + diagonals.__all__
    + linalg.__all__
    + lookup.__all__
    + loss.__all__
    + noise.__all__
    + normalization.__all__
    + order.__all__
    + padding.__all__
    + patches.__all__
    + shuffles.__all__
    + pieces.__all__
    + pool.__all__
    + pool_lines.__all__
    + rectifiers.__all__
    + reduce.__all__
    + resample.__all__
    + selection.__all__
    + shape.__all__
    + trigonometry.__all__
    + closeness.__all__
    + blends.__all__
    + counting.__all__
    + running.__all__
    + sampling.__all__
    + synonyms.__all__
    + scattering.__all__
    + unary.__all__
)
