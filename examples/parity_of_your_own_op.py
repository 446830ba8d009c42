"""Is my own operation right? Its values, gradient and second gradient beside torch's, in three steps.

The operation is Mish (Misra 2019), which minigrad does not have: mish(x) = x · tanh(softplus(x)).

    python examples/parity_of_your_own_op.py
"""

from __future__ import annotations

import argparse

import numpy as np

import minigrad
from minigrad.autograd import Function
from minigrad.extras import ensure_installed
from minigrad.nn import functional as F
from minigrad.testing import gradcheck, gradgradcheck


class Mish(Function):
    """y = x · t with t = tanh(ln(1 + eˣ))        ∂L/∂x = ∂L/∂y · (t + x · (1 − t²) · sigmoid(x))"""

    def forward(self, x):
        self.save_for_backward(x)
        return x * np.tanh(np.logaddexp(x, 0))

    def backward(self, grad):
        (x,) = self.saved_tensors
        t = F.softplus(x, threshold=1e9).tanh()
        return grad * (t + x * (1 - t * t) * x.sigmoid())


class ForgetfulMish(Mish):
    """The same, with a mistake that a test with ones as cotangents, at one point, could miss."""

    def backward(self, grad):
        (x,) = self.saved_tensors
        t = F.softplus(x, threshold=1e9).tanh()
        return grad * (t + x * (1 - t) * x.sigmoid())  # 1 − t where 1 − t² belongs


def main() -> None:
    ensure_installed("torch", "hypothesis")
    import torch
    from hypothesis import given, settings

    from minigrad.testing import assert_parity
    from minigrad.testing.strategies import unary

    # 1. Without any reference: backward against difference quotients of forward.
    x = minigrad.randn(2, 3, dtype=minigrad.float64, requires_grad=True)
    print("gradcheck:", gradcheck(Mish.apply, x), " gradgradcheck:", gradgradcheck(Mish.apply, x))

    # 2. Against torch, with random cotangents.
    report = assert_parity(Mish.apply, torch.nn.functional.mish, np.random.default_rng(0).standard_normal((4, 5)))
    print(
        f"against torch: value {report.value:.1e}, gradient {report.gradient:.1e}, "
        f"second gradient {report.second_gradient:.1e}"
    )

    # 3. With every shape, stride and value that hypothesis can think of; a failure shrinks to the smallest example.
    @settings(max_examples=200, deadline=None)
    @given(unary())
    def property_test(sample):
        assert_parity(Mish.apply, torch.nn.functional.mish, *sample.arrays)

    property_test()
    print("200 random shapes, memory orders and values agree")

    # And when it is wrong, the report says where:
    try:
        assert_parity(ForgetfulMish.apply, torch.nn.functional.mish, np.array([[0.0, 1.0], [-0.5, 2.0]]))
    except AssertionError as error:
        print(f"\nthe forgetful one:\n{error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_known_args()  # there is nothing to choose, but --help explains
    main()
