"""What is kept of programs that were tried, and the tables of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from parity_tests.tried import MODELS, PAGE, PROGRAMS, Tried


def test_what_is_kept_of_programs_becomes_a_table(tmp_path: Path) -> None:
    tried = Tried(tmp_path / "results.json", "programs", "Programs")
    tried.save("theirs", "good.py", "runs", None, why="an earlier run")
    tried.save("theirs", "good.py", "agrees", 2e-12, numbers=5)
    tried.save("theirs", "near.py", "agrees so far", 2e-8, numbers=50)
    tried.save("theirs", "gpu.py", "torch stops", None, why="no file '/home/me/data/a.csv' at line 3")
    tried.save("others", "far.py", "runs", None, why="1 is not 2")
    kept = json.loads((tmp_path / "results.json").read_text())
    assert kept["theirs"]["good.py"].keys() == {"verdict", "largest", "numbers", "date", "torch"}
    assert kept["theirs"]["gpu.py"]["why"] == "no file 'a.csv' at line 3"
    lines = tried.table().splitlines()
    assert lines[0] == "| Programs | ran on torch | agree to 1e-8 | to 3e-8 | do not |"
    assert lines[2:5] == ["| theirs | 2 | 1 | 1 | – |", "| others | 1 | 0 | – | 1 |", "| **all** | 3 | 1 | 1 | 1 |"]
    assert lines[-1] == "Those that do not agree: `far`."
    assert "Not counted are 1 that stop on torch itself." in lines


def test_the_page_has_the_tables_of_what_is_kept() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for tried in (PROGRAMS, MODELS):
        assert tried.table() in page, "run: python -m parity_tests.tried"


def test_records_are_read_and_kept_without_torch() -> None:
    program = "import sys, parity_tests.models, parity_tests.programs.__main__; print('torch' in sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(PAGE.parent.parent)}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "False"  # which minigrad stands for in the process of the other engine
