"""``python -m inception predict``: print the most probable classes of images."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import minigrad
from inception import figures
from inception.commands.trained import add_model_options, load_model, reader
from inception.model import logits_of
from inception.preprocessing import evaluation_transform
from minigrad import nn
from minigrad.data.datasets import open_image
from minigrad.extras import require


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("predict", help="classify images")
    add_model_options(parser)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE")
    parser.add_argument("--top", type=int, default=5, metavar="N", help="number of classes to print (5)")
    parser.add_argument("--save", type=Path, metavar="FOLDER", help="write each image with its classes as a PNG")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Print the most probable classes of every image."""
    require("predict", "PIL", *reader(options.weights))
    if options.save is not None:
        require("--save", "matplotlib")
    model, described = load_model(options)
    transform = evaluation_transform(described.image_size, described.resize, described.normalize)
    if options.save is not None:
        options.save.mkdir(parents=True, exist_ok=True)
    for path in options.images:
        image = open_image(path)
        with minigrad.no_grad():
            probabilities = nn.functional.softmax(logits_of(model(transform(image).unsqueeze(0))), 1)[0].numpy()
        best = np.argsort(-probabilities)[: options.top]
        answers = [(described.classes[i], float(probabilities[i])) for i in best]
        print(f"{path}\n" + "\n".join(f"  {probability:6.1%}  {name}" for name, probability in answers))
        if options.save is not None:
            target = options.save / f"{path.stem}.prediction.png"
            figures.draw_answer(image, answers, target)
            print(f"  {target}")
