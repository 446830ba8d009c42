"""The results of a finished run: weights, figures and a summary."""

from __future__ import annotations

from inception import figures
from inception.batch import to_device
from inception.classes import class_names
from inception.evaluation import evaluate
from inception.image_sets import Images, originals
from inception.progress import shown
from inception.report import Report
from inception.run_folder import RunFolder
from inception.state import Training
from inception.weights import Description, load_weights, save_weights
from minigrad.data import DataLoader

SHOWN = 40  # test images in the grid


def description(training: Training, classes: tuple[str, ...]) -> Description:
    """Return what is stored with the weights, so that they can be used without knowing the recipe."""
    recipe, names = training.recipe, class_names(classes, training.model.fc.out_features)
    averaged = training.ema is not None
    return Description(names, recipe.image_size, recipe.resize, recipe.normalize, averaged)


def write_results(
    training: Training,
    test_loader: DataLoader,
    test_set: Images,
    folder: RunFolder,
    report: Report,
) -> None:
    """Write the weights and the figures of a run, and print a summary.

    If the recipe stops early (``patience``), the weights are those of the best epoch.
    """
    recipe, model, classes, test = training.recipe, training.tested_model, report.classes, report.test
    if recipe.patience is not None and training.best.epoch < training.epoch and folder.best.exists():
        load_weights(model, folder.best)
        test = None
        print(f"went back to the weights of epoch {training.best.epoch}, which had the lowest validation loss")
    if test is None:  # the last test was of other weights
        test = evaluate(model, shown(test_loader, "validation", unit="batch"), recipe.device, recipe.dtype)
    save_weights(model, folder.weights, description(training, classes))
    figures.draw_curves(folder.records(), folder.curves)
    names = class_names(classes, model.fc.out_features)
    if len(names) <= figures.MOST_CLASSES:
        figures.draw_confusion(test.confusion, names, folder.confusion)
    if report.board is not None:
        images = to_device(next(iter(test_loader)), "cpu", recipe.dtype).images
        report.board.images(images.numpy()[:16], training.global_step)
        report.board.end(recipe.as_dict(), {"validation_accuracy": test.accuracy, "validation_loss": test.loss})
    grid = originals(test_set, range(min(SHOWN, len(test_set))))
    figures.draw_predictions(
        [image for image, _ in grid],
        [label for _, label in grid],
        test.predictions.tolist()[: len(grid)],
        names,
        folder.predictions,
    )
    print(f"validation {test.shares} ({test.correct} of {test.seen})")
    worst = sorted((share, name) for share, name in zip(test.per_class, names, strict=True) if share is not None)
    print("hardest classes: " + ", ".join(f"{name} {share:.0%}" for share, name in worst[:3]))
    files = (folder.weights, folder.best, folder.metrics, folder.curves, folder.predictions, folder.confusion)
    print("\n".join(f"  {path}" for path in files if path.exists()))
