"""Training Inception V3: reproducible, resumable, and clear about what is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minigrad
from examples import train_inception
from inception import step as four_phases
from inception.checkpoints import load_checkpoint
from inception.clock import PHASES, WAITING, PhaseClock
from inception.commands import train as train_command
from inception.loop import train_epoch
from inception.model import inception_v3
from inception.recipes import RECIPES, Recipe
from inception.report import Report
from inception.state import Training
from inception.step_result import NonFiniteLossError, StepResult
from minigrad import Tensor, optim
from minigrad.checkpoint import CheckpointError
from minigrad.data import DataLoader, transforms
from minigrad.data.datasets import SyntheticImages
from minigrad.testing import register_stand_in_device
from tests.tiny_runs import tiny

COMMAND = [sys.executable, "-m", "inception", "train"]
TINY = Recipe(data="synthetic", batch_size=4, epochs=2, limit=12, classes=3, lr=1e-3, width=0.25)


def loader(recipe: Recipe) -> DataLoader:
    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize([0.5], [0.5])])
    items = SyntheticImages(recipe.limit or 12, recipe.image_size, recipe.classes or 3, recipe.seed, transform)
    return DataLoader(items, recipe.batch_size, shuffle=True, seed=recipe.seed, drop_last=True)


def begin(recipe: Recipe = TINY) -> tuple[Training, DataLoader]:
    items = loader(recipe)
    return Training.from_recipe(recipe, recipe.classes or 3, len(items)), items


def weights(training: Training) -> dict[str, bytes]:
    return {name: value.numpy().tobytes() for name, value in training.model.state_dict().items()}


def run_to_the_end(training: Training, items: DataLoader) -> None:
    while training.epoch < training.recipe.epochs:
        train_epoch(training, items, PhaseClock())


@pytest.fixture(scope="module")
def uninterrupted() -> dict[str, bytes]:
    training, items = begin()
    run_to_the_end(training, items)
    return weights(training)


def test_the_same_seed_gives_the_same_weights_bit_by_bit(uninterrupted: dict[str, bytes]) -> None:
    minigrad.rand(5)  # what was drawn before must not matter
    training, items = begin()
    run_to_the_end(training, items)
    assert weights(training) == uninterrupted


@pytest.mark.parametrize("stop_after", [3, 5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_stopped_between_steps_and_resumed_ends_with_the_same_bits(
    stop_after: int, uninterrupted: dict[str, bytes], tmp_path: Path
) -> None:
    training, items = begin()
    while training.global_step < stop_after:
        train_epoch(training, items, PhaseClock(), lambda training, result: training.global_step >= stop_after)
    training.save(tmp_path / "c.safetensors")
    del training

    minigrad.manual_seed(99)
    resumed, items = begin()
    resumed.restore(tmp_path / "c.safetensors", load_checkpoint(tmp_path / "c.safetensors"))
    assert resumed.global_step == stop_after
    run_to_the_end(resumed, items)
    assert weights(resumed) == uninterrupted


def test_a_step_goes_through_the_four_phases_in_order(monkeypatch: Any) -> None:
    called = []
    for name in ("forward_pass", "loss_computation", "backward_pass", "optimization_pass"):
        real = getattr(four_phases, name)
        monkeypatch.setattr(
            four_phases, name, lambda *a, _real=real, _name=name, **o: called.append(_name) or _real(*a, **o)
        )
    training, items = begin()
    clock = PhaseClock()
    train_epoch(training, items, clock, lambda training, result: True)
    assert called == ["forward_pass", "loss_computation", "backward_pass", "optimization_pass"]
    assert list(clock.seconds) == [WAITING, *PHASES]
    assert sum(clock.shares().values()) == pytest.approx(1)
    assert str(clock).count("%") == 5


def test_training_learns() -> None:
    recipe = Recipe(data="synthetic", batch_size=8, epochs=3, limit=24, classes=3, lr=1e-3, label_smoothing=0.0)
    training, items = begin(recipe)
    losses = []
    while training.epoch < recipe.epochs:
        train_epoch(training, items, PhaseClock(), lambda training, result: losses.append(result.loss))
    assert np.mean(losses[-2:]) < 0.6 * np.mean(losses[:2])


def test_a_nan_loss_stops_at_its_step_and_keeps_the_weights() -> None:
    training, items = begin()
    train_epoch(training, items, PhaseClock(), lambda training, result: True)
    with minigrad.no_grad():
        training.model.fc.bias.fill_(float("nan"))
    before = training.model.Mixed_7a.branch3x3_1.conv.weight.tolist()
    with pytest.raises(NonFiniteLossError, match="loss is nan at step 2 of epoch 1"):
        train_epoch(training, items, PhaseClock())
    assert training.model.Mixed_7a.branch3x3_1.conv.weight.tolist() == before


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    training, _ = begin()
    path = tmp_path / "checkpoint.safetensors"
    training.save(path)
    other = Training.from_recipe(Recipe(data="synthetic", batch_size=4, epochs=2, classes=5, width=0.25), 5, 3)
    with pytest.raises(CheckpointError, match=r"(?s)another architecture.*size mismatch for fc\.weight"):
        other.restore(path, load_checkpoint(path))


# --- One step on the stand-in device ---


def test_one_training_step_runs_on_the_stand_in_device_as_on_the_cpu() -> None:
    images = np.random.default_rng(0).standard_normal((4, 3, 75, 75))
    results: dict[str, tuple[float, dict[str, np.ndarray]]] = {}
    for where in ("cpu", register_stand_in_device()):
        minigrad.manual_seed(0)
        model = inception_v3(num_classes=3, aux_logits=False, init_weights=False, dropout=0.0).double().to(where)
        optimizer = optim.SGD(model.parameters(), lr=1e-6, momentum=0.9)
        x, labels = minigrad.from_numpy(images).to(where), minigrad.tensor([0, 1, 2, 0]).to(where)
        outputs = four_phases.forward_pass(model, x)
        loss = four_phases.loss_computation(outputs, labels)
        four_phases.backward_pass(optimizer, loss)
        four_phases.optimization_pass(optimizer)
        assert all(p.grad.device.type == where for p in model.parameters())
        state = {name: value.detach().cpu().numpy() for name, value in model.state_dict().items()}
        results[where] = (loss.item(), state)
    (loss_here, here), (loss_there, there) = results.values()
    assert loss_there == pytest.approx(loss_here, rel=1e-10)
    for name, value in here.items():
        assert np.allclose(there[name], value, rtol=1e-9, atol=1e-9 * np.abs(value).max()), name


# --- The command ---


def command(*arguments: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=240)


@pytest.mark.slow
def test_the_command_leaves_weights_metrics_and_images_and_reports_phases(tmp_path: Path, capsys: Any) -> None:
    out = tmp_path / "run"
    done = command(
        "--data", "synthetic", "--limit", 4, "--batch-size", 2, "--epochs", 1, "--classes", 3, "--output", out
    )
    assert done.returncode == 0, done.stderr
    for name in ("weights.safetensors", "checkpoint.safetensors", "metrics.jsonl", "curves.png", "predictions.png"):
        assert (out / name).stat().st_size > 0, name
    for phase in PHASES:
        assert phase in " ".join(done.stdout.split())
    for shown in ("epoch 1/1: 0:", "  training    loss", "  validation  loss"):
        assert shown in done.stdout
    assert all(len(line) < 80 for line in done.stdout.splitlines() if str(out) not in line)
    assert "\r" not in done.stderr
    records = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    assert [r["kind"] for r in records if r["kind"] != "warning"] == ["step", "gradients", "step", "epoch"]
    assert train_command.main(["--data", "synthetic", "--limit", "8", "--output", str(out)]) == 1
    assert "already holds a run" in capsys.readouterr().err


def test_ctrl_c_saves_a_checkpoint_and_prints_how_to_continue(tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = tiny(limit=8, epochs=1)
    process = subprocess.Popen(
        [*COMMAND, *arguments, "--output", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics = out / "metrics.jsonl"
    for _ in range(1200):
        if metrics.exists() and metrics.read_text().count("\n") >= 2:
            break
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert f"--resume {out}" in stdout
    position = load_checkpoint(out / "checkpoint.safetensors")["position"]
    assert 1 <= position["step"] < 4
    done = command("--resume", out)
    assert done.returncode == 0, done.stderr
    assert f"after step {position['step']} of epoch 1" in done.stdout
    records = [json.loads(line) for line in metrics.read_text().splitlines()]
    steps = [record["global_step"] for record in records if record["kind"] in ("step", "epoch")]
    assert steps == [*range(1, 5), 4]


@pytest.mark.parametrize("broken_by", ["the loss", "the weights after the last step"])
def test_the_last_good_checkpoint_survives_a_nan(broken_by: str, tmp_path: Path, monkeypatch: Any, capsys: Any) -> None:
    out = tmp_path / "run"
    real = four_phases.optimization_pass

    def break_weights(optimizer: optim.Optimizer, *rest: Any) -> None:
        real(optimizer, *rest)
        if break_weights.steps == (1 if broken_by == "the loss" else 2):
            optimizer.param_groups[0]["params"][-1].array[...] = np.nan
        break_weights.steps += 1

    break_weights.steps = 1
    monkeypatch.setattr(four_phases, "optimization_pass", break_weights)
    arguments = tiny(limit=8, batch_size=4, epochs=1)
    assert train_command.main([*arguments, "--output", str(out)]) == 1
    shown = capsys.readouterr().err
    assert "nan at step 2 of epoch 1" in shown or "weights are nan or infinite after step 2 " in shown
    assert f"The last good checkpoint is kept: {out / 'checkpoint.safetensors'}" in shown
    kept = load_checkpoint(out / "checkpoint.safetensors")["model"]
    assert all(np.isfinite(value.numpy()).all() for value in kept.values())


BAD = {
    "small images": (2, ["--image-size", 74], "needs at least 75"),
    "aux with a small map": (2, ["--aux"], "aux head needs images of at least 299 x 299"),
    "no root": (2, ["--data", "fashion-mnist"], "needs --root"),
    "missing files": (1, ["--data", "fashion-mnist", "--root", "/nowhere"], "no train-images-idx3-ubyte"),
    "too few classes": (2, ["--classes", 3], "the data have 10 classes, the model would have 3"),
    "batch too large": (2, ["--limit", 20], "cannot fill one batch of 32: lower --batch-size"),
    "batch of one": (2, ["--batch-size", 1], "one value per channel"),
    "negative rate": (2, ["--lr", -1], "--lr must be above 0"),
    "unwritable output": (1, ["--output", "/proc/nothing"], "/proc/nothing: cannot write to this folder"),
    "gpu": (2, ["--device", "gpu", "--limit", 32], "device 'gpu' is not available"),
    "unknown device": (2, ["--device", "tpu"], "unknown device 'tpu'; expected one of: cpu"),
    "no checkpoint": (1, ["--resume", "/nowhere"], "no checkpoint at /nowhere"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_options_end_with_one_clear_line(name: str, tmp_path: Path, capsys: Any) -> None:
    status, arguments, message = BAD[name]
    output = [] if "--output" in arguments or "--resume" in arguments else ["--output", tmp_path / "run"]
    assert train_command.main([str(a) for a in (*arguments, *output)]) == status
    shown = capsys.readouterr().err
    assert shown.splitlines()[-1].startswith("error: ")
    assert message in shown
    assert not (tmp_path / "run").exists()


# --- The example ---


def test_the_example_leaves_weights_metrics_and_images(tmp_path: Path) -> None:
    assert train_inception.main(["--limit", "32", "--epochs", "1", "--output", str(tmp_path)]) == 0
    for name in ("weights.safetensors", "metrics.jsonl", "curves.png", "predictions.png", "checkpoint.safetensors"):
        assert (tmp_path / name).stat().st_size > 0, name


@pytest.mark.slow
def test_the_example_interrupted_and_continued_by_the_command_ends_with_the_commands_weights(
    tmp_path: Path, monkeypatch: Any, capsys: Any
) -> None:
    few = ["--limit", "64", "--epochs", "2"]
    assert train_command.main([*few, "--output", str(tmp_path / "command")]) == 0
    expected = (tmp_path / "command" / "weights.safetensors").read_bytes()

    assert train_inception.main([*few, "--output", str(tmp_path / "example")]) == 0
    assert (tmp_path / "example" / "weights.safetensors").read_bytes() == expected

    report_step = Report.step

    def press_ctrl_c(report: Report, training: Training, result: StepResult) -> None:
        report_step(report, training, result)
        if training.global_step == 3:
            signal.raise_signal(signal.SIGINT)

    stopped = tmp_path / "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(Report, "step", press_ctrl_c)
        assert train_inception.main([*few, "--output", str(stopped)]) == 130
    assert f"python -m inception train --resume {stopped}" in capsys.readouterr().out
    assert train_command.main(["--resume", str(stopped)]) == 0
    assert "after step 1 of epoch 2" in capsys.readouterr().out
    assert (stopped / "weights.safetensors").read_bytes() == expected


def test_help_explains_every_option(capsys: Any) -> None:
    with pytest.raises(SystemExit):
        train_command.parse_arguments(["--help"])
    shown = capsys.readouterr().out
    for name in (*vars(RECIPES["quick"]), "resume", "output", "recipe"):
        assert "--" + name.replace("_", "-") in shown


def test_recipes_refuse_unknown_choices() -> None:
    with pytest.raises(ValueError, match="--optimizer 'adagrad' is unknown; choose from: adam"):
        Recipe(optimizer="adagrad")
    assert RECIPES["torchvision"].aux


def test_the_model_gets_the_recipes_dtype() -> None:
    training = Training.from_recipe(Recipe(dtype="float64"), 3, 5)
    assert training.model.fc.weight.dtype == minigrad.float64
    assert isinstance(training.model(minigrad.zeros(2, 3, 75, 75, dtype=minigrad.float64)), Tensor)
