"""Keep how programs and models that others wrote fared, and show it in docs/torch-programs.md.

python -m parity_tests.programs FOLDER --save COLLECTION    keep what each program of a folder did
python -m parity_tests.models MODEL... --save COLLECTION    keep how far each model differs
python -m parity_tests.tried                                write what is kept as tables into the page
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

from minigrad.files import write_atomically
from minigrad.testing.pages import replace_section

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/torch-programs.md"
AGREE, NEARLY = 1e-8, 3e-8  #: the largest differences of the columns of a table
_FOLDERS = re.compile(r"(?<![\w./])(?:/[\w.+~-]+)+/")

#: What is kept of one program or model: ``verdict``, ``largest`` difference, and on what it was measured.
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Tried:
    """A file of records by collection and name, and the section of the page that shows it."""

    file: Path
    section: str
    heading: str  #: of the first column

    def read(self) -> dict[str, dict[str, Record]]:
        """Return the records by collection and name."""
        kept: dict[str, dict[str, Record]] = json.loads(self.file.read_text("utf-8")) if self.file.exists() else {}
        return kept

    def save(self, collection: str, name: str, verdict: str, largest: float | None, **more: object) -> None:
        """Keep one record, with the date and torch's version, in place of an earlier one."""
        kept = self.read()
        more = {key: _FOLDERS.sub("", value) if isinstance(value, str) else value for key, value in more.items()}
        kept.setdefault(collection, {})[name] = {"verdict": verdict, "largest": largest, **more, **today()}
        # one record a line, so that a change of one is a change of one line
        parts = [
            f"{json.dumps(of)}: {{\n"
            + ",\n".join(f"  {json.dumps(name)}: {json.dumps(records[name])}" for name in sorted(records))
            + "\n}"
            for of, records in kept.items()
        ]
        write_atomically(self.file, ("{\n" + ",\n".join(parts) + "\n}\n").encode())

    def table(self) -> str:
        """Return how many agree in each collection, as a table in Markdown, and the names of those that do not."""
        kept = self.read()
        everything = {(of, name): record for of, records in kept.items() for name, record in records.items()}
        return "\n".join(
            [
                f"| {self.heading} | ran on torch | agree to {AGREE:.0e} | to {NEARLY:.0e} | do not |",
                "|---|---|---|---|---|",
                *(_row(of, records) for of, records in kept.items()),
                _row("**all**", everything),
                "",
                *_sentences(everything),
            ]
        ).replace("e-0", "e-")


PROGRAMS = Tried(Path(__file__).with_name("programs") / "results.json", "programs", "Programs")
MODELS = Tried(Path(__file__).with_name("models.json"), "models", "Models")


def today() -> Record:
    """Return the date, and torch's version."""
    return {"date": f"{datetime.now(UTC):%Y-%m-%d}", "torch": version("torch")}


def column(record: Record) -> int:
    """Return 0 where torch itself stops, 1 for agreement to 1e-8, 2 to 3e-8, 3 for what does not agree."""
    if record["verdict"] == "torch stops":
        return 0
    if not record["verdict"].startswith("agrees") or record["largest"] > NEARLY:
        return 3
    return 1 if record["largest"] <= AGREE else 2


def _row(heading: str, records: Mapping[Any, Record]) -> str:
    counts = [sum(column(record) == i for record in records.values()) for i in range(4)]
    return f"| {heading} | {sum(counts[1:])} | {counts[1]} | {counts[2] or '–'} | {counts[3] or '–'} |"


def _sentences(everything: Mapping[tuple[str, str], Record]) -> list[str]:
    """Return what the table does not count, when it was measured, and which do not agree."""
    records = list(everything.values())
    stopped = sum(column(record) == 0 for record in records)
    begun = sum(record["verdict"] == "agrees so far" for record in records)
    dates, versions = (sorted({record[key] for record in records}) for key in ("date", "torch"))
    lines = [f"Measured {' to '.join(dict.fromkeys((dates[0], dates[-1])))} with torch {' and '.join(versions)}."]
    if stopped:
        lines.append(f"Not counted are {stopped} that stop on torch itself.")
    if begun:
        lines.append(f"{begun} of those that agree still ran at the limit of time.")
    differing = [f"`{name.removesuffix('.py')}`" for (_, name), record in everything.items() if column(record) == 3]
    if differing:
        lines.append(f"Those that do not agree: {', '.join(differing)}.")
    return lines


def main() -> None:
    """Write the tables."""
    for tried in (PROGRAMS, MODELS):
        replace_section(PAGE, tried.section, tried.table())


if __name__ == "__main__":
    main()
