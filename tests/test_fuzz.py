"""Damaged files: a reader returns what is in them, or raises its own error that names the file."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from minigrad.testing.pages import with_section
from tests.fuzz import cases
from tests.fuzz.__main__ import PAGE, table
from tests.fuzz.readers import all_readers

READERS = all_readers()


@pytest.mark.parametrize("name", READERS)
def test_a_hundred_damaged_files_are_read_or_refused_by_name(name: str, tmp_path: Path) -> None:
    reader, failures = READERS[name], []
    samples = list(reader.samples())
    for number in range(100):
        verdict = cases.run(name, reader, samples, tmp_path, 0, number)
        if verdict.outcome in cases.BAD:
            failures.append((number, verdict))
    assert not failures


@pytest.mark.slow
@pytest.mark.parametrize("name", READERS)
def test_thousands_of_damaged_files_are_read_or_refused_by_name(name: str) -> None:
    runs = pytest.importorskip("tests.fuzz.runs", reason="each reader runs in a copy of the process")
    result = runs.run(name, READERS[name], 1, range(3000))
    assert not result.failures


def test_the_table_of_the_page_is_that_of_the_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_section(page, "fuzz", table()), "run: python -m tests.fuzz write-table"


def test_a_failure_of_each_kind_is_seen(tmp_path: Path) -> None:
    """So that the tests above can fail."""
    from dataclasses import replace

    reader = READERS["idx"]

    def outcome(read: object, **changes: object) -> str:
        samples = list(reader.samples())
        found = replace(reader, read=read, **changes)  # type: ignore[arg-type]
        return cases.run("x", found, samples, tmp_path, 0, 0).outcome

    def fail(error: BaseException) -> object:
        def read(folder: Path, sample: object) -> None:
            raise error

        return read

    assert outcome(lambda folder, sample: None) == "accepted"
    assert outcome(fail(reader.errors[0](f"{tmp_path}/x-idx: wrong"))) == "named"
    assert outcome(fail(reader.errors[0]("wrong"))) == "unnamed"
    assert outcome(fail(KeyError("x"))) == "raw"
    assert outcome(fail(MemoryError())) == "memory"
    assert outcome(lambda folder, sample: os.system("true")) == "code"
    assert outcome(lambda folder, sample: (folder / "new").write_text("x")) == "code"
    if Path("/proc/self/clear_refs").exists():
        content = b"x" * 50_000_000  # from the system itself: a process that has had more may keep it for bytes
        assert outcome(lambda *_: mmap.mmap(-1, len(content)).write(content), allowance=1_000_000) == "memory"
