"""Measure the parity figures of README.md, for operations and Inception V3. `make report` runs this.

python -m parity_tests.report
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from minigrad.files import write_atomically
from minigrad.testing.pages import replace_section
from minigrad.testing.report import KINDS, write_report
from parity_tests.records import RECORDS
from parity_tests.test_inception import CASES, compare_models
from parity_tests.tolerances import FLOAT64, MODEL

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results.json"


def summary(ops: dict[str, dict[str, Any]], inception: dict[str, dict[str, float]]) -> str:
    """Return the figures as Markdown."""
    samples = sum(op["samples"] for op in ops.values())
    worst = {kind: max(ops.items(), key=lambda item: item[1][kind] or 0.0) for kind in KINDS}
    rows = [
        f"Operations: {len(ops)} calls with {samples:,} random samples in float64. Promised: {FLOAT64.rtol:.0e}.",
        "",
        "| | largest relative difference | in |",
        "|---|---|---|",
        *(f"| {kind.replace('_', ' ')} | {op[kind]:.1e} | `{name}` |" for kind, (name, op) in worst.items()),
        "",
        f"Inception V3 in float64. Promised: {MODEL.rtol:.0e}.",
        "",
        f"| | {' | '.join(inception)} |",
        f"|---|{'---|' * len(inception)}",
    ]
    for kind in dict.fromkeys(kind for kinds in inception.values() for kind in kinds):
        figures = [f"{kinds[kind]:.1e}" if kind in kinds else "–" for kinds in inception.values()]
        rows.append(f"| {kind} | {' | '.join(figures)} |")
    return "\n".join(rows)


def main() -> None:
    torch.set_num_threads(2)
    ops = write_report(RECORDS, ROOT / "docs/parity.md", ROOT / "docs/parity.json", examples=50)
    inception = {name: compare_models(*case) for name, case in CASES.items()}
    results = {"torch": torch.__version__, "inception": inception}
    write_atomically(RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    replace_section(ROOT / "README.md", "tested", summary(ops, inception))


if __name__ == "__main__":
    main()
