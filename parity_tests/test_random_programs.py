"""Random programs against torch: values, gradients and what hooks saw are equal, and nothing else is refused."""

from __future__ import annotations

import os
import random

import pytest

from parity_tests.random_programs import difference, draw, shortest, source

PROGRAMS = int(os.environ.get("RANDOM_PROGRAMS", "1000"))
FIRST_SEED = int(os.environ.get("RANDOM_PROGRAMS_SEED", "0"))


def check(seed: int) -> str | None:
    rng = random.Random(seed)
    program = draw(rng, rng.randint(5, 15))
    found = difference(program)
    if found not in (None, "refused"):
        short = shortest(program)
        pytest.fail(f"seed {seed}: {difference(short)}\n\n{source(short)}", pytrace=False)
    return found


@pytest.mark.parametrize("seed", range(12))
def test_a_random_program_does_what_it_does_in_torch(seed: int) -> None:
    check(1_000_000 + seed)


@pytest.mark.slow
def test_many_random_programs_do_what_they_do_in_torch_and_few_are_refused() -> None:
    refused = sum(check(FIRST_SEED + i) == "refused" for i in range(PROGRAMS))
    assert refused < 0.12 * PROGRAMS
