"""The table of trials: by fault, how often, and how they ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from tests.chaos.catalogue import FAULTS
from tests.chaos.trial import Trial
from tests.chaos.verdict import GOOD


def table(trials: Sequence[Trial]) -> str:
    """Return a Markdown table, and a line for each outcome that says what it means."""
    outcomes = list(GOOD)
    lines = [f"| fault | runs | {' | '.join(outcomes)} | wrong |", "|---|" + "---:|" * (len(outcomes) + 2)]
    for name in FAULTS:
        of_fault = [trial for trial in trials if trial.fault == name]
        if of_fault:
            lines.append(_row(name, of_fault, outcomes))
    lines.append(_row("**all**", trials, outcomes))
    return "\n".join([*lines, "", *(f"- **{name}**: {meaning}" for name, meaning in GOOD.items())])


def _row(name: str, trials: Sequence[Trial], outcomes: Sequence[str]) -> str:
    counts = Counter(trial.verdict.outcome for trial in trials if trial.verdict.good)
    wrong = sum(not trial.verdict.good for trial in trials)
    numbers = [len(trials), *(counts[outcome] for outcome in outcomes), wrong]
    return f"| {name} | " + " | ".join(f"{number:,}" if number else "" for number in numbers) + " |"
