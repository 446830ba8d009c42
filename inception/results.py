"""The results of a finished run: weights, figures and a summary."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from inception import figures
from inception.classes import class_names
from inception.evaluation import Evaluation, evaluate
from inception.image_sets import Images, Originals
from inception.progress import result, shown
from inception.report import Report
from inception.run_folder import RunFolder
from inception.state import Training
from inception.weights import load_weights, save_weights
from minigrad.data import DataLoader

ON_BOARD = 16  # validation images for TensorBoard


def write_results(
    training: Training,
    validation_loader: DataLoader,
    images: Images,
    folder: RunFolder,
    report: Report,
) -> None:
    """Write the weights and the figures of a run, and print a summary.

    If the recipe stops early (``patience``), the weights are those of the best epoch.
    """
    recipe, model, classes, found = training.recipe, training.validated_model, report.classes, report.validation
    if recipe.patience is not None and training.best.epoch < training.epoch and folder.best.exists():
        load_weights(model, folder.best)
        found = None
        result(f"went back to the weights of epoch {training.best.epoch}, which had {training.best.reason}")
    if found is None:  # the last validation was of other weights
        found = evaluate(model, shown(validation_loader, "validation", unit="batch"), recipe.device, recipe.dtype)
    save_weights(model, folder.weights, training.description)
    names = class_names(classes, model.fc.out_features)
    _draw(training, found, images, names, folder)
    if report.board is not None:
        chosen = figures.evenly_chosen(found.labels, found.predictions, ON_BOARD, recipe.seed)
        report.board.images(np.stack([images[i][0].numpy() for i in chosen]), training.global_step)
        report.board.end(recipe.as_dict(), {"validation_accuracy": found.accuracy, "validation_loss": found.loss})
    result(f"validation {found.shares} ({found.correct} of {found.seen})")
    worst = sorted((share, name) for share, name in zip(found.per_class, names, strict=True) if share is not None)
    result("hardest classes: " + ", ".join(f"{name} {share:.0%}" for share, name in worst[:3]))
    result("\n".join(f"  {path}" for path in folder.results))


def _draw(training: Training, found: Evaluation, images: Images, names: Sequence[str], folder: RunFolder) -> None:
    """Draw the curves, the confusion matrix and images with predictions."""
    mixed = [f"{name} {share:g}" for name in ("mixup", "cutmix") if (share := getattr(training.recipe, name)) > 0]
    note = f"training images were mixed ({', '.join(mixed)}): loss and accuracy are worse than of whole images"
    figures.draw_curves(folder.records(), folder.curves, note if mixed else "")
    figures.draw_confusion(found.confusion, names, folder.confusion)
    originals = Originals(images, figures.IMAGE_SIDE)
    figures.draw_predictions(
        originals, found.labels, found.predictions, names, folder.predictions, training.recipe.seed
    )
