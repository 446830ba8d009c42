"""A trial: put one fault into one run, continue the run, and judge what it came to."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from random import Random
from typing import NamedTuple

from inception.commands import train as train_command
from inception.run_folder import CHECKPOINT, CHECKPOINTS, PREVIOUS
from inception.verification import WRONG, verify
from tests.chaos import small_run
from tests.chaos.catalogue import FAULTS, possible
from tests.chaos.moments import KINDS, Events
from tests.chaos.processes import copied, fresh
from tests.chaos.scene import Scene
from tests.chaos.verdict import NAMED, UNHARMED, WARNED, WEIGHTS_DIFFER, Result, Verdict, difference, ending, result_of

FRESH_EVERY = 21  # trials; the others are copies of a process that has imported everything
_AGAIN = 3  # times that a run is continued at most


class Reference(NamedTuple):
    """A run without a fault: its result, and its number of events of each kind."""

    result: Result
    totals: dict[str, int]


class Trial(NamedTuple):
    """A fault and how it ended."""

    number: int
    fault: str
    variant: str
    told: str
    verdict: Verdict
    seconds: float


class Laboratory:
    """A folder for trials, the images, and a run without a fault of each variant."""

    def __init__(self, folder: Path, seed: int, names: list[str] | None = None, quick: bool = False) -> None:
        self.folder, self.seed, self.names = folder, seed, names or possible()
        self.quick = quick
        self.variants = ["quick"] if quick else ["sgd", "adam", "two stages"]
        self.images = folder / "images"
        if not self.images.exists():
            small_run.make_images(self.images)
        self._references: dict[str, Reference] = {}

    def reference(self, variant: str) -> Reference:
        """Return the run without a fault, which is made when it is first needed."""
        if variant not in self._references:
            folder = self.folder / f"reference {variant}"
            if not folder.exists():
                self._make_reference(folder, variant)
            counts = json.loads((folder / "counts").read_text())
            self._references[variant] = Reference(result_of(folder / "run"), counts)
        return self._references[variant]

    def _make_reference(self, folder: Path, variant: str) -> None:
        """Run without a fault: first in this process, whose copies then have all kernels loaded, then in a copy."""
        folder.mkdir()
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()) as said:
            status = train_command.main(small_run.command(self.images, folder / "run", variant))
        if status != 0:
            raise RuntimeError(f"the run without a fault failed: {said.getvalue()}")
        counted = folder / "counted"

        def program() -> int:
            events = Events(counted)
            events.count(set(KINDS))
            status = train_command.main(small_run.command(self.images, counted, variant))
            sys.setprofile(None)
            (folder / "counts").write_text(json.dumps(events.counts))
            return status

        ended = copied(program, folder, "counted")
        different = "" if ended.status else difference(result_of(counted), result_of(folder / "run"))
        if ended.status or different:
            raise RuntimeError(f"the run without a fault failed: {different or ended.err}")

    def trial(self, number: int) -> Trial:
        """Carry out a trial; the seed and its number decide everything in it."""
        began = time.monotonic()
        folder = self.folder / f"trial {number}"
        shutil.copytree(self.images, folder / "images")
        scene = scene_of(self, number)
        try:
            verdict = self._judged(scene, number)
        except Exception as error:  # files that nobody can read any more
            verdict = Verdict("", f"its end cannot be judged: {type(error).__name__}: {error}")
        finally:
            if not os.environ.get("CHAOS_KEEP"):
                scene.remove()
        name, seconds = self.names[number % len(self.names)], time.monotonic() - began
        return Trial(number, name, scene.variant, scene.told, verdict, seconds)

    def _judged(self, scene: Scene, number: int) -> Verdict:
        if scene.ranks or number % FRESH_EVERY == FRESH_EVERY - 1:
            described = json.dumps([str(self.folder), self.seed, self.names, self.quick, number])
            ended = fresh(["-m", "tests.chaos.alone", described], scene.folder, "first", scene.ranks)
        else:
            ended = copied(lambda: first_program(scene), scene.folder, "first")
        verdict = ending(ended, _since_fault(scene))
        if not verdict.good:
            return verdict
        for action in scene.between:
            action()
        return _continued(scene, self.reference(scene.variant), verdict)


def scene_of(laboratory: Laboratory, number: int) -> Scene:
    """Return the scene of a trial, with its fault set up."""
    random = Random(f"{laboratory.seed} {number}")
    variant = random.choice(laboratory.variants)
    scene = Scene(laboratory.folder / f"trial {number}", random, variant, laboratory.reference(variant).totals)
    FAULTS[laboratory.names[number % len(laboratory.names)]](scene)
    return scene


def first_program(scene: Scene) -> int:
    """Begin the run of a scene in this process, with its fault."""
    arguments = [*small_run.command(scene.images, scene.run, scene.variant), "--workers", str(scene.workers)]
    return _program(scene, arguments, scene.plants)


def _program(scene: Scene, arguments: list[str], plants: list[Callable[[Events], object]]) -> int:
    """Run the program with the plants of a fault in it."""
    events = Events(scene.run, scene.folder / "marker")
    for plant in plants:
        plant(events)
    events.count(scene.kinds if plants else set())
    return train_command.main(arguments)


def _since_fault(scene: Scene) -> float | None:
    marker = scene.folder / "marker"
    return time.monotonic() - float(marker.read_text()) if marker.is_file() and marker.stat().st_size else None


def _continued(scene: Scene, reference: Reference, verdict: Verdict) -> Verdict:
    """Continue a run until it has ended, and compare what it came to."""
    run = scene.run
    if scene.resumed_from is not None and (scene.resumed_from / CHECKPOINT).exists():
        run = scene.resumed_from
    said = ""
    begun_anew = False
    finished = verdict.outcome == UNHARMED and (run / "weights.safetensors").is_file() and not scene.may_differ
    for attempt in range(_AGAIN):
        if finished:
            break
        arguments = [*small_run.command_to_continue(run), *scene.resume_with]
        if not _checkpoints(run):
            shutil.rmtree(run, ignore_errors=True)  # it was stopped before it had saved anything
            arguments = small_run.command(scene.images, run, scene.variant)
            begun_anew = True
        name = f"again{attempt}"
        if scene.resumed_ranks:
            ended = fresh(["-m", "inception", "train", *arguments], scene.folder, name, scene.resumed_ranks)
        else:
            ended = copied(lambda: _program(scene, arguments, scene.resumed_plants), scene.folder, name)  # noqa: B023
        said += ended.out + ended.err
        if ended.status != 0:
            if scene.loses_all and ended.last_line.startswith("error: ") and len(_checkpoints(run)) <= 1:
                return Verdict(NAMED, "" if "damaged" in said or "no" in said else said)  # there is nothing else
            return Verdict(verdict.outcome, f"--resume failed: {ended.last_line[:400]!r}")
        finished = True
    if begun_anew and scene.may_differ:
        scene.warned = ("",)  # another run than the reference, which nothing precedes that could be compared
    return _compared(scene, run, reference, verdict, said)


def _compared(scene: Scene, run: Path, reference: Reference, verdict: Verdict, said: str) -> Verdict:
    if "Traceback" in said:
        return Verdict(verdict.outcome, f"a traceback: {said[-400:]}")
    wrong = [f"{found.file}: {found.text}" for found in verify(run) if found.state == WRONG]
    wrong = [text for text in wrong if not (scene.loses_metrics and text.startswith("metrics"))]
    wrong = [text for text in wrong if not (scene.loses_best and text.startswith("best"))]
    if wrong:
        return Verdict(verdict.outcome, f"after all, {'; '.join(wrong)}")
    litter = [path.name for path in run.rglob("*.partial")]
    if litter:
        return Verdict(verdict.outcome, f"left {', '.join(litter)}")
    different = difference(result_of(run), reference.result, not scene.loses_metrics, not scene.loses_best)
    if result_of(run).best is None and "best.safetensors is gone" not in said:
        return Verdict(verdict.outcome, "the best weights are gone without a word")
    if different == WEIGHTS_DIFFER and scene.loses_best and "best.safetensors is gone" in said:
        return Verdict(WARNED)  # a run ends with its best weights
    if scene.may_differ:
        if different and not any(words in said for words in scene.warned):
            return Verdict(verdict.outcome, f"{different}, and no line says why")
        return Verdict(WARNED if different else verdict.outcome)
    return Verdict(verdict.outcome, different)


def _checkpoints(run: Path) -> list[Path]:
    return [
        path
        for path in (run / CHECKPOINT, run / PREVIOUS, *(run / CHECKPOINTS).glob("epoch-*.safetensors"))
        if path.is_file()
    ]
