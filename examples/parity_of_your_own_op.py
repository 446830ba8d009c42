"""Test an operation of your own: its values, gradient and second-order gradient against torch's, in three steps.

The operation is Mish (Misra 2019), which is not part of minigrad: mish(x) = x · tanh(softplus(x)).

    python examples/parity_of_your_own_op.py
"""

from __future__ import annotations

import argparse

import numpy as np

import minigrad
from minigrad import Tensor
from minigrad.autograd import Function
from minigrad.extras import ensure_installed
from minigrad.nn import functional as F
from minigrad.testing import gradcheck, gradgradcheck


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


def main() -> None:
    ensure_installed("torch", "hypothesis")
    import torch
    from hypothesis import given, settings

    from minigrad.testing import assert_parity
    from minigrad.testing.strategies import unary

    # 1. Without a reference: compare backward with difference quotients of forward.
    x = minigrad.randn(2, 3, dtype=minigrad.float64, requires_grad=True)
    print("gradcheck:", gradcheck(Mish.apply, x), " gradgradcheck:", gradgradcheck(Mish.apply, x))

    # 2. Against torch, with random gradients of the output.
    report = assert_parity(Mish.apply, torch.nn.functional.mish, np.random.default_rng(0).standard_normal((4, 5)))
    print(
        f"against torch: value {report.value:.1e}, gradient {report.gradient:.1e}, "
        f"second gradient {report.second_gradient:.1e}"
    )

    # 3. With random shapes, strides and values; hypothesis shrinks a failure to the smallest example.
    @settings(max_examples=200, deadline=None)
    @given(unary())
    def property_test(sample):
        assert_parity(Mish.apply, torch.nn.functional.mish, *sample.arrays)

    property_test()
    print("200 random shapes, memory orders and values agree")

    # A wrong derivative gives a report that names the wrong elements:
    try:
        assert_parity(WrongMish.apply, torch.nn.functional.mish, np.array([[0.0, 1.0], [-0.5, 2.0]]))
    except AssertionError as error:
        print(f"\nthe wrong one:\n{error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_known_args()  # no options but --help
    main()
