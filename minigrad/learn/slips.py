"""Slips: all solutions that differ from the right one in one small thing, each with a name.

A learner whose numbers are those of such a solution has most likely made this slip. There are a few hundred for each
exercise, and nobody has to write them down: they come from the tree of the right solution. What can go wrong within a
line is in wrong_expressions.py, what can go wrong with whole lines in wrong_statements.py.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import cast

from minigrad.learn.diagnoses import Diagnosis
from minigrad.learn.record import Written
from minigrad.learn.wrong_expressions import Slip, wrong_expressions
from minigrad.learn.wrong_statements import wrong_order, wrong_statement

#: How many rounds of loops, and calls, a wrong solution may take before it is given up.
ROUNDS = 20_000


class EndlessError(Exception):
    """A wrong solution does not end."""


@cache
def slips(solution: str) -> tuple[tuple[Diagnosis, str], ...]:
    """Return the sources of wrong solutions, each with its diagnosis."""
    tree = ast.parse(solution)
    found = {ast.unparse(tree): None}
    wrong = []
    for parent, key, one in _places(tree):
        source = _with(tree, parent, key, one.node)
        if source not in found:
            found[source] = None
            wrong.append((one.diagnosis, source))
    return tuple(wrong)


#: A node's place in its parent: the field, and the position where the field is a list.
_Key = tuple[str, int | None]


def _places(tree: ast.Module) -> Iterator[tuple[ast.AST, _Key, Slip]]:
    """Yield each place of the tree with what may stand there; a loop without an end is left alone."""
    names = _names(tree)
    for parent in _without_tests_of_while(tree):
        for name, value in ast.iter_fields(parent):
            several = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for position, node in several:
                if not isinstance(node, ast.AST) or isinstance(node, ast.While):
                    continue
                key = (name, position)
                for one in wrong_statement(node) if isinstance(node, ast.stmt) else wrong_expressions(node, names):
                    yield parent, key, one
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt):
                for i, one in wrong_order(value):
                    yield parent, (name, -1 - i), one


def _names(tree: ast.Module) -> list[str]:
    """Return the names of arguments and local variables."""
    found = [node.arg for node in ast.walk(tree) if isinstance(node, ast.arg) and node.arg != "self"]
    found += [n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
    return list(dict.fromkeys(found))


def _without_tests_of_while(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.While) and name == "test":
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _without_tests_of_while(child)


def _with(tree: ast.Module, parent: ast.AST, key: _Key, node: ast.AST) -> str:
    """Return the source of the tree with a node in this place. A negative position replaces two statements."""
    name, position = key
    value = getattr(parent, name)
    if position is None:
        changed: object = node
    elif position >= 0:
        changed = [*value[:position], node, *value[position + 1 :]]
    else:
        changed = [*value[: -1 - position], node, *value[1 - position :]]
    setattr(parent, name, changed)
    try:
        return ast.unparse(tree)
    finally:
        setattr(parent, name, value)


@cache
def function_of(source: str, name: str) -> Written | None:
    """Return the function of a wrong solution, which ends in any case; None if Python cannot read it."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While | ast.FunctionDef):
            node.body = [ast.Expr(ast.Call(ast.Name("_one_round", ast.Load()), [], [])), *node.body]
    module = ModuleType("slip")
    rounds = iter(range(ROUNDS))

    def one_round() -> None:
        if next(rounds, None) is None:
            raise EndlessError

    vars(module)["_one_round"] = one_round
    try:
        exec(compile(ast.fix_missing_locations(tree), "<slip>", "exec"), vars(module))
    except Exception:
        return None
    return cast(Written, vars(module).get(name))
