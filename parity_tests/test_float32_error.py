"""In float32 the kernels round no worse than the lengths of their sums allow.

A sum of n products of random signs, added one after another, is wrong by

        0.39 · u · √(n / 2)        of its size, as a root mean square,                                         u = 2⁻²⁴

since each of the n additions rounds a partial sum, which has grown as √i after i terms, by 0.39 · u of its size: a
rounding error is evenly distributed within half a unit in the last place on either side. Kernels do better. They add
*chains* of L products, and then what the chains come to, which makes an error of 0.39 · u · √((L + n/L) / 2).

``python -m benchmarks rounding`` measures the errors beside torch's.
"""

from __future__ import annotations

import math
import os

import numpy as np
import pytest

from benchmarks.rounding import CASES, Case, errors
from minigrad import kernels

UNIT = 2.0**-24  # half the distance from 1 to the next number
ROUNDING = 0.39  # of UNIT: the root mean square of the error of one rounding
#: Products that are added one after another: by our kernels, and by the matrix products of BLAS (OpenBLAS: up to 448).
CHAIN = 64 if kernels.compiles() else 512
MARGIN = 1.25  # for what is no sum of random signs, and for chance
SINGLE_STEPS = 4  # roundings beside those of sums: of a mean, a product, a factor, the result


def allowed(terms: int) -> float:
    """Return the error of a sum of so many terms in chains, and of a few single steps."""
    chain = min(terms, CHAIN)
    return MARGIN * ROUNDING * UNIT * math.sqrt((chain + terms / chain) / 2 + SINGLE_STEPS)


@pytest.mark.skipif(
    os.environ.get("MINIGRAD_KERNELS") == "reference",
    reason="the reference kernels are the specification, written to be read: they round as NumPy's sums do",
)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_error_in_float32_is_no_larger_than_chains_of_additions_allow(case: Case) -> None:
    found = [ours for ours, _ in errors(case)]
    assert len(found) == len(case.terms)
    for number, (error, terms) in enumerate(zip(found, case.terms, strict=True)):
        what = f"gradient {number - 1}" if number else "value"
        assert error <= allowed(terms), f"{what}: error {error:.2e}, allowed {allowed(terms):.2e}"


@pytest.mark.parametrize("terms", sorted({n for case in CASES.values() for n in case.terms if n > 2 * CHAIN}))
def test_sums_that_add_one_term_after_another_would_not_be_allowed(terms: int) -> None:
    products = np.random.default_rng(0).standard_normal((2, 400, terms), np.float32).prod(axis=0)
    one_by_one, exact = np.cumsum(products, axis=1)[:, -1], products.sum(axis=1, dtype=np.float64)
    error = math.sqrt(np.mean((one_by_one - exact) ** 2) / np.mean(exact**2))
    assert error > allowed(terms)
    assert error == pytest.approx(ROUNDING * UNIT * math.sqrt(terms / 2), rel=0.25)  # as the formula says
