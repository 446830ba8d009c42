"""Train Inception V3 on the photographs of clothing that ship with minigrad.

    python examples/train_inception.py    writes weights, metrics, a checkpoint and figures into runs/DATE-TIME

Question: what is the whole of a training, with validation, checkpoints and figures?
Change: --limit 500. How much of the accuracy is lost with a tenth of the images?
Expect: under 8 minutes on 2 cores, and the loss and accuracy that README.md shows.

Ctrl-C stops after the current step and saves a checkpoint. "python -m inception train" trains the same network to the
same weights, bit for bit. It can also continue a run, and has options for other images, transfer learning, mixed
precision, optimizers and schedules: see docs/training.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import minigrad
from inception.data import load_data
from inception.data_summary import summary
from inception.evaluation import evaluate
from inception.interrupt import StopAfterThisStep
from inception.model import InceptionV3
from inception.recipes import Recipe
from inception.report import Report
from inception.results import write_results
from inception.run_folder import RunFolder, new_folder
from inception.state import Training
from inception.step import backward_pass, forward_pass, loss_computation, optimization_pass
from inception.step_result import StepResult
from minigrad import optim
from minigrad.data import DataLoader
from minigrad.extras import ensure_installed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=3, metavar="N", help="go through the images N times (default: 3)")
    parser.add_argument("--limit", type=int, metavar="N", help="use at most N images (default: all 5,000)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="write the run there (default: runs/DATE-TIME)")
    options = parser.parse_args(arguments)
    ensure_installed("PIL", "safetensors", "tqdm", "matplotlib")

    # The data: 5,000 photographs for training and 1,000 for tests, in ten classes, resized to 75 x 75 pixels.
    recipe = Recipe(epochs=options.epochs, limit=options.limit)
    data = load_data(recipe)
    loader = DataLoader(data.train, recipe.batch_size, shuffle=True, seed=recipe.seed, drop_last=True)
    validation_loader = DataLoader(data.validation, recipe.batch_size)
    if len(loader) == 0:
        parser.error(f"--limit {recipe.limit} does not fill a batch of {recipe.batch_size} images")

    # The model, the rule that changes its weights, and the schedule of the learning rate: up and down once.
    minigrad.manual_seed(recipe.seed)
    model = InceptionV3(len(data.classes), aux_logits=False, init_weights=False, dropout=recipe.dropout)
    optimizer = optim.Adam(model.parameters(), lr=recipe.lr)
    steps = recipe.epochs * len(loader) + 1  # the schedule is stepped after the last step, too
    scheduler = optim.lr_scheduler.OneCycleLR(optimizer, recipe.lr, steps, pct_start=0.2, cycle_momentum=False)

    # The state of the run, which a checkpoint saves, and the report at the terminal and in the folder of the run.
    training = Training(recipe, model, optimizer, scheduler, len(loader), classes=data.classes, data=summary(data))
    folder = RunFolder(options.output or new_folder())
    report = Report(folder, data.classes)

    training.save(folder.checkpoint)
    with StopAfterThisStep() as stop:
        while not training.ended and not stop.requested:
            model.train()
            training.begin_epoch()
            report.begin_epoch(training)
            for images, labels in loader:
                outputs = forward_pass(model, images)
                loss = loss_computation(outputs, labels, recipe.label_smoothing)
                backward_pass(optimizer, loss)
                optimization_pass(optimizer, scheduler)

                result = StepResult.of((loss, outputs, labels))
                training.finish_step(result)
                report.step(training, result)
                if stop.requested:
                    break
            report.end_steps()
            if training.step == training.steps_per_epoch:
                training.finish_epoch()
                training.save(folder.checkpoint)  # before anything that may fail
                found = evaluate(model, validation_loader)
                training.finish_validation(found.loss, found.accuracy)
                report.end_epoch(training, found)
            training.save(folder.checkpoint)
    if not training.ended:
        print(f"\nstopped; continue with: python -m inception train --resume {folder.path}")
        return 130

    write_results(training, validation_loader, data.validation, folder, report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
