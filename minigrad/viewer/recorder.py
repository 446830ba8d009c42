"""The recorder: watches the engine run one training step, and notes what the page will show.

Nothing is kept of a tensor but a sample, taken when the numbers are those of the moment. An element of an output is
worked out as soon as it is computed, and one of a gradient as soon as that is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from weakref import ReferenceType, WeakSet, ref

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.function import Function
from minigrad.engine.inplace import InPlace
from minigrad.engine.tensor_base import TensorBase
from minigrad.nn.module import Module
from minigrad.ops.arithmetic import Div, Mul
from minigrad.ops.constant import DivConstant, MulConstant
from minigrad.typing import Array
from minigrad.viewer.calls import Calls
from minigrad.viewer.plumbing import PLUMBING
from minigrad.viewer.samples import colour_image, sample, strongest
from minigrad.viewer.signatures import input_names, options_of
from minigrad.viewer.story import Backward, Input, InputGradient, Operation, Story
from minigrad.viewer.sums import WaitingSums, undo_broadcasting
from minigrad.viewer.worked import Run, worked_gradient, worked_output


class Recorder:
    """A watcher of the engine (engine/watchers.py) that writes a ``Story``."""

    def __init__(self, model: Module) -> None:
        self.story = Story(type(model).__name__)
        self.calls = Calls(model)
        self.story.calls = self.calls.all
        self._thread = threading.get_ident()
        self._busy = False  # while backward runs, or an element is worked out: what runs inside is no step
        self._names = {id(t.array): name for name, t in (*model.named_parameters(), *model.named_buffers())}
        self._operations: dict[Function, Operation] = {}
        self._made: dict[int, tuple[ReferenceType[Array], Operation, int]] = {}  # by the identity of an array
        self._arrays: dict[Function, tuple[list[_Seen], list[_Seen], Mapping[str, object]]] = {}
        self._writes: dict[int, int] = {}  # how often an array was written in place
        self._sums = WaitingSums(self._name_of)
        self._later: WeakSet[Function] = WeakSet()  # what ran forward after the backward pass had begun
        self._last = 0  # the number of the node whose backward ran last
        self.complete = False  # after the optimisation pass

    def watch(self, node: Function, stage: str, inputs: Sequence[object], compute: Callable[[], object]) -> object:
        """Take part in a computation of the engine."""
        if self._busy or threading.get_ident() != self._thread:
            return compute()
        if stage == "forward":
            return self._forward(node, inputs, compute)
        return self._backward(node, inputs, compute)

    def finish(self) -> None:
        """Note that the optimisation pass is over."""
        self.complete = True

    def forget(self) -> None:
        """Let go of the arrays and nodes of the step."""
        self._operations.clear()
        self._arrays.clear()
        self._made.clear()

    # --- Forward ---

    def _forward(self, node: Function, inputs: Sequence[object], compute: Callable[[], object]) -> object:
        if self._last:  # the step has had its forward pass; what follows measures or prints
            self._later.add(node)
            return compute()
        given = [_on_host(x) for x in inputs]
        links = [self._link(node, i, x) for i, x in enumerate(inputs)]
        if isinstance(node, InPlace):
            given = [x.copy() if isinstance(x, np.ndarray) else x for x in given]
        self._busy = True  # a Function of the reader's own may call others
        try:
            results = compute()
        finally:
            self._busy = False
        outputs = list(results) if isinstance(results, tuple) else [results]
        if isinstance(node, InPlace):
            self._writes[id(outputs[0])] = self._writes.get(id(outputs[0]), 0) + 1
        self._busy = True
        try:
            self._note(node, given, links, outputs, options_of(compute))
        finally:
            self._busy = False
        made = self._operations[node]
        for index, y in enumerate(outputs):
            if _is_array(y):
                self._made[id(y)] = (ref(y), made, index)  # type: ignore[arg-type]  # an array
        options = options_of(compute)
        self._arrays[node] = ([self._seen(x) for x in inputs], [self._seen(y) for y in outputs], options)
        return results

    def _note(
        self,
        node: Function,
        given: Sequence[object],
        links: Sequence[tuple[int | None, int, str]],
        outputs: Sequence[object],
        options: Mapping[str, object],
    ) -> None:
        """Add an operation to the story, with one element of its output worked out."""
        arrays = [x if isinstance(x, np.ndarray | int | float) else None for x in given]
        results = [_on_host(y) for y in outputs]
        shapes = [x.shape if isinstance(x, np.ndarray) and x.dtype.kind == "f" else None for x in arrays]
        run = Run(node, arrays, results, options, shapes=shapes)  # type: ignore[arg-type]  # numbers, where given
        folded = isinstance(node, PLUMBING) or _is_identity(node, arrays, results)
        at = strongest(results[0]) if isinstance(results[0], np.ndarray) else ()
        element = None if folded else worked_output(run, at)
        labels = input_names(type(node), len(given))
        seen = []
        for i, x in enumerate(arrays):
            if isinstance(x, np.ndarray):
                mark = element.marks.get(i) if element is not None else None
                part = sample(x, *mark) if mark is not None else sample(x)
                maker, output, name = links[i]
                entry = Input(labels[i], maker, output, name, part)
                if maker is None and x.ndim == 4 and x.shape[1] == 3 and name in self.calls.inputs.values():
                    entry.image = colour_image(x)
                seen.append(entry)
        shown = [sample(y, at if k == 0 else None) for k, y in enumerate(results) if isinstance(y, np.ndarray)]
        call = self.calls.current
        operation = Operation(len(self.story.operations), node, call.number, seen, shown, element, folded=folded)
        operation.loss = call.number == 0
        call.items.append(("operation", operation.number))
        self.story.operations.append(operation)
        self._operations[node] = operation
        self._sums.numbers[node] = operation.number
        self._sums.followed.update({(node, k): each.at for k, each in enumerate(shown)})

    def _link(self, node: Function, i: int, x: object) -> tuple[int | None, int, str]:
        """Return which operation made an input, and which of its outputs it is; or the name of the input."""
        edge = node._edges[i] if i < len(node._edges) else None
        if edge is not None and isinstance(edge[0], Function) and edge[0] in self._operations:
            return self._operations[edge[0]].number, edge[1], ""
        made = self._made.get(id(x))
        if made is not None and made[0]() is x:
            return made[1].number, made[2], ""
        return None, 0, self._names.get(id(x)) or self.calls.inputs.get(id(x)) or ""

    def _seen(self, x: object) -> _Seen:
        if _is_array(x):
            return ref(cast(Array, x)), self._writes.get(id(x), 0)
        number: Any = x if isinstance(x, int | float) else None
        return (lambda: number), 0

    def _alive(self, seen: _Seen) -> Array | None:
        """Return an array as an operation saw it; None if it is not in memory any more, or was overwritten."""
        array = seen[0]()
        if array is None or self._writes.get(id(array), 0) != seen[1]:
            return None
        return _on_host(array)  # type: ignore[return-value]  # an array stays one

    # --- Backward ---

    def _backward(self, node: Function, inputs: Sequence[object], compute: Callable[[], object]) -> object:
        operation = self._operations.get(node)
        if operation is not None or node in self._later:
            self._begin_or_go_on(node)
        self._busy = True
        try:
            results = compute()
            if self._last:  # the sweep of this step; it may also pass nodes that only record a write into a view
                raw, fitted = _gradients_of_inputs(node, results)
                parts = self._sums.pass_on(node, fitted)
                if operation is not None:
                    self._note_backward(operation, inputs, raw, fitted, parts)
        finally:
            self._busy = False
        return results

    def _begin_or_go_on(self, node: Function) -> None:
        """Refuse a second sweep: a sweep takes the nodes from the youngest to the oldest."""
        if node in self._later or self.complete or (self._last and node.number >= self._last):
            raise RuntimeError(
                "record() tells the story of one training step, and a second backward pass began inside it: leave the "
                "with block after the first optimizer.step()"
            )
        if not self._last:
            self._sums.expect(node)
        self._last = node.number

    def _note_backward(
        self,
        operation: Operation,
        inputs: Sequence[object],
        raw: Sequence[Array | None],
        fitted: Sequence[Array | None],
        parts: list[list[str]],
    ) -> None:
        node = operation.node
        arriving = [_array_of(g) for g in inputs]
        seen, made, options = self._arrays[node]
        run = Run(node, [self._alive(x) for x in seen], [self._alive(y) for y in made], options, arriving, fitted)
        run.shapes = [_shape_of_floats(x) for x in _by_position(operation, len(seen))]
        run.kind = operation.element.kind if operation.element is not None else ""
        shown = [] if operation.folded else self._gradients(run, operation, raw)
        mark = next((g.element.gradient_mark for g in shown if g.element and g.element.gradient_mark), None)
        samples = [None if g is None else sample(g, *(mark or ())) for g in arriving]
        self.story.backward.append(Backward(operation.number, samples, parts, shown, self._sums.snapshot()))

    def _gradients(self, run: Run, operation: Operation, raw: Sequence[Array | None]) -> list[InputGradient]:
        """Return the gradients of the inputs, one element of each worked out."""
        labels = input_names(type(run.node), len(raw))
        found = []
        for k, result in enumerate(run.results):
            if result is None:
                continue
            edge = run.node._edges[k]
            assert edge is not None
            at = strongest(result, in_batch=isinstance(edge[0], Function))
            element = worked_gradient(run, k, at, raw[k])
            maker = self._operations.get(edge[0]) if isinstance(edge[0], Function) else None
            name = "" if maker is not None else self._name_of(edge[0])
            number = None if maker is None else maker.number
            found.append(InputGradient(labels[k], number, name, sample(result, at), element))
        return found

    def _name_of(self, node: Function | TensorBase) -> str:
        """Return the name of a leaf, or of an operation."""
        if isinstance(node, Function):
            return node.name
        return self._names.get(id(node.array)) or self.calls.inputs.get(id(node.array)) or "leaf"


_Seen = tuple[Callable[[], Array | None], int]  # a weak reference, and how often the array had been written


def _on_host(x: object) -> object:
    """Return an array in the host's memory, anything else as it is."""
    return to_host(x) if hasattr(x, "shape") and hasattr(x, "dtype") else x  # type: ignore[arg-type]  # an array


def _is_array(x: object) -> bool:
    """Return whether ``x`` is an array of any device, and no scalar of NumPy, which cannot be referred to weakly."""
    return hasattr(x, "shape") and hasattr(x, "dtype") and not isinstance(x, np.generic)


def _array_of(gradient: object) -> Array | None:
    """Return the array of a gradient, which is a tensor in ``backward`` and an array in ``fused_backward``."""
    if gradient is None:
        return None
    array = _on_host(gradient.array if isinstance(gradient, TensorBase) else gradient)
    return array if isinstance(array, np.ndarray) else None


def _gradients_of_inputs(node: Function, results: object) -> tuple[list[Array | None], list[Array | None]]:
    """Return the gradients that an operation computed, as they are and with broadcasting undone."""
    several = list(results) if isinstance(results, tuple | list) else [results]
    raw, fitted = [], []
    for each, edge in zip(several, node._edges, strict=False):
        gradient = None if edge is None else _array_of(each)
        raw.append(gradient)
        undone = None if gradient is None or edge is None else undo_broadcasting(gradient, _shape_of(*edge))
        fitted.append(undone)
    return raw, fitted


def _shape_of(node: Function | TensorBase, output: int) -> tuple[int, ...]:
    kind = node._output_kinds[output]
    assert kind is not None  # or there would be no edge
    return kind[0]


def _is_identity(node: Function, inputs: Sequence[object], outputs: Sequence[object]) -> bool:
    """Return whether a scalar is multiplied or divided by 1, as the loss of a step with a single batch is."""
    if not isinstance(node, Mul | Div | MulConstant | DivConstant) or not isinstance(inputs[0], np.ndarray):
        return False
    return inputs[0].ndim == 0 and bool(inputs[0] == outputs[0])


def _by_position(operation: Operation, count: int) -> list[Input | None]:
    """Return the inputs of an operation that are arrays, each at its position; None elsewhere."""
    by_label = {link.label: link for link in operation.inputs}
    return [by_label.get(label) for label in input_names(type(operation.node), count)]


def _shape_of_floats(link: Input | None) -> tuple[int, ...] | None:
    return tuple(link.sample.shape) if link is not None and link.sample.dtype.startswith("float") else None
