"""Exercise: Adam."""

from __future__ import annotations

import numpy as np

from minigrad import optim
from minigrad.learn.derivative import normal, whole
from minigrad.learn.optimizers import moved_by, replaced_move
from minigrad.learn.record import Exercise, Mistake, Probe, Property, Swap, Written, code, prose
from minigrad.optim.states import Group, State
from minigrad.tensor import Tensor
from minigrad.typing import Array


def probes(random: np.random.Generator) -> list[Probe]:
    made = []
    for draw, stage in ((whole(random), "one element"), (normal(random), "numbers")):
        p, g = draw(2, 3), draw(2, 3)
        first = (p, g, np.zeros((2, 3)), np.zeros((2, 3)), 1, 0.5, 0.9, 0.99, 0.01)
        made.append(Probe(first, stage, "The first step: t = 1, and m and v are 0. lr = 0.5, eps = 0.01."))
        later = (p, g, draw(2, 3), draw(2, 3) ** 2, 7, 0.5, 0.9, 0.99, 0.01)
        made.append(Probe(later, stage, "A later step: t = 7. lr = 0.5, eps = 0.01."))
    return made


def _size_of_the_gradient(function: Written, random: np.random.Generator) -> str | None:
    for scale in (1e-3, 1.0, 1e3):
        p, m, v = np.zeros(3), np.zeros(3), np.zeros(3)
        function(p, scale * np.array([1.0, -2.0, 3.0]), m, v, 1, 0.1, 0.9, 0.999, 1e-12)
        if not np.allclose(np.abs(p), 0.1):
            return f"with gradients of the size {scale:g} it moves p by {p}."
    return None


def replaces(function: Written) -> list[Swap]:
    def step(p: Array, g: Array, state: State, group: Group) -> None:
        if not state:
            state |= {"step": 0.0, "exp_avg": Tensor(np.zeros_like(p)), "exp_avg_sq": Tensor(np.zeros_like(p))}
        state["step"] += 1
        m, v = state["exp_avg"].array, state["exp_avg_sq"].array
        function(p, g, m, v, int(state["step"]), group["lr"], *group["betas"], group["eps"])

    def fits(group: Group) -> bool:
        return not (group["amsgrad"] or group["weight_decay"] or group["maximize"])

    return [Swap(optim.Adam, "_move", replaced_move(step, fits))]


EXERCISE = Exercise(
    slug="adam",
    title="A step size for each weight",
    chapter=9,
    function="adam_step",
    text=prose("""
        Some weights have large gradients, others tiny ones. Adam gives each a step of
        its own: it divides the mean gradient by its typical size.

            m <- beta1 * m + (1 - beta1) * g            running mean of g
            v <- beta2 * v + (1 - beta2) * g * g        running mean of g squared
            m_hat = m / (1 - beta1 ** t)
            v_hat = v / (1 - beta2 ** t)
            p <- p - lr * m_hat / (sqrt(v_hat) + eps)

        m and v begin as 0, so at first they are too small; dividing by 1 - beta ** t
        makes up for that. t is the number of this step, from 1 on.

        Given: p, g, m, v, arrays of one shape; t, lr, beta1, beta2, eps, numbers.
        Write: change p, m and v in place; return nothing. m_hat and v_hat are new
            arrays: m and v themselves are not divided.
    """),
    template=code('''
        import numpy as np


        def adam_step(p, g, m, v, t, lr, beta1, beta2, eps):
            """Take one step of Adam, in place."""
            raise NotImplementedError("write this")
    '''),
    hints=(
        "Five lines, one for each of the text. `x *= a` and `x += b` change an array in place; `x = a * x + b` does "
        "not.",
        "m *= beta1; m += (1 - beta1) * g; likewise v with g * g. Then m_hat and v_hat as new arrays.",
        "p -= lr * m_hat / (np.sqrt(v_hat) + eps). eps is outside the root.",
    ),
    solution=code('''
        import numpy as np


        def adam_step(p, g, m, v, t, lr, beta1, beta2, eps):
            """Take one step of Adam, in place."""
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            m_hat = m / (1 - beta1**t)
            v_hat = v / (1 - beta2**t)
            p -= lr * m_hat / (np.sqrt(v_hat) + eps)
    '''),
    why=prose("""
        In the first step m_hat is g and v_hat is g squared, so each weight moves by
        lr, whatever the size of its gradient. Later, where g keeps its sign, m_hat
        and sqrt(v_hat) agree, and the step is about lr; where the sign changes, m_hat
        is small, and so is the step. eps only keeps the division from 0.

        In the engine: AdamRule.step in minigrad/optim/adam.py.
    """),
    returns=(),
    changes=((0, "p"), (2, "m"), (3, "v")),
    probes=probes,
    mistakes=(
        Mistake(
            "eps inside the root",
            {"(np.sqrt(v_hat) + eps)": "np.sqrt(v_hat + eps)"},
            "eps stands under the root. In Adam it is added to the root: np.sqrt(v_hat) + eps.",
        ),
        Mistake(
            "no bias correction",
            {"m / (1 - beta1**t)": "m", "v / (1 - beta2**t)": "v"},
            "m and v were used as they are. They begin as 0: divide by 1 - beta ** t.",
        ),
        Mistake(
            "bias correction of the mean missing",
            {"m / (1 - beta1**t)": "m"},
            "m is not corrected: divide it by 1 - beta1 ** t.",
        ),
        Mistake(
            "bias correction of the squares missing",
            {"v / (1 - beta2**t)": "v"},
            "v is not corrected: divide it by 1 - beta2 ** t.",
        ),
        Mistake(
            "square missing",
            {"* g * g": "* g"},
            "v must be the running mean of g squared.",
        ),
        Mistake(
            "root missing",
            {"np.sqrt(v_hat) + eps": "v_hat + eps"},
            "The root is missing: v_hat has the size of g squared, and its root that of g.",
        ),
        Mistake(
            "betas swapped",
            {
                "m *= beta1\n    m += (1 - beta1)": "m *= beta2\n    m += (1 - beta2)",
                "v *= beta2\n    v += (1 - beta2)": "v *= beta1\n    v += (1 - beta1)",
            },
            "The two betas are swapped: beta1 is for m, beta2 for v.",
        ),
        Mistake(
            "m and v not kept",
            {
                "m *= beta1\n    m +=": "m = beta1 * m +",
                "v *= beta2\n    v +=": "v = beta2 * v +",
            },
            "m and v have not changed: m = ... makes a new array, which is lost. Write m *= and m +=.",
        ),
        Mistake(
            "correction kept",
            {
                "m_hat = m / (1 - beta1**t)": "m /= 1 - beta1**t\n    m_hat = m",
                "v_hat = v / (1 - beta2**t)": "v /= 1 - beta2**t\n    v_hat = v",
            },
            "m and v themselves were divided. The correction is for this step only: m_hat and v_hat are new arrays.",
        ),
        Mistake(
            "t begins at 0",
            {"beta1**t": "beta1**(t - 1)", "beta2**t": "beta2**(t - 1)"},
            "The correction is one step late: t is 1 in the first step, and the formula has beta ** t.",
        ),
        Mistake(
            "weights of the running mean forgotten",
            {"(1 - beta1) * g": "g", "(1 - beta2) * g * g": "g * g"},
            "g was added as it is. In a running mean it has the weight 1 - beta.",
        ),
        Mistake("sign", {"p -= lr": "p += lr"}, "This goes uphill: subtract the step."),
        Mistake(
            "eps forgotten",
            {" + eps)": ")"},
            "eps is missing. It keeps the step finite where the gradients have been 0 so far.",
        ),
        Mistake(
            "absolute value for the square",
            {"* g * g": "* abs(g)"},
            "v is the mean of |g|. It is the mean of the squares, g * g; the root comes later.",
        ),
        Mistake(
            "correction of the first step for all",
            {"beta1**t": "beta1", "beta2**t": "beta2"},
            "The correction is the same in each step. It fades, since beta ** t does: divide by 1 - beta ** t.",
        ),
        Mistake(
            "product instead of power",
            {"beta1**t": "beta1 * t", "beta2**t": "beta2 * t"},
            "beta * t is a product. The power is beta ** t.",
        ),
        Mistake(
            "multiplied by the correction",
            {"m / (1 - beta1**t)": "m * (1 - beta1**t)", "v / (1 - beta2**t)": "v * (1 - beta2**t)"},
            "Multiplied by 1 - beta ** t, which makes m and v smaller still. They are too small at first: divide.",
        ),
        Mistake(
            "one beta for both",
            {"v *= beta2\n    v += (1 - beta2)": "v *= beta1\n    v += (1 - beta1)", "beta2**t": "beta1**t"},
            "v uses beta1. It has a rate of its own, beta2.",
        ),
        Mistake(
            "one beta for both",
            {"m *= beta1\n    m += (1 - beta1)": "m *= beta2\n    m += (1 - beta2)", "beta1**t": "beta2**t"},
            "m uses beta2. It has a rate of its own, beta1.",
        ),
        Mistake(
            "one beta for both corrections",
            {"beta2**t": "beta1**t"},
            "v is corrected with beta1. It was kept with beta2: 1 - beta2 ** t.",
        ),
        Mistake(
            "gradient instead of its mean",
            {"lr * m_hat": "lr * g"},
            "The step uses g. It uses the running mean m_hat, and that is what makes it smooth.",
        ),
        Mistake(
            "not in place",
            {"p -= lr * m_hat / (np.sqrt(v_hat) + eps)": "p = p - lr * m_hat / (np.sqrt(v_hat) + eps)"},
            "p = p - ... makes a new array, and the one outside stays as it was. p -= ... changes it in place.",
        ),
        Mistake(
            "share of old and new swapped",
            {
                "m *= beta1\n    m += (1 - beta1)": "m *= 1 - beta1\n    m += beta1",
                "v *= beta2\n    v += (1 - beta2)": "v *= 1 - beta2\n    v += beta2",
            },
            "The old mean keeps the share beta, and the new gradient gets 1 - beta; here it is the other way round.",
        ),
        Mistake(
            "learning rate forgotten",
            {"lr * m_hat": "m_hat"},
            "The learning rate is missing: the step is lr * m_hat / (...).",
        ),
        Mistake(
            "t begins at 0",
            {"beta1**t": "beta1 ** (t + 1)", "beta2**t": "beta2 ** (t + 1)"},
            "t counts from 1 already: beta ** t, without + 1.",
        ),
        Mistake(
            "m not squared but v",
            {"v += (1 - beta2) * g * g": "v += (1 - beta2) * m * m"},
            "v is made of m. It is the running mean of g * g, of the gradient itself.",
        ),
        Mistake(
            "eps not added to the root",
            {"np.sqrt(v_hat) + eps": "np.maximum(np.sqrt(v_hat), eps)"},
            "eps is a lower limit here. It is added to the root.",
        ),
        Mistake(
            "no bias correction, no eps",
            {"m / (1 - beta1**t)": "m", "v / (1 - beta2**t)": "v", " + eps)": ")"},
            "m and v are not divided by 1 - beta ** t, and eps is missing.",
        ),
        Mistake(
            "step before the running means",
            {
                "    m *= beta1\n": "    old_m, old_v = m.copy(), v.copy()\n    m *= beta1\n",
                "m_hat = m /": "m_hat = old_m /",
                "v_hat = v /": "v_hat = old_v /",
            },
            "The step is taken with the old running means: update m and v first.",
        ),
        Mistake(
            "eps above the fraction bar",
            {
                "lr * m_hat / (np.sqrt(v_hat) + eps)": "lr * (m_hat + eps) / np.sqrt(v_hat)",
            },
            "eps was added to the mean. It keeps the root from 0: below the fraction bar.",
        ),
    ),
    teaches=frozenset(),
    terms=frozenset({"running mean"}),
    properties=(Property("the first step has the length lr, whatever the size of g", _size_of_the_gradient),),
    replaces=replaces,
    in_engine=lambda: moved_by(lambda params: optim.Adam(params, lr=0.1)),
    replaced="the step of Adam",
)
