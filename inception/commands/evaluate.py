"""``python -m inception evaluate``: measure the accuracy of a model on a data set."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress
from pathlib import Path

from inception import figures
from inception.classes import distinct, listed, places
from inception.commands.trained import Trained, add_model_options, load_model
from inception.data import SPLITS, load_split
from inception.data_source import DATA, WITHOUT_ROOT, DataSource
from inception.ending import OptionError, checking_options
from inception.evaluation import Evaluation, evaluate
from inception.evaluation_report import Mistake, as_json, table, worst_images
from inception.idle_options import idle_options
from inception.image_sets import Images, Originals, paths_of, refuse_among_images
from inception.lock import FolderLock
from inception.options import as_path
from inception.progress import result, say, shown
from inception.run_folder import new_folder
from inception.wording import counted, noun
from minigrad import files
from minigrad.data import DataLoader
from minigrad.data.datasets.images import CorruptImageError


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="accuracy on a data set, by class, with a confusion matrix",
        description="Classes are matched by their names. The data may have fewer classes than the model. "
        "For the published weights on ImageNet: --weights inception_v3_google-0cc3c7bd.pth --data folder "
        "--root IMAGENET --resize 342 (crops of 299).",
    )
    add_model_options(parser)
    add = parser.add_argument_group("the data").add_argument
    add("--data", choices=DATA, help="as for train (folder, if there is a --root; otherwise embedded)")
    add("--root", metavar="FOLDER", help="of the data")
    add("--split", choices=SPLITS, help="which images (val, or test if there is no val; of a plain folder all)")
    add("--val-split", type=float, metavar="X", help="the images that training with this --val-split held back")
    add("--seed", type=int, default=0, metavar="N", help="of that training (0)")
    add("--limit", type=int, metavar="N", help="use at most N images")
    add("--skip-corrupt", action="store_true", help="leave out images that cannot be read, instead of stopping")
    add("--batch-size", type=int, default=32, metavar="N", help="images per batch (32)")
    add("--workers", type=int, default=0, metavar="N", help="processes that load images ahead (0)")
    add = parser.add_argument_group("the output").add_argument
    add("--worst", type=int, default=0, metavar="N", help="list and draw the N images with the highest losses (0)")
    add(
        "--output",
        type=as_path,
        metavar="FOLDER",
        help="for results.json, confusion.png, classes.png and worst.png (evaluations/DATE-TIME); nothing in it is "
        "overwritten",
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the accuracy, in all and by class, and write it with the confusion matrix into a folder.

    Raises:
        OptionError: for a value outside its limits.
        ValueError: if the data have classes that the model does not know.
        FileExistsError: if the folder holds the results of something else.
    """
    for name, least in (("batch_size", 1), ("workers", 0), ("worst", 0)):
        if getattr(options, name) < least:
            raise OptionError(f"--{name.replace('_', '-')} must be at least {least}, got {getattr(options, name)}")
    trained = load_model(options, "evaluate", "PIL", "matplotlib", "tqdm")
    source = _source(options, trained)
    output = options.output or new_folder("evaluations")
    refuse_among_images(output, source, "--output")
    where = source.data if source.data in WITHOUT_ROOT else source.root
    images, classes, split, notes = load_split(source, options.split)
    for note in [*idle_options(source, vars(options), {"skip_corrupt": False}), *notes]:
        say(note)
    say(f"{counted(len(images), 'image')} of the split {split} of {where}")
    outputs, names = _matched(trained, classes, options)
    folder = Folder(output)
    try:
        _evaluate(trained, images, outputs, names, split, folder, options)
    finally:
        folder.release()


def _evaluate(
    trained: Trained,
    images: Images,
    outputs: list[int],
    names: tuple[str, ...],
    split: str,
    folder: Folder,
    options: argparse.Namespace,
) -> None:
    """Measure the model, and print and write what was found."""
    try:
        loader = DataLoader(images, options.batch_size, num_workers=options.workers, seed=0)
        found = evaluate(trained.model, shown(loader, "evaluate", unit="batch"), outputs=outputs)
    except CorruptImageError as error:
        raise CorruptImageError(f"{error}. --skip-corrupt leaves such images out") from None
    paths = paths_of(images)
    listed = {i: f"image {i}" if paths is None else paths[i] for i in found.worst(options.worst)}
    worst = worst_images(found, names, listed)
    about = {"weights": str(options.weights), "data": options.data, "root": options.root, "split": split}
    files.write_atomically(folder.results, as_json(found, names, worst, about))  # before what can fail
    _show(found, names, worst)
    _draw(found, names, images, paths, options.worst, folder)
    for path in folder.files:
        if path.exists():
            result(f"  {path}")


class Folder:
    """A folder of results, in which nothing is overwritten, also not by another process.

    Raises:
        OSError: if it cannot be written to, is in use, or holds one of the results already.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.results, self.confusion, self.classes, self.worst = self.files = tuple(
            self.path / name for name in ("results.json", "confusion.png", "classes.png", "worst.png")
        )
        if self.path.exists() and not self.path.is_dir():
            raise FileExistsError(f"--output {self.path} is a file; give the name of a folder for the results")
        self._refuse_results()
        files.make_writable(self.path)
        self._lock = FolderLock(self.path)
        self._refuse_results()  # of a process that has just released it

    def _refuse_results(self) -> None:
        for file in self.files:
            if os.path.lexists(file):
                raise FileExistsError(f"{file} exists already: choose another --output")

    def release(self) -> None:
        """Let other processes have the folder; remove it if nothing has been written into it."""
        self._lock.release()
        with suppress(OSError):
            self.path.rmdir()


def _source(options: argparse.Namespace, trained: Trained) -> DataSource:
    """Return the data that the options name; what they leave open is decided here, and recorded in them."""
    described = trained.description
    options.given = options.data is not None or options.root is not None
    if not options.given and not trained.knows_names:
        raise OptionError(f"{options.weights} does not name its classes: give the --data to evaluate it on")
    options.data = options.data or ("embedded" if options.root is None else "folder")
    with checking_options():
        return DataSource(
            data=options.data,
            root=options.root,
            image_size=described.image_size,
            resize=described.resize,
            normalize=described.normalize,
            limit=options.limit,
            classes=len(described.classes) if options.data == "synthetic" else None,
            skip_corrupt=options.skip_corrupt,
            val_split=options.val_split,
            seed=options.seed,
        )


def _matched(
    trained: Trained, classes: tuple[str, ...], options: argparse.Namespace
) -> tuple[list[int], tuple[str, ...]]:
    """Return the output of the model for each class of the data, and the names of all outputs.

    Raises:
        ValueError: if the names do not decide it.
    """
    names = trained.description.classes
    if trained.knows_names or options.data == "synthetic":
        data = f"--data {options.data}{'' if options.given else ' (as none is given)'}"
        return places(classes, names, f"{data} has the classes", f"{options.weights} knows"), distinct(names)
    if len(classes) != len(names):
        raise ValueError(
            f"{options.weights} has {counted(len(names), 'class')} without names, the data have {len(classes)} "
            f"({listed(classes)}): give the names of the former with --classes"
        )
    say(f"{options.weights} does not name its classes: they are taken in the order of the data's ({listed(classes)})")
    return list(range(len(classes))), classes


def _show(found: Evaluation, names: tuple[str, ...], worst: list[Mistake]) -> None:
    for line in table(found, names):
        result(line)
    if worst:
        result(f"the {counted(len(worst), 'image')} with the highest {noun(len(worst), 'loss')}:")
    for mistake in worst:
        result(str(mistake))
    result(f"{found.shares} of {counted(found.seen, 'image')}, loss {found.loss:.3f}")


def _draw(
    found: Evaluation, names: tuple[str, ...], images: Images, files: list[str] | None, worst: int, folder: Folder
) -> None:
    """Draw the confusion matrix of the classes that occur, their accuracy, and the worst images."""
    occurring = sorted({*found.labels.tolist(), *found.predictions.tolist()})
    matrix = found.confusion[occurring][:, occurring]
    figures.draw_confusion(matrix, [names[i] for i in occurring], folder.confusion)
    figures.draw_classes(matrix, [names[i] for i in occurring], folder.classes)
    if worst:
        originals = Originals(images, figures.IMAGE_SIDE)
        figures.draw_worst(
            originals, found.labels, found.predictions, found.losses, names, folder.worst, files or (), worst
        )
