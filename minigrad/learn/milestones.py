"""Milestones: a whole network trains with the learner's functions in place of the engine's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import minigrad
from inception.model import inception_v3
from minigrad import nn, optim
from minigrad.learn import training
from minigrad.learn.digits import digits
from minigrad.learn.exercises import EXERCISES
from minigrad.learn.networks import LeNet, Perceptron, ResidualNet
from minigrad.learn.record import Written
from minigrad.learn.swap import Counted, swapped
from minigrad.nn import functional as F
from minigrad.nn import utils
from minigrad.tensor import Tensor

#: The longest that a milestone may take with the learner's functions, in seconds, as estimated after its first step.
LONGEST = 600.0


@dataclass(frozen=True)
class Run:
    """One training: the loss of each step, and the share of right answers on new images (None if it is too short)."""

    losses: Iterator[float]
    steps: int
    accuracy: Callable[[], float] | None


@dataclass(frozen=True)
class Milestone:
    """A network that trains after an exercise has passed."""

    name: str
    after: str  #: the exercise before it
    title: str
    start: Callable[[], Run]
    needed: float  #: accuracy


class SlowError(Exception):
    """The learner's functions are too slow for the network."""


def _accuracy(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    model.eval()
    with minigrad.no_grad():
        return float((model(images).argmax(1) == labels).float().mean().item())


def _with_a_price(scores: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(scores, labels) + (scores * scores).mean() * 0.001


def _perceptron() -> Run:
    minigrad.manual_seed(0)
    model = Perceptron(81)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    losses = training.train(model, optimizer, _with_a_price, *digits(4000, 9), batch=50, steps=400)
    return Run(losses, 400, lambda: _accuracy(model, *digits(500, 9, seed=1)))


def _lenet() -> Run:
    minigrad.manual_seed(0)
    model = LeNet()
    optimizer = optim.SGD(model.parameters(), lr=0.05)
    losses = training.train(model, optimizer, F.cross_entropy, *digits(1600, 20, 2), batch=32, steps=200)
    return Run(losses, 200, lambda: _accuracy(model, *digits(200, 20, 2, seed=1)))


def _residual() -> Run:
    minigrad.manual_seed(0)
    model = ResidualNet()
    optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    losses = training.train(model, optimizer, F.cross_entropy, *digits(1600, 16, 2), batch=32, steps=90)
    return Run(losses, 90, lambda: _accuracy(model, *digits(200, 16, 2, seed=1)))


class _Both(optim.Optimizer):
    """Two optimisers, for the last layer and for all others, with clipped gradients."""

    def __init__(self, layers: Iterable[Tensor], last: Iterable[Tensor]) -> None:
        self.all = [*layers, *last]
        last = self.all[-2:]
        self.parts = optim.SGD(self.all[:-2], lr=0.1, momentum=0.9, weight_decay=1e-4), optim.Adam(last, lr=0.001)

    def zero_grad(self, set_to_none: bool = True) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none)

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        utils.clip_grad_norm_(self.all, 5.0)
        for part in self.parts:
            part.step(closure)


def _inception() -> Run:
    steps = 4
    minigrad.manual_seed(0)
    model = inception_v3(num_classes=10, aux_logits=False, init_weights=False, dropout=0.2)
    last = list(model.fc.parameters())
    layers = [p for p in model.parameters() if all(p is not q for q in last)]
    optimizer = _Both(layers, last)
    images, labels = digits(8, 75, 8, channels=3)

    def losses() -> Iterator[float]:
        for rate in training.rates(steps, 2, 0.02):
            optimizer.parts[0].param_groups[0]["lr"] = rate
            yield from training.train(model, optimizer, F.cross_entropy, images, labels, batch=8, steps=1)

    return Run(losses(), steps, None)


MILESTONES = (
    Milestone("digits", "training_step", "A perceptron learns digits", _perceptron, 0.8),
    Milestone("lenet", "max_pool", "LeNet learns larger digits", _lenet, 0.6),
    Milestone("residual", "momentum", "A residual network", _residual, 0.8),
    Milestone("inception", "schedule", "Four steps of Inception V3", _inception, 0.0),
)


def milestone_after(slug: str) -> Milestone | None:
    """Return the milestone that follows an exercise, if there is one."""
    return next((milestone for milestone in MILESTONES if milestone.after == slug), None)


@contextmanager
def learners(functions: Mapping[str, Written]) -> Iterator[dict[str, Counted]]:
    """Put the functions of several exercises in place, in the order of the exercises; yield them with their counts."""
    counted = {}
    with ExitStack() as stack:
        for exercise in EXERCISES:
            if exercise.slug in functions and exercise.replaces:
                counted[exercise.slug] = Counted(functions[exercise.slug])
                stack.enter_context(swapped(exercise.replaces(counted[exercise.slug])))
        yield counted


def run(milestone: Milestone, functions: Mapping[str, Written], say: Callable[[str], None]) -> bool:
    """Train with the learner's functions, and then with the engine's for comparison; return whether it has learned.

    Raises:
        SlowError: if it would take too long.
    """
    with learners(functions) as counted:
        seconds, losses, accuracy = _train(milestone, say, counted)
    used = [f"{slug} {c.calls}x, {c.seconds:.1f} s" for slug, c in counted.items() if c.calls]
    say("")
    say("Your functions ran: " + "; ".join(used) + ".")
    engine_seconds, engine_losses, _ = _train(milestone, lambda line: None, {})
    say(f"The last loss with yours is {losses[-1]:.4f}, with the engine's {engine_losses[-1]:.4f}.")
    say(f"It took {seconds:.1f} s with yours, and {engine_seconds:.1f} s with the engine's.")
    if accuracy is not None:
        say(f"On new images {100 * accuracy:.0f} % of the answers are right.")
        return accuracy >= milestone.needed
    return losses[-1] < losses[0]


def _refuse_slow(seconds: Mapping[str, float], steps: int) -> None:
    """Refuse to train on if the learner's functions took too long in the first step."""
    total = sum(seconds.values())
    if total * steps > LONGEST:
        slowest = max(seconds, key=lambda slug: seconds[slug])
        raise SlowError(
            f"Your functions took {total:.1f} s in the first step, so {steps} steps would take "
            f"{total * steps / 60:.0f} minutes. The slowest is {slowest}: {seconds[slowest]:.1f} s. It is right; but "
            "let NumPy do the inner loops (the second hint of the exercise says how), and check it again."
        )


def _train(
    milestone: Milestone, say: Callable[[str], None], counted: Mapping[str, Counted]
) -> tuple[float, list[float], float | None]:
    start = time.perf_counter()
    training_run = milestone.start()
    every = max(training_run.steps // 8, 1)
    losses = []
    for step, loss in enumerate(training_run.losses, 1):
        losses.append(loss)
        if step % every == 0 or step == 1:
            say(f"    step {step:3} of {training_run.steps}    loss {loss:.4f}")
        if step == 1:
            _refuse_slow(
                {slug: c.seconds for slug, c in counted.items() if slug != "training_step"}, training_run.steps
            )
    accuracy = training_run.accuracy() if training_run.accuracy else None
    return time.perf_counter() - start, losses, accuracy
