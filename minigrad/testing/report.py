"""The parity table: the number of samples of every record, and the largest differences from torch."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import DTypeLike

from minigrad.files import write_atomically
from minigrad.testing.pages import replace_section
from minigrad.testing.records import OpRecord

KINDS = ("value", "gradient", "second_gradient")


#: The figures of one record: the number of samples and of errors, and the largest difference of each kind.
Figures: TypeAlias = dict[str, Any]


def measure(record: OpRecord, examples: int, dtype: DTypeLike = np.float64, **tolerances: float) -> Figures:
    """Compare samples of a record; return their number, and the largest relative difference of each kind.

    A difference is ``None`` if nothing was compared. ``errors`` is the number of errors, all of which agree.

    Raises:
        AssertionError: if a sample or an error differs by more than allowed.
    """
    result: Figures = {"samples": 0, **dict.fromkeys(KINDS)}

    @settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def compare(data: st.DataObject) -> None:
        found = record.compare(data.draw(record.samples), dtype, second=dtype is np.float64, **tolerances)
        result["samples"] += 1
        for kind in KINDS:
            difference = getattr(found, kind)
            if difference is not None:
                result[kind] = max(result[kind] or 0.0, difference)

    compare()
    for i in range(len(record.errors)):
        record.check_error(i)
    result["errors"] = len(record.errors)
    return result


def table(results: dict[str, Figures]) -> str:
    """Return the figures as a Markdown table, with one row for each operation."""
    lines = [
        "| op | samples | value | gradient | second gradient | errors matched |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, op in results.items():
        worst = " | ".join("–" if op[kind] is None else "0" if op[kind] == 0 else f"{op[kind]:.0e}" for kind in KINDS)
        errors = f"{op['errors']}/{op['errors']}" if op["errors"] else "–"
        lines.append(f"| `{name}` | {op['samples']} | {worst} | {errors} |")
    return "\n".join(lines)


def write_report(
    records: Sequence[OpRecord], page: Path, data: Path, examples: int, say: Callable[[str], None] = print
) -> dict[str, Figures]:
    """Measure every record in float64; write the table into ``page`` and the figures as JSON into ``data``."""
    results = {}
    for record in records:
        results[record.name] = measure(record, examples)
        figures = ", ".join(f"{kind} {results[record.name][kind]:.1e}" for kind in KINDS if results[record.name][kind])
        say(f"{record.name}: {results[record.name]['samples']} samples{', ' + figures if figures else ''}")
    document = {"torch": torch.__version__, "numpy": np.__version__, "examples": examples, "ops": results}
    write_atomically(data, (json.dumps(document, indent=1) + "\n").encode())
    replace_section(page, "parity", table(results))
    return results


def main(options: argparse.Namespace) -> None:
    """Run ``python -m minigrad.testing report``."""
    sys.path.insert(0, os.getcwd())
    try:
        records = importlib.import_module(options.records).RECORDS
    except (ImportError, AttributeError) as error:
        raise SystemExit(
            f"no records: {error}. Run this in the repository, or name a module that has a list RECORDS with --records"
        ) from None
    if not options.markdown.exists():
        raise SystemExit(f"{options.markdown} does not exist; it needs the lines <!-- parity --> and <!-- /parity -->")
    write_report(records, options.markdown, options.json, options.examples)
    print(f"wrote {options.markdown} and {options.json}")
