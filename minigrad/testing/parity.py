"""Compare a function with its counterpart in torch: values, gradients, gradients of gradients.

This file imports torch; ``minigrad.testing`` loads it when it is first used.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from minigrad import autograd
from minigrad.creation import from_numpy
from minigrad.devices import get_default_device
from minigrad.tensor import Tensor
from minigrad.testing.close import as_numpy, difference_report
from minigrad.testing.naming import input_names, numbered, refuse_class, why_no_second_gradient
from minigrad.testing.rounding import rounding_errors
from minigrad.typing import Array

#: A tensor of either library, or an argument that is none.
_Value: TypeAlias = Any

#: The dtypes in which sums that cancel lose digits that a comparison would see.
_ROUNDED = (np.float16, np.float32)

#: Relative to the largest element of each result; see ``assert_parity``.
DEFAULT_TOLERANCES = {"float16": (1e-3, 1e-3), "float32": (1.3e-6, 1e-5), "float64": (1e-10, 1e-12)}


@dataclass
class ParityReport:
    """The largest difference of each kind, relative to the largest element; ``None`` where nothing was compared."""

    value: float | None = None
    gradient: float | None = None
    second_gradient: float | None = None

    def __str__(self) -> str:
        kinds = {"value": self.value, "gradient": self.gradient, "second gradient": self.second_gradient}
        compared = [f"{kind} {difference:.1e}" for kind, difference in kinds.items() if difference is not None]
        return f"largest differences: {', '.join(compared)}" if compared else "nothing compared"


def assert_parity(
    ours: Callable[..., object],
    theirs: Callable[..., object],
    *inputs: object,
    rtol: float | None = None,
    atol: float | None = None,
    gradient: bool = True,
    second_gradient: bool = True,
    elementwise: bool = False,
    may_refuse: bool = False,
    infinite_cotangent: bool = False,
    cotangent: Callable[[Array, np.random.Generator], Array] | None = None,
    seed: int = 0,
) -> ParityReport:
    """Assert that ``ours(*inputs)`` in minigrad equals ``theirs(*inputs)`` in torch, with all derivatives.

    Each library computes on its default device (``set_default_device``). Both get tensors with the same values and
    the same memory order. Gradients are taken of every floating
    output with respect to every floating input, for random cotangents; then gradients of those gradients,
    with respect to inputs and cotangents. (With ``.sum().backward()`` the cotangents would be ones, for which
    many wrong gradients are right.)

    Args:
        ours, theirs: functions of tensors, such as ``MyOp.apply``, that return a tensor or a sequence of them.
        inputs: NumPy arrays, or tensors; a floating array, or a tensor that requires it, is differentiated.
            Anything else is passed on as it is.
        rtol, atol: |ours − theirs| ≤ atol + rtol · max |theirs|, where the maximum is over the tensor: a sum that
            cancels to almost nothing has no digits left to compare. By default 1e-10 and 1e-12 for float64,
            1.3e-6 and 1e-5 for float32. Unless ``elementwise``, float16 and float32 may differ further by the
            rounding errors of the terms that were added up; see ``minigrad.testing.rounding``.
        gradient, second_gradient: compare them.
        elementwise: every element is computed independently. Then a huge one hides no error of the others:
            each may differ by rtol of its own size, or of the largest one up to 100.
        may_refuse: torch may raise an exception. Then minigrad must raise one that an ``except`` of torch's type
            catches, except where torch only lacks a kernel ("not implemented for 'Half'"): minigrad may have one.
        infinite_cotangent: cotangents may be infinite. Where torch's gradient is NaN then, or, unless
            ``elementwise``, infinite, ∞ − ∞ may have arisen in another order of additions: it need not be the same.
        cotangent: makes the cotangent of an output, given the output and a generator of random numbers.
        seed: of the cotangents.

    Raises:
        AssertionError: naming the result that differs, how many elements differ, the first and the worst of them,
            and both values there. Where only the second gradient cannot be had, value and gradient are compared
            first, and the message reports their differences.
        TypeError: if ``ours`` is a ``Function`` class.

    >>> import numpy as np, torch, minigrad
    >>> report = assert_parity(minigrad.tanh, torch.tanh, np.array([0.5, -1.0]))
    >>> report.second_gradient < 1e-10
    True
    """
    refuse_class(ours, "assert_parity")
    random = np.random.default_rng(seed)
    ours_on, theirs_on = get_default_device(), torch.get_default_device()
    arrays = [as_numpy(x) if _is_tensor(x) else x for x in inputs]
    track = [_differentiated(x) for x in inputs]
    names = input_names(ours, len(inputs))
    mine = _Side(lambda a: from_numpy(a).to(ours_on), autograd.grad)
    other = _Side(lambda a: torch.from_numpy(a).to(theirs_on), torch.autograd.grad)
    mine.inputs = [mine.tensor(a, t) for a, t in zip(arrays, track, strict=True)]
    other.inputs = [other.tensor(a, t) for a, t in zip(arrays, track, strict=True)]
    terms = _Terms(theirs, other, arrays, track)
    check = _Comparison(rtol, atol, elementwise, [a for a in arrays if isinstance(a, np.ndarray)], terms)
    report = ParityReport()
    make_cotangent = _random_like if cotangent is None else cotangent

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own deprecations and advice
        try:
            outputs = flat_outputs(theirs(*other.inputs))
        except Exception as refusal:
            if not may_refuse:
                raise
            _require_refusal(ours, mine.inputs, refusal)
            return report
    my_outputs = flat_outputs(ours(*mine.inputs))
    _require(len(my_outputs) == len(outputs), f"{len(my_outputs)} outputs, torch has {len(outputs)}")
    output_names = numbered("output", len(outputs))
    report.value = check.all(my_outputs, outputs, "", output_names)
    for name, a, b in zip(output_names, my_outputs, outputs, strict=True):
        if isinstance(b, torch.Tensor):
            flags = (a.requires_grad, b.requires_grad)
            _require(flags[0] == flags[1], f"{name}: requires_grad {flags[0]}, torch has {flags[1]}")

    roots = [i for i, b in enumerate(outputs) if isinstance(b, torch.Tensor) and b.requires_grad]
    wanted = [i for i, t in enumerate(track) if t]
    if not gradient or not roots or not wanted:
        return report
    wanted_names = [names[i] for i in wanted]
    cotangents = [make_cotangent(as_numpy(outputs[i]), random) for i in roots]
    terms.differentiated(roots, wanted, cotangents)
    other.differentiate(outputs, roots, wanted, cotangents, second_gradient)
    refused: RuntimeError | None = None
    try:
        mine.differentiate(my_outputs, roots, wanted, cotangents, second_gradient)
    except RuntimeError as error:
        if not second_gradient or "Can't call numpy()" not in str(error):
            raise
        refused = error
        mine.differentiate(my_outputs, roots, wanted, cotangents, False)
    if infinite_cotangent:
        mine.gradients = [_settled(a, b, elementwise) for a, b in zip(mine.gradients, other.gradients, strict=True)]
    report.gradient = check.all(mine.gradients, other.gradients, "gradient of ", wanted_names)
    used = [i for i, b in enumerate(other.gradients) if b is not None and b.requires_grad]
    if not second_gradient or not used:
        return report
    lacking = [wanted_names[i] for i in used if not getattr(mine.gradients[i], "requires_grad", False)]
    if refused is not None or lacking:
        raise AssertionError(
            f"value and gradient agree with torch ({report}), but the gradient of {' and '.join(lacking)} has no "
            f"gradient of its own, torch's has. {why_no_second_gradient(ours, 'pass second_gradient=False')}"
        )
    cotangents = [make_cotangent(as_numpy(other.gradients[i]), random) for i in used]
    terms.differentiated(used, wanted, cotangents)
    second = [side.differentiate_again(used, wanted, cotangents) for side in (mine, other)]
    second_names = [*wanted_names, *numbered("grad_output", len(roots))]
    report.second_gradient = check.all(second[0], second[1], "second gradient of ", second_names)
    return report


class _Side:
    """One of the two libraries: its way of making tensors and of taking gradients, and its results."""

    inputs: list[_Value]
    cotangents: list[_Value]
    gradients: Sequence[_Value]

    def __init__(self, make: Callable[[Array], _Value], grad: Callable[..., Sequence[_Value]]) -> None:
        self.make, self.grad = make, grad

    def tensor(self, value: object, track: bool) -> _Value:
        """Return a tensor with the values and strides of an array; anything else unchanged."""
        return self.make(copy_with_strides(value)).requires_grad_(track) if isinstance(value, np.ndarray) else value

    def differentiate(
        self,
        outputs: Sequence[object],
        roots: Sequence[int],
        wanted: Sequence[int],
        cotangents: Sequence[Array],
        create_graph: bool,
    ) -> None:
        """Take the gradients of the outputs ``roots`` with respect to the inputs ``wanted``."""
        self.cotangents = [self.tensor(v, create_graph) for v in cotangents]
        self.gradients = self.grad(
            [outputs[i] for i in roots],
            [self.inputs[i] for i in wanted],
            self.cotangents,
            create_graph=create_graph,
            allow_unused=True,
        )

    def differentiate_again(
        self, used: Sequence[int], wanted: Sequence[int], cotangents: Sequence[Array]
    ) -> Sequence[_Value]:
        """Return the gradients of the gradients ``used`` with respect to the inputs ``wanted`` and the cotangents."""
        return self.grad(
            [self.gradients[i] for i in used],
            [*(self.inputs[i] for i in wanted), *self.cotangents],
            [self.tensor(v, False) for v in cotangents],
            allow_unused=True,
        )


class _Terms:
    """The rounding errors of what is added up in torch's results, computed only if they are asked for."""

    def __init__(
        self, function: Callable[..., object], side: _Side, arguments: Sequence[object], track: Sequence[bool]
    ) -> None:
        self.function, self.side, self.track = function, side, track
        self.groups = [arguments]  # the inputs, and the cotangents of each differentiation
        self.positions: list[tuple[Sequence[int], Sequence[int]]] = []

    def differentiated(self, roots: Sequence[int], wanted: Sequence[int], cotangents: Sequence[Array]) -> None:
        """Note that the last results ``roots`` were differentiated with respect to the inputs ``wanted``."""
        self.groups.append(cotangents)
        self.positions.append((roots, wanted))

    def errors(self, i: int) -> Array | None:
        """Return the errors of the last results' number ``i``."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = rounding_errors(self._compute, *self.groups)
        return None if found is None else found[i]

    def _compute(self, inputs: Sequence[object], *cotangents: Sequence[Array]) -> Sequence[_Value]:
        """Return the outputs, the gradients, or the gradients of the gradients: whichever were last."""
        side = _Side(self.side.make, self.side.grad)
        side.inputs = [side.tensor(a, t) for a, t in zip(inputs, self.track, strict=True)]
        outputs = flat_outputs(self.function(*side.inputs))
        if not cotangents:
            return outputs
        side.differentiate(outputs, *self.positions[0], cotangents[0], len(cotangents) > 1)
        return side.gradients if len(cotangents) == 1 else side.differentiate_again(*self.positions[1], cotangents[1])


class _Comparison:
    """Compare results under the tolerances, and keep the largest relative difference."""

    def __init__(
        self, rtol: float | None, atol: float | None, elementwise: bool, inputs: list[Array], terms: _Terms
    ) -> None:
        self.rtol, self.atol, self.elementwise, self.inputs, self.terms = rtol, atol, elementwise, inputs, terms

    def all(self, ours: Sequence[object], theirs: Sequence[object], what: str, names: Sequence[str]) -> float:
        """Compare several results; ``what`` stands before the name of each."""
        return max(
            [self.one(i, *three, what) for i, three in enumerate(zip(ours, theirs, names, strict=True))], default=0.0
        )

    def one(self, i: int, ours: object, theirs: object, name: str, what: str) -> float:
        """Compare result ``i``. A gradient that one library leaves out must be zero in the other."""
        if ours is None and theirs is None:
            return 0.0
        a = np.zeros_like(as_numpy(theirs)) if ours is None else ours
        b = np.zeros_like(as_numpy(a)) if theirs is None else theirs
        inputs = self.inputs if self.elementwise else None
        try:
            return scaled_difference(a, b, what + name, self.rtol, self.atol, inputs, name)
        except AssertionError:
            further = None if self.elementwise or as_numpy(b).dtype not in _ROUNDED else self.terms.errors(i)
            if further is None:
                raise
            return scaled_difference(a, b, what + name, self.rtol, self.atol, inputs, name, further)


def scaled_difference(
    ours: object,
    theirs: object,
    what: str,
    rtol: float | None = None,
    atol: float | None = None,
    inputs: Sequence[Array] | None = None,
    name: str | None = None,
    further: Array | None = None,
) -> float:
    """Return the largest difference of two tensors, relative to the largest element of ``theirs``.

    ``inputs``, if given, are those of an elementwise operation; see ``assert_parity``. ``name`` is the tensor's name
    in the names of elements, such as ``w[0, 1]``. ``further`` is what each element may differ by beyond the tolerances.

    Raises:
        AssertionError: if dtype or shape differ, or more than atol + rtol · max |theirs| lies between two elements.
    """
    a, b = as_numpy(ours), as_numpy(theirs)
    _require(a.dtype == b.dtype, f"{what}: dtype {a.dtype}, torch has {b.dtype}")
    default_rtol, default_atol = DEFAULT_TOLERANCES.get(b.dtype.name, (0.0, 0.0))
    rtol, atol = default_rtol if rtol is None else rtol, default_atol if atol is None else atol
    finite = np.isfinite(b)
    if b.dtype.kind != "f" or not finite.any():
        report = difference_report(a, b, 0.0, 0.0, equal_nan=True, inputs=inputs, name=name)
        _require(report is None, f"{what}: {report}")
        return 0.0
    sizes = np.abs(b[finite]).astype(np.float64)
    if inputs is None:
        scale, relative = float(sizes.max()), 0.0
    else:
        scale, relative = float(sizes[sizes <= 100].max(initial=0.0)), rtol
    limit = atol + rtol * scale
    report = difference_report(a, b, relative, limit, equal_nan=True, inputs=inputs, name=name, further=further)
    allowed = f"({rtol:.3g} of torch's largest element, {scale:.3g}, and {atol:.3g})"
    _require(report is None, f"{what}: {report} {allowed}")
    differences = np.abs(a[finite].astype(np.float64) - b[finite])
    # of a tensor of zeros the absolute difference counts
    return float((differences / np.maximum(max(scale, 1e-3), sizes)).max())


def _require(condition: bool, message: str) -> None:
    """Raise AssertionError with this message alone, also where pytest rewrites assertions."""
    if not condition:
        raise AssertionError(message)


def _settled(ours: object, theirs: object, elementwise: bool) -> object:
    """Return ``ours``, but ``theirs`` where that depends on the order of additions of infinite numbers."""
    if ours is None or theirs is None:
        return ours
    a, b = as_numpy(ours), as_numpy(theirs)
    free = np.isnan(b) if elementwise else ~np.isfinite(b)
    return np.where(free, b, a) if a.shape == b.shape else ours


def _require_refusal(ours: Callable[..., object], inputs: Sequence[object], theirs: Exception) -> None:
    """Assert that ``ours`` raises an exception that an ``except`` of the type of ``theirs`` catches."""
    if "not implemented for '" in str(theirs):
        return
    try:
        ours(*inputs)
    except Exception as error:
        _require(isinstance(error, type(theirs)), f"raises {error!r}, torch raises {theirs!r}")
    else:
        raise AssertionError(f"gives a result, torch raises {theirs!r}")


def flat_outputs(outputs: object) -> list[_Value]:
    """Return one output, or several in (nested) sequences, as a list."""
    if isinstance(outputs, tuple | list):
        return [leaf for output in outputs for leaf in flat_outputs(output)]
    return [outputs]


def _is_tensor(value: object) -> bool:
    return isinstance(value, Tensor | torch.Tensor)


def _differentiated(value: object) -> bool:
    if isinstance(value, np.ndarray):
        return bool(value.dtype.kind == "f")
    return isinstance(value, Tensor | torch.Tensor) and value.requires_grad


def _random_like(like: Array, random: np.random.Generator) -> Array:
    return np.asarray(random.standard_normal(like.shape)).astype(like.dtype)


def copy_with_strides(array: Array) -> Array:
    """Return a copy with the same memory order, gaps between the elements included (overlaps are not)."""
    if array.size == 0 or any(step <= 0 and n > 1 for step, n in zip(array.strides, array.shape, strict=True)):
        return np.array(array, order="K")
    extent = sum((n - 1) * step for n, step in zip(array.shape, array.strides, strict=True)) // array.itemsize + 1
    copy = np.lib.stride_tricks.as_strided(np.zeros(extent, array.dtype), array.shape, array.strides)
    copy[...] = array
    return copy
