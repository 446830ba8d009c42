"""``inception train | evaluate | predict | export``, or ``python -m inception …``."""

from __future__ import annotations

import argparse
import sys

from inception import commands, train_command
from minigrad.system import never_fail_to_print, started_as


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["train"]:
        return train_command.main(given[1:])
    never_fail_to_print()
    parser = argparse.ArgumentParser(prog=started_as("inception"), description="Inception V3 on pictures.")
    choices = parser.add_subparsers(dest="command", required=True)
    choices.add_parser("train", help=f"train, or go on training ({started_as('inception')} train --help)")
    commands.add_evaluate(choices)
    commands.add_predict(choices)
    commands.add_export(choices)
    options = parser.parse_args(given)
    try:
        options.run(options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
