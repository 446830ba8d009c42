"""One record per operation, in front of the generic tests; see ``minigrad.testing.records``."""

from parity_tests.records import (
    activations,
    clamped,
    decompositions,
    elementwise,
    indexing,
    lines,
    losses,
    normalizations,
    products,
    rearrangements,
    reductions,
    shapes,
    trigonometry,
    windows,
)
from parity_tests.records.base import RECORDS
