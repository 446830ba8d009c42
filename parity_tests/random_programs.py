"""Random programs of a few statements (views, writes in place, products, norms, hooks), run in both libraries.

A program is source text in which ``m`` is the library and ``F`` its ``nn.functional``. It is drawn statement by
statement while torch runs it, so that every statement is one that torch accepts. ``difference`` says what minigrad
does otherwise, and ``shortest`` leaves out whatever the difference does not need.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

import minigrad
from minigrad.nn import functional as F

#: What minigrad refuses and torch does not, as docs/parity.md says: words of the messages.
DOCUMENTED = (
    "on a view of shape",  # a recorded write into a view
    "is used after its base was changed",  # a view from before a recorded write
    "more than one element of the written-to tensor",  # by an index of positions
)

SETUP = """
def leaf(*shape, seed):
    values = np.random.default_rng(seed).standard_normal(shape)
    return m.tensor(values, dtype=m.float64, requires_grad=True)
seen = []
"""

Env = dict[str, Any]


def run(statements: Sequence[str], library: Any, functional: Any) -> Env:
    """Return the variables after the program."""
    env: Env = {"m": library, "F": functional, "np": np}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(SETUP, env)
        for statement in statements:
            exec(statement, env)
    return env


def draw(rng: random.Random, length: int) -> list[str]:
    """Return a program of about ``length`` statements that torch runs to the end."""
    program: list[str] = []
    for i in range(rng.randint(1, 2)):
        shape = rng.choice([(3,), (2, 3), (2, 3), (2, 3, 4), (1, 2, 4, 4), (4, 2), ()])
        program.append(f"w{i} = leaf({''.join(f'{n}, ' for n in shape)}seed={rng.randrange(1000)})")
    program.append(rng.choice(["x = w0 * 1.5", "x = w0 + 0", "x = m.zeros(3, 2, dtype=m.float64)", "x = w0.exp()"]))
    tries = 0
    while len(program) < length and tries < 5 * length:
        tries += 1
        env = run(program, torch, torch.nn.functional)
        statement = _statement(rng, env)
        if _works([*program, statement]):
            program.append(statement)
    env = run(program, torch, torch.nn.functional)
    roots = [name for name, value in _tensors(env).items() if value.requires_grad]
    chosen = rng.sample(roots, min(len(roots), rng.randint(1, 3)))
    program.append("total = " + " + ".join(f"({name} * {name}.detach().cos()).sum()" for name in chosen))
    program.append("total.backward()")
    return program if _works(program) else draw(rng, length)


def _works(program: Sequence[str]) -> bool:
    try:
        tensors = _tensors(run(program, torch, torch.nn.functional)).values()
        tensors = [t.detach() for t in tensors if t.is_leaf or t.grad_fn]  # which raises for views torch forbids
        return all(t.numel() <= 500 and bool(torch.isfinite(t).all()) and float(t.abs().max()) < 1e4 for t in tensors)
    except (RuntimeError, IndexError, ValueError, TypeError):
        return False


def _tensors(env: Env) -> Env:
    return {
        name: value
        for name, value in env.items()
        if isinstance(value, torch.Tensor) and value.dtype == torch.float64 and value.numel()
    }


def _statement(rng: random.Random, env: Env) -> str:
    tensors = _tensors(env)
    kind = rng.choice(
        ["unary", "binary", "view", "view", "index", "write", "write", "write", "reduce", "product", "other"]
    )
    if kind == "other":  # torch crashes where a hook is put on some views
        tensors = {name: t for name, t in tensors.items() if t._base is None}
    a, b = rng.choice(list(tensors)), rng.choice(list(tensors))
    shape, ndim = list(tensors[a].shape), tensors[a].ndim
    dim = rng.randrange(ndim) if ndim else 0
    new = rng.choice([f"v{len(env)}", f"v{len(env)}", f"v{len(env)}", a])
    if new.startswith("w"):
        new = f"v{len(env)}"
    return _DRAW[kind](rng, new, a, b, shape, ndim, dim)


def _unary(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    call = rng.choice(
        ["{}.sin()", "{}.tanh()", "{}.relu()", "{}.sigmoid()", "{}.abs()", "{} * 1.5", "{} + 1", "-{}", "{} / 2",
         "{}.exp()", "{} ** 2", "F.gelu({})", "F.softplus({})", "{}.clamp(-1, 1)", "F.leaky_relu({})", "{}.clone()",
         "{}.detach()", "({} * {}).sqrt()", "F.silu({})", "F.elu({})", "{}.contiguous()"]
    )  # fmt: skip
    return f"{new} = {call.replace('{}', a)}"


def _binary(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    call = rng.choice(
        [f"{a} + {b}", f"{a} * {b}", f"{a} - {b}", f"{a} / ({b} * {b} + 1)", f"m.maximum({a}, {b})",
         f"m.where({a} > 0, {a}, {b})", f"F.mse_loss({a}, {b}, reduction='none')"]
    )  # fmt: skip
    return f"{new} = {call}"


def _view(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    call = rng.choice(
        [".reshape(-1)", ".flatten()", f".transpose({dim}, -1)", f".unsqueeze({dim})", ".squeeze()", "[0]", "[1:]",
         "[..., :2]", "[..., -1]", "[None]", f".chunk(2, {dim})[0]", f".narrow({dim}, 0, 1)",
         f".view({shape[::-1]})", f".expand(2, *{shape})", ".expand(" + ", ".join("-1" for _ in shape) + ")",
         f".unbind({dim})[-1]", ".T", "[...]", "[:, ::2]", f".view_as({b})", f".permute({list(range(ndim))[::-1]})"]
    )  # fmt: skip
    return f"{new} = {a}{call}"


def _index(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    call = rng.choice(
        ["[[0, 0]]", "[:, [1, 0]]", f"[{a} > 0]", "[..., [0, 0, 1]]", "[range(2)]", "[[0, 1], [1, 0]]",
         "[[True, False]]", f".flip({dim})", f".roll(1, {dim})", ".roll(1)",
         f".index_select({dim}, m.tensor([0, 0]))", f".gather({dim}, m.zeros({shape}, dtype=m.int64))",
         ".topk(1).values", ".sort().values", ".tril()"]
    )  # fmt: skip
    return f"{new} = {a}{call}"


def _write(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    return rng.choice(
        [f"{a}.add_(1)", f"{a}.mul_({b})", f"{a} *= 2", f"{a} += {b}", f"{a}[0] = 0.5", f"{a}[...] = {b}",
         f"{a}.relu_()", f"F.relu({a}, inplace=True)", f"{a}.zero_()", f"{a}.clamp_(-1, 1)", f"{a}.copy_({b})",
         f"{a}.tanh_()", f"{a}.div_(2)", f"{a}[..., -1] = {b}", f"{a}[[0, 0]] = 2.0", f"{a}[{a} > 0] = 0.25",
         f"{a}.masked_fill_({b} > 0, 1.5)", f"with m.no_grad(): {a}.mul_(0.5)",
         f"with m.no_grad(): {new} = {a}[0].clone()", f"{a}.sub_({b}.mean())", f"{a}.detach().mul_(2)",
         f"{a}.exp_()", f"{a}.neg_()", f"{a}[1:] = {a}[:-1].detach() * 3"]
    )  # fmt: skip


def _reduce(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    call = rng.choice(
        [f".sum({dim})", f".mean({dim}, keepdim=True)", f".max({dim}).values", f".amax({dim})", f".var({dim})",
         ".sum()", ".mean()", f".softmax({dim})", f".log_softmax({dim})", f".cumsum({dim})", f".logsumexp({dim})",
         ".norm()", f".prod({dim})", ".max()", f".std({dim})"]
    )  # fmt: skip
    return f"{new} = {a}{call}"


def _product(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    last, seed = (shape or [1])[-1], rng.randrange(1000)
    channels = shape[1] if ndim > 1 else 1
    call = rng.choice(
        [f"{a} @ {b}", f"{a} @ leaf({last}, seed={seed})", f"F.linear({a}, leaf(3, {last}, seed={seed}))",
         f"F.conv1d({a}, leaf(2, {channels}, 2, seed={seed}))",
         f"F.conv2d({a}, leaf(2, {channels}, 2, 2, seed={seed}), padding=1)", f"F.layer_norm({a}, [{last}])",
         f"F.instance_norm({a})", f"F.batch_norm({a}, None, None, training=True)", f"F.group_norm({a}, 1)",
         f"F.max_pool2d({a}, 2)", f"F.avg_pool2d({a}, 2)", f"m.outer({a}.flatten(), {b}.flatten())",
         f"m.einsum('...i,...i->...', {a}, {a})", f"F.interpolate({a}, scale_factor=2)",
         f"F.adaptive_avg_pool2d({a}, 2)", f"F.normalize({a}, dim={dim})"]
    )  # fmt: skip
    return f"{new} = {call}"


def _other(rng: random.Random, new: str, a: str, b: str, shape: list[int], ndim: int, dim: int) -> str:
    return rng.choice(
        [f"{a}.register_hook(lambda g: g * 2)", f"{a}.register_hook(lambda g: seen.append(g.sum().item()))",
         f"{a}.retain_grad()", f"{new} = m.cat([{a}, {b}])", f"{new} = m.stack([{a}, {a}], {dim})",
         f"{new} = {a}.repeat(2, *{[1] * ndim})", f"{new} = {a}.repeat(*{[1] * (ndim + 1)})",
         f"{new} = F.pad({a}, (1, 1))", f"{new} = m.zeros({shape}, dtype=m.float64)",
         f"{new} = {a}.expand(2, *{shape}).reshape(-1)",
         f"m.autograd.grad({a}.sum(), w0, retain_graph=True)[0].add_(0)"]
    )  # fmt: skip


_DRAW: dict[str, Callable[..., str]] = {
    "unary": _unary,
    "binary": _binary,
    "view": _view,
    "index": _index,
    "write": _write,
    "reduce": _reduce,
    "product": _product,
    "other": _other,
}


def difference(program: Sequence[str]) -> str | None:
    """Return the difference from torch: ``None`` if there is none, ``"refused"`` if docs/parity.md lists it."""
    theirs = run(program, torch, torch.nn.functional)
    try:
        ours = run(program, minigrad, F)
    except RuntimeError as error:
        if any(words in str(error) for words in DOCUMENTED):
            return "refused"
        return f"RuntimeError: {error}"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    for name, expected in theirs.items():
        if not isinstance(expected, torch.Tensor):
            continue
        got = ours[name]
        pairs = [("", got, expected)]
        if expected.is_leaf or expected.retains_grad:
            pairs.append((".grad", got.grad, expected.grad))
        for what, a, b in pairs:
            if (a is None) != (b is None):
                return f"{name}{what} is {a}, torch's {b}"
            if a is not None and (problem := _unequal(a, b)):
                return f"{name}{what} {problem}"
        if (expected.grad_fn is not None and not got.requires_grad) or (
            got.requires_grad and not expected.requires_grad
        ):
            return f"{name}.requires_grad is {got.requires_grad}"
    if not np.allclose(ours["seen"], theirs["seen"], rtol=1e-8, atol=1e-9):
        return f"hooks saw {ours['seen']}, torch's {theirs['seen']}"
    return None


def _unequal(ours: Any, theirs: Any) -> str | None:
    a, b = ours.detach().numpy(), theirs.detach().numpy()
    if a.shape != b.shape or a.dtype != b.dtype:
        return f"has shape {a.shape} and dtype {a.dtype}, torch's {b.shape} and {b.dtype}"
    if not np.allclose(a, b, rtol=1e-8, atol=1e-9, equal_nan=True):
        return f"is {a.tolist()}, torch's {b.tolist()}"
    return None


def shortest(program: Sequence[str]) -> list[str]:
    """Return the program without the statements that its difference does not need."""
    program = list(program)
    kind = (difference(program) or "")[:12]
    for i in range(len(program) - 1, -1, -1):
        shorter = program[:i] + program[i + 1 :]
        try:
            if (difference(shorter) or "")[:12] == kind:
                program = shorter
        except Exception:
            continue
    return program


def source(program: Sequence[str]) -> str:
    """Return the program as a script: minigrad's side of it."""
    head = "import numpy as np, minigrad as m\nfrom minigrad.nn import functional as F\n"
    return head + SETUP + "\n".join(program) + "\n"
