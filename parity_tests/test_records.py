"""Every public function has a record, so that every generic test holds it to torch."""

from __future__ import annotations

import inspect
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from parity_tests.excused import EXCUSES, OTHERWISE
from parity_tests.records import RECORDS

#: Functions without a record, and why.
WITHOUT = """
    arange as_tensor empty empty_like eye from_dlpack from_numpy full full_like linspace ones ones_like tensor zeros
    zeros_like: makes a tensor, and has no derivative; test_torch_database.py, test_promotion.py

    Generator get_rng_state initial_seed manual_seed rand rand_like randint randn randn_like randperm set_rng_state
    dropout2d: random, with numbers of its own; tests/

    autocast can_cast enable_grad get_default_device get_default_dtype get_num_threads inference_mode
    is_autocast_enabled is_grad_enabled no_grad promote_types set_default_device set_default_dtype set_grad_enabled
    set_num_threads set_printoptions: sets or tells how tensors are made, recorded and printed; tests/
"""
NAMES_WITHOUT = {name for part in WITHOUT.split("\n\n") for name in part.split(":")[0].split()}


class Watched:
    """A module that notes which of its functions are used."""

    def __init__(self, module: Any, used: set[str]) -> None:
        self._module, self._used = module, used

    def __getattr__(self, name: str) -> Any:
        self._used.add(name)
        return getattr(self._module, name)


def used_in_records() -> set[str]:
    """Return the functions that the records call on ``minigrad`` and on ``minigrad.nn.functional``."""
    used: set[str] = set()

    @settings(max_examples=1, phases=[Phase.generate], deadline=None, derandomize=True, database=None)
    @given(data=st.data())
    def run(data: Any) -> None:
        for record in RECORDS:
            sample = data.draw(record.samples)
            tensors = [minigrad.from_numpy(array) for array in sample.arrays]
            record.call(Watched(minigrad, used), Watched(F, used), *tensors, **sample.options)

    run()
    return used


def test_every_public_function_has_a_record_or_a_reason_to_have_none() -> None:
    functions = {
        name
        for module in (minigrad, F)
        for name, value in vars(module).items()
        if not name.startswith("_") and callable(value) and (inspect.isfunction(value) or name in NAMES_WITHOUT)
        and (module is minigrad or name in F.__all__)
    }  # fmt: skip
    assert functions - used_in_records() <= NAMES_WITHOUT <= functions


def test_every_excuse_belongs_to_a_record() -> None:
    assert set(EXCUSES) | set(OTHERWISE) <= {record.name for record in RECORDS}
