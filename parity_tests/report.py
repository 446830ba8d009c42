"""Measures the parity figures of README.md: operations and Inception V3. `make report` runs it.

python -m parity_tests.report
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from minigrad.files import write_atomically
from minigrad.testing.report import KINDS, replace_section, write_report
from parity_tests.records import RECORDS
from parity_tests.test_inception import CASES, compare_models
from parity_tests.tolerances import FLOAT64, MODEL

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).parent / "results.json"


def summary(ops: dict[str, dict[str, Any]], inception: dict[str, dict[str, float]]) -> str:
    """The figures as Markdown."""
    rows = ["| float64, against torch | largest relative difference | promised |", "|---|---|---|"]
    samples = sum(op["samples"] for op in ops.values())
    for kind in KINDS:
        name, op = max(ops.items(), key=lambda item: item[1][kind] or 0.0)
        label = f"{kind.replace('_', ' ')} of {len(ops)} calls of operations, {samples:,} random samples"
        rows.append(f"| {label} | {op[kind]:.1e} (`{name}`) | {FLOAT64.rtol:.0e} |")
    for name, kinds in inception.items():
        for kind, difference in kinds.items():
            rows.append(f"| Inception V3 at {name}: {kind} | {difference:.1e} | {MODEL.rtol:.0e} |")
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
