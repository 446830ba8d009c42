"""Run each program of a folder on torch and on minigrad, and report: it agrees, it runs, or where it stops.

python -m parity_tests.programs FOLDER [--exact --tolerance 1e-8]
python -m parity_tests.programs FOLDER --exact --tolerance 3e-8 --limit 30 --save COLLECTION    for the page's table
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from minigrad.as_torch.beside import Report, compare
from parity_tests.tried import PROGRAMS

#: A program that still runs at the limit agrees so far if it came to as many gradients, or printed as many numbers.
GRADIENTS, NUMBERS = 2, 50


def verdict(report: Report) -> tuple[str, str]:
    """Return a kind (agrees, agrees so far, runs, too slow, stops, torch stops) and a sentence."""
    if report.torch.stopped:
        return "torch stops", f"{report.torch.stopped_at}{report.torch.line}"
    if report.minigrad.stopped:
        return "stops", f"{report.minigrad.stopped_at}{report.minigrad.line}"
    if report.difference:
        return "runs", report.difference.split("\nThe engines")[0].replace("\n", " ")
    gradients = sum(line.startswith("backward of") for line in report.minigrad.lines[: report.lines])
    if report.unfinished and gradients < GRADIENTS and report.numbers < NUMBERS:
        return "too slow", f"it came to {report.numbers} numbers until the limit"
    kind = "agrees so far" if report.unfinished else "agrees"
    return kind, f"{report.numbers} numbers, largest difference {report.largest:.1e}"


def programs(folder: Path) -> list[Path]:
    """Return a file, or the programs of a folder: its files that import torch, and that nothing else in it imports."""
    if folder.is_file():
        return [folder]
    files = {path: path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.rglob("*.py"))}
    words = Counter(
        word for text in files.values() for line in text.splitlines() if "import" in line for word in line.split()
    )
    return [path for path, text in files.items() if "torch" in text and not words[path.stem] and path.stem[0] != "_"]


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser("python -m parity_tests.programs", description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path, help="a program, or a folder of them: its files that import torch")
    parser.add_argument("--tolerance", type=float, default=1e-4, help="relative and absolute (%(default)s)")
    parser.add_argument(
        "--limit",
        type=float,
        default=300,
        help="seconds of the processor, compared as far as both come (%(default)s)",
    )
    parser.add_argument(
        "--same-seed", action="store_true", help="let torch draw its own random numbers, not minigrad's"
    )
    parser.add_argument("--exact", action="store_true", help="in float64, and with each loss to its last digit")
    parser.add_argument(
        "--save", metavar="COLLECTION", help=f"keep the results in {PROGRAMS.file.name}, under this name"
    )
    args = parser.parse_args()
    if not args.folder.exists():
        parser.error(f"{args.folder} does not exist")
    counts: Counter[str] = Counter()
    for path in programs(args.folder):
        report = compare([str(path)], args.tolerance, one_stream=not args.same_seed, exact=args.exact, limit=args.limit)
        kind, text = verdict(report)
        counts[kind] += 1
        name = path.relative_to(args.folder).as_posix() if path != args.folder else path.name
        if args.save:
            agrees = kind.startswith("agrees")
            more = {"numbers": report.numbers} if agrees else {"why": text}
            PROGRAMS.save(args.save, name, kind, report.largest if agrees else None, **more)
        print(f"{kind:13s} {name}: {text}", flush=True)
    print(", ".join(f"{count} {kind}" for kind, count in counts.most_common()) or "no program that imports torch")
    return 0


if __name__ == "__main__":
    sys.exit(main())
