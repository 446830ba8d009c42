"""The README's example runs, and its figures come from files that commands wrote."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_example_runs_and_learns() -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["loss"].item() < 2.3, "less than the loss of guessing among ten classes"


def test_every_link_and_picture_exists() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} points to {target}"


def test_the_files_in_the_reading_order_exist() -> None:
    table = README.split("What to read", 1)[1].split("```", 1)[0]
    for path in re.findall(r"`([a-z_]+/[a-z_./]+)`", table):
        assert (ROOT / path).exists(), path


def test_the_speed_figures_are_those_of_the_results_file() -> None:
    results = json.loads((ROOT / "benchmarks/results.json").read_text())
    for part in ("steps", "inference", "small"):
        for case in results[part].values():
            assert f"{case['ratio']:.2f} (" in README
    for found in results["convolutions"].values():
        assert f"{found['weighted_mean_ratio']:.2f}" in README
