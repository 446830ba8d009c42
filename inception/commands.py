"""``python -m inception evaluate | predict | export``: what a trained model is for."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import minigrad
from inception import figures
from inception.data import load_data, test_transform
from inception.evaluation import evaluate as evaluate_model
from inception.model import InceptionV3
from inception.recipes import CHOICES, Recipe
from inception.weights import Description, class_names, load_into, read_description, read_weights, save_weights
from minigrad import nn, onnx
from minigrad.data import DataLoader
from minigrad.data.datasets import open_image
from minigrad.extras import require


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Which model, and how it sees a picture."""

    def option(name: str, text: str, **more: Any) -> None:
        parser.add_argument("--" + name, help=text, **more)

    option("weights", ".safetensors, or torchvision's .pth", type=Path, required=True, metavar="FILE")
    option("classes", "names of the classes, one a line", type=Path, metavar="FILE")
    option("image-size", "what the model sees (299, for a file that does not say)", type=int, metavar="N")
    option("resize", "first bring the shorter side to this, then cut out the middle", type=int, metavar="N")
    option("normalize", "half or imagenet, as in training (for published weights: half)", choices=CHOICES["normalize"])


def load_model(options: argparse.Namespace) -> tuple[InceptionV3, tuple[str, ...]]:
    """The model of a weights file, in evaluation mode, and the names of its classes.

    What the options leave open of how it sees a picture is set to what the file says.

    Raises:
        FileNotFoundError, CheckpointError: for a file that is missing, damaged, or of another architecture.
        ValueError: if the names are not as many as the classes.
    """
    state = read_weights(options.weights)
    if "fc.weight" not in state:
        raise ValueError(f"{options.weights} has no fc.weight: it is not a model of Inception V3")
    count = state["fc.weight"].shape[0]
    model = InceptionV3(count, aux_logits="AuxLogits.fc.weight" in state, init_weights=False)
    load_into(model, state, options.weights)
    described = read_description(options.weights)
    names = described.classes
    if options.classes is not None:
        names = tuple(options.classes.read_text(encoding="utf-8").splitlines())
    if names and len(names) != count:
        raise ValueError(f"{len(names)} names of classes, but {options.weights} has {count} classes")
    if options.image_size is None:
        options.image_size = described.image_size
        options.resize = described.resize if options.resize is None else options.resize
    options.normalize = options.normalize or described.normalize
    return model.eval(), class_names(names, count)


def _reader(weights: Path) -> list[str]:
    """The package that reads a file of weights."""
    return ["torch" if weights.suffix in (".pth", ".pt") else "safetensors"]


# --- predict ---


def add_predict(commands: Any) -> None:
    parser = commands.add_parser("predict", help="say what pictures show")
    add_model_options(parser)
    parser.add_argument("pictures", nargs="+", type=Path, metavar="PICTURE")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="how many answers (5)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each picture with its answers as a PNG")
    parser.set_defaults(run=predict)


def predict(options: argparse.Namespace) -> None:
    """Prints the most probable classes of every picture."""
    require("predict", "PIL", *_reader(options.weights))
    if options.save is not None:
        require("--save", "matplotlib")
    model, names = load_model(options)
    transform = test_transform(options.image_size, options.resize, options.normalize)
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
    for path in options.pictures:
        picture = open_image(path)
        with minigrad.no_grad():
            shares = nn.functional.softmax(model(transform(picture).unsqueeze(0)), 1)[0].numpy()
        best = np.argsort(-shares)[: options.top]
        answers = [(names[i], float(shares[i])) for i in best]
        print(f"{path}\n" + "\n".join(f"  {share:6.1%}  {name}" for name, share in answers))
        if options.save is not None:
            target = options.save / f"{path.stem}.prediction.png"
            figures.draw_answer(picture, answers, target)
            print(f"  {target}")


# --- evaluate ---


def add_evaluate(commands: Any) -> None:
    parser = commands.add_parser(
        "evaluate",
        help="accuracy on a data set, by class, with a confusion matrix",
        description="For the published weights on ImageNet: --weights inception_v3_google-0cc3c7bd.pth --data folder "
        "--root IMAGENET --resize 342 (crops of 299).",
    )
    add_model_options(parser)
    parser.add_argument("--data", choices=CHOICES["data"], default="embedded", help="as for train (embedded)")
    parser.add_argument("--root", metavar="FOLDER", help="of the data")
    parser.add_argument("--limit", type=int, metavar="N", help="use only so many pictures")
    parser.add_argument("--batch-size", type=int, default=32, metavar="N", help="pictures at once (32)")
    parser.add_argument("--workers", type=int, default=0, metavar="N", help="processes that load pictures ahead (0)")
    parser.add_argument("--output", type=Path, default=Path("confusion.png"), metavar="FILE", help="confusion.png")
    parser.set_defaults(run=evaluate)


def evaluate(options: argparse.Namespace) -> None:
    """Prints the accuracy, by class too, and draws the confusion matrix."""
    require("evaluate", "PIL", "matplotlib", *_reader(options.weights))
    model, names = load_model(options)
    recipe = Recipe(
        data=options.data,
        root=options.root,
        image_size=options.image_size,
        resize=options.resize,
        normalize=options.normalize,
        batch_size=max(2, options.batch_size),
        limit=options.limit,
        classes=model.fc.out_features if options.data == "synthetic" else None,
    )
    data = load_data(recipe)
    if len(data.classes) > model.fc.out_features:
        raise ValueError(
            f"labels are out of range: the data have {len(data.classes)} classes, {options.weights} has "
            f"{model.fc.out_features}"
        )
    names = data.classes + names[len(data.classes) :]
    found = evaluate_model(
        model, DataLoader(data.test, options.batch_size, num_workers=options.workers, seed=0), recipe
    )
    width = max(len(name) for name in data.classes)
    counts = found.confusion.sum(1)
    for name, share, count in zip(names, found.per_class, counts, strict=True):
        if share is not None:
            print(f"  {name:<{width}}  {share:6.1%}  of {count:,}")
    print(f"{found.shares} of {found.seen:,} pictures, loss {found.loss:.3f}")
    if len(names) <= figures.MOST_CLASSES:
        figures.draw_confusion(found.confusion, names, options.output)
        print(f"  {options.output}")


# --- export ---


def add_export(commands: Any) -> None:
    parser = commands.add_parser("export", help="write a model as ONNX, or as safetensors that torchvision loads")
    add_model_options(parser)
    parser.add_argument("output", type=Path, help="NAME.onnx or NAME.safetensors")
    parser.set_defaults(run=export)


def export(options: argparse.Namespace) -> None:
    """Writes the model in another format."""
    require("export", *_reader(options.weights), *(["onnx"] if options.output.suffix == ".onnx" else []))
    model, names = load_model(options)
    size = options.image_size
    if options.output.suffix == ".onnx":
        onnx.export(model, minigrad.zeros(1, 3, size, size), options.output)
        print(f"{options.output}: input N x 3 x {size} x {size}, normalised: {options.normalize}")
    elif options.output.suffix == ".safetensors":
        save_weights(model, options.output, Description(names, size, options.resize, options.normalize))
        print(options.output)
    else:
        raise ValueError(f"{options.output}: the name must end in .onnx or .safetensors")
