"""Every tolerance of the parity tests, with its reason."""

from __future__ import annotations

from typing import NamedTuple


class Tolerance(NamedTuple):
    """|ours − theirs| ≤ atol + rtol · max |theirs|: relative to the largest element of the tensor.

    In float16 and float32 ``assert_parity`` adds the rounding errors of the terms of sums, which are larger than the
    result where they cancel: see ``minigrad.testing.rounding``.
    """

    rtol: float
    atol: float


#: Single operations in float64: two correct sums of a few thousand terms differ by far less.
FLOAT64 = Tolerance(1e-10, 1e-12)

#: Single operations in float32: torch.testing's own defaults.
FLOAT32 = Tolerance(1.3e-6, 1e-5)

#: Sums of many float32 products (convolution, matmul, batch norm and what follows from them): the error of
#: a sum grows with its length, and the two libraries add in different orders.
FLOAT32_SUMS = Tolerance(2e-5, 1e-5)

#: Single operations in float16, whose unit in the last place is 2⁻¹⁰: three of them, for roundings one after another.
FLOAT16 = Tolerance(3e-3, 1e-5)

#: What follows from sums there, where what was rounded may cancel.
FLOAT16_SUMS = Tolerance(3e-3, 2e-3)

#: Several products in float16, one after another: of each torch rounds the sum.
FLOAT16_CHAINS = Tolerance(1e-2, 2e-3)

#: Sums of 10⁶ float32 numbers: one after the other they err by 10⁻³ to 10⁻².
LONG_SUM = Tolerance(2e-5, 0.0)

#: Sums of 2·10⁵ products, which BLAS adds up in a few dozen chains: sequential addition errs by 2·10⁻³.
LONG_PRODUCTS = Tolerance(2e-4, 0.0)

#: Sums of as many, added up one after the other: as torch's are where an index says what is added to what.
ONE_AFTER_THE_OTHER = Tolerance(5e-3, 0.0)

#: Sums of 10⁵ float16 numbers, rounded once; 2⁻²³ is its unit in the last place near 0.
LONG_SUM_FLOAT16 = Tolerance(6e-3, 2**-23)

#: Inception V3 in float64: logits, losses, every gradient, running statistics.
MODEL = Tolerance(1e-9, 1e-13)

#: Its parameters after ten steps of an optimiser, in which rounding is fed back.
TRAJECTORY = Tolerance(1e-7, 1e-10)

#: Optimisers alone, over fifty steps in float64.
OPTIMIZER = Tolerance(1e-10, 1e-12)
