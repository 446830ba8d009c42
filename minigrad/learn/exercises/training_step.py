"""Exercise: the four phases of a training step."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import numpy as np

from minigrad import optim
from minigrad.creation import from_numpy
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.training import train
from minigrad.nn import functional as F
from minigrad.nn.containers import Sequential
from minigrad.nn.layers import Linear
from minigrad.nn.normalizations import BatchNorm1d
from minigrad.optim.states import Group
from minigrad.tensor import Tensor
from minigrad.typing import Array


class TracedSGD(optim.SGD):
    """Notes which of its methods were called, and whether there were gradients."""

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        super().__init__(params, lr=lr)
        self.calls: list[str] = []

    def _note(self, what: str) -> None:
        ready = any(p.grad is not None for group in self.param_groups for p in group["params"])
        self.calls.append(f"{what} with{'' if ready else 'out'} gradients")

    def zero_grad(self, set_to_none: bool = True) -> None:
        self._note("zero_grad")
        super().zero_grad(set_to_none)

    def step(self, closure: None = None) -> None:  # type: ignore[override]
        self._note("step")
        super().step(closure)

    def _move(self, moved: list[tuple[Tensor, Group]]) -> None:
        self.calls.append("moved")
        super()._move(moved)


def _model(random: np.random.Generator) -> Sequential:
    """Return a model that computes something else while it is used than while it is trained."""
    model = Sequential(BatchNorm1d(3), Linear(3, 2))
    for p in model.parameters():
        p.array[...] = random.standard_normal(p.shape)
    return model


def _data(random: np.random.Generator) -> tuple[Tensor, Tensor]:
    return from_numpy(random.standard_normal((4, 3)).astype(np.float32)), from_numpy(np.array([0, 1, 1, 0]))


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for old in (False, True):
        model = _model(random)
        images, labels = _data(random)
        if old:
            for p in model.parameters():
                p.grad = from_numpy(random.standard_normal(p.shape).astype(np.float32))
        note = "The model has gradients of an earlier step." if old else "The first step of a model."
        optimizer = TracedSGD(model.parameters(), lr=0.5)
        made.append(Probe((model, optimizer, F.cross_entropy, images, labels), "one element", note))
    return made


def _loss_falls(function: Written, random: np.random.Generator) -> str | None:
    model = _model(random)
    images, labels = _data(random)
    optimizer = optim.SGD(model.parameters(), lr=0.1)
    losses = [float(np.asarray(function(model, optimizer, F.cross_entropy, images, labels))) for _ in range(30)]
    return (
        None if losses[-1] < losses[0] else f"it was {losses[0]:.4g} at first and is {losses[-1]:.4g} after 30 steps."
    )


def replaces(function: Written) -> list[Swap]:
    return [Swap(sys.modules[train.__module__], "training_step", function)]


def in_engine() -> list[Array]:
    random = np.random.default_rng(3)
    model = _model(random)
    images, labels = _data(random)
    optimizer = optim.SGD(model.parameters(), lr=0.2)
    losses = list(train(model, optimizer, F.cross_entropy, images, labels, 2, 5))
    return [np.array(losses, np.float32), *[np.array(p.array) for p in model.parameters()]]


EXERCISE = Exercise(
    slug="training_step",
    title="The four phases",
    chapter=1,
    function="training_step",
    text=prose("""
        All parts are there. One step of training is four phases:

            1  clear the gradients of the step before     optimizer.zero_grad()
            2  forward: scores, and then the loss         model(images)
            3  backward: the gradient of each parameter   loss.backward()
            4  update: move each parameter                optimizer.step()

        Given: model, which turns images into scores; optimizer; loss_function,
            called as loss_function(scores, labels); images and labels.
        Write: take one step, and return the loss as a number: loss.item().

        These are minigrad's own objects, with PyTorch's names. After this one comes
        a milestone: a network learns to read digits, with all that you wrote.
    """),
    template=code('''
        def training_step(model, optimizer, loss_function, images, labels):
            """Take one step of training; return the loss as a number."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "Four lines, one for each phase, in the order of the text; and a return.",
        "Backward *adds* to the gradients that are there (exercise 9). So they must be cleared before it, and "
        "must not be cleared between backward and step.",
        "The last three lines, after zero_grad and the loss:\n\n    loss.backward()\n    optimizer.step()\n"
        "    return loss.item()",
    ),
    solution=code('''
        def training_step(model, optimizer, loss_function, images, labels):
            """Take one step of training; return the loss as a number."""
            optimizer.zero_grad()
            scores = model(images)
            loss = loss_function(scores, labels)
            loss.backward()
            optimizer.step()
            return loss.item()
    '''),
    why=prose("""
        Every training loop of every network is this, with decoration. The gradients
        must be cleared because backward adds to them: it cannot know whether
        another batch, or another loss, belongs to the same step. Some use that on
        purpose: several backwards, then one step, is a larger batch in less memory.

        In the engine: inception/step.py has the same four phases.
    """),
    returns=("loss",),
    changes=((0, "model"),),
    probes=probes,
    mistakes=(
        Mistake(
            "no zeroing",
            {"    optimizer.zero_grad()\n": ""},
            "The gradients of earlier steps were not cleared, and backward adds to them. Call optimizer.zero_grad() "
            "before loss.backward().",
        ),
        Mistake(
            "zeroing between backward and step",
            {
                "    optimizer.zero_grad()\n    scores": "    scores",
                "loss.backward()\n": "loss.backward()\n    optimizer.zero_grad()\n",
            },
            "The gradients are cleared between backward and step, so nothing is left to step by.",
        ),
        Mistake(
            "step before backward",
            {"    loss.backward()\n    optimizer.step()\n": "    optimizer.step()\n    loss.backward()\n"},
            "The optimiser steps before backward has run: it has no gradients yet.",
        ),
        Mistake(
            "step forgotten",
            {"    optimizer.step()\n": ""},
            "The parameters did not move: optimizer.step() is missing.",
        ),
        Mistake(
            "backward forgotten",
            {"    loss.backward()\n": ""},
            "Without loss.backward() there are no gradients, and the parameters stay where they are.",
        ),
        Mistake(
            "zeroing only after the step",
            {
                "    optimizer.zero_grad()\n    scores": "    scores",
                "optimizer.step()\n": "optimizer.step()\n    optimizer.zero_grad()\n",
            },
            "The gradients are cleared after the step. That leaves those that were there before this step: clear them "
            "first.",
        ),
        Mistake(
            "stepped twice",
            {"    optimizer.step()\n": "    optimizer.step()\n    optimizer.step()\n"},
            "The parameters moved twice: one step for one backward.",
        ),
        Mistake(
            "loss after the step",
            {"return loss.item()": "return loss_function(model(images), labels).item()"},
            "This is the loss after the step, from a second forward pass. Return that of phase 2.",
        ),
        Mistake(
            "not in training mode",
            {"    optimizer.zero_grad()\n": "    model.eval()\n    optimizer.zero_grad()\n"},
            "The model is in the mode in which it is used, by model.eval(). Layers such as dropout compute something "
            "else there: a step of training leaves the model as it got it, in training mode.",
        ),
        Mistake(
            "not in training mode",
            {"    return loss": "    model.eval()\n    return loss"},
            "model.eval() leaves the model in the mode in which it is used, and the next step is not trained as it "
            "should be.",
        ),
        Mistake(
            "softmax before the loss",
            {"model(images)": "model(images).softmax(1)"},
            "The scores go through softmax before the loss, which does that itself (exercise 11). Give it the scores.",
        ),
        Mistake(
            "backward from the scores",
            {"loss.backward()": "scores.sum().backward()"},
            "The gradients are those of the scores. Backward starts from the loss, which is what must become smaller.",
        ),
        Mistake(
            "backward twice",
            {
                "    loss.backward()\n": (
                    "    loss.backward(retain_graph=True)\n    loss.backward(retain_graph=True)\n"
                ),
            },
            "Backward ran twice, and gradients add up: each is twice as large.",
        ),
    ),
    teaches=frozenset({".zero_grad", ".backward", ".step", ".item"}),
    terms=frozenset({"phases"}),
    properties=(Property("the loss falls", _loss_falls),),
    replaces=replaces,
    in_engine=in_engine,
    replaced="the training loop",
)
