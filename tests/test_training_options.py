"""The settings of a recipe: each has its documented effect, and a run with it survives being stopped."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import minigrad
from inception import loop, shared_evaluation
from inception.batch import Batch, mix
from inception.board import Board
from inception.checkpoints import load_checkpoint
from inception.clock import PhaseClock
from inception.commands import train as train_command
from inception.data import load_data
from inception.ending import OptionError
from inception.evaluation import Evaluation, evaluate
from inception.freezing import set_training_mode
from inception.loop import train_epoch
from inception.lr_finder import find_learning_rate, suggestion
from inception.measurements import dead_channels, gradient_norms
from inception.recipes import RECIPE_DATA, RECIPES, Recipe
from inception.run_folder import RunFolder
from inception.state import Best, Training
from inception.step import backward_pass, forward_pass, loss_computation
from minigrad import nn
from minigrad.checkpoint import CheckpointError
from minigrad.data import DataLoader
from minigrad.nn.averaging import AveragedModel, get_ema_avg_fn
from tests.test_continuing import compute_nothing, take_a_step, validate
from tests.tiny_runs import tiny

TINY: dict[str, Any] = {
    "data": "synthetic",
    "batch_size": 2,
    "limit": 8,
    "classes": 3,
    "epochs": 2,
    "dropout": 0.0,
    "width": 0.25,
}


def begin(**options: Any) -> tuple[Training, DataLoader]:
    recipe = Recipe(**{**TINY, **options})
    data = load_data(recipe)
    loader = DataLoader(data.train, recipe.batch_size, shuffle=True, seed=recipe.seed, drop_last=True)
    return Training.from_recipe(recipe, len(data.classes), len(loader) // recipe.accumulate), loader


def run_to_the_end(training: Training, loader: DataLoader) -> None:
    while not training.ended:
        train_epoch(training, loader, PhaseClock())


def weights(model: nn.Module) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in model.state_dict().items()}


# --- Gradients ---


def test_accumulated_gradients_are_the_mean_of_the_batches() -> None:
    training, loader = begin(accumulate=2, schedule="constant", optimizer="sgd", lr=1e-9, momentum=0.0)
    assert training.steps_per_epoch == 2
    batches = [batch for batch, _ in zip(loader, range(2), strict=False)]
    separate = []
    set_training_mode(training.model)
    for images, labels in batches:
        loss = loss_computation(forward_pass(training.model, images), labels, training.recipe.label_smoothing)
        backward_pass(training.optimizer, loss)
        separate.append([p.grad.numpy().copy() for p in training.model.parameters()])
    train_epoch(training, loader, PhaseClock(), lambda training, result: True)
    for parameter, *parts in zip(training.model.parameters(), *separate, strict=True):
        expected = (parts[0] + parts[1]) / 2
        assert np.allclose(parameter.grad.numpy(), expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def test_gradients_are_clipped_to_the_norm_and_their_true_norm_is_reported() -> None:
    training, loader = begin(clip=0.01)
    results = []
    train_epoch(training, loader, PhaseClock(), lambda training, result: results.append(result) or True)
    assert gradient_norms(training.model)["total"] == pytest.approx(0.01, rel=1e-3)
    assert results[0].gradient_norm > 0.1


def test_weight_decay_can_leave_biases_and_norms_alone() -> None:
    training, _ = begin(decay_norms=False, weight_decay=0.1)
    decayed, spared = training.optimizer.param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {p.ndim for p in decayed["params"]} == {2, 4}
    assert {p.ndim for p in spared["params"]} == {1}


# --- Averages, stages, early stopping ---


def test_the_average_of_the_weights_follows_its_formula_and_is_what_is_tested() -> None:
    training, loader = begin(ema=0.9)
    expected = None
    for count in range(2):
        train_epoch(training, loader, PhaseClock(), lambda training, result: True)
        now = training.model.fc.weight.detach().numpy().astype(np.float64)
        rate = min(0.9, (1 + count) / (10 + count))
        expected = now if expected is None else rate * expected + (1 - rate) * now
    assert training.validated_model is training.ema.module
    assert np.allclose(training.validated_model.fc.weight.detach().numpy(), expected, atol=1e-6)
    assert not np.allclose(training.model.fc.weight.detach().numpy(), expected, atol=1e-7)


def test_averaged_models_average() -> None:
    model = nn.Linear(2, 1)
    mean, decaying = AveragedModel(model), AveragedModel(model, avg_fn=get_ema_avg_fn(0.75))
    values = []
    for value in (1.0, 2.0, 6.0):
        with minigrad.no_grad():
            model.weight.fill_(value)
        for averaged in (mean, decaying):
            averaged.update_parameters(model)
        values.append(value)
    assert mean.module.weight.tolist() == [[3.0, 3.0]]
    assert decaying.module.weight.tolist() == [[0.75 * 1.25 + 0.25 * 6] * 2]
    assert int(mean.n_averaged) == 3
    with pytest.raises(ValueError, match=r"Invalid decay value 1\.5"):
        get_ema_avg_fn(1.5)


def test_sgd_takes_over_after_adam() -> None:
    training, loader = begin(epochs=3, sgd_after=2, sgd_lr=0.005, schedule="cosine")
    kinds = []
    while not training.ended:
        train_epoch(training, loader, PhaseClock(), lambda training, result: kinds.append(type(training.optimizer)))
    assert [kind.__name__ for kind in kinds] == ["Adam"] * 8 + ["SGD"] * 4
    assert training.lr == pytest.approx(0, abs=1e-9)  # the cosine of the second stage has reached its end


EVERYTHING = {
    "ema": 0.9,
    "mixup": 0.4,
    "clip": 1.0,
    "accumulate": 2,
    "sgd_after": 1,
    "dropout": 0.3,
    "augment": "crop-flip",
}


@pytest.mark.parametrize("stop_after", [2, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3))])
def test_with_everything_switched_on_a_resumed_run_ends_with_the_same_bits(stop_after: int, tmp_path: Path) -> None:
    whole, loader = begin(**EVERYTHING)
    run_to_the_end(whole, loader)
    training, loader = begin(**EVERYTHING)
    while training.global_step < stop_after:
        train_epoch(training, loader, PhaseClock(), lambda training, result: training.global_step >= stop_after)
    training.save(tmp_path / "c.safetensors")
    minigrad.manual_seed(99)
    resumed, loader = begin(**EVERYTHING)
    resumed.restore(tmp_path / "c.safetensors", load_checkpoint(tmp_path / "c.safetensors"))
    assert resumed.global_step == stop_after
    run_to_the_end(resumed, loader)
    assert weights(resumed.model) == weights(whole.model)
    assert weights(resumed.validated_model) == weights(whole.validated_model)


@pytest.mark.slow
def test_training_stops_early_and_goes_back_to_the_best_weights(tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    losses = iter([1.0, 0.5, 0.7, 0.6, 0.9])
    monkeypatch.setattr(loop, "_step", take_a_step)
    monkeypatch.setattr(shared_evaluation, "evaluate", lambda *arguments: replace(validate(), loss=next(losses)))
    arguments = tiny()
    arguments += ["--epochs", "9", "--patience", "2", "--output", str(tmp_path / "run")]
    assert train_command.main(arguments) == 0
    shown = capsys.readouterr().out
    assert "went back to the weights of epoch 2" in shown
    kinds = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert [r["validation_loss"] for r in kinds if r["kind"] == "epoch"] == [1.0, 0.5, 0.7, 0.6]
    assert any("validation loss has risen" in r["text"] for r in kinds if r["kind"] == "warning") is False
    best = (tmp_path / "run" / "best.safetensors").read_bytes()
    assert (tmp_path / "run" / "weights.safetensors").read_bytes() == best


def test_the_best_epoch_is_the_one_with_the_lowest_loss() -> None:
    best = Best()
    assert [best.update(epoch, loss) for epoch, loss in enumerate([2.0, 1.0, 1.0, 3.0], 1)] == [
        True,
        True,
        False,
        False,
    ]
    assert (best.epoch, best.loss) == (2, 1.0)


# --- Mixup, freezing ---


def test_mixup_mixes_images_and_classes_alike() -> None:
    minigrad.manual_seed(3)
    images = minigrad.arange(4, dtype=minigrad.float32).reshape(4, 1, 1, 1) * minigrad.ones(4, 3, 2, 2)
    labels = minigrad.tensor([0, 1, 2, 3])
    mixed, _, targets = mix(Batch(images, labels, labels), 4, mixup=1.0, cutmix=0.0)
    assert np.allclose(targets.sum(1).numpy(), 1)
    assert np.allclose(mixed[:, 0, 0, 0].numpy(), targets.numpy() @ np.arange(4))


def test_with_head_only_only_the_head_is_trained() -> None:
    training, loader = begin(head_only=True)
    before = weights(training.model)
    run_to_the_end(training, loader)
    changed = {name for name, value in weights(training.model).items() if value != before[name]}
    assert changed == {"fc.weight", "fc.bias"}


def test_layers_up_to_a_named_one_are_frozen_with_their_statistics() -> None:
    training, loader = begin(freeze="Mixed_6e")
    before = weights(training.model)
    run_to_the_end(training, loader)
    changed = {name.split(".")[0] for name, value in weights(training.model).items() if value != before[name]}
    assert changed == {"Mixed_7a", "Mixed_7b", "Mixed_7c", "fc"}
    with pytest.raises(OptionError, match="--freeze Mixed_9x: there is no such layer; there are: Conv2d_1a_3x3"):
        begin(freeze="Mixed_9x")


# --- Measurements and warnings ---


def test_the_rate_finder_stops_where_the_loss_explodes_and_suggests_less() -> None:
    training, loader = begin(label_smoothing=0.0)
    rates, losses = find_learning_rate(training, loader, 1e-5, 100.0, steps=16)
    assert rates == sorted(rates)
    assert len(rates) == len(losses) >= 5
    falling = [3.0, 3.0, 2.9, 2.0, 1.5, 1.4, 2.0, 9.0]
    found = suggestion([10.0**i for i in range(-8, 0)], falling)
    assert found == pytest.approx(1e-5)
    assert suggestion([1e-3] * 3, [1.0] * 3) is None
    rates = np.logspace(-6, 0, 100)
    chance = np.where(np.arange(100) < 3, 0.05, 0.01 * (np.arange(100) % 2))  # the first steps change hardly anything
    losses = 2.3 - 0.2 / (1 + (1e-3 / rates) ** 2) + 5 * rates + chance
    assert 1e-4 < suggestion(rates.tolist(), losses.tolist()) < 5e-3
    assert suggestion([10.0**i for i in range(-8, 0)], [1.0, 2, 3, 4, 5, 6, 7, 8]) is None


def test_dead_relus_are_counted_by_layer() -> None:
    training, loader = begin()
    block = training.model.Conv2d_1a_3x3
    with minigrad.no_grad():
        block.bn.bias[:24].fill_(-1e6)
    with dead_channels(training.model) as shares:
        evaluate(training.model, loader)
    assert shares["Conv2d_1a_3x3"] >= 24 / 32
    assert len(shares) == 94


def test_an_evaluation_counts_by_class() -> None:
    found = Evaluation(1.0, np.array([0, 1, 1, 2]), np.array([0, 0, 1, 1]), 1.0, 4)
    assert found.confusion.tolist() == [[1, 1, 0, 0], [0, 1, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert found.per_class == [0.5, 0.5, None, None]
    assert (found.accuracy, found.shares) == (0.5, "accuracy 50.0%")


@pytest.mark.slow
def test_tensorboard_gets_numbers_histograms_images_and_settings(tmp_path: Path) -> None:
    arguments = tiny(epochs=1)
    assert train_command.main([*arguments, "--tensorboard", "--output", str(tmp_path)]) == 0
    written = b"".join(path.read_bytes() for path in (tmp_path / "tensorboard").rglob("events*"))
    for tag in (
        "step/loss",
        "gradients/total",
        "epoch/accuracy",
        "weights/fc.weight",
        "images",
        "recipe",
        "hparam",
    ):
        assert tag.encode() in written, tag


def test_training_and_validation_are_curves_in_one_chart_of_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    board = Board(tmp_path, 0)
    board.scalars({"kind": "epoch", "train_cross_entropy": 0.5, "validation_loss": 0.75, "seconds": 3.0}, 3)
    board.end({"lr": 0.1}, {"validation_loss": 0.75})
    written = {folder: b"".join(path.read_bytes() for path in folder.glob("*tfevents*")) for folder in (
        tmp_path, tmp_path / "training", tmp_path / "validation"
    )}  # fmt: skip
    assert [text.count(b"epoch/loss") for text in written.values()] == [0, 1, 1]
    assert b"hparam" in written[tmp_path]
    assert {path for path in tmp_path.rglob("*") if path.is_dir()} == {tmp_path / "training", tmp_path / "validation"}


# --- Recipes ---


def test_the_published_recipes_are_those_of_their_sources() -> None:
    guide = RECIPES["rocm-guide"]
    assert (guide.batch_size, guide.epochs, guide.optimizer, guide.lr) == (32, 90, "sgd", 0.1)
    assert (guide.momentum, guide.weight_decay, guide.schedule, guide.aux) == (0.9, 1e-4, "step", False)
    assert (guide.image_size, guide.resize, guide.augment) == (299, 342, "crop")
    assert RECIPE_DATA["rocm-guide"] == "tiny-imagenet"
    paper = RECIPES["paper"]
    assert (paper.optimizer, paper.alpha, paper.eps, paper.lr, paper.clip) == ("rmsprop", 0.9, 1.0, 0.045, 2.0)
    assert (paper.label_smoothing, paper.epochs, paper.aux, paper.schedule) == (0.1, 100, True, "exponential")
    assert paper.ema is not None
    training, _ = begin(optimizer="rmsprop", alpha=0.9, eps=1.0)
    assert {key: training.optimizer.param_groups[0][key] for key in ("alpha", "eps", "momentum")} == {
        "alpha": 0.9, "eps": 1.0, "momentum": 0.9,
    }  # fmt: skip


BAD = {
    "accumulate": ({"accumulate": 0}, "--accumulate must be at least 1, got 0"),
    "sgd too late": ({"sgd_after": 2}, "--sgd-after 2 leaves no epoch for SGD"),
    "two kinds of freezing": ({"head_only": True, "freeze": "fc"}, "either --head-only or --freeze"),
    "crop larger than the image": ({"image_size": 100, "resize": 90}, "resize 90 is below the image size 100"),
    "mixup": ({"mixup": -1.0}, "--mixup must be at least 0"),
    "clip": ({"clip": 0.0}, "--clip must be above 0"),
    "average": ({"ema": 2.0}, "--ema must be at least 0 and below 1"),
}


@pytest.mark.parametrize("name", BAD)
def test_impossible_recipes_are_refused(name: str) -> None:
    options, message = BAD[name]
    with pytest.raises(ValueError, match=message):
        Recipe(**{**TINY, **options})


# --- Own data ---


def folders(root: Path, names: dict[str, list[str]], count: int = 2) -> Path:
    for split, classes in names.items():
        for number, name in enumerate(classes):
            (root / split / name).mkdir(parents=True)
            for i in range(count):
                pixels = np.full((90, 80, 3), 60 * number + 20 * i, np.uint8)
                Image.fromarray(pixels).save(root / split / name / f"{i}.jpg")
    return root


@pytest.mark.slow
def test_a_folder_of_images_trains_and_its_corrupt_ones_are_left_out_with_skip_corrupt(
    tmp_path: Path, capsys: Any
) -> None:
    root = folders(tmp_path / "images", {"train": ["cat", "dog"], "val": ["cat", "dog"]})
    (root / "train" / "cat" / "broken.jpg").write_bytes(b"\xff\xd8 no image")
    arguments = ["--data", "folder", "--root", str(root), "--batch-size", "2", "--epochs", "1", "--workers", "2"]
    arguments += ["--augment", "crop-flip-colour", "--resize", "80"]
    assert train_command.main([*arguments, "--output", str(tmp_path / "a")]) == 1
    assert "broken.jpg" in capsys.readouterr().err
    assert train_command.main([*arguments, "--skip-corrupt", "--output", str(tmp_path / "b")]) == 0
    assert "train: left out 1 image that cannot be read" in capsys.readouterr().err
    assert (tmp_path / "b" / "confusion.png").exists()


def test_classes_that_differ_between_train_and_val_are_named(tmp_path: Path) -> None:
    root = folders(tmp_path, {"train": ["cat", "dog"], "val": ["cat", "cow"]})
    with pytest.raises(ValueError, match=r"different classes \(only in val: cow; only in train: dog\)"):
        load_data(Recipe(data="folder", root=str(root)))
    with pytest.raises(FileNotFoundError, match="expected train and val"):
        load_data(Recipe(data="folder", root=str(tmp_path / "val")))


# --- Files ---


def test_the_last_checkpoints_are_kept(tmp_path: Path, monkeypatch: Any) -> None:
    compute_nothing(monkeypatch)
    arguments = tiny(epochs=3)
    assert train_command.main([*arguments, "--optimizer", "sgd", "--keep", "2", "--output", str(tmp_path)]) == 0
    kept = sorted((tmp_path / "checkpoints").iterdir())
    assert [path.name for path in kept] == ["epoch-0002.safetensors", "epoch-0003.safetensors"]
    assert [load_checkpoint(path)["position"]["epoch"] for path in kept] == [2, 3]


FULL_DISK = """
import resource, sys
from pathlib import Path
from inception.recipes import Recipe
from inception.state import Training
training = Training.from_recipe(Recipe(data="synthetic", batch_size=2, optimizer="sgd"), 3, 4)
path = Path(sys.argv[1])
training.save(path)
training.step = 3
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000_000, 10_000_000))
try:
    training.save(path)
except OSError as error:
    print(error)
"""


def test_when_the_disk_is_full_the_old_checkpoint_survives(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True)
    assert "what was there before is unchanged" in done.stdout, done.stderr
    assert str(path) in done.stdout
    assert load_checkpoint(path)["position"]["step"] == 0
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_metrics_cut_short_by_a_kill_are_continued(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for step in (1, 2, 3):
        measured = {"loss": 1.0, "accuracy": 0.5, "cross_entropy": 1.0}
        folder.log({"kind": "step", "global_step": step, "epoch": 1, "step": step, **measured})
    folder.log({"kind": "epoch", "global_step": 3, "epoch": 1, "validation_loss": 1.0, "validation_accuracy": 0.5})
    with open(folder.metrics, "a") as file:
        file.write('{"kind": "st')
    folder.forget_after(3, 0)
    assert [r["global_step"] for r in folder.records()] == [1, 2, 3]
    folder.release()
    (tmp_path / "checkpoints").mkdir()
    for name in (".checkpoint.safetensors.1.partial", "checkpoints/.epoch-0001.safetensors.1.partial"):
        (tmp_path / name).write_bytes(b"half")
    assert not list(RunFolder(tmp_path, resuming=True).path.rglob(".*partial"))


@pytest.mark.slow
def test_a_weights_file_with_another_class_count_gets_a_new_head(tmp_path: Path) -> None:
    from inception.weights import load_pretrained, load_weights, save_weights

    three, five = (Training.from_recipe(Recipe(data="synthetic"), count, 2).model for count in (3, 5))
    save_weights(three, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"(?s)another architecture.*fc\.weight"):
        load_weights(five, tmp_path / "w.safetensors")
    head = five.fc.weight.tolist()
    assert load_pretrained(five, tmp_path / "w.safetensors").new == ["fc.weight", "fc.bias"]
    assert five.fc.weight.tolist() == head
    assert five.Mixed_7c.branch1x1.conv.weight.tolist() == three.Mixed_7c.branch1x1.conv.weight.tolist()
