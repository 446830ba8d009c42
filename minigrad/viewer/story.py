"""The story of a training step as data: which operations ran in which module, and what the numbers were."""

from __future__ import annotations

from dataclasses import dataclass, field

from minigrad.engine.function import Function
from minigrad.viewer.samples import Image, Sample
from minigrad.viewer.worked.element import Element


@dataclass
class Call:
    """One call of a module. Call 0 is the step itself, outside every module."""

    number: int
    parent: int | None
    name: str  #: as the parent calls it; empty for the model
    path: str  #: with the names of all parents
    kind: str
    options: str
    items: list[tuple[str, int]] = field(default_factory=list)  #: ("call" or "operation", its number), in order


@dataclass
class Input:
    """An input of an operation: the output of another one, or a tensor that no recorded operation made."""

    label: str  #: the name that ``forward`` gives to it
    maker: int | None  #: the operation that made it
    output: int  #: which of that operation's outputs it is
    name: str  #: of a tensor that no operation made
    sample: Sample
    through: list[str] = field(default_factory=list)  #: plumbing between the maker and here
    image: Image | None = None  #: of the model's input, in colour


@dataclass
class Waiting:
    """A sum of gradients that is not complete yet, or whose turn has not come."""

    maker: int | None
    output: int
    name: str
    arrived: int
    expected: int
    element: str  #: the element that is followed
    parts: list[str]  #: what has arrived for it, gradient by gradient
    total: str


@dataclass
class InputGradient:
    """The gradient that an operation computed for one of its inputs."""

    label: str
    maker: int | None
    name: str
    sample: Sample
    element: Element | None


@dataclass
class Backward:
    """An operation on the way back."""

    operation: int
    arriving: list[Sample | None]
    parts: list[list[str]]  #: for each output, the gradients that were added up, at the element that is followed
    results: list[InputGradient]
    waiting: list[Waiting]


@dataclass
class Operation:
    """An operation on the way forward."""

    number: int
    node: Function
    call: int
    inputs: list[Input]
    outputs: list[Sample]
    element: Element | None
    loss: bool = False  #: True if it belongs to the computation of the loss
    folded: bool = False  #: True for plumbing, which is no step of its own

    @property
    def name(self) -> str:
        """The operation's name."""
        return self.node.name


@dataclass
class Parameter:
    """A parameter around the optimisation pass."""

    name: str
    shape: tuple[int, ...]
    before: Sample
    gradient: Sample | None = None
    state_before: dict[str, Sample] = field(default_factory=dict)
    state: dict[str, Sample] = field(default_factory=dict)
    after: Sample | None = None
    numbers: dict[str, str] = field(default_factory=dict)  #: those of the rule: the learning rate, …


@dataclass
class Story:
    """A training step."""

    model: str
    calls: list[Call] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    backward: list[Backward] = field(default_factory=list)
    parameters: list[Parameter] = field(default_factory=list)
    optimizer: str = ""  #: the class, with its options
    rule: type | None = None  #: the class of the rule, whose docstring has the formula
