"""One record per operation, in front of the generic tests; see ``minigrad.testing.records``."""

from parity_tests.records import (
    activations,
    clamped,
    elementwise,
    indexing,
    lines,
    losses,
    normalizations,
    products,
    reductions,
    shapes,
    windows,
)
from parity_tests.records.base import RECORDS
