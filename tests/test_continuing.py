"""A run is continued as the run that it was: what a user must change may change, all else is refused with advice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from inception import loop, shared_evaluation
from inception.best import Best
from inception.checkpoints import load_checkpoint, read_outline
from inception.commands import train as train_command
from inception.data_summary import DataSummary
from inception.evaluation import Evaluation
from inception.resume import refuse_other_classes, what_changed
from inception.state import Training
from inception.step_result import NonFiniteLossError, StepResult
from inception.watch import Watch
from minigrad.data.datasets.images import CorruptImageError

CLASSES = ("cat", "dog", "zebra")


def take_a_step(training: Training, loaded: Any, clock: Any) -> StepResult:
    """Change one weight and go on in the schedule: a step that takes no time."""
    training.model.fc.bias.array[...] += training.lr
    if training.scheduler is not None:
        training.scheduler.step()
    return StepResult([1.0], [1], [2], [1.0])


def validate(*arguments: Any) -> Evaluation:
    return Evaluation(0.5, np.array([0, 1]), np.array([0, 1]), 1.0, 3)


def write_weights(training: Training, *rest: Any) -> None:
    folder = rest[2]
    for path in (folder.weights, folder.curves, folder.predictions):
        path.write_bytes(b"result")


def compute_nothing(monkeypatch: Any) -> Any:
    """Replace all of a run that takes time; return ``monkeypatch``."""
    monkeypatch.setattr(loop, "_step", take_a_step)
    monkeypatch.setattr(shared_evaluation, "evaluate", validate)
    monkeypatch.setattr(train_command, "write_results", write_weights)
    return monkeypatch


@pytest.fixture
def stubs(monkeypatch: Any) -> Any:
    return compute_nothing(monkeypatch)


def images(root: Path) -> None:
    for split, count in (("train", 4), ("val", 1)):
        for number, name in enumerate(CLASSES):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                Image.fromarray(np.full((80, 80, 3), 60 * number + i, np.uint8)).save(root / split / name / f"{i}.png")


def train(*arguments: Any) -> int:
    return train_command.main([str(each) for each in arguments])


NEW = (
    "--batch-size",
    4,
    "--epochs",
    2,
    "--optimizer",
    "sgd",
    "--momentum",
    0,
    "--image-size",
    75,
    "--keep",
    2,
    "--width",
    0.25,
)


@pytest.fixture
def begun(tmp_path: Path, stubs: Any, capsys: Any) -> Path:
    """Return the folder ``run``, beside the images ``data``: stopped by an image in the validation of epoch 1."""
    images(tmp_path / "data")

    def unreadable(*arguments: Any) -> Evaluation:
        raise CorruptImageError("cannot read the image data/val/dog/0.png")

    stubs.chdir(tmp_path)
    with stubs.context() as patch:
        patch.setattr(shared_evaluation, "evaluate", unreadable)
        assert train("--data", "folder", "--root", "data", *NEW, "--output", "run") == 1
    (tmp_path / "said").write_text(capsys.readouterr().err, encoding="utf-8")
    return tmp_path / "run"


def test_an_unreadable_validation_image_costs_no_step_and_the_message_says_how_to_go_on(begun: Path) -> None:
    shown = (begun.parent / "said").read_text(encoding="utf-8")
    assert "cannot read the image data/val/dog/0.png. Saved up to all steps of epoch 1, without its" in shown
    assert shown.rstrip().endswith("train --resume run --skip-corrupt")
    position = load_checkpoint(begun / "checkpoint.safetensors")["position"]
    assert position == {"epoch": 1, "validated": 0, "step": 0, "steps_before": 3, "steps_per_epoch": 3}
    assert train("--resume", "run", "--skip-corrupt", "--workers", 0, "--root", "data/") == 0
    records = [json.loads(line) for line in (begun / "metrics.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in records if r["kind"] == "epoch"] == [1, 2]
    assert [r["global_step"] for r in records if r["kind"] == "step"] == [1, 2, 3, 4, 5, 6]
    recipe = json.loads((begun / "recipe.json").read_text())
    assert (recipe["recipe"]["root"], recipe["recipe"]["skip_corrupt"]) == (str(begun.parent / "data"), True)
    assert recipe["changes"] == [{"global_step": 3, "setting": "skip_corrupt", "before": False, "now": True}]


def test_moved_images_and_another_working_directory_are_accepted(begun: Path, stubs: Any, capsys: Any) -> None:
    begun.parent.joinpath("data").rename(begun.parent / "moved")
    stubs.chdir("/")
    assert train("--resume", begun) == 1
    shown = capsys.readouterr().err
    assert "If the data have moved: " in shown
    assert f"train --resume {begun} --root FOLDER" in shown
    assert train("--resume", begun, "--root", begun.parent / "moved") == 0
    assert "root: " in capsys.readouterr().out


def test_a_renamed_class_is_refused_by_name_and_other_changes_of_the_data_are_said(begun: Path, capsys: Any) -> None:
    data = begun.parent / "data"
    for split in ("train", "val"):
        (data / split / "cat").rename(data / split / "zzcat")
    assert train("--resume", "run") == 1
    shown = capsys.readouterr().err
    assert "the classes were cat, dog, zebra; now they are dog, zebra, zzcat" in shown
    for split in ("train", "val"):
        (data / split / "zzcat").rename(data / split / "cat")
    for i in (0, 1, 2, 3):
        (data / "train" / "cat" / f"{i}.png").rename(data / "val" / "cat" / f"new{i}.png") if i else None
    assert train("--resume", "run") == 0  # 9 images: two steps in an epoch, where there were three
    shown = capsys.readouterr().out
    assert "the data have changed since the checkpoint: 12 → 9 training images (cat 4 → 1); 3 → 6 validation" in shown
    position = read_outline(begun / "checkpoint.safetensors")["position"]
    assert (position["steps_before"], position["steps_per_epoch"]) == (5, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--recipe", "paper"), "other settings than --recipe paper (image_size: 75 there, 299 here"),
        (
            ("--batch-size", 2),
            "batch_size: 4 there, 2 here). Leave them out to continue it, or begin a new run from its",
        ),
        (("--lr", -1), "--lr must be above 0"),
        (("--output", "other"), "other already holds a run"),
    ],
)
def test_what_would_make_it_another_run_is_refused(begun: Path, options: Any, message: str, capsys: Any) -> None:
    (begun.parent / "other").mkdir()
    (begun.parent / "other" / "weights.safetensors").write_bytes(b"precious")
    before = (begun / "checkpoint.safetensors").read_bytes()
    assert train("--resume", "run", *options) == (1 if "--output" in options else 2)
    assert message in capsys.readouterr().err
    assert (begun / "checkpoint.safetensors").read_bytes() == before
    assert (begun.parent / "other" / "weights.safetensors").read_bytes() == b"precious"


def test_a_finished_run_says_so_and_can_be_trained_longer(begun: Path, capsys: Any) -> None:
    assert train("--resume", "run", "--keep", 2) == 0
    capsys.readouterr()
    assert train("--resume", "run") == 0
    shown = capsys.readouterr().out
    assert "run has finished, with 2 of 2 epochs" in shown
    assert "--resume run --epochs 4" in shown
    assert train("--resume", "run", "--epochs", 1) == 2
    assert "epochs 1 is too few: run/checkpoint.safetensors is in epoch 2 already" in capsys.readouterr().err
    assert train("--resume", "run", "--epochs", 4, "--keep", 3) == 0
    shown = capsys.readouterr().out
    assert "resumed run/checkpoint.safetensors after epoch 2" in shown
    assert "epochs: 2 → 4, in all" in shown
    assert "(schedule onecycle, as in a run of 4 epochs from the beginning)" in shown
    tree = read_outline(begun / "checkpoint.safetensors")
    assert (tree["position"]["epoch"], tree["scheduler"]["total_steps"], tree["scheduler"]["last_epoch"]) == (4, 13, 12)

    kept = begun / "checkpoints" / "epoch-0002.safetensors"
    assert train("--resume", kept, "--output", "run") == 1  # it would lose the epochs after the second
    assert train("--resume", kept, "--epochs", 3, "--output", "branch") == 0
    assert not (begun / "checkpoints" / "checkpoint.safetensors").exists()
    records = [json.loads(line) for line in (begun.parent / "branch" / "metrics.jsonl").read_text().splitlines()]
    assert [r["epoch"] for r in records if r["kind"] == "epoch"] == [1, 2, 3]
    best = (begun / "best.safetensors").read_bytes()  # all epochs are equally good: the first one
    assert (begun.parent / "branch" / "best.safetensors").read_bytes() == best


def test_after_nan_the_command_that_the_message_names_goes_on_with_a_lower_rate(
    tmp_path: Path, stubs: Any, capsys: Any
) -> None:
    def explode(training: Training, *rest: Any) -> StepResult:
        if training.lr > 100 and training.global_step == 1:
            raise NonFiniteLossError("the loss is nan")
        return take_a_step(training, *rest)

    stubs.setattr(loop, "_step", explode)
    stubs.chdir(tmp_path)
    options = (*NEW, "--data", "synthetic", "--classes", 3, "--limit", 8, "--schedule", "constant", "--lr", 1e6)
    assert train(*options, "--save-every", 1, "--output", "hi") == 1
    shown = capsys.readouterr().err
    assert "kept: hi/checkpoint.safetensors, of step 1 of epoch 1. Continue from it with a lower" in shown
    assert "--resume hi --lr 0.01" in shown
    assert train("--resume", "hi", "--lr", 0.5) == 0
    shown = capsys.readouterr().out
    assert "lr: 1000000.0 → 0.5" in shown
    assert "learning rate of the next step: 5.00e-01, where it was 1.00e+06" in shown
    assert read_outline(tmp_path / "hi" / "checkpoint.safetensors")["optimizer"]["param_groups"][0]["lr"] == 0.5


def test_initial_weights_are_not_needed_again(tmp_path: Path, stubs: Any, capsys: Any) -> None:
    from inception.model import InceptionV3
    from inception.weights import save_weights
    from inception.width import make_narrow

    model = InceptionV3(3, False, init_weights=False)
    make_narrow(model, 0.25)
    save_weights(model, tmp_path / "w.safetensors")
    stubs.chdir(tmp_path)
    options = (*NEW, "--data", "synthetic", "--classes", 3, "--limit", 8, "--weights", "w.safetensors")
    assert train(*options, "--epochs", 1, "--output", "run") == 0
    (tmp_path / "w.safetensors").unlink()
    assert train("--resume", "run", "--epochs", 2, "--weights", "elsewhere.safetensors") == 0
    assert "elsewhere.safetensors, not read: the run goes on with its own" in capsys.readouterr().out


# --- Parts ---


def test_classes_are_compared_by_name_and_order() -> None:
    refuse_other_classes({"classes": ["cat", "dog"]}, ("cat", "dog"), Path("c"))
    many = [f"class {i}" for i in range(1000)]
    with pytest.raises(ValueError, match=r"of 1,000 classes there, 1,000 here, missing: class 3; new: cow"):
        refuse_other_classes({"classes": many}, [*many[:3], "cow", *many[4:]], Path("c"))
    with pytest.raises(ValueError, match="the order differs"):
        refuse_other_classes({"classes": many}, many[::-1], Path("c"))


def summary(cat: int, dog: int, digest: str = "a") -> DataSummary:
    images: Any = {"images": cat + dog, "bytes": 100, "per_class": [cat, dog], "digest": digest}
    return {"classes": ["cat", "dog"], "train": images, "validation": images, "left_out": []}


def test_changes_of_the_data_are_one_line() -> None:
    assert what_changed(summary(4, 3), summary(4, 3)) is None
    said = str(what_changed(summary(4, 3), summary(4, 1, "b")))
    assert "7 → 5 training images (dog 3 → 1); 7 → 5 validation images (dog 3 → 1)" in said
    assert "as many training images as before, but not the same ones" in str(
        what_changed(summary(4, 3), summary(4, 3, "b"))
    )


def test_the_best_epoch_by_accuracy_has_the_highest_and_of_equal_ones_the_lower_loss() -> None:
    best = Best(by="accuracy")
    results = [(1.0, 0.0), (2.0, 0.5), (3.0, 0.5), (1.9, 0.5), (0.1, 0.4)]
    assert [best.update(epoch, *result) for epoch, result in enumerate(results, 1)] == [True, True, False, True, False]
    assert (best.epoch, best.reason) == (4, "the highest validation accuracy")


def test_warnings_know_the_epochs_before_a_run_was_continued() -> None:
    watch, continued = Watch(), Watch()
    for loss in (1.0, 2.0):
        watch.validation(loss)
    continued.load_state_dict(watch.state_dict())
    assert "1.000 → 2.000 → 3.000" in continued.validation(3.0)[0]


def test_a_checkpoint_of_another_version_is_refused_with_advice(tmp_path: Path) -> None:
    from minigrad import checkpoint
    from minigrad.checkpoint import CheckpointError

    checkpoint.save(tmp_path / "old.safetensors", {"position": {}, "minigrad": "0.0.1"})
    with pytest.raises(CheckpointError, match=r"another version of minigrad \(0\.0\.1\); begin a new run"):
        load_checkpoint(tmp_path / "old.safetensors")
    shutil.rmtree(tmp_path)
