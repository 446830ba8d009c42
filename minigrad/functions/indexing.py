"""To be moved here from ``minigrad/ops/indexing.py``."""

from minigrad.ops.indexing import gather, index_put, index_select, scatter_add, take_along_dim
from minigrad.ops.indexing import getitem as getitem
from minigrad.ops.indexing import setitem as setitem

__all__ = [
    "gather",
    "index_put",
    "index_select",
    "scatter_add",
    "take_along_dim",
]
