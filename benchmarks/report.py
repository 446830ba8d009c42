"""Write what the results files hold: the README's section on speed, and the plots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import targets
from benchmarks.cases import CHANNELS_LAST, COMPILED, EAGER, MINIGRAD, TORCH
from benchmarks.machine import ROOT
from benchmarks.results import read
from minigrad.extras import installed
from minigrad.testing.pages import replace_section

STEPS_OF = {
    "steps": "training step of Inception V3, ",
    "inference": "inference by Inception V3, ",
    "networks": "training step of ",
    "small": "training step of ",
    "chain": "chain of ",
}
PLOTS = {
    "bench-convolutions": ("convolutions", "Time of every convolution"),
    "bench-step": ("steps", "Time of a step by phase and operation"),
    "bench-scaling": ("scaling", "Time and memory as work grows"),
}


def write(folder: Path) -> None:
    """Write the section and the plots from all files of a folder, if there are any."""
    documents = [read(path) for path in sorted(folder.glob("*.json"))]
    if not documents:
        return
    if installed("matplotlib"):
        from benchmarks import figures

        figures.draw(documents, ROOT / "docs/images")
    else:
        print("matplotlib is not installed: the plots stay as they are")
    replace_section(ROOT / "README.md", "speed", section(documents))
    print("wrote the README's section on speed")


def section(documents: list[dict[str, Any]]) -> str:
    """Return the section: the targets on every processor, then the figures of each."""
    texts = ["\n".join(_targets_table(documents))]
    texts += ["\n\n".join(_processor(document)) for document in documents]
    parts = {part for document in documents for part in document["parts"]}
    plots = [f"![{title}](docs/images/{name}.png)" for name, (part, title) in PLOTS.items() if part in parts]
    return "\n\n".join([*texts, *plots])


def title(document: dict[str, Any]) -> str:
    """Return the name of a processor and its vectors."""
    machine = document["machine"]
    return f"{machine['processor']}, {machine['vectors']}"


def _targets_table(documents: list[dict[str, Any]]) -> Iterator[str]:
    yield f"| time as a multiple of the fastest way of torch's | target | {' | '.join(map(title, documents))} |"
    yield "|---|---|" + "---|" * len(documents)
    columns = [targets.verdicts(document["parts"]) for document in documents]
    for target, *row in zip(targets.TARGETS, *columns, strict=True):
        if any(verdict.value is not None for verdict in row):
            yield f"| {target.name} | ≤ {target.bound:g} | {' | '.join(map(str, row))} |"


def _processor(document: dict[str, Any]) -> Iterator[str]:
    """Yield the paragraphs on one processor."""
    machine, versions = document["machine"], document["versions"]
    libraries = ", ".join(f"{name} {version}" for name, version in versions.items() if name != "python")
    older = "" if document["codes"] == 1 else f" (The parts are of {document['codes']} versions of the code.)"
    yield (
        f"**{title(document)}**, {machine['threads']} threads, {machine['system']}, Python {versions['python']}, "
        f"{libraries}; {document['date']}, `{document['command']}`, {document['minutes']:.0f} minutes:{older}"
    )
    yield "\n".join(_cases_table(document["parts"]))
    notes = list(_notes(document["parts"]))
    if notes:
        yield "\n".join(notes)


def _cases_table(parts: targets.Parts) -> Iterator[str]:
    yield (
        "| float32 | minigrad | torch eager | channels_last | torch.compile (compilation) "
        "| ratio to the fastest (range) | memory, of eager's |"
    )
    yield "|---|---|---|---|---|---|---|"
    for part, what in STEPS_OF.items():
        for name, found in parts.get(part, {}).items():
            ways = targets.ratios(parts, part, name)
            fastest = targets.best(parts, part, name)
            if fastest is None:
                continue
            low, high = fastest[1]["ratio_range"]
            memory = ways[EAGER].get("memory_ratio")
            cells = [
                seconds(found[MINIGRAD]["seconds"]),
                *(_way(ways.get(way)) for way in TORCH),
                f"{fastest[1]['ratio']:.2f} ({low:.2f} to {high:.2f})",
                "" if memory is None else f"{memory:.2f}",
            ]
            yield f"| {what}{name} | {' | '.join(cells)} |"


def _way(found: dict[str, Any] | None) -> str:
    """Return the time of one way of torch."""
    if found is None:
        return "–"
    if "failed" in found:
        return f"failed: {found['failed'][:60].replace('|', ' ')}"
    compilation = f" ({found['compile_seconds']:.0f} s)" if "compile_seconds" in found else ""
    return seconds(found["seconds"]) + compilation


def _notes(parts: targets.Parts) -> Iterator[str]:
    """Yield a line for every part that is no row of the tables."""
    for name, found in parts.get("convolutions", {}).items():
        layers, slow = found["layers"], sum(layer["ratio"] > 1.1 for layer in found["layers"])
        yield (
            f"- Convolutions alone, {name}: {len(layers)} of {found['shapes']} shapes measured, on one thread; {slow} "
            f"above 1.1; the worst is {found['worst']}."
        )
    for name, found in parts.get("rounding", {}).items():
        yield (
            f"- Errors in float32 with vectors of {name}, as a multiple of torch's: median {found['median']:.2f}, "
            f"largest {found['worst_ratio']:.2f} ({found['worst']})."
        )
    startup = parts.get("startup", {})
    if "first step" in startup:
        first = startup["first step"]
        yield (
            f"- The first step on a new machine takes {first['first_step_seconds']:.0f} s, since minigrad's kernels "
            f"are compiled; the next one {seconds(first['second_step_seconds'])}."
        )
    if "import" in startup:
        imports = startup["import"]
        yield (
            f"- `import minigrad` takes {imports['minigrad_seconds']:.2f} s ({imports['of_which_numpy']:.2f} s of it "
            f"for NumPy), `import torch` {imports['torch_seconds']:.2f} s."
        )
    if "initial weights" in startup:
        yield f"- Drawing the initial weights of Inception V3 takes {startup['initial weights']['seconds']:.2f} s."
    for counts in parts.get("threads", {}).values():
        shown = "; ".join(
            f"{count}: {seconds(found[MINIGRAD]['seconds'])} and {seconds(found[EAGER]['seconds'])}"
            for count, found in counts.items()
        )
        yield f"- Training step at 75 × 75 on threads, minigrad's and torch eager's time: {shown}."
    for found in parts.get("loading", {}).values():
        waiting = ", ".join(f"{one['waiting']:.1%} with {count} workers" for count, one in found.items())
        yield f"- Share of a step at 75 × 75 in which it waits for JPEGs of 256 × 256: {waiting}."
    for name, found in parts.get("other engines", {}).items():
        shown = ", ".join(f"{engine} {value:g}" for engine, value in found.items() if not isinstance(value, dict))
        yield f"- Engines that are installed, {name}: {shown}."


def seconds(value: float) -> str:
    """Return a time with its unit."""
    return f"{value:.2f} s" if value >= 0.1 else f"{value * 1000:.2f} ms"


def brief(result: dict[str, Any]) -> str:
    """Return a measurement in one line, for the terminal."""
    if "failed" in result:
        return f"FAILED, {result['failed']}"
    ways = [way for way in (EAGER, CHANNELS_LAST, COMPILED) if way in result]
    if MINIGRAD in result and ways:
        return f"minigrad {seconds(result[MINIGRAD]['seconds'])}, " + ", ".join(
            f"{way} {_way(result[way])}" + (f" ({result[way]['ratio']:.2f})" if "ratio" in result[way] else "")
            for way in ways
        )
    numbers = {key: value for key, value in result.items() if isinstance(value, int | float | str)}
    return ", ".join(f"{key} {value}" for key, value in numbers.items()) or "done"
