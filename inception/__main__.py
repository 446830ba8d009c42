"""``inception train | evaluate | predict | export | verify``, or ``python -m inception …``."""

from __future__ import annotations

import argparse
import sys

from inception import ending

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
    return ending.run(lambda: _run(given), "--debug" in given)


def _run(arguments: list[str]) -> int | None:
    # These take a second to import. They are imported here, so that Ctrl-C in that second is one line, too.
    from inception.arguments import Parser
    from inception.commands import evaluate, export, predict, train, verify
    from minigrad.system import never_fail_to_print, started_as

    if arguments[:1] == ["train"]:
        return train.main(arguments[1:])
    never_fail_to_print()
    program = started_as("inception")
    parser = Parser(
        prog=program,
        description="Inception V3: training and image classification.",
        epilog=EXAMPLES.format(program=program),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("train", help="train, continue a run, or look for a learning rate")
    for command in (evaluate, predict, export, verify):
        command.add_parser(commands)
    for added in commands.choices.values():
        added.add_argument("--debug", action="store_true", help="show the traceback of an error")
    options, unknown = parser.parse_known_args(arguments)
    if options.command is None:
        raise ending.OptionError(f"give a command: {', '.join(commands.choices)}; {program} --help shows examples")
    if unknown:
        commands.choices[options.command].error(f"unrecognized arguments: {' '.join(unknown)}")
    status: int | None = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
