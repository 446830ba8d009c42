"""The folder of a run: checkpoint, weights, metrics and images, under fixed names."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from inception.lock import FolderInUseError, FolderLock
from inception.metrics import Metrics, Record, read_metrics
from inception.ranks import is_first
from minigrad import files

CHECKPOINT, PREVIOUS, CHECKPOINTS = "checkpoint.safetensors", "previous.safetensors", "checkpoints"
DAMAGED = "damaged.safetensors"  # the name that a damaged checkpoint gets


def new_folder(within: str = "runs") -> Path:
    """Return the path of a folder that does not exist yet, such as runs/DATE-TIME."""
    first = Path(within) / datetime.now().strftime("%Y%m%d-%H%M%S")
    further = (first.with_name(f"{first.name}-{number}") for number in count(2))  # begun in the same second
    return next(path for path in chain([first], further) if not os.path.lexists(path))


def _remove_partial(folder: Path) -> None:
    """Remove what a run that was killed while writing has left."""
    for partial in folder.glob(files.PARTIAL):
        partial.unlink()


class RunFolder:
    """``runs/NAME/``, created and checked for write access at once: a bad path fails before training, not after.

    The run owns it: no other can use it until it is released, or the process ends.

    Raises:
        OSError: if the folder cannot be created or written to, or has a link where the run would write; the message
            names it.
        FolderInUseError: if another process runs in it.
        FileExistsError: if it holds another run, and this is not its continuation, or lies in the folder of one.
    """

    def __init__(self, path: Path, resuming: bool = False) -> None:
        self.path = path
        _refuse_inside_another_run(path)
        files.make_writable(path)
        try:
            self._lock = FolderLock(path)
            _remove_partial(path)
        except FolderInUseError:
            raise
        except OSError as error:
            raise OSError(f"{path}: cannot write to this folder: {error.strerror or error}") from None
        for inner in (self.metrics, self.checkpoints, self.board, *self.board.rglob("*")):
            files.refuse_link(inner)  # all other files are replaced, which follows no link
        _remove_partial(self.checkpoints)
        if not resuming:
            self._refuse_another_run()

    def _refuse_another_run(self) -> None:
        if self.checkpoint.exists():
            raise FileExistsError(
                f"{self.path} already holds a run. Choose another --output, or continue that run with --resume "
                f"{shlex.quote(str(self.path))}"
            )
        for file in (self.previous, self.weights, self.best, self.metrics, self.checkpoints):
            if file.exists():
                raise FileExistsError(f"{self.path} already holds a run ({file.name}). Choose another --output")

    def release(self) -> None:
        """Let other runs have the folder; remove it if nothing has been written into it."""
        self._lock.release()
        with suppress(OSError):
            self.path.rmdir()

    def continue_from(self, source: Path, with_best: bool) -> None:
        """Take over the metrics of the run in another folder, and its best weights."""
        for name in (self.metrics.name, *([self.best.name] if with_best else [])):
            if (source / name).is_file():
                files.write_atomically(self.path / name, (source / name).read_bytes())

    @property
    def complete(self) -> bool:
        """True if the results are all there, and newer than the checkpoint."""
        results = (self.weights, self.curves, self.predictions)
        if not self.checkpoint.is_file():
            return False
        made = self.checkpoint.stat().st_mtime_ns
        return all(path.is_file() and path.stat().st_mtime_ns >= made for path in results)

    @property
    def results(self) -> list[Path]:
        """The results that there are, those to look at first at the beginning."""
        all_of_them = (self.weights, self.best, self.metrics, self.curves, self.predictions, self.confusion, self.board)
        return [path for path in all_of_them if path.exists()]

    @property
    def recipe(self) -> Path:
        """The settings of the run, to read."""
        return self.path / "recipe.json"

    @property
    def checkpoint(self) -> Path:
        """The checkpoint from which ``--resume`` continues."""
        return self.path / CHECKPOINT

    @property
    def previous(self) -> Path:
        """The checkpoint before that one, from which ``--resume`` continues if the newest one is damaged."""
        return self.path / PREVIOUS

    @property
    def checkpoints(self) -> Path:
        """The folder of the checkpoints of the last epochs, with ``--keep``."""
        return self.path / CHECKPOINTS

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "best.safetensors"

    @property
    def confusion(self) -> Path:
        """The confusion matrix."""
        return self.path / "confusion.png"

    @property
    def lr_finder(self) -> Path:
        """The plot of ``--find-lr``."""
        return self.path / "lr-finder.png"

    @property
    def board(self) -> Path:
        """The folder of TensorBoard."""
        return self.path / "tensorboard"

    def keep(self, epoch: int, count: int) -> None:
        """Keep the current checkpoint under the number of its epoch, and only the last ``count`` of these."""
        folder = files.own_folder(self.checkpoints)
        target = folder / f"epoch-{epoch:04}.safetensors"
        files.keep_as(self.checkpoint, target)  # safe, since checkpoints are replaced, never written to
        for old in sorted(folder.glob("epoch-*.safetensors"))[:-count]:
            old.unlink()

    @property
    def weights(self) -> Path:
        """The trained weights."""
        return self.path / "weights.safetensors"

    @property
    def metrics(self) -> Path:
        """The metrics: one :data:`Record` per line."""
        return self.path / "metrics.jsonl"

    @property
    def first_step(self) -> Path:
        """The page that tells the first step, with ``--explain``."""
        return self.path / "first-step.html"

    @property
    def curves(self) -> Path:
        """The plot of loss and accuracy over the steps."""
        return self.path / "curves.png"

    @property
    def predictions(self) -> Path:
        """Validation images with predictions."""
        return self.path / "predictions.png"

    def write_recipe(self, settings: Mapping[str, object]) -> None:
        """Write the settings of the run, as JSON that a reader finds his way in."""
        text = json.dumps(settings, indent=2, ensure_ascii=False, default=str) + "\n"
        files.write_atomically(self.recipe, text.encode(errors="surrogateescape"))

    def log(self, record: Record) -> None:
        """Append a record to the metrics."""
        self.refuse_another_owner()
        files.append(self.metrics, (json.dumps(record) + "\n").encode())

    def records(self) -> list[Record]:
        """Return all records so far."""
        return read_metrics(self.metrics).records

    def forget_after(self, global_step: int, epoch: int) -> Metrics:
        """Drop the records of steps and epochs that a resumed run will repeat, and lines that are no records.

        Return what was there before.
        """
        before, kept = read_metrics(self.metrics), list[Record]()
        for record in before.records:  # in the order in which they were measured
            if record["global_step"] > global_step or (record["kind"] == "epoch" and record["epoch"] > epoch):
                break
            kept.append(record)
        files.write_atomically(self.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())
        return before

    def put_back(self, earlier: Path) -> Path:
        """Let an earlier checkpoint be the newest one, and keep the damaged one; return where it can be read."""
        if self.checkpoint.is_file():
            os.replace(self.checkpoint, self.path / DAMAGED)
        files.keep_as(earlier, self.checkpoint)
        return self.checkpoint

    def refuse_another_owner(self) -> None:
        """Raise :class:`inception.lock.FolderInUseError` if another run has begun where this one's folder was."""
        self._lock.refuse_another_owner()

    def make_again(self) -> None:
        """Create the folder again if somebody has deleted or moved it during the run.

        Raises:
            OSError: if it cannot be created, or another run has its place.
        """
        if not self.path.is_dir():
            self._lock.release()
            files.make_writable(self.path)
            self._lock = FolderLock(self.path)


class FolderOfRank0(RunFolder):
    """The folder of a run on the other ranks: they read its checkpoint, and write nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def release(self) -> None:
        """Do nothing."""

    def continue_from(self, source: Path, with_best: bool) -> None:
        """Do nothing."""

    def keep(self, epoch: int, count: int) -> None:
        """Do nothing."""

    def write_recipe(self, settings: Mapping[str, object]) -> None:
        """Do nothing."""

    def log(self, record: Record) -> None:
        """Do nothing."""

    def forget_after(self, global_step: int, epoch: int) -> Metrics:
        """Return that there is nothing to forget."""
        return Metrics([], [])

    def put_back(self, earlier: Path) -> Path:
        """Return the earlier checkpoint."""
        return earlier

    def make_again(self) -> None:
        """Do nothing."""


def claimed(path: Path, resuming: bool = False) -> RunFolder:
    """Return the folder of a run: on rank 0 owned, as :class:`RunFolder`; on other ranks to read.

    Raises:
        OSError: on rank 0, as :class:`RunFolder`.
    """
    return RunFolder(path, resuming) if is_first() else FolderOfRank0(path)


def _refuse_inside_another_run(path: Path) -> None:
    for folder in path.resolve().parents:
        if (folder / CHECKPOINT).is_file():
            raise FileExistsError(f"{path} lies in the folder of another run, {folder}: choose another --output")
