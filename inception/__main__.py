"""``inception train | evaluate | predict | export``, or ``python -m inception …``."""

from __future__ import annotations

import argparse
import sys

from inception.commands import evaluate, export, predict, train
from minigrad.system import never_fail_to_print, started_as

EXAMPLES = """examples:
  {program} train --data folder --root MY_IMAGES
  {program} train --resume runs/NAME
  {program} evaluate --weights runs/NAME/weights.safetensors --data folder --root MY_IMAGES
  {program} predict --weights runs/NAME/weights.safetensors cat.jpg dog.jpg
  {program} export --weights runs/NAME/weights.safetensors model.onnx

{program} COMMAND --help lists the options of a command."""


def main(arguments: list[str] | None = None) -> int:
    """Run a command; return the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["train"]:
        return train.main(given[1:])
    never_fail_to_print()
    program = started_as("inception")
    parser = argparse.ArgumentParser(
        prog=program,
        description="Inception V3: training and image classification.",
        epilog=EXAMPLES.format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("train", help="train, continue a run, or look for a learning rate")
    evaluate.add_parser(commands)
    predict.add_parser(commands)
    export.add_parser(commands)
    options = parser.parse_args(given)
    try:
        options.run(options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
