"""The toolkit itself: it passes what is right, and says where what is wrong differs."""

from __future__ import annotations

import json
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import minigrad
from minigrad.nn import functional as F
from minigrad.testing import (
    GradcheckError,
    OpRecord,
    Sample,
    assert_close,
    assert_parity,
    gradcheck,
    gradgradcheck,
    parity,
    rounding,
)
from minigrad.testing import strategies as s
from minigrad.testing.report import table
from parity_tests import tolerances
from parity_tests.records import RECORDS

ROOT = Path(__file__).parent.parent
X = np.array([[0.5, -1.0], [2.0, 0.25]])


class Square(minigrad.autograd.Function):
    """y = x²        ∂L/∂x = ∂L/∂y · 2x, times ``mistake`` and plus a constant's ``second_mistake``"""

    mistake = 1.0
    forget_graph = False

    def forward(self, x: Any) -> Any:
        self.save_for_backward(x)
        return x * x

    def backward(self, grad: Any) -> Any:
        (x,) = self.saved_tensors
        return (grad * 2 * (x.detach() if self.forget_graph else x)) * self.mistake


class WrongGradient(Square):
    mistake = 1.001


class WrongSecondGradient(Square):
    forget_graph = True


def test_what_is_right_passes_and_reports_its_differences() -> None:
    report = assert_parity(Square.apply, torch.square, X)
    assert report.value == 0.0
    assert report.gradient is not None
    assert report.second_gradient is not None
    assert max(report.gradient, report.second_gradient) < 1e-14


@pytest.mark.parametrize(
    ("ours", "theirs", "says"),
    [
        (lambda x: x * x + 1e-6, torch.square, r"output: not close: 4 of 4 .*\n +first at output\[0, 0\]: 0\.25"),
        (
            lambda x: minigrad.where(x == 2.0, 5.0, x),
            lambda x: x * 1,
            r"1 of 4.*\n.*output\[1, 0\]: 5\.0, expected 2\.0",
        ),
        (WrongGradient.apply, torch.square, r"gradient of x: not close: 4 of 4 elements differ\n  first at x\[0, 0\]"),
        (lambda *xs: WrongGradient.apply(*xs), torch.square, r"gradient of input 0: .*\n  first at input 0\[0, 0\]"),
        (WrongSecondGradient.apply, torch.square, r"second gradient of x: .*\n  first at x\[0, 0\]"),
        (lambda x: (x * x).float(), torch.square, "dtype float32, torch has float64"),
        (lambda x: (x * x).sum(0), torch.square, r"shape \[2\], expected \[2, 2\]"),
        (lambda x: (x * x).detach(), torch.square, "requires_grad False, torch has True"),
        (lambda x: (x, x), torch.square, "2 outputs, torch has 1"),
    ],
)
def test_what_is_wrong_is_located(ours: Any, theirs: Any, says: str) -> None:
    with pytest.raises(AssertionError, match=says):
        assert_parity(ours, theirs, X)


class Product(minigrad.autograd.Function):
    """y = x · w, whose backward a reader writes in NumPy"""

    def forward(self, x: Any, w: Any) -> Any:
        self.save_for_backward(x, w)
        return x * w

    def backward(self, grad: Any) -> Any:
        x, w = self.saved_tensors
        return minigrad.from_numpy(self.numpy(grad) * self.numpy(w)), minigrad.from_numpy(self.dw(grad, x))

    def numpy(self, tensor: Any) -> Any:
        return tensor.numpy()

    def dw(self, grad: Any, x: Any) -> Any:
        return self.numpy(grad) * self.numpy(x)


class DetachedProduct(Product):
    def numpy(self, tensor: Any) -> Any:
        return tensor.detach().numpy()


class WrongProduct(DetachedProduct):
    def dw(self, grad: Any, x: Any) -> Any:
        right = super().dw(grad, x)
        right[0, 1] *= 2
        return right


@pytest.mark.parametrize("op", [Product, DetachedProduct])
def test_value_and_gradient_are_reported_where_backward_has_no_gradient_of_its_own(op: Any) -> None:
    assert assert_parity(op.apply, torch.mul, X, X + 1, second_gradient=False).gradient == 0.0
    with pytest.raises(AssertionError) as error:
        assert_parity(op.apply, torch.mul, X, X + 1)
    said = str(error.value)
    assert "value and gradient agree with torch (largest differences: value 0.0e+00, gradient 0.0e+00)" in said
    assert "the gradient of x and w has no gradient of its own" in said
    assert f"{op.__name__}.backward leaves the graph (it is written in NumPy" in said
    assert said.endswith("pass second_gradient=False, or write it in tensor operations")
    inputs = [minigrad.tensor(x, requires_grad=True) for x in (X, X + 1)]
    assert gradcheck(op.apply, inputs)
    assert not gradgradcheck(op.apply, inputs, raise_exception=False)
    with pytest.raises(GradcheckError, match=f"{op.__name__}.backward leaves the graph"):
        gradgradcheck(op.apply, inputs)


def test_a_wrong_gradient_is_reported_even_where_backward_has_no_gradient_of_its_own() -> None:
    with pytest.raises(AssertionError, match=r"gradient of w: not close: 1 of 4 elements differ\n  first at w\[0, 1\]"):
        assert_parity(WrongProduct.apply, torch.mul, X, X + 1)


def test_gradcheck_names_the_worst_element_and_says_how_many_are_wrong() -> None:
    x, w = (minigrad.tensor(a, requires_grad=True) for a in (X, X + 1))
    with pytest.raises(GradcheckError) as error:
        gradcheck(WrongProduct.apply, (x, w))
    said = str(error.value)
    assert "with respect to input 1: the derivative of output is wrong for 1 of 4 elements of w" in said
    assert "The worst is w[0, 1]: backward says ∂output[0, 1]/∂w[0, 1] = -2, the difference quotient is -1" in said
    assert "input 0" not in said
    with pytest.raises(GradcheckError, match=r"1 of 4 elements of input 1\. The worst is input 1\[0, 1\]"):
        gradcheck(lambda *xs: WrongProduct.apply(*xs), (x, w))
    with pytest.raises(GradcheckError, match=r"input 1 \(w\), along random directions"):
        gradcheck(WrongProduct.apply, (x, w), fast_mode=True)


@pytest.mark.parametrize("check", [gradcheck, gradgradcheck, lambda op, x: assert_parity(op, torch.square, x)])
def test_a_class_in_place_of_its_apply_is_refused_in_one_sentence(check: Any) -> None:
    with pytest.raises(TypeError, match=r"write Square\.apply instead of the class Square$"):
        check(Square, minigrad.tensor(X, requires_grad=True))


def test_gradcheck_says_what_to_write_for_arrays() -> None:
    with pytest.raises(ValueError, match=r"takes tensors, not arrays: write minigrad\.tensor\("):
        gradcheck(Square.apply, (X,))


def test_arguments_that_are_no_floating_arrays_are_passed_on() -> None:
    index = np.array([1, 0])
    report = assert_parity(
        lambda x, i, dim: minigrad.index_select(x, dim, i), lambda x, i, dim: torch.index_select(x, dim, i), X, index, 1
    )
    assert report.gradient == 0.0


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_sum_that_cancels_may_differ_by_the_rounding_of_its_terms_and_by_no_more(dtype: Any) -> None:
    random = np.random.default_rng(0)
    a, b = 30 * random.standard_normal((2, 500))
    a, b = (np.concatenate([x, y]).astype(dtype) for x, y in ((a, -a), (b, np.roll(b, 1) * 1e-2 + b)))
    terms = (a * b).astype(np.float64)  # each rounded

    def rounded(x: Any, y: Any) -> Any:
        z = (x * y).sum()
        return z - z.detach() + float(terms.sum())

    def compare(ours: Any) -> Any:
        return assert_parity(
            ours, lambda x, y: (x.double() * y.double()).sum().to(x.dtype), a, b, second_gradient=False
        )

    exact = (a.astype(np.float64) * b).sum()
    allowed = parity.DEFAULT_TOLERANCES[np.dtype(dtype).name]
    assert abs(terms.sum() - exact) > 2 * (allowed[0] * abs(exact) + allowed[1])
    compare(rounded)
    with pytest.raises(AssertionError, match="for the rounding of what is added up"):
        compare(lambda x, y: rounded(x, y) + 20 * float(np.finfo(dtype).eps / 2 * np.sqrt((terms**2).sum())))


def test_rounding_allows_no_kink_and_no_tie() -> None:
    x = np.array([1.0, 1.0, 0.5, -2.0], np.float32)
    for function in (lambda x: x.clamp(-0.5, 0.5), lambda x: x.max(0).values, torch.relu):
        errors = rounding.rounding_errors(
            lambda xs, gs, function=function: _gradient(function, *xs, *gs), [x], [np.float32(3) * np.ones_like(x)]
        )
        assert errors is not None
        assert np.max(errors[0]) < 1e-5


def _gradient(function: Any, x: np.ndarray, g: np.ndarray) -> Any:
    leaf = torch.from_numpy(x).requires_grad_()
    y = function(leaf)
    return torch.autograd.grad(y, leaf, torch.from_numpy(g)[: y.numel()].reshape(y.shape))


def test_memory_order_and_gaps_reach_both_libraries() -> None:
    seen = []

    def strides(x: Any) -> Any:
        seen.append(tuple(x.stride()))
        return x * 2

    assert_parity(strides, strides, np.zeros((4, 6)).T[::2])
    assert seen[0] == seen[1] == (2, 6)


def test_assert_close_says_how_many_where_first_and_where_most() -> None:
    a, b = np.zeros((3, 3)), np.zeros((3, 3))
    a[0, 1], a[2, 2] = 1e-3, 5.0
    with pytest.raises(AssertionError) as error:
        assert_close(a, b)
    assert "2 of 9" in str(error.value)
    assert "first at index (0, 1)" in str(error.value)
    assert "most at index (2, 2): 5.0, expected 0.0" in str(error.value)
    assert_close({"a": [minigrad.ones(2), 3.0]}, {"a": [torch.ones(2), 3.0]})
    with pytest.raises(AssertionError, match="dtype float64, expected float32"):
        assert_close(minigrad.ones(2).double(), minigrad.ones(2))
    with pytest.raises(ValueError, match="both"):
        assert_close(a, b, rtol=1.0)
    with pytest.raises(AssertionError, match="1 of 1"):
        assert_close(np.nan, np.nan)
    assert_close(np.nan, np.nan, equal_nan=True)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_gradcheck_finds_the_wrong_gradient_also_along_random_directions(fast_mode: bool) -> None:
    x = minigrad.tensor(X, requires_grad=True)
    assert gradcheck(Square.apply, x, fast_mode=fast_mode)
    wrong = type("Wrong", (Square,), {"mistake": 1.1})
    assert not gradcheck(wrong.apply, x, fast_mode=fast_mode, raise_exception=False)
    assert x.tolist() == X.tolist(), "the input is as it was"


@settings(max_examples=20, deadline=None)
@given(st.one_of(s.convolutions(), s.poolings("max"), s.unary(), s.with_dim(), s.broadcastable()))
def test_the_strategies_draw_samples(sample: Sample) -> None:
    assert all(isinstance(array, np.ndarray) for array in sample.arrays)
    assert "Sample(float64[" in repr(sample)


def test_a_record_of_ones_own_is_compared_and_its_errors_are_checked() -> None:
    right = OpRecord(
        "square",
        lambda m, F, x: m.square(x) if m is torch else Square.apply(x),
        s.unary(),
        [lambda m, F: m.zeros(2)[3]],
    )
    right.compare(Sample([X]), np.float64, second=True)
    right.check_error(0)
    wrong = OpRecord("none", lambda m, F, x: x, s.unary(), [lambda m, F: F.relu(m.ones(2) if m is minigrad else 3)])
    with pytest.raises(AssertionError, match="raises None"):
        wrong.check_error(0)


def test_the_plugins_fixture_compares_and_sums_up(tmp_path: Path) -> None:
    (tmp_path / "test_mine.py").write_text(
        "import numpy as np, torch, minigrad\n"
        "def test_tanh(parity):\n"
        "    assert parity(minigrad.tanh, torch.tanh, np.ones((2, 2))).gradient < 1e-12\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "parity with torch: 1 comparisons, largest difference: value" in run.stdout


def test_the_example_of_ones_own_op_runs_and_finds_the_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(ROOT / "examples/parity_of_your_own_op.py"), run_name="__main__")
    printed = capsys.readouterr().out
    assert "gradcheck: True  gradgradcheck: True" in printed
    assert "200 random shapes" in printed
    assert "gradient of x: not close: 3 of 4" in printed


def test_the_committed_table_has_every_record_and_its_figures() -> None:
    results = json.loads((ROOT / "docs/parity.json").read_text())["ops"]
    assert list(results) == [record.name for record in RECORDS], "run: python -m minigrad.testing report"
    assert table(results) in (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    for record in RECORDS:
        assert results[record.name]["errors"] == len(record.errors)


def test_the_report_command_measures_the_records_of_a_module(tmp_path: Path) -> None:
    (tmp_path / "my_records.py").write_text(
        "from minigrad.testing import OpRecord, strategies as s\n"
        "RECORDS = [OpRecord('exp', lambda m, F, x: m.exp(x), s.unary())]\n"
    )
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- parity -->\n<!-- /parity -->\nafter\n")
    command = [sys.executable, "-m", "minigrad.testing", "report", "--records", "my_records", "--examples", "5"]
    options = ["--markdown", str(page), "--json", str(tmp_path / "out.json")]
    subprocess.run([*command, *options], cwd=tmp_path, check=True, capture_output=True)
    assert "| `exp` | 5 |" in page.read_text()
    assert json.loads((tmp_path / "out.json").read_text())["ops"]["exp"]["samples"] == 5


def test_float32_functions_run_through_assert_parity_too() -> None:
    assert_parity(F.softplus, torch.nn.functional.softplus, X.astype(np.float32), second_gradient=False)


def test_the_documented_tolerances_are_those_of_the_tests() -> None:
    page = (ROOT / "docs/parity.md").read_text(encoding="utf-8")
    for tolerance in (t for t in vars(tolerances).values() if isinstance(t, tolerances.Tolerance)):
        assert f"| {tolerance.rtol:.2g} | {tolerance.atol:.2g} |" in page
