"""Measures the parity figures and writes them: results.json beside this file, and the table in README.md.

python -m parity_tests.report
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minigrad.checkpoint import write_atomically
from parity_tests.compare import compare_call
from parity_tests.readme import replace_section
from parity_tests.records import RECORDS, OpRecord
from parity_tests.test_inception import CASES, compare_models
from parity_tests.tolerances import FLOAT32, FLOAT32_SUMS, FLOAT64, MODEL

RESULTS = Path(__file__).parent / "results.json"
EXAMPLES = 30


def worst_of_op(record: OpRecord, dtype: Any) -> dict[str, Any]:
    """How many samples were compared, and the largest relative difference in value, gradient, second gradient."""
    double = dtype is np.float64
    tolerance = FLOAT64 if double else FLOAT32_SUMS if record.sums else FLOAT32
    result: dict[str, Any] = {"samples": 0}

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def compare(data: Any) -> None:
        found = compare_call(record.call, data.draw(record.samples), dtype, tolerance, second=double and record.second)
        result["samples"] += 1
        for kind, difference in vars(found).items():
            if difference is not None:
                result[kind] = max(result.get(kind, 0.0), difference)

    compare()
    return result


def table(results: dict[str, Any]) -> str:
    """The figures as Markdown."""
    rows = ["| float64, against torch | largest relative difference | promised |", "|---|---|---|"]
    ops = results["ops"]["float64"]
    samples = sum(op["samples"] for op in ops.values())
    for kind in ("value", "gradient", "second_gradient"):
        name, op = max(ops.items(), key=lambda item: item[1].get(kind, 0.0))
        label = f"{kind} of {len(ops)} calls of operations, {samples:,} random samples"
        rows.append(f"| {label} | {op[kind]:.1e} (`{name}`) | {FLOAT64.rtol:.0e} |")
    for name, kinds in results["inception"].items():
        for kind, difference in kinds.items():
            rows.append(f"| Inception V3 at {name}: {kind} | {difference:.1e} | {MODEL.rtol:.0e} |")
    return "\n".join(rows)


def main() -> None:
    torch.set_num_threads(2)
    ops: dict[str, dict[str, Any]] = {"float64": {}, "float32": {}}
    for record in RECORDS:
        for dtype in (np.float64, np.float32):
            ops[np.dtype(dtype).name][record.name] = worst_of_op(record, dtype)
        print(record.name, ops["float64"][record.name], flush=True)
    results = {"torch": torch.__version__, "ops": ops}
    results["inception"] = {name: compare_models(*case) for name, case in CASES.items()}
    write_atomically(RESULTS, (json.dumps(results, indent=2) + "\n").encode())
    replace_section("proof", table(results))


if __name__ == "__main__":
    main()
