"""The README shows the figures of the last report."""

from __future__ import annotations

import json

from parity_tests.report import RESULTS, ROOT, summary


def test_the_readme_has_the_figures_of_the_last_report() -> None:
    ops = json.loads((ROOT / "docs/parity.json").read_text(encoding="utf-8"))["ops"]
    inception = json.loads(RESULTS.read_text(encoding="utf-8"))["inception"]
    assert summary(ops, inception) in (ROOT / "README.md").read_text(encoding="utf-8"), "run: make report"
