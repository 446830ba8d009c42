"""Telling: from everything that ran, the operations that lead to the loss, without plumbing, in four phases."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from minigrad.viewer.story import Backward, Call, Input, Operation, Story


@dataclass
class Told:
    """A story that is ready to be shown: numbers of operations and calls are positions in its lists."""

    model: str
    calls: list[Call]
    operations: list[Operation]
    backward: list[Backward]
    users: list[list[int]] = field(default_factory=list)  #: of each operation: those that use its outputs


def told(story: Story) -> Told:
    """Return the operations that lead to the loss, with plumbing folded into the links between them."""
    kept = _ancestors(story)
    shown = [op for op in story.operations if op.number in kept and not op.folded]
    position = {op.number: k for k, op in enumerate(shown)}
    calls, call_number = _calls(story, position)
    last_call = max((k for k, op in enumerate(shown) if op.call != 0), default=-1)
    operations = []
    for k, op in enumerate(shown):
        inputs = [_resolved(story, link, position) for link in op.inputs]
        operations.append(
            replace(op, number=k, call=call_number[op.call], inputs=inputs, loss=op.call == 0 and k > last_call)
        )
    backward = [_backward(story, each, position) for each in story.backward if each.operation in position]
    users: list[list[int]] = [[] for _ in operations]
    for op in operations:
        for link in op.inputs:
            if link.maker is not None and op.number not in users[link.maker]:
                users[link.maker].append(op.number)
    return Told(story.model, calls, operations, backward, users)


def _ancestors(story: Story) -> set[int]:
    """Return the operations whose backward ran, and those that their inputs were made by."""
    unseen = [each.operation for each in story.backward]
    kept: set[int] = set()
    while unseen:
        number = unseen.pop()
        if number not in kept:
            kept.add(number)
            unseen += [link.maker for link in story.operations[number].inputs if link.maker is not None]
    return kept


def _source(story: Story, maker: int | None, output: int) -> tuple[int | None, int, list[str], str]:
    """Return the maker of a tensor before all plumbing, its output, the plumbing, and the name of a leaf."""
    through: list[str] = []
    name = ""
    while maker is not None and story.operations[maker].folded:
        operation = story.operations[maker]
        through.insert(0, operation.name)
        link = operation.inputs[min(output, len(operation.inputs) - 1)]
        maker, output, name = link.maker, link.output, link.name
    return maker, output, through, name


def _resolved(story: Story, link: Input, position: dict[int, int]) -> Input:
    maker, output, through, name = _source(story, link.maker, link.output)
    number = None if maker is None else position[maker]
    return replace(link, maker=number, output=output, through=through, name=link.name or name)


def _backward(story: Story, each: Backward, position: dict[int, int]) -> Backward:
    results = []
    for result in each.results:
        maker, _, _, name = _source(story, result.maker, 0)
        results.append(replace(result, maker=None if maker is None else position[maker], name=result.name or name))
    waiting = []
    for entry in each.waiting:
        maker, output, through, name = _source(story, entry.maker, entry.output)
        number = None if maker is None else position.get(maker)
        label = entry.name if not through else name
        waiting.append(replace(entry, maker=number, output=output, name=label))
    return replace(each, operation=position[each.operation], results=results, waiting=waiting)


def _calls(story: Story, position: dict[int, int]) -> tuple[list[Call], dict[int, int]]:
    """Return the calls in which something is shown, and their new numbers by the old ones."""
    inside = {call.number: _is_shown(story, call, position) for call in reversed(story.calls)}
    numbers = {call.number: k for k, call in enumerate(c for c in story.calls if inside[c.number])}
    calls = []
    for call in story.calls:
        if inside[call.number]:
            items = []
            for kind, number in call.items:
                if kind == "call" and number in numbers:
                    items.append((kind, numbers[number]))
                elif kind == "operation" and number in position:
                    items.append((kind, position[number]))
            parent = None if call.parent is None else numbers[call.parent]
            calls.append(replace(call, number=numbers[call.number], parent=parent, items=items))
    return calls, numbers


def _is_shown(story: Story, call: Call, position: dict[int, int]) -> bool:
    if call.number == 0:
        return True
    unseen = [call]
    while unseen:
        inner = unseen.pop()
        for kind, number in inner.items:
            if kind == "operation" and number in position:
                return True
            if kind == "call":
                unseen.append(story.calls[number])
    return False
