"""``python -m inception train`` (and examples/train_inception.py): the command line, files and reports of a run."""

from __future__ import annotations

import argparse
import logging
import math
import signal
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import minigrad
from inception import figures
from inception.data import load_data
from inception.evaluation import Evaluation, evaluate
from inception.lr_finder import find_learning_rate, suggestion
from inception.monitor import Board, Watch, dead_channels, gradient_norms, memory_megabytes, weight_norm
from inception.recipes import CHOICES, FIELDS, RECIPE_DATA, RECIPES, Recipe
from inception.run_folder import RunFolder
from inception.training import (
    NonFiniteLossError,
    PhaseClock,
    StepResult,
    Training,
    build,
    load_checkpoint,
    prepare,
    train_epoch,
)
from inception.weights import Description, class_names, load_weights, save_weights
from minigrad import system
from minigrad.data import DataLoader, Subset
from minigrad.extras import Later, require

if TYPE_CHECKING:
    import tqdm
else:
    tqdm = Later("tqdm", "the progress bar")

SHOWN = 40  # test pictures in the grid

OPTIONS: dict[str, tuple[str, Any]] = {
    "data": ("embedded: the clothing that ships with minigrad; folder: train/CLASS/* and val/CLASS/* (JPEG, PNG, …); "
             "the others in their published formats; synthetic: made-up pictures, to try things out", str),
    "root": ("folder of the files, for any data but embedded and synthetic", str),
    "image_size": ("height and width of what the model sees; at least 75, with --aux 299", int),
    "resize": ("of test pictures the shorter side becomes this, and the middle is taken; without it all of a picture "
               "is squeezed into a square", int),
    "augment": ("random changes of training pictures: flip; crop (a part of random size and shape); colour", str),
    "normalize": ("half: (x - 0.5) / 0.5; imagenet: ImageNet's mean and deviation. The published weights were "
                  "trained with half", str),
    "mixup": ("mix pictures in pairs, with shares drawn from Beta(this, this); 0 does not", float),
    "limit": ("use only so many training (and test) pictures", int),
    "classes": ("outputs of the classifier; by default as many as the data have", int),
    "skip_corrupt": ("leave out pictures that cannot be read, rather than stop (--data folder)", bool),
    "weights": ("begin with these: torchvision's .pth, or a .safetensors; a head of other classes is made anew", str),
    "freeze": ("do not train the layers up to this one, such as Mixed_6e", str),
    "head_only": ("train nothing but the classifier", bool),
    "aux": ("train the aux head too (--no-aux: do not)", bool),
    "dropout": ("probability before the classifier", float),
    "init": ("first weights: by the layers' defaults, or as the paper's authors drew them (std 0.1)", str),
    "batch_size": ("pictures a batch", int),
    "accumulate": ("batches a step, whose gradients are averaged", int),
    "epochs": ("passes over the training pictures", int),
    "patience": ("stop after so many epochs without a lower validation loss, and go back to the best one", int),
    "optimizer": ("how gradients move the weights", str),
    "lr": ("learning rate; the highest one, with --schedule onecycle", float),
    "momentum": ("for sgd and rmsprop", float),
    "alpha": ("for rmsprop: how slowly it forgets", float),
    "eps": ("added to the divisor, for all but sgd and lion; by default the optimiser's own", float),
    "weight_decay": ("pulls weights towards 0; decoupled in adamw and lion", float),
    "decay_norms": ("weight decay for biases and batch norms too (--no-decay-norms: not for them)", bool),
    "schedule": ("of the learning rate: constant; cosine to 0; exponential, 0.94 every 2 epochs; onecycle, up "
                 "and down once; step, a tenth every 30 epochs", str),
    "warmup": ("share of the steps in which the rate rises, for onecycle", float),
    "sgd_after": ("after so many epochs change over to SGD with momentum", int),
    "sgd_lr": ("learning rate of that", float),
    "label_smoothing": ("0 asks for certainty, 0.1 for a little less", float),
    "clip": ("gradients whose norm is above this are scaled down to it", float),
    "ema": ("test and keep an exponential moving average of the weights, with this decay", float),
    "seed": ("fixes initial weights, order of the pictures, and every random change", int),
    "dtype": ("float32 or float64", str),
    "amp": ("mixed precision: products in float16, for GPUs", bool),
    "device": ("where to compute: cpu, gpu or gpu:1", str),
}  # fmt: skip


def started_as() -> str:
    """Return what to type to train: this module's command, or the script that calls it."""
    if Path(sys.argv[0]).suffix == ".py" and Path(sys.argv[0]).name != "__main__.py":
        return f"python {sys.argv[0]}"
    return f"{system.started_as('inception')} train"


def parse_arguments(arguments: list[str] | None = None) -> argparse.Namespace:
    """The options; those of the recipe that were not given are None."""
    parser = argparse.ArgumentParser(
        prog=started_as(),
        description="Trains Inception V3. Every option of the run's recipe has its default from there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Ctrl-C stops after the step under way, saves a checkpoint and says how to go on.",
    )
    parser.add_argument("--recipe", choices=sorted(RECIPES), default="quick", help="where defaults come from (quick)")
    recipe = parser.add_argument_group("the recipe (what decides how the run comes out)")
    for name, (text, kind) in OPTIONS.items():
        value = getattr(RECIPES["quick"], name)
        text += "" if value is None or kind is bool else f" (quick: {value})"
        more: dict[str, Any] = {"action": argparse.BooleanOptionalAction} if kind is bool else {"type": kind}
        if name in CHOICES:
            more["choices"] = CHOICES[name]
        elif kind is not bool:
            paths = {"root": "FOLDER", "weights": "FILE"}
            more["metavar"] = paths.get(name) or {int: "N", float: "X", str: "NAME"}[kind]
        recipe.add_argument("--" + name.replace("_", "-"), help=text, default=None, **more)
    run = parser.add_argument_group("the run (what does not)")
    run.add_argument("--output", type=Path, metavar="FOLDER", help="of the run (default: runs/DATE-TIME)")
    run.add_argument("--resume", type=Path, metavar="RUN", help="a run's folder, or its checkpoint: go on with it")
    run.add_argument("--workers", type=int, default=0, metavar="N", help="processes that load pictures ahead (0: none)")
    run.add_argument("--save-every", type=int, default=500, metavar="STEPS", help="checkpoint within epochs (500)")
    run.add_argument("--keep", type=int, default=1, metavar="N", help="keep the last N epochs' checkpoints (1)")
    run.add_argument("--log-gradients", type=int, default=50, metavar="STEPS", help="gradient norms this often (50)")
    run.add_argument("--tensorboard", action="store_true", help="write for TensorBoard too, into the run's folder")
    run.add_argument("--find-lr", action="store_true", help="do not train: try learning rates, and draw a plot")
    return parser.parse_args(arguments)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    system.never_fail_to_print()
    options = parse_arguments(arguments)
    try:
        board = ["tensorboardX"] if options.tensorboard else []
        require(started_as(), "PIL", "safetensors", "tqdm", "matplotlib", *board)  # or hours later they are missed
        return run(options)
    except (ValueError, OSError, ImportError, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def run(options: argparse.Namespace) -> int:
    """Trains, or goes on training; or looks for a learning rate."""
    for name in ("save_every", "keep", "log_gradients"):
        if getattr(options, name) < 1:
            raise ValueError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(options, name)}")
    recipe, folder, tree, path = planned(options)
    try:
        train_set, test_set, classes = load_data(recipe)
        loader = DataLoader(
            train_set,
            recipe.batch_size,
            shuffle=True,
            seed=recipe.seed,
            drop_last=True,
            num_workers=options.workers,
            pin_memory=recipe.device != "cpu",
        )
        test_loader = DataLoader(test_set, recipe.batch_size, seed=recipe.seed, num_workers=options.workers)
        training = build(recipe, recipe.classes or len(classes), steps_of(loader, recipe))
    except Exception:
        folder.discard_if_empty()  # nothing has come of it
        raise
    if tree is not None:
        training.restore(path, tree)
        del tree  # another set of all weights
        folder.forget_after(training.global_step, training.epoch)
        print(f"resumed {path} after step {training.step} of epoch {training.epoch + 1}")
    introduce(training, folder)
    print(f"{len(train_set):,} training and {len(test_set):,} test pictures of {len(classes)} classes")
    if options.find_lr:
        return look_for_rate(training, loader, folder)

    board = Board(folder.board, training.global_step) if options.tensorboard else None
    if board is not None and training.global_step == 0:
        board.begin(recipe.as_dict(), f"minigrad {minigrad.__version__}, {parameter_count(training):,} parameters")
    report = Report(folder, classes, options.log_gradients, board)
    stopped = train(training, loader, test_loader, folder, report, options.save_every, options.keep)
    if stopped:
        print(f"\nstopped; saved {folder.checkpoint}\ngo on with: {how_to_go_on(folder)}")
        return 130
    finish(training, test_loader, test_set, folder, report)
    return 0


def planned(options: argparse.Namespace) -> tuple[Recipe, RunFolder, dict[str, Any] | None, Path]:
    """The recipe and the folder of the run; and the checkpoint that it goes on from, if it does, with its path."""
    given = {name: getattr(options, name) for name in FIELDS if getattr(options, name) is not None}
    if options.resume is not None:
        path = options.resume / "checkpoint.safetensors" if options.resume.is_dir() else options.resume
        tree = load_checkpoint(path)
        recipe = resumed_recipe(tree["recipe"], given, path)
        return recipe, RunFolder(options.output or path.parent, resuming=True), tree, path
    defaults = RECIPES[options.recipe].as_dict()
    if options.recipe in RECIPE_DATA:
        defaults["data"] = RECIPE_DATA[options.recipe]
    recipe = Recipe(**{**defaults, **given})
    folder = RunFolder(options.output or Path("runs") / datetime.now().strftime("%Y%m%d-%H%M%S"))
    return recipe, folder, None, folder.checkpoint


def steps_of(loader: DataLoader, recipe: Recipe) -> int:
    """How many steps an epoch has.

    Raises:
        ValueError: if there are too few pictures for one.
    """
    steps = len(loader) // recipe.accumulate
    if steps == 0:
        what = f"one batch of {recipe.batch_size}" if len(loader) == 0 else f"{recipe.accumulate} batches"
        raise ValueError(f"{len(loader.dataset)} training pictures do not fill {what}")
    return steps


def introduce(training: Training, folder: RunFolder) -> None:
    """Says what is about to be trained."""
    logging.basicConfig(format="%(message)s")
    logging.getLogger("minigrad").setLevel(logging.INFO)  # it says when it compiles, which only the first run does
    recipe = training.recipe
    parameters, learning = parameter_count(training), parameter_count(training, learning=True)
    print(f"Inception V3, {parameters:,} parameters, {recipe.dtype} on {recipe.device}, into {folder.path}")
    if learning < parameters:
        print(f"{learning:,} of them learn, the others are frozen")


def parameter_count(training: Training, learning: bool = False) -> int:
    """How many parameters the model has, or how many of them learn."""
    return sum(p.numel() for p in training.model.parameters() if p.requires_grad or not learning)


def description(training: Training, classes: tuple[str, ...]) -> Description:
    """What goes with the weights, so that pictures can be shown to them without asking how."""
    recipe, names = training.recipe, class_names(classes, training.model.fc.out_features)
    return Description(names, recipe.image_size, recipe.resize, recipe.normalize)


def how_to_go_on(folder: RunFolder) -> str:
    """The command that continues this run."""
    return f"{started_as()} --resume {folder.path}"


def look_for_rate(training: Training, loader: DataLoader, folder: RunFolder) -> int:
    """Tries learning rates; the model is thrown away."""
    rates, losses = find_learning_rate(training, loader)
    found = suggestion(rates, losses)
    figures.draw_rates(rates, losses, found, folder.lr_finder)
    if found is None:
        print("the loss fell at no rate: look at the data, or try another optimiser")
    else:
        print(f"the loss falls fastest at a learning rate of about {found:.1e}: try --lr {found:.1e}")
    print(f"  {folder.lr_finder}")
    return 0


def resumed_recipe(saved: dict[str, Any], given: dict[str, Any], path: Path) -> Recipe:
    """The checkpoint's recipe; options that contradict it are refused, since the run would not be the same."""
    known = {name: saved[name] for name in FIELDS if name in saved}  # an older version may have had fewer settings
    recipe = Recipe.from_dict(known)
    differ = [
        f"{name}: {getattr(recipe, name)} there, {value} here"
        for name, value in given.items()
        if getattr(recipe, name) != value
    ]
    if differ:
        raise ValueError(f"{path} was made with other options ({'; '.join(differ)}); leave them out to go on with it")
    return recipe


class StopAfterThisStep:
    """While it is entered, a first Ctrl-C (or SIGTERM) only sets ``requested``; a second one does not wait."""

    signals = tuple(  # the last is Ctrl-Break, which only Windows has
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name)
    )

    def __init__(self) -> None:
        self.requested = False

    def __enter__(self) -> StopAfterThisStep:
        self._previous = {number: signal.signal(number, self._note) for number in self.signals}
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: Any) -> None:
        self.requested = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


class Report:
    """Shows a run at the terminal, and writes it to the metrics and for TensorBoard."""

    def __init__(
        self, folder: RunFolder, classes: tuple[str, ...], log_gradients: int, board: Board | None = None
    ) -> None:
        self.folder, self.classes, self.log_gradients, self.board = folder, classes, log_gradients, board
        self.watch = Watch()
        self.bar: Any = None
        self.test: Evaluation | None = None  # the last one
        self.norm: float | None = None  # of all gradients, when it was last computed

    def begin_epoch(self, training: Training) -> None:
        """A progress bar for the steps that are left of the epoch."""
        self.started, self.seen_before = time.perf_counter(), training.progress.seen if training.step else 0
        self.bar = tqdm.tqdm(
            total=training.steps_per_epoch,
            initial=training.step,
            desc=f"epoch {training.epoch + 1}/{training.recipe.epochs}",
            unit="step",
            mininterval=0.5,
            dynamic_ncols=True,
        )

    def step(self, training: Training, result: StepResult) -> None:
        """A step has been taken."""
        progress = training.progress
        speed = (progress.seen - self.seen_before) / (time.perf_counter() - self.started)
        shown = {"loss": f"{progress.loss:.3f}", "acc": f"{progress.accuracy:.1%}", "img_s": f"{speed:.1f}"}
        if self.norm is not None:
            shown["grad"] = f"{self.norm:.2g}"
        self.bar.set_postfix(shown, lr=f"{training.lr:.2e}", refresh=False)
        self.bar.update(1)
        record: dict[str, Any] = {"kind": "step", "epoch": training.epoch + 1, "step": training.step}
        record |= {"global_step": training.global_step, "loss": result.loss, "accuracy": result.accuracy}
        record |= {"lr": training.lr, "images_per_second": round(speed, 2), "memory_mb": memory_megabytes()}
        if result.gradient_norm is not None:
            record["gradient_norm"] = result.gradient_norm
        self.log(record)
        if training.global_step % self.log_gradients == 0 or training.global_step == 1:
            norms = gradient_norms(training.model)
            self.norm = norms["total"]
            self.log({"kind": "gradients", "global_step": training.global_step, **norms})
            self.warn(training, self.watch.gradients(norms["total"], weight_norm(training.model)))

    def end_epoch(self, training: Training, test: Evaluation, clock: PhaseClock, dead: dict[str, float]) -> None:
        """The model has been tested."""
        self.test = test
        progress = training.progress
        memory = memory_megabytes()
        print(f"  time: {clock}" + ("" if memory is None else f" · memory {memory:,.0f} MB"))
        print(
            f"  train loss {progress.loss:.3f}, accuracy {progress.accuracy:.1%} · "
            f"test loss {test.loss:.3f}, {test.shares}",
            flush=True,
        )
        record: dict[str, Any] = {"kind": "epoch", "epoch": training.epoch, "global_step": training.global_step}
        record |= {"train_loss": progress.loss, "train_accuracy": progress.accuracy}
        record |= {"test_loss": test.loss, "test_accuracy": test.accuracy, "test_top5": test.in_top5}
        record |= {"test_accuracy_by_class": dict(zip(self.classes, test.per_class, strict=False))}
        self.log({**record, "phase_seconds": clock.seconds})
        self.warn(training, self.watch.validation(test.loss) + self.watch.dead(dead))
        if self.board is not None:
            self.board.histograms(training.model, training.global_step)

    def warn(self, training: Training, warnings: list[str]) -> None:
        """Says something that a person could act on."""
        for text in warnings:
            tqdm.tqdm.write(f"  warning: {text}")
            self.log({"kind": "warning", "global_step": training.global_step, "text": text})

    def log(self, record: dict[str, Any]) -> None:
        """Writes a record."""
        self.folder.log(record)
        if self.board is not None:
            self.board.scalars(record, record["global_step"])


def train(
    training: Training,
    loader: DataLoader,
    test_loader: DataLoader,
    folder: RunFolder,
    report: Report,
    save_every: int = 500,
    keep: int = 1,
) -> bool:
    """Trains to the end of the recipe. Returns whether Ctrl-C stopped it before."""
    if not folder.checkpoint.exists():
        training.save(folder.checkpoint)
    with StopAfterThisStep() as stop:

        def after_step(training: Training, result: StepResult) -> bool:
            report.step(training, result)
            if training.global_step % save_every == 0 and training.step < training.steps_per_epoch:
                training.save(folder.checkpoint)
            return stop.requested

        while not training.ended:
            report.begin_epoch(training)
            clock = PhaseClock()
            try:
                ended = train_epoch(training, loader, clock, after_step)
                report.bar.close()
                if ended:
                    end_epoch(training, test_loader, folder, report, clock)
            except NonFiniteLossError as error:
                raise NonFiniteLossError(f"{error}. The last good checkpoint is kept: {folder.checkpoint}") from None
            finally:
                report.bar.close()
            training.save(folder.checkpoint)
            if ended and keep > 1:
                folder.keep(training.epoch, keep)
            if stop.requested and not training.ended:
                return True
    return False


def end_epoch(
    training: Training, test_loader: DataLoader, folder: RunFolder, report: Report, clock: PhaseClock
) -> None:
    """Tests the model, keeps it if it is the best so far, and reports the epoch."""
    with dead_channels(training.tested_model) as dead:
        test = evaluate(training.tested_model, test_loader, training.recipe)
    if not math.isfinite(test.loss):  # the last step may have broken the weights: they must not be saved
        raise NonFiniteLossError(f"the test loss is {test.loss} after epoch {training.epoch}")
    if training.best.take(training.epoch, test.loss):
        save_weights(training.tested_model, folder.best, description(training, report.classes))
    report.end_epoch(training, test, clock, dead)


def finish(
    training: Training,
    test_loader: DataLoader,
    test_set: Any,
    folder: RunFolder,
    report: Report,
) -> None:
    """Writes the weights and the pictures."""
    model, classes, board, test = training.tested_model, report.classes, report.board, report.test
    if training.recipe.patience is not None and training.best.epoch < training.epoch and folder.best.exists():
        load_weights(model, folder.best)
        test = None
        print(f"went back to the weights of epoch {training.best.epoch}, which had the lowest validation loss")
    if test is None:  # the weights are not those of the last test
        test = evaluate(model, test_loader, training.recipe)
    save_weights(model, folder.weights, description(training, classes))
    figures.draw_curves(folder.records(), folder.curves)
    names = class_names(classes, model.fc.out_features)
    if len(names) <= figures.MOST_CLASSES:
        figures.draw_confusion(test.confusion, names, folder.confusion)
    if board is not None:
        images, _ = prepare(next(iter(test_loader)), training.recipe)
        board.pictures(images.cpu().numpy()[:16], training.global_step)
        board.end(training.recipe.as_dict(), {"test_accuracy": test.accuracy, "test_loss": test.loss})
    base = test_set.dataset if isinstance(test_set, Subset) else test_set
    base.transform = None  # the pictures as they are, not as the model sees them
    shown = [test_set[i] for i in range(min(SHOWN, len(test_set)))]
    figures.draw_predictions(
        [image for image, _ in shown],
        [label for _, label in shown],
        test.predictions.tolist()[: len(shown)],
        names,
        folder.predictions,
    )
    print(f"test {test.shares} ({test.correct} of {test.seen})")
    worst = sorted((share, name) for share, name in zip(test.per_class, names, strict=True) if share is not None)
    print("hardest classes: " + ", ".join(f"{name} {share:.0%}" for share, name in worst[:3]))
    files = (folder.weights, folder.best, folder.metrics, folder.curves, folder.predictions, folder.confusion)
    print("\n".join(f"  {path}" for path in files if path.exists()))


if __name__ == "__main__":
    sys.exit(main())
