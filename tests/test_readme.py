"""The README's examples run, and its figures are those of the files that commands wrote."""

from __future__ import annotations

import doctest
import re
from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import section
from benchmarks.results import read

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_examples_run_and_learn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # two examples save a file
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
        exec(compile(code, "README.md", "exec"), names)
    assert names["loss"].item() < 2.3, "less than the loss of guessing among ten classes"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.safetensors", "step.html"]


def test_the_sessions_show_what_python_prints() -> None:
    sessions = re.findall(r"```pycon\n(.*?)```", README, re.DOTALL)
    assert len(sessions) == 2
    for session in sessions:
        test = doctest.DocTestParser().get_doctest(session, {}, "README.md", "README.md", 0)
        assert doctest.DocTestRunner().run(test).failed == 0


def test_the_reading_order_is_complete() -> None:
    story = README.split("## What to read", 1)[1].split("\n## ", 1)[0]
    steps = re.split(r"^\d\. ", story, flags=re.MULTILINE)[1:]
    assert len(steps) == 9
    for step in steps:
        assert re.search(r"\]\([a-z/_]+\.py\)", step), f"no link to a file: {step}"
        assert "*You can then answer:*" in step, step
        assert "*Skip at first:*" in step, step


def test_the_names_in_the_reading_order_stand_in_the_files_beside_them() -> None:
    story = README.split("## What to read", 1)[1].split("\n\n`MINIGRAD_KERNELS", 1)[0]
    for step in re.split(r"^\d\. ", story, flags=re.MULTILINE)[1:]:
        files = [(ROOT / path).read_text(encoding="utf-8") for path in re.findall(r"\]\(([a-z_/]+\.py)\)", step)]
        for name in re.findall(r"`([\w.]+)`", step):
            word = name.split(".")[-1]
            assert any(re.search(rf"\b{word}\b", text) for text in files), f"{name} is in no file of: {step}"


def test_the_speed_section_is_what_the_results_files_give() -> None:
    documents = [read(path) for path in sorted((ROOT / "benchmarks/results").glob("*.json"))]
    if documents:  # the section of an earlier version of the benchmark stays until there is a file
        assert section(documents) == README.split("<!-- speed -->\n")[1].split("\n<!-- /speed -->")[0]
