"""Slips within a line: another sign, a factor or an axis that is missing, one name for another, off by one.

Each function takes a node of the tree of the right solution, and yields what a learner may have written instead. The
nodes are new ones, and share only parts that stay as they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from minigrad.learn.diagnoses import Diagnosis


@dataclass(frozen=True)
class Slip:
    """A replacement of a node, with the diagnosis of this mistake."""

    node: ast.AST
    diagnosis: Diagnosis


def slip(node: ast.AST, name: str, says: str) -> Slip:
    """Return a slip with its diagnosis."""
    return Slip(node, Diagnosis(name, says))


def text(node: ast.AST) -> str:
    """Return the source of a node, shortened if it is long."""
    source = " ".join(ast.unparse(node).split())
    return source if len(source) <= 50 else source[:47] + "..."


def wrong_expressions(node: ast.AST, names: Sequence[str]) -> Iterator[Slip]:
    """Yield what may stand in place of an expression. ``names`` are those that have a value there."""
    if isinstance(node, ast.BinOp):
        yield from _operation(node)
    elif isinstance(node, ast.Call):
        yield from _call(node)
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        yield from _number(node)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in names:
        yield from _name(node, names)
    elif isinstance(node, ast.Attribute) and node.attr == "T":
        yield slip(node.value, "transpose forgotten", f"{text(node.value)} must be transposed, and is not.")
    elif isinstance(node, ast.UnaryOp):
        yield from _unary(node)
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        yield from _comparison(node)
    elif isinstance(node, ast.Subscript):
        yield from _index(node)
    elif isinstance(node, ast.Slice):
        yield from _slice(node)


def _operation(node: ast.BinOp) -> Iterator[Slip]:
    left, right = text(node.left), text(node.right)

    def other(a: ast.expr, operator: ast.operator, b: ast.expr) -> ast.BinOp:
        return ast.BinOp(a, operator, b)

    if isinstance(node.op, ast.Add | ast.Sub):
        plus = isinstance(node.op, ast.Add)
        right_word, wrong_word = ("added", "subtracted") if plus else ("subtracted", "added")
        flipped = other(node.left, ast.Sub() if plus else ast.Add(), node.right)
        yield slip(flipped, "sign of a term", f"{right} is {wrong_word}, where it must be {right_word}.")
        yield slip(node.left, "term forgotten", f"The term {right} is missing.")
        yield slip(node.right, "term forgotten", f"The term {left} is missing.")
        yield slip(
            other(node.left, ast.Mult(), node.right), "product instead of sum",
            f"{left} and {right} are multiplied, where one must be {right_word}.",
        )  # fmt: skip
        half = ast.BinOp(other(node.left, node.op, node.right), ast.Div(), ast.Constant(2))
        yield slip(half, "mean instead of sum", f"{left} and {right} are averaged. No 1/2 belongs here.")
        for double, what in ((other(_twice(node.left), node.op, node.right), left),
                             (other(node.left, node.op, _twice(node.right)), right)):  # fmt: skip
            yield slip(double, "term counted twice", f"The term {what} counts twice.")
    elif isinstance(node.op, ast.Mult | ast.Div):
        times = isinstance(node.op, ast.Mult)
        verb = "multiplied" if times else "divided"
        turned = other(node.left, ast.Div() if times else ast.Mult(), node.right)
        opposite = "Divided" if times else "Multiplied"
        name = "divided for multiplied" if times else "multiplied for divided"
        yield slip(turned, name, f"{opposite} by {right}, where it must be {verb} by it.")
        yield slip(node.left, "factor forgotten", f"It must be {verb} by {right}.")
        if times:
            yield slip(node.right, "factor forgotten", f"The factor {left} is missing.")
            yield slip(other(node.left, ast.Add(), node.right), "sum instead of product",
                       f"{left} and {right} are added, where they must be multiplied.")  # fmt: skip
        else:
            yield slip(other(node.right, ast.Div(), node.left), "upside down", "The fraction is upside down.")
            yield slip(other(node.left, ast.FloorDiv(), node.right), "whole numbers",
                       "// divides and drops the fraction. / divides.")  # fmt: skip
        again = other(other(node.left, node.op, node.right), node.op, node.right)
        yield slip(again, "factor twice", f"It is {verb} by {right} twice.")
        yield slip(other(node.left, node.op, ast.Call(ast.Name("abs", ast.Load()), [node.right], [])),
                   "sign lost", f"The sign of {right} is lost.")  # fmt: skip
        yield from _parentheses(node)
    elif isinstance(node.op, ast.MatMult):
        yield slip(other(node.right, node.op, node.left), "order of the product",
                   f"{left} and {right} stand in the wrong order. A matrix product depends on it.")  # fmt: skip
    elif isinstance(node.op, ast.Pow):
        yield slip(other(node.left, ast.Mult(), node.right), "product instead of power",
                   f"{left} * {right} is a product; the power is {left} ** {right}.")  # fmt: skip
        yield slip(node.left, "power forgotten", f"{left} must be raised to the power {right}.")
    elif isinstance(node.op, ast.BitAnd):
        yield slip(node.left, "condition forgotten", f"The condition {right} is missing.")
        yield slip(node.right, "condition forgotten", f"The condition {left} is missing.")


def _twice(node: ast.expr) -> ast.expr:
    return ast.BinOp(ast.Constant(2), ast.Mult(), node)


def _parentheses(node: ast.BinOp) -> Iterator[Slip]:
    """Yield what the operation is without the parentheses around one of its sides."""
    says = "Parentheses are missing: * and / come before + and -, and are taken from left to right."
    inner = node.left
    if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Add | ast.Sub):
        yield slip(ast.BinOp(inner.left, inner.op, ast.BinOp(inner.right, node.op, node.right)),
                   "parentheses missing", says)  # fmt: skip
    inner = node.right
    if isinstance(inner, ast.BinOp) and not isinstance(inner.op, ast.Pow):
        yield slip(ast.BinOp(ast.BinOp(node.left, node.op, inner.left), inner.op, inner.right),
                   "parentheses missing", says)  # fmt: skip


#: What is taken for each other: the functions of one line, with what each of them gives.
_CALLS = {
    "sum": ("mean", "max"), "mean": ("sum", "std"), "max": ("min", "sum", "mean"), "cos": ("sin",),
    "arange": (), "exp": ("abs",), "sqrt": ("abs",), "standard_normal": ("random",), "logaddexp": ("maximum",),
    "sigmoid": ("tanh", "exp", "relu"), "prod": ("sum", "max"),
}  # fmt: skip


def _call(node: ast.Call) -> Iterator[Slip]:
    function = node.func
    if isinstance(function, ast.Attribute):
        for name in _CALLS.get(function.attr, ()):
            call = ast.Call(ast.Attribute(function.value, name, ast.Load()), node.args, node.keywords)
            says = f"{name} stands where {function.attr} belongs."
            yield slip(call, f"{name} instead of {function.attr}", says)
        if function.attr in ("copy", "sigmoid", "mean", "sum") and not node.args:
            says = f"{text(function.value)} is taken as it is: .{function.attr}() is missing."
            yield slip(function.value, f"{function.attr} forgotten", says)
    if len(node.args) == 1 and not node.keywords:
        says = f"{text(function)} is missing: this is what comes out without it."
        yield slip(node.args[0], f"{text(function).split('.')[-1]} forgotten", says)
    for keyword in node.keywords:
        others = [k for k in node.keywords if k is not keyword]
        call = ast.Call(function, node.args, others)
        if keyword.arg == "axis":
            says = f"This goes over all elements at once. It must go over axis {text(keyword.value)} alone."
            yield slip(call, "over everything", says)
        elif keyword.arg == "keepdims":
            yield slip(call, "keepdims forgotten", "The dimension disappears: keepdims=True keeps it, with length 1.")


def _number(node: ast.Constant) -> Iterator[Slip]:
    assert isinstance(node.value, int)
    for value in (node.value + 1, node.value - 1, 0, 1, -node.value, 2 * node.value):
        if value != node.value:
            says = f"There is {value} where {node.value} belongs, or something that comes to the same."
            yield slip(ast.Constant(value), f"{value} for {node.value}", says)


def _name(node: ast.Name, names: Sequence[str]) -> Iterator[Slip]:
    for name in names:
        if name != node.id:
            says = f"{name} stands where {node.id} belongs."
            yield slip(ast.Name(name, ast.Load()), f"{name} for {node.id}", says)
    yield slip(ast.Attribute(node, "T", ast.Load()), "transposed", f"{node.id} is transposed, and must not be.")
    for method in ("mean", "sum"):
        call = ast.Call(ast.Attribute(node, method, ast.Load()), [], [])
        yield slip(call, f"{method} of {node.id}", f"The {method} of all of {node.id} stands where {node.id} belongs.")
    for function in ("abs", "len"):
        call = ast.Call(ast.Name(function, ast.Load()), [node], [])
        yield slip(call, f"{function} of {node.id}", f"{function}({node.id}) stands where {node.id} belongs.")
    for step, word in ((ast.Add(), "+"), (ast.Sub(), "-")):
        says = f"{node.id} {word} 1 stands where {node.id} belongs: is an end or a count off by one?"
        yield slip(ast.BinOp(node, step, ast.Constant(1)), "off by one", says)


def _unary(node: ast.UnaryOp) -> Iterator[Slip]:
    if isinstance(node.op, ast.USub):
        yield slip(node.operand, "sign of a term", f"The minus in front of {text(node.operand)} is missing.")
    elif isinstance(node.op, ast.Invert | ast.Not):
        yield slip(node.operand, "condition reversed", f"The opposite of {text(node.operand)} belongs here.")


_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Gt: ">", ast.GtE: ">=", ast.Lt: "<", ast.LtE: "<=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip


def _comparison(node: ast.Compare) -> Iterator[Slip]:
    right = _COMPARISONS.get(type(node.ops[0]))
    for operator, sign in _COMPARISONS.items():
        if right and sign != right:
            says = f"{text(node.left)} {sign} {text(node.comparators[0])}: here {right} belongs."
            yield slip(ast.Compare(node.left, [operator()], node.comparators), "comparison", says)


def _index(node: ast.Subscript) -> Iterator[Slip]:
    if isinstance(node.slice, ast.Slice) and node.slice.lower is None and node.slice.upper is None:
        yield slip(node.value, "order not reversed", "The order must be reversed.")
    if isinstance(node.slice, ast.Tuple) and isinstance(node.ctx, ast.Load):
        for i, part in enumerate(node.slice.elts):
            if isinstance(part, ast.Name):
                parts = [*node.slice.elts]
                parts[i] = ast.BinOp(ast.UnaryOp(ast.USub(), ast.Constant(1)), ast.Sub(), part)
                index = ast.Subscript(node.value, ast.Tuple(parts, ast.Load()), node.ctx)
                yield slip(index, "flipped", f"{text(node.value)} is read from the other end along {part.id}.")


def _slice(node: ast.Slice) -> Iterator[Slip]:
    if node.step is not None and not isinstance(node.step, ast.UnaryOp):
        yield slip(ast.Slice(node.lower, node.upper), "stride ignored", f"The step {text(node.step)} is missing.")
    for end, part in (("begins", node.lower), ("ends", node.upper)):
        if part is None:
            continue
        for step, far in ((ast.Add(), "late"), (ast.Sub(), "early")):
            moved = _with_end(node, end, ast.BinOp(part, step, ast.Constant(1)))
            yield slip(moved, "off by one", f"The slice {text(node)} {end} one too {far}.")
        says = f"The slice {text(node)} has lost one of its ends."
        yield slip(_with_end(node, end, None), "slice without its end", says)


def _with_end(node: ast.Slice, end: str, value: ast.expr | None) -> ast.Slice:
    return ast.Slice(value, node.upper, node.step) if end == "begins" else ast.Slice(node.lower, value, node.step)
