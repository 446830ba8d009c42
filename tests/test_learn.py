"""The exercises: every solution passes, every wrong one is recognised, and the learner's file is what runs."""

from __future__ import annotations

import ast
import doctest
import json
import os
import re
import subprocess
import sys
import textwrap
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from inception.milestone import start as inception_start
from minigrad.learn import __main__ as command_line
from minigrad.learn import milestone_run, screens
from minigrad.learn.digits import digits
from minigrad.learn.exercises import EXERCISES
from minigrad.learn.folder import Folder, Progress, file_name, find, first_text, next_exercise, number
from minigrad.learn.judge import STEPS, Verdict, judge
from minigrad.learn.milestone_run import learners, run, train_from_files
from minigrad.learn.milestone_training import STARTS, perceptron
from minigrad.learn.milestones import MILESTONES, Milestone, milestone_after
from minigrad.learn.outcome import argument_names, load
from minigrad.learn.record import Exercise, Written
from minigrad.learn.slips import EndlessError, function_of, slips
from minigrad.learn.swap import swapped

ROOT = Path(__file__).parent.parent
each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=[exercise.slug for exercise in EXERCISES])


def reference(exercise: Exercise) -> Written:
    return load(exercise.solution, "<reference>", exercise.function)


# --- The judge ---


@each_exercise
def test_the_reference_passes_every_step(exercise: Exercise) -> None:
    verdict = judge(exercise, exercise.solution)
    assert verdict.passed, "\n".join(verdict.lines)
    assert {"shapes", "one element", "engine", "properties"} <= set(verdict.done)


@each_exercise
def test_the_file_as_it_is_given_counts_as_not_written(exercise: Exercise) -> None:
    verdict = judge(exercise, first_text(exercise))
    assert not verdict.passed
    assert verdict.unwritten
    assert "first" in verdict.lines[0]


@cache
def bank() -> list[tuple[Exercise, str, Verdict]]:
    return [
        (exercise, mistake.name, judge(exercise, mistake.source(exercise.solution)))
        for exercise in EXERCISES
        for mistake in exercise.mistakes
    ]


def test_every_wrong_solution_of_the_bank_is_rejected() -> None:
    assert len(bank()) >= 150
    assert [(exercise.slug, name) for exercise, name, verdict in bank() if verdict.passed] == []


def test_the_wrong_solutions_get_the_right_diagnosis() -> None:
    missed = [(e.slug, name, verdict.diagnosis) for e, name, verdict in bank() if verdict.diagnosis != name]
    assert len(missed) <= len(bank()) // 10, missed


def test_the_bank_has_the_mistakes_that_everyone_makes() -> None:
    names = {name for _, name, _ in bank()}
    assert names >= {
        "flipped kernel", "= for +=", "sum over the batch missing", "1/N forgotten", "biased variance expected",
        "mean without count", "post-order instead of topological order", "no zeroing", "eps inside the root",
        "transposed weight", "sign", "gradient from above missing", "swapped results", "stride ignored",
    }  # fmt: skip


# Solutions that are written in another way than the reference; wrong ones with the name of the mistake.
OTHERS = {
    "multiply, as two returns": ("multiply", "return np.multiply(y, grad), np.multiply(x, grad)", ""),
    "multiply, dy alone wrong": ("multiply", "return grad * y, grad * y", "own factor"),
    "mean, by a loop": ("mean", "dx = np.empty(x.shape)\ndx[:] = grad / len(x)\nreturn dx", ""),
    "mean, repeated": ("mean", "return np.repeat(grad[None], len(x), 0)", "1/N forgotten"),
    "linear, by einsum": ("linear", "return grad.dot(w), np.einsum('no,ni->oi', grad, x), sum(grad)", ""),
    "linear, first row": ("linear", "return grad @ w, grad.T @ x, grad[0] * 1.0", "sum over the batch missing"),
    "relu, by where": ("relu", "return np.where(x > 0, grad, 0.0)", ""),
    "relu, in a copy": ("relu", "dx = grad.copy()\ndx[x < 0] = 0\nreturn dx", "open at 0"),
    "accumulate, by get": ("accumulate", "sums[name] = sums.get(name, 0) + grad", ""),
    "accumulate, always new": ("accumulate", "sums[name] = grad.copy()", "= for +="),
    "order, by counting": (
        "order",
        """
        users = {}
        stack, seen = [loss], {loss}
        while stack:
            node = stack.pop()
            for made in inputs[node]:
                users[made] = users.get(made, 0) + 1
                if made not in seen:
                    seen.add(made)
                    stack.append(made)
        ready, order = [loss], []
        while ready:
            node = ready.pop()
            order.append(node)
            for made in inputs[node]:
                users[made] -= 1
                if users[made] == 0:
                    ready.append(made)
        return order
        """,
        "",
    ),
    "cross entropy, with an identity": (
        "cross_entropy",
        """
        e = np.exp(scores - scores.max(1)[:, None])
        return grad * (e / e.sum(1)[:, None] - np.eye(scores.shape[1])[labels])
        """,
        "1/N forgotten",
    ),
    "sgd, elementwise": ("sgd", "for i in range(len(parameters)):\n    parameters[i][...] -= lr * gradients[i]", ""),
    "conv1d, by correlate": ("conv1d", "return np.convolve(grad, w), np.correlate(x, grad, 'valid')", ""),
    "conv1d, flipped": (
        "conv1d",
        "return np.convolve(grad, w[::-1]), np.correlate(x, grad, 'valid')",
        "flipped kernel",
    ),
    "conv2d, seven loops": (
        "conv2d",
        """
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):
            dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, i, j]
            dw[o, c, i, j] += grad[n, o, p, q] * x[n, c, p + i, q + j]
        return dx, dw
        """,
        "",
    ),
    "conv2d, seven loops, flipped": (
        "conv2d",
        """
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        I, J = w.shape[2:]
        for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):
            dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, I - 1 - i, J - 1 - j]
            dw[o, c, i, j] += grad[n, o, p, q] * x[n, c, p + i, q + j]
        return dx, dw
        """,
        "flipped kernel",
    ),
    "conv2d, seven loops, overwritten": (
        "conv2d",
        """
        dx, dw = np.zeros(x.shape), np.zeros(w.shape)
        for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):
            dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, i, j]
            dw[o, c, i, j] += grad[0, o, p, q] * x[0, c, p + i, q + j] * (n == 0)
        return dx, dw
        """,
        "sum over the batch missing",
    ),
    "max pool, by argmax": (
        "max_pool",
        """
        dx = np.zeros_like(x)
        for n, c, p, q in np.ndindex(*grad.shape):
            window = x[n, c, p * stride : p * stride + size, q * stride : q * stride + size]
            i, j = np.unravel_index(window.argmax(), window.shape)
            dx[n, c, p * stride + i, q * stride + j] += grad[n, c, p, q]
        return dx
        """,
        "",
    ),
    "max pool, all ties": (
        "max_pool",
        """
        dx = np.zeros_like(x)
        for n, c, p, q in np.ndindex(*grad.shape):
            window = np.s_[n, c, p * stride : p * stride + size, q * stride : q * stride + size]
            dx[window] += grad[n, c, p, q] * (x[window] == x[window].max())
        return dx
        """,
        "every tie gets the gradient",
    ),
    "normalize, by std": ("normalize", "sigma = np.sqrt(x.var(0) + eps)\nreturn (x - x.mean(0)) / sigma, sigma", ""),
    "normalize, unbiased": (
        "normalize",
        "sigma = np.sqrt(x.var(0, ddof=1) + eps)\nreturn (x - x.mean(0)) / sigma, sigma",
        "biased variance expected",
    ),
    "batch norm, with counts": (
        "batch_norm",
        """
        N = len(grad)
        g = w * grad
        dw, db = np.einsum("nc,nc->c", grad, x_hat), grad.sum(0)
        return (N * g - g.sum(0) - x_hat * (g * x_hat).sum(0)) / (N * sigma), dw, db
        """,
        "",
    ),
    "batch norm, sums": (
        "batch_norm",
        """
        g = w * grad
        dw, db = np.einsum("nc,nc->c", grad, x_hat), grad.sum(0)
        return (g - g.sum(0) - x_hat * (g * x_hat).sum(0)) / sigma, dw, db
        """,
        "mean without count",
    ),
    "batch norm, two mistakes in one result": (
        "batch_norm",
        """
        dw, db = (grad * x_hat).sum(0), grad.sum(0)
        return (grad - grad.sum(0) - x_hat * (grad * x_hat).sum(0)) / sigma, dw, db
        """,
        "mean without count, and weight forgotten",
    ),
    "batch norm, a mistake in each of two results": (
        "batch_norm",
        """
        g = grad * w
        dw, db = (grad * x_hat).sum(0), grad * 1.0
        return (g - g.mean(0) + x_hat * (g * x_hat).mean(0)) / sigma, dw, db.mean(0)
        """,
        "sign of the path through sigma, and mean over the batch",
    ),
    "linear, in single precision": (
        "linear",
        "return (grad @ w).astype(np.float32), (grad.T @ x).astype(np.float32), grad.sum(0)",
        "",
    ),
    "adam, in one go": (
        "adam",
        """
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        p -= lr * (m / (1 - beta1**t)) / (eps + np.sqrt(v / (1 - beta2**t)))
        """,
        "",
    ),
    "adam, eps": (
        "adam",
        """
        m[...] = beta1 * m + (1 - beta1) * g
        v[...] = beta2 * v + (1 - beta2) * g**2
        p -= lr * (m / (1 - beta1**t)) / np.sqrt(v / (1 - beta2**t) + eps)
        """,
        "eps inside the root",
    ),
}  # fmt: skip


def written(exercise: Exercise, body: str) -> str:
    head = f"import numpy as np\n\n\ndef {exercise.function}({', '.join(argument_names(exercise))}):\n"
    return head + textwrap.indent(textwrap.dedent(body).strip("\n"), "    ") + "\n"


@pytest.mark.parametrize("other", OTHERS)
def test_a_solution_is_judged_by_what_it_computes_and_not_by_how_it_is_written(other: str) -> None:
    slug, body, mistake = OTHERS[other]
    verdict = judge(find(slug), written(find(slug), body))
    assert (verdict.passed, verdict.diagnosis) == (not mistake, mistake), "\n".join(verdict.lines)


ODD = {
    "return None": "Does it end with `return dx, dy`",
    "return ...": "first",
    "return dx": "name 'dx' is not defined",
    "return [grad * y, [1]]": "dy is a list",
    "return grad * y": "where 2 results are expected",
    "return grad * y, grad * x, 1": "3 results, where 2",
    "grad *= y\nreturn grad, x": "changes its argument grad",
    "return (grad * y)[0], grad * x": "dx has the shape (3,), but should have (2, 3)",
    "return grad + 0j, grad": "complex128",
    "return 'dx', grad": "dx is a str",
    "return (grad * y * 0.5).astype(int), grad * x": "dx holds whole numbers (int64)",
    "exit()": "left Python with exit()",
    "return multiply_backward(grad, x, y)": "needs a case in which it does not",
    "return grad @ y, grad": "The arguments had these shapes: grad (2, 3), x (2, 3), y (2, 3)",
    "return (": "Python cannot read your file",
    "return grad * y * np.nan, grad * x": "is nan, but should be",
    "dx = np.zeros(x.shape, int)\ndx += grad * y\nreturn dx, grad * x": "without dtype=int",
    "return (grad * y)[:, None] + np.zeros((5, 5)), grad": "NumPy aligns shapes at the right end",
    "return grad * y, (grad * x)[7]": "An index counts from 0",
    "import nupmy\nreturn nupmy.multiply(grad, y), grad * x": "The exercises need NumPy alone",
    "return (grad * y).sum(), grad * x": "each element of x has one",
    "if x.any():\n\tx = x\n        return x": "without tabs",
}

# Mistakes that can be made in every exercise, and what a learner reads.
IN_EVERY_EXERCISE = {
    "multiply, a double": ("multiply", "return 2 * grad * y, grad * x", "factor", "The factor is 2."),
    "tanh, too large": ("tanh", "return np.exp(1000 + y)", "infinite", "np.exp of a large number"),
    "tanh, empty": ("tanh", "return np.full(y.shape, np.nan)", "not a number", "np.zeros begins with 0"),
    "multiply, floor": ("multiply", "return grad * y // 1, grad * x", "whole numbers", "The fractions are lost"),
    "multiply, last row": (
        "multiply", "dx = grad * y\ndx[-1] = 0\nreturn dx, grad * x", "elements left out", "end too early",
    ),
    "linear, by the batch": (
        "linear", "return grad @ w / len(x), grad.T @ x, grad.sum(0)", "factor", "divided by grad.shape[0]",
    ),
    "tanh, unchanged": ("tanh", "return y", "argument returned", "dx is y itself"),
}  # fmt: skip


# Solutions with one small thing changed, which no bank holds, and a word of the name that they get.
NEAR = {
    "multiply, a mean": ("multiply", "return grad * y.mean(), grad * x", "mean of y"),
    "multiply, added up": ("multiply", "return grad * y, (grad * x).sum()", "summed over everything"),
    "multiply, rows added up": (
        "multiply", "return (grad * y).sum(1, keepdims=True) + 0 * x, grad * x", "summed over axis 1",
    ),
    "mean, in another order": (
        "mean", "return np.repeat(grad, len(x)).reshape(x.shape) / len(x)", "in other places",
    ),
    "matmul, a result for the gradient": ("matmul", "dA = grad @ B.T\nreturn dA, A.T @ dA", "dA for grad"),
    "linear, one dimension too many": (
        "linear", "return grad @ w, grad.T @ x, grad.sum(0, keepdims=True)", "another shape",
    ),
    "sgd, step alone": (
        "sgd", "for p, g in zip(parameters, gradients):\n    p[...] = -lr * g", "old value lost",
    ),
    "sgd, by the number of parameters": (
        "sgd", "for p, g in zip(parameters, gradients):\n    p -= lr * g / len(parameters)", "factor",
    ),
    "batch norm, grad for g in one path": (
        "batch_norm",
        "g = grad * w\ndx = (g - grad.mean(0) - x_hat * (g * x_hat).mean(0)) / sigma\n"
        "return dx, (grad * x_hat).sum(0), grad.sum(0)",
        "grad for g",
    ),
    "normalize, another eps": (
        "normalize", "sigma = np.sqrt(x.var(0) + eps**2)\nreturn (x - x.mean(0)) / sigma, sigma", "eps ** 2 for eps",
    ),
    "schedule, off by one": (
        "schedule",
        "import math\nif step < warmup:\n    return peak * (step + 1) / warmup\n"
        "return peak * (1 + math.cos(math.pi * (step + 1 - warmup) / (steps - warmup))) / 2",
        "off by one",
    ),
    "conv1d, returned in the loop": (
        "conv1d",
        "dx, dw = np.zeros_like(x), np.zeros_like(w)\nfor p in range(len(grad)):\n    for i in range(len(w)):\n"
        "        dx[p + i] += grad[p] * w[i]\n        dw[i] += grad[p] * x[p + i]\n    return dx, dw",
        "one round only",
    ),
    "tanh, another power": ("tanh", "return grad * (1 - y^2)", "^ for **"),
    "relu, in place": ("relu", "grad[x <= 0] = 0\nreturn grad", "argument changed"),
}  # fmt: skip


@pytest.mark.parametrize("case", NEAR)
def test_a_small_slip_is_recognised_though_no_bank_holds_it(case: str) -> None:
    slug, body, mistake = NEAR[case]
    verdict = judge(find(slug), written(find(slug), body))
    assert not verdict.passed
    assert mistake in verdict.diagnosis, "\n".join(verdict.lines)


# Code that gives the right results, and does something else besides.
BESIDES = {
    "a model left in evaluation": ("training_step", "return loss.", "model.eval()\n    return loss.", "not in tra"),
    "a model evaluated": ("training_step", "scores", "model.eval()\n    scores", "not in training mode"),
    "numbers drawn in use": (
        "dropout", "    return x\n", "    random.random()\n        return x\n", "The next draws from it give others",
    ),
    "numbers of a copy": (
        "dropout", "keep = ", "import copy\n    random = copy.deepcopy(random)\n    keep = ", "drawn from a copy",
    ),
    "other numbers": ("dropout", "random.random", "np.random.random", "Two calls with the same arguments"),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDES)
def test_what_a_function_does_besides_its_result_is_judged(case: str) -> None:
    slug, right, wrong, says = BESIDES[case]
    source = "import numpy as np\n\n\n" + find(slug).solution.replace(right, wrong, 1)
    verdict = judge(find(slug), source)
    assert not verdict.passed
    assert says in "\n".join(verdict.lines)


def test_near_solutions_end_in_any_case() -> None:
    for exercise in (find("linear"), find("order"), find("own_op")):
        names = [diagnosis.name for diagnosis, _ in slips(exercise.solution)]
        assert len(names) > 20
        assert all(names)
    endless = "def f(x):\n    while True:\n        x += 1\n"
    function = function_of(endless, "f")
    assert function is not None
    with pytest.raises(EndlessError):
        function(0)


@pytest.mark.parametrize("case", IN_EVERY_EXERCISE)
def test_mistakes_that_no_bank_foresaw_are_recognised_by_what_they_do_to_the_numbers(case: str) -> None:
    slug, body, mistake, says = IN_EVERY_EXERCISE[case]
    verdict = judge(find(slug), written(find(slug), body))
    assert mistake in verdict.diagnosis, "\n".join(verdict.lines)
    assert says in "\n".join(verdict.lines)


@pytest.mark.parametrize("body", ODD)
def test_code_that_gives_no_result_gets_a_kind_sentence(body: str) -> None:
    exercise = find("multiply")
    verdict = judge(exercise, written(exercise, body))
    assert not verdict.passed
    assert ODD[body] in "\n".join(verdict.lines)


def test_what_the_engine_does_not_implement_is_not_taken_for_an_unwritten_function() -> None:
    exercise = find("training_step")
    verdict = judge(exercise, exercise.solution.replace("scores, labels)\n    loss.", "labels, scores)\n    loss."))
    assert not verdict.passed
    assert not verdict.unwritten
    assert "not implemented" in "\n".join(verdict.lines)


def test_a_failure_names_the_first_wrong_element_with_both_values_and_shows_where() -> None:
    exercise = find("conv2d")
    flipped = next(mistake for mistake in exercise.mistakes if mistake.name == "flipped kernel")
    lines = judge(exercise, flipped.source(exercise.solution)).lines
    text = "\n".join(lines)
    found = re.search(r"^dx\[0, 0, (\d), (\d)\] is (\S+), but should be (\S+)\.$", text, re.MULTILINE)
    assert found
    assert found[3] != found[4]
    assert "yours" in text
    assert "wrong: x" in text
    assert max(map(len, lines)) <= 120


# --- The path ---


def used_names(source: str) -> set[str]:
    """Return the names of Python and NumPy that a solution uses, and not its own variables."""
    tree, used = ast.parse(source), set()
    own = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    own |= {a.arg for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) for a in n.args.args}
    own |= {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id in ("np", "math", "copy")
        ):
            used.add(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.Attribute):
            used.add(f".{node.attr}")
        elif isinstance(node, ast.Name) and node.id not in own:
            used.add(node.id)
        elif isinstance(node, ast.keyword) and node.arg:
            used.add(node.arg)
        elif isinstance(node, ast.MatMult):
            used.add("@")
        elif isinstance(node, ast.BitAnd | ast.BitOr | ast.Invert):
            used.add({ast.BitAnd: "&", ast.BitOr: "|", ast.Invert: "~"}[type(node)])
    return used


@each_exercise
def test_an_exercise_needs_nothing_that_is_taught_later(exercise: Exercise) -> None:
    taught = set[str]().union(*(e.teaches for e in EXERCISES[: number(exercise)]))
    assert used_names(exercise.solution) - taught == set()
    for other in (*exercise.mistakes,):
        ast.parse(other.source(exercise.solution))


@each_exercise
def test_what_an_exercise_teaches_is_shown_in_its_text(exercise: Exercise) -> None:
    shown = exercise.text + exercise.template
    for name in exercise.teaches - {"in place", "comparison of arrays"}:
        assert name in shown, f"{name} is not in the text of {exercise.slug}"


@each_exercise
def test_no_text_uses_a_word_before_the_exercise_that_explains_it(exercise: Exercise) -> None:
    later = set[str]().union(*(e.terms for e in EXERCISES[number(exercise) :]))
    text = " ".join([exercise.text, exercise.title, *exercise.hints, exercise.template])
    assert [word for word in later if re.search(rf"\b{re.escape(word)}\b", text)] == []
    assert all(re.search(rf"\b{re.escape(word)}\b", exercise.text) for word in exercise.terms)


@each_exercise
def test_a_text_refers_to_earlier_exercises_and_to_files_that_exist(exercise: Exercise) -> None:
    before = " ".join([exercise.text, *exercise.hints])
    assert all(int(n) < number(exercise) for n in re.findall(r"exercise (\d+)", before) if int(n) != number(exercise))
    assert all(int(n) <= len(EXERCISES) for n in re.findall(r"exercises? (\d+)", exercise.why))
    named = re.findall(r"(?:minigrad|inception)/[\w/]+\.py", exercise.why)
    assert named
    assert all((ROOT / name).exists() for name in named)


@each_exercise
def test_texts_fit_a_terminal_of_80_columns(exercise: Exercise) -> None:
    for text in (exercise.text, exercise.template, exercise.solution, exercise.why):
        assert all(len(line) <= 80 for line in text.splitlines()), text
    everything = screens.steps(exercise, list(STEPS), "")
    for shown in (everything, screens.hints(exercise, 3), screens.task(exercise, Folder(Path("learn")))):
        assert all(len(line) <= 80 for line in shown.splitlines())


def test_the_table_of_the_exercises_is_up_to_date() -> None:
    rows = re.findall(
        r"^\| (\d+) \| `(\w+)` \| (.+?) \| (\d+) \|", (ROOT / "minigrad/learn/README.md").read_text(), re.M
    )
    assert rows == [(str(number(e)), e.slug, e.title, str(e.chapter)) for e in EXERCISES]


def test_the_session_of_the_evening_is_what_a_terminal_shows() -> None:
    text = (ROOT / "minigrad/learn/README.md").read_text(encoding="utf-8")
    (session,) = re.findall(r"```pycon\n(.*?)```", text, re.DOTALL)
    test = doctest.DocTestParser().get_doctest(textwrap.dedent(session), {}, "README.md", "README.md", 0)
    assert doctest.DocTestRunner().run(test).failed == 0


# --- The engine ---


class RanError(Exception):
    """The learner's function ran."""


@each_exercise
def test_the_learners_function_is_what_runs_in_the_engine(exercise: Exercise) -> None:
    def function(*arguments: object) -> object:
        raise RanError

    assert exercise.replaces is not None
    assert exercise.in_engine is not None
    with pytest.raises(RanError), swapped(exercise.replaces(function)):
        exercise.in_engine()


@each_exercise
def test_a_wrong_function_makes_the_engine_wrong_and_leaves_nothing_behind(exercise: Exercise) -> None:
    assert exercise.replaces is not None
    assert exercise.in_engine is not None
    right = [np.array(a) for a in exercise.in_engine()]
    swaps = exercise.replaces(reference(exercise))
    before = [(swap.owner, swap.name, vars(swap.owner).get(swap.name)) for swap in swaps]
    with swapped(swaps):
        assert all(vars(swap.owner)[swap.name] is swap.replacement for swap in swaps)
        same = [np.array(a) for a in exercise.in_engine()]
    assert all(vars(owner).get(name) is original for owner, name, original in before)
    for a, b, c in zip(right, same, exercise.in_engine(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(a, c)


def test_every_function_before_a_milestone_runs_in_its_network() -> None:
    idle = {"difference", "conv1d", "center"}  # they replace gradcheck, convolutions of rows, and a toy
    ran = set()
    for milestone in MILESTONES[:3]:
        last = number(find(milestone.after))
        functions = {e.slug: reference(e) for e in EXERCISES[:last]}
        with learners(functions) as counted:
            next(STARTS[milestone.name]().losses)
        ran |= {slug for slug, c in counted.items() if c.calls}
    assert {e.slug for e in EXERCISES[: number(find("momentum"))]} - ran == idle


@pytest.mark.slow
@pytest.mark.parametrize("milestone", MILESTONES, ids=[milestone.name for milestone in MILESTONES])
def test_the_network_of_a_milestone_learns_with_the_learners_functions(milestone: Milestone) -> None:
    functions = {e.slug: reference(e) for e in EXERCISES[: number(find(milestone.after))]}
    said: list[str] = []
    start = {**STARTS, "inception": inception_start}[milestone.name]
    assert run(start, functions, said.append), "\n".join(said)
    losses = re.search(r"last loss with yours is (\S+), with the engine's (\S+)\.$", "\n".join(said), re.MULTILINE)
    assert losses


def test_functions_that_are_too_slow_for_a_network_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milestone_run, "LONGEST", 0.0)
    functions = {e.slug: reference(e) for e in EXERCISES[: number(find("training_step"))]}
    with pytest.raises(milestone_run.SlowError, match=r"(?s)400 steps would take .* The slowest is \w+: .* hint"):
        run(perceptron, functions, lambda line: None)


def test_an_error_in_a_milestone_names_the_line_of_the_learners_file(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    folder.write_missing()
    passed = [e.slug for e in EXERCISES[: number(find("training_step"))]]
    for slug in passed:
        write(tmp_path, slug, find(slug).solution)
    write(tmp_path, "relu", "def relu_backward(grad, x):\n    return grad * (x > 1 / 0)\n")
    folder.keep(Progress(passed))
    train_from_files(perceptron, tmp_path, tmp_path / "result.json")
    result = json.loads((tmp_path / "result.json").read_text())
    assert not result["learned"]
    assert "    line 2:  return grad * (x > 1 / 0)" in result["lines"]
    assert "    ZeroDivisionError: division by zero" in result["lines"]


def test_the_digits_are_the_same_each_time_and_all_ten_are_there() -> None:
    images, labels = digits(100, 12, seed=3)
    again, _ = digits(100, 12, seed=3)
    assert images.shape == (100, 1, 12, 12)
    assert set(labels.tolist()) == set(range(10))
    np.testing.assert_array_equal(images.array, again.array)
    assert abs(float(images.mean().item())) < 0.2


# --- The command line ---


def learn(folder: Path, *arguments: str) -> int:
    return command_line.main([*arguments, "--folder", str(folder)])


def write(folder: Path, slug: str, source: str) -> None:
    (folder / file_name(find(slug))).write_text(source, encoding="utf-8")


def test_a_session_from_start_to_solution(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "mine"
    assert learn(folder, "check") == 2
    assert "start" in capfd.readouterr().err
    assert learn(folder, "start") == 0
    assert "32 exercises were written" in capfd.readouterr().out
    assert learn(folder, "solution", "1") == 2
    assert "has not passed yet" in capfd.readouterr().err
    assert learn(folder, "hint") == 0
    assert learn(folder, "hint", "multiply") == 0
    assert "Hint 2 of 3" in capfd.readouterr().out
    write(folder, "multiply", find("multiply").solution.replace("grad * y", "print('seen') or grad * x"))
    assert learn(folder, "check") == 1
    out = capfd.readouterr().out
    assert "    seen" in out
    assert "own factor" in out
    write(folder, "multiply", find("multiply").solution)
    assert learn(folder, "check", "1") == 0
    out = capfd.readouterr().out
    assert "Passed: 1. The product rule." in out
    assert "Next: 2. A slope from the output" in out
    assert learn(folder, "solution") == 0
    assert "dx = grad * y" in capfd.readouterr().out
    assert learn(folder, "status") == 0
    out = capfd.readouterr().out
    assert "[ok]  1  multiply" in out
    assert " ->   2  tanh" in out
    assert "2 hints read" in out
    assert max(map(len, out.splitlines()[:-1])) <= 80
    write(folder, "multiply", "")
    assert learn(folder, "check", "1") == 1
    assert "It had passed before" in capfd.readouterr().out
    assert learn(folder, "solution", "1") == 2
    assert learn(folder, "check", "nothing") == 2
    assert learn(folder, "milestone", "lenet") == 2
    assert "comes after exercise 17" in capfd.readouterr().err


def test_who_begins_in_the_middle_goes_on_there_and_meets_the_skipped_ones_at_the_end() -> None:
    def following(*passed: str) -> str | None:
        exercise = next_exercise(Progress(list(passed)))
        return exercise and exercise.slug

    every = [exercise.slug for exercise in EXERCISES]
    assert [following(), following("conv1d"), following("conv1d", "conv2d")] == ["multiply", "conv2d", "strided_conv2d"]
    assert following(*every[3:]) == "multiply"
    assert following(*every) is None


def test_after_start_with_a_name_check_and_hint_mean_that_exercise(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path, "start")
    learn(tmp_path, "start", "center")
    write(tmp_path, "center", find("center").solution)
    capfd.readouterr()
    learn(tmp_path, "hint")
    assert "19. The path through the mean" in capfd.readouterr().out
    assert learn(tmp_path, "check") == 0
    assert "Passed: 19." in capfd.readouterr().out
    assert learn(tmp_path, "check") == 1
    assert "20. Mean 0" in capfd.readouterr().out


def test_files_that_are_there_are_never_overwritten(tmp_path: Path) -> None:
    learn(tmp_path, "start")
    write(tmp_path, "tanh", "mine = 1\n")
    (tmp_path / file_name(find("mean"))).unlink()
    learn(tmp_path, "start")
    assert (tmp_path / file_name(find("tanh"))).read_text() == "mine = 1\n"
    assert (tmp_path / file_name(find("mean"))).exists()


@pytest.mark.parametrize("text", ["", "{", "[]", '{"passed": 3}', '{"passed": ["x"], "hints": [], "milestones": []}'])
def test_a_progress_file_that_cannot_be_read_is_kept_beside_a_new_one(
    tmp_path: Path, text: str, capfd: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path, "start")
    (tmp_path / "progress.json").write_text(text)
    assert learn(tmp_path, "status") == 0
    assert "could not be read" in capfd.readouterr().out
    assert (tmp_path / "progress.json.unreadable").read_text() == text


@pytest.mark.slow
def test_code_that_ends_python_is_reported(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    learn(tmp_path, "start")
    write(tmp_path, "multiply", "import os\n\n\ndef multiply_backward(grad, x, y):\n    os._exit(3)\n")
    assert learn(tmp_path, "check") == 1
    assert "Python itself ended while it ran your code (status 3)" in capfd.readouterr().out


@pytest.mark.slow
def test_a_file_in_another_encoding_and_code_that_waits_for_input_are_reported(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path, "start")
    (tmp_path / file_name(find("multiply"))).write_bytes("# größer\n".encode("latin-1"))
    assert learn(tmp_path, "check") == 1
    assert "is not in UTF-8" in capfd.readouterr().out
    write(tmp_path, "multiply", written(find("multiply"), "return input('x?')"))
    assert learn(tmp_path, "check") == 1
    assert "EOFError" in capfd.readouterr().out


@pytest.mark.slow
def test_code_that_never_ends_is_stopped_and_its_line_is_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path, "start")
    write(tmp_path, "multiply", "def multiply_backward(grad, x, y):\n    while True:\n        pass\n")
    assert learn(tmp_path, "check") == 1
    out = capfd.readouterr().out
    assert "had not finished after 10 seconds" in out
    assert re.search(r"line [23]: ", out)


@pytest.mark.slow
def test_watch_checks_a_file_when_it_is_saved(tmp_path: Path) -> None:
    learn(tmp_path, "start")
    command = [sys.executable, "-u", "-m", "minigrad.learn", "watch", "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Watching") and "save a file" in line:
                write(tmp_path, "multiply", find("multiply").solution)
            elif line.startswith("Watching"):
                process.terminate()
                break
    assert "Passed: 1. The product rule.\n" in said
    assert "02_tanh.py is next" in said[-1]


@pytest.mark.slow
def test_the_whole_path_can_be_gone_from_the_first_exercise_to_the_last(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    learn(tmp_path, "start")
    for exercise in EXERCISES:
        progress, _ = Folder(tmp_path).progress()
        milestone = milestone_after(exercise.slug)
        if milestone:  # they have a test of their own
            progress.milestones.append(milestone.name)
            Folder(tmp_path).keep(progress)
        write(tmp_path, exercise.slug, exercise.solution)
        assert learn(tmp_path, "check") == 0
        out = capfd.readouterr().out.replace(str(tmp_path), "learn")
        assert max(map(len, out.splitlines())) <= 80, out
    assert learn(tmp_path, "check") == 0
    assert "All 32 exercises have passed" in capfd.readouterr().out
    saved = json.loads((tmp_path / "progress.json").read_text())
    assert saved["passed"] == [exercise.slug for exercise in EXERCISES]
    assert learn(tmp_path, "check", "all") == 0


def test_it_needs_neither_torch_nor_numba_nor_scikit_learn() -> None:
    program = (
        "import sys, importlib.abc\n"
        "class No(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.split('.')[0] in ('torch', 'numba', 'sklearn', 'hypothesis', 'PIL', 'matplotlib', 'tqdm'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "from minigrad.learn.exercises import EXERCISES\n"
        "from minigrad.learn.judge import judge\n"
        "from minigrad.learn import child, milestone_training, __main__\n"
        "assert all(judge(e, e.solution).passed for e in EXERCISES)\n"
    )
    environment = {**os.environ, "MINIGRAD_KERNELS": "numpy"}
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT, env=environment)
