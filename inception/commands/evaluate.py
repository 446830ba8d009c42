"""``python -m inception evaluate``: measure the accuracy of a model on a data set."""

from __future__ import annotations

import argparse
from pathlib import Path

from inception import figures
from inception.commands.trained import add_model_options, load_model, reader
from inception.data import load_data
from inception.data_source import DATA, DataSource
from inception.evaluation import evaluate
from minigrad.data import DataLoader
from minigrad.extras import require


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="accuracy on a data set, by class, with a confusion matrix",
        description="For the published weights on ImageNet: --weights inception_v3_google-0cc3c7bd.pth --data folder "
        "--root IMAGENET --resize 342 (crops of 299).",
    )
    add_model_options(parser)
    parser.add_argument("--data", choices=DATA, default="embedded", help="as for train (embedded)")
    parser.add_argument("--root", metavar="FOLDER", help="of the data")
    parser.add_argument("--limit", type=int, metavar="N", help="use at most N images")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="images per batch (32)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that load images ahead (0)")
    parser.add_argument("--output", type=Path, default=Path("confusion.png"), metavar="FILE", help="confusion.png")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the accuracy, in all and by class, and draw the confusion matrix."""
    require("evaluate", "PIL", "matplotlib", *reader(options.weights))
    model, described = load_model(options)
    count = model.fc.out_features
    source = DataSource(
        data=options.data,
        root=options.root,
        image_size=described.image_size,
        resize=described.resize,
        normalize=described.normalize,
        limit=options.limit,
        classes=count if options.data == "synthetic" else None,
    )
    data = load_data(source)
    if len(data.classes) > count:
        raise ValueError(
            f"labels are out of range: the data have {len(data.classes)} classes, {options.weights} has {count}"
        )
    names = data.classes + described.classes[len(data.classes) :]
    found = evaluate(model, DataLoader(data.validation, options.batch_size, num_workers=options.workers, seed=0))
    width = max(len(name) for name in data.classes)
    for name, share, seen in zip(names, found.per_class, found.confusion.sum(1), strict=True):
        if share is not None:
            print(f"  {name:<{width}}  {share:6.1%}  of {seen:,}")
    print(f"{found.shares} of {found.seen:,} images, loss {found.loss:.3f}")
    if len(names) <= figures.MOST_CLASSES:
        figures.draw_confusion(found.confusion, names, options.output)
        print(f"  {options.output}")
