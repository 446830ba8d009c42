"""Slips of lines: a line that is missing, in the wrong place or order, = for +=, a loop that ends too early.

Each function takes a statement of the tree of the right solution, and yields what a learner may have written instead.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from itertools import pairwise

from minigrad.learn.wrong_expressions import Slip, slip, text


def wrong_statement(node: ast.stmt) -> Iterator[Slip]:
    """Yield what may stand in place of a statement."""
    if isinstance(node, ast.AugAssign):
        yield from _in_place(node)
    elif isinstance(node, ast.If):
        yield from _branch(node)
    elif isinstance(node, ast.For):
        yield from _loop(node)
    elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
        yield from _results(node.value)
    if isinstance(node, ast.AugAssign | ast.Assign | ast.Expr | ast.If) and not _is_docstring(node):
        yield slip(ast.Pass(), "line forgotten", f"It is as if this were missing, or had no effect: {_first(node)}")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _first(node: ast.stmt) -> str:
    """Return the beginning of a statement: all of a short one, or what it changes."""
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        return f"the line that changes {text(target)}."
    return f"`{text(node.test) if isinstance(node, ast.If) else text(node)}`."


_SIGNS: dict[type[ast.operator], str] = {ast.Add: "+=", ast.Sub: "-=", ast.Mult: "*=", ast.Div: "/="}


def _in_place(node: ast.AugAssign) -> Iterator[Slip]:
    right, target = _SIGNS.get(type(node.op), "|="), text(node.target)
    said = f"{target} is overwritten, and what it held is lost: {right}, not =."
    yield slip(ast.Assign([node.target], node.value, lineno=1), f"= for {right}", said)
    for operator, sign in _SIGNS.items():
        if sign != right:
            says = f"{target} {sign} stands where {target} {right} belongs."
            yield slip(ast.AugAssign(node.target, operator(), node.value), f"{sign} for {right}", says)
    if isinstance(node.target, ast.Name):
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        says = f"{target} = ... makes a new array; others hold the old one. {right} writes into it."
        yield slip(ast.Assign([node.target], value, lineno=1), "not in place", says)
    yield slip(_both(node, node), "done twice", f"{target} is changed twice in the same way.")


def _both(*statements: ast.stmt) -> ast.stmt:
    return ast.If(ast.Constant(True), list(statements), [])


def _branch(node: ast.If) -> Iterator[Slip]:
    test = text(node.test)
    turned = ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
    yield slip(turned, "condition reversed", f"What belongs to `{test}` is done where it does not hold.")
    yield slip(ast.If(ast.Constant(True), node.body, []), "condition forgotten",
               f"It is done always; it belongs only to the case `{test}`.")  # fmt: skip


def _loop(node: ast.For) -> Iterator[Slip]:
    over = text(node.iter)
    everything = ast.Call(ast.Name("list", ast.Load()), [node.iter], [])
    for part, name, says in (
        (ast.Slice(None, ast.UnaryOp(ast.USub(), ast.Constant(1))), "last round missing", "ends one round too early"),
        (ast.Slice(ast.Constant(1), None), "first round missing", "begins one round too late"),
    ):
        rounds = ast.Subscript(everything, part, ast.Load())
        yield slip(ast.For(node.target, rounds, node.body, [], lineno=1), name, f"The loop over {over} {says}.")
    first = ast.For(node.target, node.iter, [*node.body, ast.Break()], [], lineno=1)
    says = f"The loop over {over} ends after its first round. Is a `return` indented too far, into the loop?"
    yield slip(first, "one round only", says)
    last = [ast.For(node.target, node.iter, [ast.Pass()], [], lineno=1), *node.body]
    says = f"Only the last round of the loop over {over} has an effect. Do all its lines stand in it?"
    yield slip(_both(*last), "last round only", says)


def _results(results: ast.Tuple) -> Iterator[Slip]:
    parts = results.elts
    for i in range(len(parts)):
        for j in range(i):
            swapped = [*parts]
            swapped[i], swapped[j] = swapped[j], swapped[i]
            says = f"{text(parts[j])} and {text(parts[i])} are returned in each other's place."
            yield slip(ast.Return(ast.Tuple(swapped, ast.Load())), "swapped results", says)


def wrong_order(body: list[ast.stmt]) -> Iterator[tuple[int, Slip]]:
    """Yield each place at which a line may stand behind the next one, with both in the wrong order."""
    for i, (first, second) in enumerate(pairwise(body)):
        if not any(isinstance(s, ast.Return | ast.FunctionDef) or _is_docstring(s) for s in (first, second)):
            says = f"Two lines are in the wrong order. First comes {_first(first)} Then {_first(second)}"
            yield i, slip(_both(second, first), "lines in the wrong order", says)
