"""Run a program for torch, unchanged, on minigrad.

python -m minigrad.as_torch script.py [arguments]            run it
python -m minigrad.as_torch -m package.module [arguments]    run a module
python -m minigrad.as_torch --seed 1 script.py [arguments]   run it with random numbers that a number determines
python -m minigrad.as_torch --beside script.py [arguments]   run it on torch too, and compare what both print
"""

from __future__ import annotations

import argparse
import sys

from minigrad.as_torch import beside, install
from minigrad.as_torch.script import run_file, run_module, seed_everything


def main(arguments: list[str] | None = None) -> int | str:
    """Run the command line; return the exit status, or what was wrong."""
    parser = argparse.ArgumentParser("python -m minigrad.as_torch", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--beside", action="store_true", help="run it on torch too, and say where the numbers differ")
    parser.add_argument(
        "--tolerance", type=float, default=1e-4, help="of --beside, relative and absolute (%(default)s)"
    )
    parser.add_argument(
        "--one-stream", action="store_true", help="with --beside: torch draws minigrad's random numbers"
    )
    parser.add_argument(
        "--exact", action="store_true", help="with --beside: in float64, and with each loss to its last digit"
    )
    parser.add_argument("--seed", type=int, help="start the random numbers of torch, NumPy and Python from this number")
    parser.add_argument("-m", action="store_true", dest="module", help="what follows is the name of a module")
    parser.add_argument("script", help="the program")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="the program's own arguments")
    args = parser.parse_args(arguments)
    if args.one_stream and not args.beside:
        parser.error("--one-stream is for --beside: it makes torch draw the numbers that minigrad draws")
    if args.exact and not args.beside:
        parser.error("--exact is for --beside: it compares the losses of both in float64")
    program = ["-m", args.script] if args.module else [args.script]
    if args.beside:
        report = beside.compare(
            [*program, *args.arguments], args.tolerance, one_stream=args.one_stream, exact=args.exact
        )
        print(report)
        return 0 if report.agree else 1
    install()
    if args.seed is not None:
        seed_everything(args.seed)
    (run_module if args.module else run_file)(args.script, args.arguments)
    return 0


if __name__ == "__main__":
    sys.exit(main())
