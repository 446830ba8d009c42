"""``python -m inception verify``: read all files of a run, and say which are whole."""

from __future__ import annotations

import argparse
from pathlib import Path

from inception.progress import result
from inception.verification import WRONG, table, verify
from inception.wording import counted
from minigrad.extras import require
from minigrad.printable import printable


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "verify",
        help="check all files of a run",
        description="Read every file of a run, compare the checksums, and say which files are whole. Nothing is "
        "changed. The exit status is 1 if a file is damaged or missing.",
    )
    parser.add_argument("folder", type=Path, metavar="RUN", help="the folder of a run")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print a table of the files of a run.

    Raises:
        FileNotFoundError: if there is no run.
        ValueError: at the end, if a file is damaged or missing.
    """
    require("verify", "PIL", "safetensors")
    found = verify(options.folder)
    for line in table(found):
        result(printable(line))
    wrong = [finding.file for finding in found if finding.state == WRONG]
    if wrong:
        raise ValueError(f"{counted(len(wrong), 'file')} of {options.folder} not whole: {', '.join(wrong)}")
