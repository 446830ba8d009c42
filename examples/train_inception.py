"""Trains Inception V3 on pictures.

    python examples/train_inception.py                      the pictures of clothing that ship with minigrad
    python examples/train_inception.py --help               every option
    python examples/train_inception.py --resume runs/NAME   go on where a run was stopped

The four phases of a training step are in inception/training.py.
"""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from inception import figures
from inception.recipes import DATA, FIELDS, INITS, OPTIMIZERS, RECIPES, SCHEDULES, Recipe
from inception.run_folder import RunFolder
from inception.training import (
    NonFiniteLossError,
    PhaseClock,
    Progress,
    StepResult,
    Training,
    build,
    evaluate,
    load_checkpoint,
    train_epoch,
)
from inception.weights import save_weights
from minigrad.checkpoint import CheckpointError
from minigrad.data import DataLoader, Subset, transforms
from minigrad.data.datasets import FashionMNIST, SyntheticPictures, embedded_clothing

SYNTHETIC_TRAIN, SYNTHETIC_TEST = 512, 128
SHOWN = 40  # test pictures in the grid


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description="Trains Inception V3. Every option below has its default from the recipe.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Ctrl-C stops after the step under way, saves a checkpoint and says how to go on.",
    )
    default = RECIPES["quick"]

    def option(name: str, text: str, **more: Any) -> None:
        value = getattr(default, name)
        shown = "" if value is None else f" (quick: {value})"
        parser.add_argument("--" + name.replace("_", "-"), help=text + shown, default=None, **more)

    parser.add_argument("--recipe", choices=sorted(RECIPES), default="quick", help="where defaults come from (quick)")
    option("data", "embedded: the clothing that ships with minigrad; fashion-mnist: a folder of IDX files, gzip or "
           "not; synthetic: made-up pictures, to try things out", choices=DATA)  # fmt: skip
    option("root", "folder of the IDX files, for --data fashion-mnist", metavar="FOLDER")
    option("image_size", "pictures are resized to this height and width; at least 75, with --aux 299", type=int)
    option("batch_size", "pictures a step", type=int)
    option("epochs", "passes over the training pictures", type=int)
    option("optimizer", "how gradients move the weights", choices=OPTIMIZERS)
    option("lr", "learning rate; the highest one, with --schedule onecycle", type=float)
    option("momentum", "for sgd and rmsprop", type=float)
    option("weight_decay", "pulls weights towards 0; decoupled in adamw", type=float)
    option("schedule", "of the learning rate: constant; cosine to 0; exponential, 0.94 every 2 epochs; onecycle, up "
           "and down once; step, a tenth every 30 epochs", choices=SCHEDULES)  # fmt: skip
    option("warmup", "share of the steps in which the rate rises, for onecycle", type=float)
    option("label_smoothing", "0 asks for certainty, 0.1 for a little less", type=float)
    option("dropout", "probability before the classifier", type=float)
    option(
        "init", "first weights: by the layers' defaults, or as the paper's authors drew them (std 0.1)", choices=INITS
    )
    option("aux", "train the aux head too (--no-aux: do not)", action=argparse.BooleanOptionalAction)
    option("classes", "outputs of the classifier; by default as many as the data have", type=int)
    option("limit", "use only the first so many training (and test) pictures", type=int)
    option("seed", "fixes initial weights, order of the pictures, and dropout", type=int)
    option("dtype", "float32 or float64", choices=("float32", "float64"))
    option("device", "where to compute: cpu")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="of the run (default: runs/DATE-TIME)")
    parser.add_argument("--resume", type=Path, metavar="RUN", help="a run's folder, or its checkpoint: go on with it")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs the script; returns its exit status."""
    options = parse_arguments(arguments)
    try:
        return run(options)
    except (ValueError, OSError, CheckpointError, NonFiniteLossError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    if options.resume is not None:
        path = options.resume / "checkpoint.safetensors" if options.resume.is_dir() else options.resume
        tree = load_checkpoint(path)
        recipe = resumed_recipe(tree["recipe"], given, path)
        folder = RunFolder(options.output or path.parent, resuming=True)
    else:
        recipe = Recipe(**{**RECIPES[options.recipe].as_dict(), **given})
        folder = RunFolder(options.output or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"))

    train_set, test_set, classes = load_data(recipe)
    loader = DataLoader(train_set, recipe.batch_size, shuffle=True, seed=recipe.seed, drop_last=True)
    test_loader = DataLoader(test_set, recipe.batch_size)
    if len(loader) == 0:
        raise ValueError(f"{len(train_set)} training pictures do not fill one batch of {recipe.batch_size}")
    training = build(recipe, recipe.classes or len(classes), len(loader))
    if options.resume is not None:
        training.restore(path, tree)
        folder.forget_after(training.global_step)
        print(f"resumed {path} after step {training.step} of epoch {training.epoch + 1}")
    parameters = sum(p.numel() for p in training.model.parameters())
    logging.basicConfig(format="%(message)s")
    logging.getLogger("minigrad").setLevel(logging.INFO)  # it says when it compiles, which only the first run does
    print(f"Inception V3, {parameters:,} parameters, {recipe.dtype} on {recipe.device}, into {folder.path}")
    print(f"{len(train_set):,} training and {len(test_set):,} test pictures of {len(classes)} classes")

    stopped = train(training, loader, test_loader, folder)
    if stopped:
        print(f"\nstopped; saved {folder.checkpoint}\ngo on with: python {sys.argv[0]} --resume {folder.path}")
        return 130
    finish(training, test_loader, test_set, classes, folder)
    return 0


def resumed_recipe(saved: dict[str, Any], given: dict[str, Any], path: Path) -> Recipe:
    """The checkpoint's recipe; options that contradict it are refused, since the run would not be the same."""
    differ = [f"{name}: {saved[name]} there, {value} here" for name, value in given.items() if saved[name] != value]
    if differ:
        raise ValueError(f"{path} was made with other options ({'; '.join(differ)}); leave them out to go on with it")
    return Recipe.from_dict({name: saved[name] for name in FIELDS})


def load_data(recipe: Recipe) -> tuple[Any, Any, tuple[str, ...]]:
    """Training set, test set, and the names of the classes."""
    transform = transforms.Compose(
        [
            transforms.Resize((recipe.image_size, recipe.image_size)),
            transforms.Grayscale(num_output_channels=3) if recipe.data != "synthetic" else transforms.Compose([]),
            transforms.ToTensor(),
            transforms.Normalize([0.5], [0.5]),
        ]
    )
    if recipe.data == "synthetic":
        count = recipe.classes or 10
        sets: list[Any] = [
            SyntheticPictures(length, recipe.image_size, count, seed, transform)
            for length, seed in ((SYNTHETIC_TRAIN, recipe.seed), (SYNTHETIC_TEST, recipe.seed + 1))
        ]
    elif recipe.data == "embedded":
        sets = [embedded_clothing(train, transform) for train in (True, False)]
    else:
        sets = [FashionMNIST(str(recipe.root), train, transform) for train in (True, False)]
    classes = sets[0].classes
    if recipe.classes is not None and recipe.classes < len(classes):
        raise ValueError(
            f"labels are out of range: the data have {len(classes)} classes, the model would have {recipe.classes}; "
            f"give --classes {len(classes)} or more"
        )
    if recipe.limit is not None:
        sets = [Subset(items, range(min(recipe.limit, len(items)))) for items in sets]
    return sets[0], sets[1], classes


class StopAfterThisStep:
    """While it is entered, the first Ctrl-C only sets ``requested``; a second one does not wait."""

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> StopAfterThisStep:
        self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: Any) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


class StepReport:
    """Shows every step of an epoch on a progress bar, and writes it to the metrics."""

    def __init__(self, training: Training, folder: RunFolder, stop: StopAfterThisStep) -> None:
        self.folder, self.stop = folder, stop
        self.started, self.seen_before = time.perf_counter(), training.progress.seen
        self.bar = tqdm(
            total=training.steps_per_epoch,
            initial=training.step,
            desc=f"epoch {training.epoch + 1}/{training.recipe.epochs}",
            unit="step",
            mininterval=0.5,
            dynamic_ncols=True,
        )

    def __call__(self, training: Training, result: StepResult) -> bool:
        """Reports a step; returns whether to stop there."""
        progress = training.progress
        speed = (progress.seen - self.seen_before) / (time.perf_counter() - self.started)
        shown = {"loss": f"{progress.loss:.3f}", "acc": f"{progress.accuracy:.1%}", "img_s": f"{speed:.1f}"}
        self.bar.set_postfix(shown, lr=f"{training.lr:.2e}", refresh=False)
        self.bar.update(1)
        record = {"kind": "step", "epoch": training.epoch + 1, "step": training.step}
        record |= {"global_step": training.global_step, "loss": result.loss, "accuracy": result.accuracy}
        self.folder.log({**record, "lr": training.lr, "images_per_second": round(speed, 2)})
        return self.stop.requested


def train(training: Training, loader: DataLoader, test_loader: DataLoader, folder: RunFolder) -> bool:
    """Trains to the end of the recipe. Returns whether Ctrl-C stopped it before."""
    if not folder.checkpoint.exists():
        training.save(folder.checkpoint)
    with StopAfterThisStep() as stop:
        while training.epoch < training.recipe.epochs:
            if training.step == 0:
                training.progress = Progress()
            clock, report = PhaseClock(), StepReport(training, folder, stop)
            try:
                ended = train_epoch(training, loader, clock, report)
                report.bar.close()
                if ended:
                    end_epoch(training, test_loader, folder, clock)
            except NonFiniteLossError as error:
                raise NonFiniteLossError(f"{error}. The last good checkpoint is kept: {folder.checkpoint}") from None
            finally:
                report.bar.close()
            training.save(folder.checkpoint)
            if stop.requested and training.epoch < training.recipe.epochs:
                return True
    return False


def end_epoch(training: Training, test_loader: DataLoader, folder: RunFolder, clock: PhaseClock) -> None:
    """Tests the model, and reports the epoch."""
    test, _ = evaluate(training.model, test_loader, training.recipe)
    if not math.isfinite(test.loss):  # the last step may have broken the weights: they must not be saved
        raise NonFiniteLossError(f"the test loss is {test.loss} after epoch {training.epoch}")
    progress = training.progress
    print(f"  time: {clock}")
    print(
        f"  train loss {progress.loss:.3f}, accuracy {progress.accuracy:.1%} · "
        f"test loss {test.loss:.3f}, accuracy {test.accuracy:.1%}",
        flush=True,
    )
    record = {"kind": "epoch", "epoch": training.epoch, "global_step": training.global_step}
    record |= {"train_loss": progress.loss, "train_accuracy": progress.accuracy}
    record |= {"test_loss": test.loss, "test_accuracy": test.accuracy}
    folder.log({**record, "phase_seconds": clock.seconds})


def finish(
    training: Training, test_loader: DataLoader, test_set: Any, classes: tuple[str, ...], folder: RunFolder
) -> None:
    """Writes the weights and the pictures."""
    test, predictions = evaluate(training.model, test_loader, training.recipe)
    save_weights(training.model, folder.weights, classes="\n".join(classes))
    figures.draw_curves(folder.records(), folder.curves)
    base = test_set.dataset if isinstance(test_set, Subset) else test_set
    base.transform = None  # the pictures as they are, not as the model sees them
    shown = [test_set[i] for i in range(min(SHOWN, len(test_set)))]
    names = [*classes, *(f"class {i}" for i in range(len(classes), training.model.fc.out_features))]
    figures.draw_predictions(
        [image for image, _ in shown],
        [label for _, label in shown],
        predictions.tolist()[: len(shown)],
        names,
        folder.predictions,
    )
    print(f"test accuracy {test.accuracy:.1%} ({test.correct} of {test.seen})")
    print("\n".join(f"  {path}" for path in (folder.weights, folder.metrics, folder.curves, folder.predictions)))


if __name__ == "__main__":
    sys.exit(main())
