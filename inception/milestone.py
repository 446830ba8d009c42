"""The last milestone of the exercises (minigrad/learn): four steps of Inception V3 with the learner's functions.

    python -m inception.milestone inception FOLDER RESULT

``python -m minigrad.learn milestone inception`` runs it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import minigrad
from inception.model import inception_v3
from minigrad import Tensor, optim
from minigrad.learn import training
from minigrad.learn.digits import digits
from minigrad.learn.milestone_run import Training, main
from minigrad.nn import functional as F
from minigrad.nn import utils

STEPS = 4


class _Both(optim.Optimizer):
    """SGD with momentum and decay for all layers but the last, Adam for the last one, and clipped gradients."""

    def __init__(self, layers: Iterable[Tensor], last: Iterable[Tensor]) -> None:
        last = list(last)
        self.sgd = optim.SGD(layers, lr=0.1, momentum=0.9, weight_decay=1e-4)
        self.adam = optim.Adam(last, lr=0.001)
        self.all = [*self.sgd.param_groups[0]["params"], *last]

    def zero_grad(self, set_to_none: bool = True) -> None:
        self.sgd.zero_grad(set_to_none)
        self.adam.zero_grad(set_to_none)

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        utils.clip_grad_norm_(self.all, 5.0)
        self.sgd.step(closure)
        self.adam.step(closure)


def start() -> Training:
    """Return the training on eight digits in colour, 75 x 75, with a learning rate that warms up and cools down."""
    minigrad.manual_seed(0)
    model = inception_v3(num_classes=10, aux_logits=False, init_weights=False, dropout=0.2)
    last = list(model.fc.parameters())
    optimizer = _Both([p for p in model.parameters() if all(p is not q for q in last)], last)
    images, labels = digits(8, 75, 8, channels=3)

    def losses() -> Iterator[float]:
        for rate in training.rates(STEPS, 2, 0.02):
            optimizer.sgd.param_groups[0]["lr"] = rate
            yield from training.train(model, optimizer, F.cross_entropy, images, labels, batch=8, steps=1)

    return Training(losses(), STEPS)


if __name__ == "__main__":
    main({"inception": start})
