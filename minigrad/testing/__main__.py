"""``python -m minigrad.testing report``: the parity table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from minigrad.extras import ensure_installed
from minigrad.system import never_fail_to_print


def main(arguments: list[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit status."""
    never_fail_to_print()
    parser = argparse.ArgumentParser(prog="python -m minigrad.testing", description="Tools for tests of minigrad.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "report",
        help="write the parity table",
        description="Compare every record with torch and write the parity table.",
    )
    command.add_argument(
        "--records", default="parity_tests.records", help="module with a list RECORDS of minigrad.testing.OpRecord"
    )
    command.add_argument(
        "--markdown", type=Path, default=Path("docs/parity.md"), help="page with a <!-- parity --> section"
    )
    command.add_argument("--json", type=Path, default=Path("docs/parity.json"), help="file for the figures")
    command.add_argument("--examples", type=int, default=50, help="samples of each operation")
    options = parser.parse_args(arguments)
    ensure_installed("torch", "hypothesis")
    from minigrad.testing import report

    report.main(options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
