"""The four milestones: after some of the exercises a whole network trains with the learner's functions."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Milestone:
    """A network that trains after an exercise has passed.

    Its training is a program of its own, ``python -m PROGRAM NAME FOLDER RESULT``, because a network of another
    package, such as Inception V3, stands above the exercises (milestone_training.py has the other three).
    """

    name: str
    after: str  #: the exercise before it
    title: str
    program: str = "minigrad.learn.milestone_training"
    compiled: bool = False  #: True for a network large enough for Numba's kernels, which must be compiled first


MILESTONES = (
    Milestone("digits", "training_step", "A perceptron learns digits"),
    Milestone("lenet", "max_pool", "LeNet learns larger digits"),
    Milestone("residual", "momentum", "A residual network"),
    Milestone("inception", "schedule", "Four steps of Inception V3", "inception.milestone", compiled=True),
)


def milestone_after(slug: str) -> Milestone | None:
    """Return the milestone that follows an exercise, if there is one."""
    return next((milestone for milestone in MILESTONES if milestone.after == slug), None)
