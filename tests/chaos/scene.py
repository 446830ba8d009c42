"""The scene of a fault: its run, its images, and what it does to them during the run and after it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.chaos.moments import Events, Moment


@dataclass
class Scene:
    """One fault in one run.

    A fault draws all that is random in it from ``random`` while it is set up. What it does inside the program it puts
    into ``plants``, and what it does after the program has ended into ``between``.
    """

    folder: Path
    random: Random
    variant: str
    totals: dict[str, int]  # the events of each kind in a run without a fault
    workers: int = 0
    ranks: int = 0  # 0: without mpiexec
    resumed_ranks: int = 0
    told: str = ""  # what was drawn, in words
    kinds: set[str] = field(default_factory=set)  # of events that are counted
    plants: list[Callable[[Events], object]] = field(default_factory=list)
    between: list[Callable[[], object]] = field(default_factory=list)
    resumed_plants: list[Callable[[Events], object]] = field(default_factory=list)
    resume_with: list[str] = field(default_factory=list)  # options
    resumed_from: Path | None = None  # the folder, if it is no longer ``run``
    warned: tuple[str, ...] = ()  # words of which one must be printed when the run goes on
    may_differ: bool = False  # after a change of the data the run is another one, and says so
    loses_metrics: bool = False  # the fault itself destroys the metrics
    loses_best: bool = False  # the fault itself may destroy the best weights, which then are not made again
    loses_all: bool = False  # the fault itself may destroy every checkpoint

    @property
    def run(self) -> Path:
        """The folder of the run."""
        return self.folder / "run"

    @property
    def images(self) -> Path:
        """The images of the run."""
        return self.folder / "images"

    def moment(self, *kinds: str) -> Moment:
        """Draw a moment of one of these kinds."""
        kind = self.random.choice(kinds)
        drawn = Moment(kind, self.random.randint(1, max(1, self.totals[kind])))
        self.kinds.add(kind)
        self.tell(str(drawn))
        return drawn

    def early(self) -> Moment:
        """Draw a step. Of the two steps of an epoch each is early enough for workers to be there."""
        drawn = Moment("step", self.random.randint(1, self.totals["step"]))
        self.kinds.add("step")
        self.tell(str(drawn))
        return drawn

    def tell(self, text: str) -> None:
        """Add to the words about what was drawn."""
        self.told = f"{self.told}, {text}" if self.told else text

    def at(self, moment: Moment, action: Callable[[], object]) -> None:
        """Do something inside the program at a moment."""
        self.plants.append(lambda events: events.at(moment, action))

    def an_image(self) -> Path:
        """Draw an image of training or of validation."""
        found = self.random.choice(sorted(self.images.rglob("*.png")))
        self.tell(str(found.relative_to(self.images)))
        return found

    def remove(self) -> None:
        """Remove all files."""
        shutil.rmtree(self.folder, ignore_errors=True)
