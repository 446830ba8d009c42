"""The folder of a run: checkpoint, weights, metrics and images, under fixed names."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from minigrad import files


class RunFolder:
    """``runs/<name>/``, made and tried out at once, so that an hour's training does not end in an error.

    Raises:
        OSError: if the folder cannot be made or written to, or has a link where the run would write; the message
            names it.
        FileExistsError: if it holds another run's checkpoint and this is not its continuation.
    """

    def __init__(self, path: Path, resuming: bool = False) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            files.try_to_write(path)
            for partial in path.glob(files.PARTIAL):  # left by a run that was killed while it was writing
                partial.unlink()
        except OSError as error:
            raise OSError(f"cannot write to the output folder {path}: {error.strerror or error}") from None
        for inner in (self.metrics, self.checkpoints, self.board, *self.board.rglob("*")):
            files.refuse_link(inner)  # all other files are replaced, so a link is never followed
        if not resuming and self.checkpoint.exists():
            raise FileExistsError(
                f"{path} already holds a run. Choose another --output, or continue that run with --resume {path}"
            )

    @property
    def checkpoint(self) -> Path:
        """What ``--resume`` continues from."""
        return self.path / "checkpoint.safetensors"

    @property
    def checkpoints(self) -> Path:
        """With ``--keep``, the checkpoints of the last epochs."""
        return self.path / "checkpoints"

    @property
    def best(self) -> Path:
        """The weights of the epoch with the lowest validation loss."""
        return self.path / "best.safetensors"

    @property
    def confusion(self) -> Path:
        """Which class was taken for which."""
        return self.path / "confusion.png"

    @property
    def lr_finder(self) -> Path:
        """What ``--find-lr`` found."""
        return self.path / "lr-finder.png"

    @property
    def board(self) -> Path:
        """TensorBoard's folder."""
        return self.path / "tensorboard"

    def discard_if_empty(self) -> None:
        """Removes the folder, if nothing has been written into it."""
        with suppress(OSError):
            self.path.rmdir()

    def keep(self, epoch: int, count: int) -> None:
        """Keeps this moment's checkpoint under the epoch's number, and of those the last ``count``."""
        folder = files.own_folder(self.checkpoints)
        target = folder / f"epoch-{epoch:04}.safetensors"
        target.unlink(missing_ok=True)
        try:
            os.link(self.checkpoint, target)  # the checkpoint is replaced, never written to: a link costs no space
        except OSError:  # a file system without links
            files.write_atomically(target, self.checkpoint.read_bytes())
        for old in sorted(folder.glob("epoch-*.safetensors"))[:-count]:
            old.unlink()

    @property
    def weights(self) -> Path:
        """The trained weights."""
        return self.path / "weights.safetensors"

    @property
    def metrics(self) -> Path:
        """One JSON object a line: ``kind`` is ``step``, ``gradients``, ``warning`` or ``epoch``."""
        return self.path / "metrics.jsonl"

    @property
    def curves(self) -> Path:
        """Loss and accuracy over time."""
        return self.path / "curves.png"

    @property
    def predictions(self) -> Path:
        """Test pictures with predictions."""
        return self.path / "predictions.png"

    def log(self, record: dict[str, Any]) -> None:
        """Adds a line to the metrics."""
        files.append(self.metrics, (json.dumps(record) + "\n").encode())

    def records(self) -> list[dict[str, Any]]:
        """All records so far."""
        if not self.metrics.is_file():
            return []
        lines = self.metrics.read_text(encoding="utf-8").split("\n")
        return [json.loads(line) for line in lines[:-1]]  # a last line without an end was cut short by a kill

    def forget_after(self, global_step: int, epoch: int) -> None:
        """Drops records of steps that a resumed run will take again, and of ends of epochs that it will come to."""
        kept = [
            record
            for record in self.records()
            if record["global_step"] <= global_step and not (record["kind"] == "epoch" and record["epoch"] > epoch)
        ]
        files.write_atomically(self.metrics, "".join(json.dumps(record) + "\n" for record in kept).encode())
