"""``python -m inception predict``: print the most probable classes of images."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable, Sequence
from glob import glob, has_magic
from pathlib import Path

from inception import figures
from inception.commands.trained import add_model_options, load_model
from inception.ending import OptionError
from inception.options import as_path, as_text
from inception.prediction import Prediction, as_csv, as_json, predict
from inception.progress import result, say, shown
from inception.wording import counted
from minigrad import files
from minigrad.data.datasets.image_files import LeftOut, images_in
from minigrad.data.datasets.images import open_image
from minigrad.printable import printable

USUAL_TOP = 5  # classes printed for an image
DRAWING = ".prediction.png"  # the end of the name of a drawing
LONGEST_NAME = 255  # bytes, on most file systems


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "predict",
        help="classify images",
        description="Print the most probable classes of images. An image that cannot be read is named on stderr, the "
        "others are classified, and the exit status is 1.",
    )
    parser.add_argument(
        "images",
        nargs="+",
        type=as_text,
        metavar="IMAGE",
        help="files of images, and folders, in which images are found at any depth",
    )
    add_model_options(parser)
    group = parser.add_argument_group("the output")
    group.add_argument("--top", type=int, metavar="N", help="number of classes for each image (5)")
    group.add_argument("--save", type=as_path, metavar="FOLDER", help="draw each image with its classes as a PNG")
    group.add_argument("--csv", type=as_path, metavar="FILE.csv", help="also write a table: a row for each answer")
    group.add_argument("--json", type=as_path, metavar="FILE.json", help="also write a list: an object for each image")
    group.add_argument("--batch-size", type=int, default=32, metavar="N", help="images in memory at a time (32)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the most probable classes of every image.

    Raises:
        OptionError: for a value outside its limits.
        ValueError: at the end, if an image has no answer.
    """
    _check(options)
    model, described, _ = load_model(options, "predict", "PIL", *(["matplotlib"] if options.save else []))
    paths, problems = find_images(options.images)
    for problem in problems:
        say(problem)
    top, count = options.top or USUAL_TOP, len(described.classes)
    if top > count and options.top is not None:
        say(f"--top {top}: the model has only {counted(count, 'class')}")
    done: list[Prediction] = []
    try:
        for prediction in shown(predict(model, described, paths, top, options.batch_size), "predict", len(paths)):
            done.append(prediction)
            _show(prediction, options.save)
    finally:  # after Ctrl-C, too
        _write(done, options)
    failed = sum(prediction.error is not None for prediction in done) + len(problems)
    if failed:
        raise ValueError(
            f"no answer for {failed:,} of {counted(len(paths) + len(problems), 'image')}; the reasons are above"
        )


def find_images(names: Iterable[str]) -> tuple[list[Path], list[str]]:
    """Return the paths of images that arguments name, in their order, and a sentence for each that names none.

    A folder stands for the images in it, and a pattern such as ``*.jpg``, if the shell has not replaced it, for the
    files and folders that fit.
    """
    paths: list[Path] = []
    problems = []
    for name in names:
        matches = sorted(glob(name, recursive=True)) if has_magic(name) and not os.path.lexists(name) else [name]
        if not matches:
            problems.append(f"no file matches {name}")
        for path in map(Path, matches):
            if not path.is_dir():
                paths.append(path)
                continue
            left_out = LeftOut(str(path))
            found = images_in([str(path)], left_out)
            images = [file for file in found if not file.endswith(DRAWING)]
            for line in left_out.lines():
                say(line)
            if len(images) < len(found):
                say(f"{path}: left out {counted(len(found) - len(images), 'drawing')} of earlier answers (*{DRAWING})")
            if not images:
                problems.append(f"no images in {path}")
            paths += map(Path, images)
    return paths, problems


def _check(options: argparse.Namespace) -> None:
    """Refuse before the work begins what would fail at its end."""
    for name in ("top", "batch_size"):
        value = getattr(options, name)
        if value is not None and value < 1:
            raise OptionError(f"--{name.replace('_', '-')} must be at least 1, got {value}")
    for file, ending in ((options.csv, ".csv"), (options.json, ".json")):
        if file is None:
            continue
        if file.suffix.lower() != ending:  # it may be an image, taken for the option's value
            raise OptionError(f"--{ending[1:]} writes a file whose name ends in {ending}, got {file}")
        if file.is_dir():
            raise OptionError(f"--{ending[1:]} {file} is a folder")
        files.make_writable(file.parent)
    if options.save is not None:
        files.make_writable(options.save)


def _show(prediction: Prediction, folder: Path | None) -> None:
    """Print a prediction, and draw it into a folder."""
    path, answers, error = prediction
    if error is not None:
        say(printable(error))
        return
    result("\n".join([printable(path), *(f"  {probability:6.1%}  {printable(name)}" for name, probability in answers)]))
    if folder is not None:
        target = _free_name(folder, path.stem, DRAWING)
        figures.draw_answer(open_image(path, figures.IMAGE_SIDE), answers, target)
        result(f"  {printable(target)}")


def _free_name(folder: Path, stem: str, ending: str) -> Path:
    """Return the path of a file that does not exist yet; images of one name in two folders get numbers."""
    number = 1
    while True:
        end = ending if number == 1 else f"-{number}{ending}"
        while len(os.fsencode(stem + end)) > LONGEST_NAME:
            stem = stem[:-1]
        target = folder / (stem + end)
        if not os.path.lexists(target):
            return target
        number += 1


def _write(predictions: Sequence[Prediction], options: argparse.Namespace) -> None:
    writers: tuple[tuple[Path | None, Callable[[Iterable[Prediction]], bytes]], ...] = (
        (options.csv, as_csv),
        (options.json, as_json),
    )
    for file, convert in writers:
        if file is not None:
            files.write_atomically(file, convert(predictions))
            say(f"wrote {file}")
