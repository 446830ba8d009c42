"""Test an operation of your own: its values, gradient and second-order gradient, in three steps.

    python examples/parity_of_your_own_op.py

The operation is Mish (Misra 2019), which is not part of minigrad: mish(x) = x · tanh(softplus(x)).

Question: how do you know that a derivative is right? (By difference quotients, by random shapes and values, and, where
there is one, by a reference. Without torch or hypothesis, their steps are skipped.)
Change: the sign of a term in ``Mish.backward``. Which elements does the message name?
Expect: every step agrees for Mish; the operation with a wrong derivative is caught, although it is right at 0.
"""

from __future__ import annotations

import argparse
from importlib.util import find_spec

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.autograd import Function
from minigrad.nn import functional as F
from minigrad.testing import GradcheckError, Sample, gradcheck, gradgradcheck


class Mish(Function):
    """y = x · t with t = tanh(ln(1 + eˣ))        ∂L/∂x = ∂L/∂y · (t + x · (1 − t²) · sigmoid(x))"""

    def forward(self, x: np.ndarray) -> np.ndarray:
        self.save_for_backward(x)
        return x * np.tanh(np.logaddexp(x, 0))

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        t = F.softplus(x, threshold=1e9).tanh()
        return grad * (t + x * (1 - t * t) * x.sigmoid())


class WrongMish(Mish):
    """Mish with a wrong derivative, which a test at a single point could miss."""

    def backward(self, grad: Tensor) -> Tensor:
        (x,) = self.saved_tensors
        t = F.softplus(x, threshold=1e9).tanh()
        return grad * (t + x * (1 - t) * x.sigmoid())  # wrong: 1 − t instead of 1 − t²


def without_a_reference() -> None:
    """Compare backward with difference quotients of forward, and show what a wrong derivative is told."""
    x = minigrad.randn(2, 3, dtype=minigrad.float64, requires_grad=True)
    print("gradcheck:", gradcheck(Mish.apply, x), " gradgradcheck:", gradgradcheck(Mish.apply, x))
    try:
        gradcheck(WrongMish.apply, minigrad.tensor([0.0, 1.0, -0.5], dtype=minigrad.float64, requires_grad=True))
    except GradcheckError as error:
        print(f"the wrong one: {error}")


def against_torch() -> None:
    """Compare with torch, for random gradients of the output."""
    import torch

    from minigrad.testing import assert_parity

    report = assert_parity(Mish.apply, torch.nn.functional.mish, np.random.default_rng(0).standard_normal((4, 5)))
    print(f"against torch: {report}")
    try:
        assert_parity(WrongMish.apply, torch.nn.functional.mish, np.array([[0.0, 1.0], [-0.5, 2.0]]))
    except AssertionError as error:
        print(f"the wrong one:\n{error}")


def on_random_arrays(count: int = 200) -> None:
    """Check random shapes, strides and values; hypothesis shrinks a failure to the smallest example."""
    from hypothesis import given, settings

    from minigrad.testing.strategies import unary

    @settings(max_examples=count, deadline=None)
    @given(unary())
    def property_test(sample: Sample) -> None:
        x = minigrad.from_numpy(np.asarray(sample.arrays[0], np.float64)).requires_grad_()
        assert gradcheck(Mish.apply, x)

    property_test()
    print(f"{count} random shapes, memory orders and values agree")


def main() -> None:
    without_a_reference()
    for package, step in (("torch", against_torch), ("hypothesis", on_random_arrays)):
        if find_spec(package) is None:
            print(f"{package} is not installed, so one step is skipped (pip install {package})")
        else:
            step()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_known_args()  # no options but --help
    main()
