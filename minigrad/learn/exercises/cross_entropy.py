"""Exercise: the derivative of softmax and cross entropy together."""

from __future__ import annotations

import numpy as np

from minigrad.creation import from_numpy
from minigrad.learn.derivative import Draw, derivative
from minigrad.learn.engine_runs import gradients, numbers
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.learn.swap import arrays, fused
from minigrad.nn import functional as F
from minigrad.ops.cross_entropy import CrossEntropy
from minigrad.typing import Array

LABELS = np.array([2, 0, 1, 1])


def forward(scores: Array, labels: Array) -> Array:
    shifted = scores - scores.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return np.asarray(-np.mean(log_p[np.arange(len(labels)), labels]))


def small(draw: Draw) -> tuple[object, ...]:
    return draw(4, 3), LABELS


def wide(draw: Draw) -> tuple[object, ...]:
    return draw(2, 5), np.array([4, 1])


def probes(random: np.random.Generator) -> list[Probe]:
    made = derivative(forward, (small, wide), {"dscores": 0})(random)
    large = np.array([[1000.0, 0.0, -1000.0], [-1000.0, -200.0, -200.0]])
    note = "Scores as large as 1000 in one row, and below 0 in the other."
    made.append(Probe((np.asarray(1.0), large, np.array([0, 1])), "numbers", note))
    return made


def _rows_sum_to_zero(function: Written, random: np.random.Generator) -> str | None:
    for classes in (2, 5):
        scores, labels = random.standard_normal((3, classes)), random.integers(0, classes, 3)
        (dscores,) = arrays(function(np.asarray(2.0), scores, labels), 1)
        if not np.allclose(dscores.sum(axis=1), 0):
            return f"for {classes} classes a row adds up to {dscores.sum(axis=1)[0]:.4g}."
        (shifted,) = arrays(function(np.asarray(2.0), scores + 3.0, labels), 1)
        if not np.allclose(shifted, dscores):
            return "3 added to all scores changes the gradient, but not the probabilities."
    return None


def replaces(function: Written) -> list[Swap]:
    original = CrossEntropy.fused_backward
    assert original is not None

    def backward(node: CrossEntropy, grad: Array) -> tuple[Array | None, ...]:
        """Use the learner's function for the plain mean; all else stays the engine's."""
        x, labels, weight, *_ = node.saved_arrays
        plain = node.reduction == "mean" and weight is None and not node.smoothing and x.ndim == 2
        if not plain or np.any(labels == node.ignore):
            return original(node, grad)
        return *arrays(function(grad, x, labels), 1), None, None

    return [fused(CrossEntropy, backward)]


EXERCISE = Exercise(
    slug="cross_entropy",
    title="Where the gradient begins",
    chapter=8,
    function="cross_entropy_backward",
    text=prose("""
        A classifier ends in scores, one for each class. Softmax makes probabilities
        of them:  p[c] = exp(score[c]) / (sum of exp(score[k]) over all k).
        The loss of one example is -log(p[label]), the cross entropy: 0 if the right
        class has all of the probability. That of a batch is the mean over its N
        examples.

        Given: grad, the gradient of the loss, a number (mostly 1); scores
            (N, classes); labels (N,), the number of each example's right class.
        Write: the gradient of scores.

        Derive it on paper, for one example: log p[label] = score[label] - log(sum
        of exp(score[k])). The result is surprisingly simple.

        p[np.arange(N), labels] is the element of the right class in each row.
        np.exp works element by element; but exp(1000) is too large for a float.
        Softmax does not change if the largest score, scores.max(axis=1, keepdims=True),
        is subtracted first.
    """),
    template=code('''
        import numpy as np


        def cross_entropy_backward(grad, scores, labels):
            """Return the gradient of scores."""
            dscores = ...
            return dscores
    '''),
    hints=(
        "The slope of -score[label] is -1 at the label and 0 elsewhere. The slope of log(sum of exp) with respect to "
        "score[c] is exp(score[c]) / (sum of exp): what is that?",
        "Together: p - q, where q is 1 at the label and 0 elsewhere. What was predicted, minus what was wanted. Then "
        "the mean: divide by N.",
        "With p for e = np.exp(shifted), divided by its row sums:\n\n"
        "    p[np.arange(N), labels] -= 1\n    dscores = grad * p / N",
    ),
    solution=code('''
        import numpy as np


        def cross_entropy_backward(grad, scores, labels):
            """Return the gradient of scores."""
            N = len(labels)
            e = np.exp(scores - scores.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            p[np.arange(N), labels] -= 1
            dscores = grad * p / N
            return dscores
    '''),
    why=prose("""
        p - q: if the network is sure and right, nothing flows back; if it is sure
        and wrong, almost 1 does. This is why softmax and cross entropy are one
        operation: the slope of the logarithm alone, 1 / p, explodes where p is
        small, and the slope of the softmax undoes just that.

        In each row the gradients add up to 0: what one class gains, others lose.

        In the engine: class CrossEntropy in minigrad/ops/cross_entropy.py.
    """),
    returns=("dscores",),
    probes=probes,
    mistakes=(
        Mistake(
            "1/N forgotten",
            {" / N": ""},
            "The loss is a mean over the batch: divide by the number of examples, N.",
        ),
        Mistake(
            "divided by all elements",
            {" / N": " / scores.size"},
            "Divided by the number of all scores. The mean is over the N examples.",
        ),
        Mistake("sign", {"grad * p": "-grad * p"}),
        Mistake(
            "target forgotten",
            {"    p[np.arange(N), labels] -= 1\n": ""},
            "These are the probabilities alone. Subtract what was wanted: 1 at the label.",
        ),
        Mistake(
            "overflow",
            {"scores - scores.max(axis=1, keepdims=True)": "scores"},
            "np.exp overflows for large scores. Subtract the largest score of each row first.",
        ),
        Mistake(
            "softmax over the batch",
            {"e.sum(axis=1, keepdims=True)": "e.sum(axis=0, keepdims=True)"},
            "The probabilities are divided by the sums of columns. Those of one example, a row, must add up to 1.",
        ),
        Mistake(
            "softmax over everything",
            {"e.sum(axis=1, keepdims=True)": "e.sum()"},
            "The probabilities are divided by the sum of all. Those of each example must add up to 1.",
        ),
        Mistake(
            "slope of the logarithm alone",
            {
                "    p[np.arange(N), labels] -= 1\n": (
                    "    q = np.zeros(p.shape)\n    q[np.arange(N), labels] = 1\n    p = -q / p\n"
                ),
            },
            "This is the gradient of the probabilities, -q / p. Go on through the softmax to the scores.",
        ),
        Mistake("gradient from above missing", {"grad * p": "p"}),
        Mistake(
            "1 subtracted everywhere",
            {"p[np.arange(N), labels] -= 1": "p = p - 1"},
            "1 was subtracted from each class. It belongs to the right one only: p[np.arange(N), labels].",
        ),
        Mistake(
            "largest score of the wrong dimension",
            {"scores.max(axis=1, keepdims=True)": "scores.max(axis=0)"},
            "The largest score of each class was subtracted: that changes the softmax of a row. Subtract one "
            "number from a whole row, its largest: axis=1.",
        ),
        Mistake(
            "largest of all scores",
            {"scores.max(axis=1, keepdims=True)": "scores.max()"},
            "The largest of all scores is subtracted. In a row of much smaller ones np.exp is then 0 for all "
            "classes, and "
            "0 / 0 is nan. Subtract the largest of each row: axis=1, keepdims=True.",
        ),
        Mistake(
            "keepdims forgotten",
            {"e.sum(axis=1, keepdims=True)": "e.sum(axis=1)"},
            "A sum or a maximum of each row has the shape (N,), and NumPy aligns that with the classes. With "
            "keepdims=True "
            "the shape is (N, 1), one for each row.",
        ),
        Mistake(
            "keepdims forgotten",
            {"scores.max(axis=1, keepdims=True)": "scores.max(axis=1)"},
            "A sum or a maximum of each row has the shape (N,), and NumPy aligns that with the classes. With "
            "keepdims=True "
            "the shape is (N, 1), one for each row.",
        ),
        Mistake(
            "every row for every label",
            {"p[np.arange(N), labels]": "p[:, labels]"},
            "p[:, labels] means the columns of all labels, in every row. p[np.arange(N), labels] is one element of "
            "each row.",
        ),
        Mistake(
            "label taken for a row",
            {"p[np.arange(N), labels]": "p[labels]"},
            "p[labels] means rows. p[np.arange(N), labels] is the element of the right class in each row.",
        ),
        Mistake(
            "label taken for a row",
            {"p[np.arange(N), labels]": "p[labels % N]"},
            "p[labels] means rows. p[np.arange(N), labels] is the element of the right class in each row.",
        ),
        Mistake(
            "divided by the classes",
            {"/ N": "/ scores.shape[1]"},
            "Divided by the number of classes. The loss is a mean over the examples: divide by their number, N.",
        ),
        Mistake(
            "slope of the sigmoid",
            {"p[np.arange(N), labels] -= 1": "p = p * (1 - p)"},
            "p * (1 - p) is the slope of one probability with respect to its own score. The logarithm and the "
            "other classes are missing; all together they give p - 1 at the label and p elsewhere.",
        ),
        Mistake(
            "logarithm forgotten",
            {
                "p[np.arange(N), labels] -= 1": (
                    "t = p[np.arange(N), labels][:, None]\n    p = p * t\n    p[np.arange(N), labels] -= t[:, 0]"
                ),
            },
            "This is the derivative of -p[label]. The loss is its logarithm, so divide by p[label]: p - 1 at the "
            "label and p elsewhere.",
        ),
        Mistake(
            "smallest score subtracted",
            {"scores.max": "scores.min"},
            "The smallest score is subtracted, and np.exp of the others is too large for a float. Subtract the "
            "largest.",
        ),
        Mistake(
            "1 added",
            {"labels] -= 1": "labels] += 1"},
            "1 is added at the label. More score for the right class makes the loss smaller: p - 1 there.",
        ),
        Mistake(
            "divided twice",
            {"p / N": "p / N / N"},
            "Divided by N twice. The loss is one mean over the examples.",
        ),
        Mistake(
            "logarithm of the probabilities",
            {"p = e / e.sum(axis=1, keepdims=True)": "p = np.log(e / e.sum(axis=1, keepdims=True))"},
            "These are the logarithms of the probabilities. The gradient has the probabilities themselves.",
        ),
        Mistake(
            "exponential before the maximum",
            {
                "e = np.exp(scores - scores.max(axis=1, keepdims=True))": (
                    "e = np.exp(scores) - scores.max(axis=1, keepdims=True)"
                ),
            },
            "The largest score is subtracted after np.exp. It belongs within: np.exp(scores - largest).",
        ),
        Mistake(
            "exponential forgotten",
            {
                "e = np.exp(scores - scores.max(axis=1, keepdims=True))": (
                    "e = scores - scores.max(axis=1, keepdims=True)"
                ),
            },
            "np.exp is missing: softmax divides exp(score) by the sum of all exp(score).",
        ),
        Mistake(
            "labels counted from 1",
            {"labels] -= 1": "labels - 1] -= 1"},
            "The 1 is subtracted one class too early. Labels count from 0, as indices do.",
        ),
        Mistake(
            "predicted class instead of the label",
            {"p[np.arange(N), labels] -= 1": "p[np.arange(N), p.argmax(axis=1)] -= 1"},
            "The 1 is subtracted at the most probable class. It belongs to the right class, labels.",
        ),
        Mistake(
            "sigmoid instead of softmax",
            {"p = e / e.sum(axis=1, keepdims=True)": "p = 1 / (1 + np.exp(-scores))"},
            "This is the sigmoid of each score by itself. Softmax divides by the sum over the classes, so that "
            "each row adds up to 1.",
        ),
        Mistake(
            "loss returned",
            {"return dscores": "return -np.log(e[np.arange(N), labels] / e.sum(axis=1)).mean()"},
            "This is the loss. Its gradient with respect to scores is asked for, of the same shape as scores.",
        ),
        Mistake(
            "label's class alone",
            {
                "    dscores = ": (
                    "    q = np.zeros(p.shape)\n"
                    "    q[np.arange(N), labels] = p[np.arange(N), labels]\n"
                    "    p = q\n"
                    "    dscores = "
                ),
            },
            "Only the right class has a gradient here. More score for any other class takes probability from it: "
            "their gradient is p.",
        ),
        Mistake(
            "slope of the squared error",
            {
                "    p[np.arange(N), labels] -= 1\n    dscores = grad * p / N": (
                    "    q = np.zeros(p.shape)\n    q[np.arange(N), labels] = 1\n    dscores = grad * p * (p - q) / N"
                ),
            },
            "p - q is multiplied by p once more. In the derivation these factors cancel: p - q alone.",
        ),
        Mistake(
            "softmax twice",
            {
                "    p[np.arange": "    p = np.exp(p) / np.exp(p).sum(axis=1, keepdims=True)\n    p[np.arange",
            },
            "Softmax is taken twice. p is already the probability of each class.",
        ),
    ),
    teaches=frozenset({"np.exp", "np.arange", ".max"}),
    terms=frozenset({"Softmax", "cross entropy"}),
    properties=(Property("each row adds up to 0; a number added to all scores changes nothing", _rows_sum_to_zero),),
    replaces=replaces,
    in_engine=lambda: gradients(lambda x: F.cross_entropy(x, from_numpy(LABELS)), numbers(4, 3)),
    replaced="CrossEntropy.backward",
)
