"""``python -m minigrad.testing report``: the parity table."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs the command that the arguments name."""
    if sys.argv[1:2] == ["report"]:
        from minigrad.testing import report

        report.main(sys.argv[2:])
    else:
        raise SystemExit("usage: python -m minigrad.testing report [--help]")


if __name__ == "__main__":
    main()
