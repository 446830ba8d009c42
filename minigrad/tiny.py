"""The whole engine in one short file: record while computing, then apply the chain rule backwards.

Read this file first. The names are those of the real engine, so every later file is "tiny.py, plus something".
The engine itself is the two classes `Tensor` and `Function`; below them are seven operations as plain loops.

    x (leaf) ──┬──> Mul ──┐
               │          ├──> Add ──> loss        forward: every operation records what made its inputs
               └──────────┘                        backward: gradients travel along the same edges, and add up

>>> x = Tensor(3.0)
>>> loss = x * x + x
>>> loss.backward()
>>> float(x.grad)  # 2x + 1
7.0

If you know micrograd: its `Value` is a `Tensor` here, its `_prev` is `next_functions`, and its `_backward` is the
`backward` of a `Function`. Here a value is an array, and an operation is a class, so that forward and backward stand
side by side.

In every formula L is the loss. ∂L/∂y is an array of y's shape; each element is the change of L per change of that
element of y. A `backward` gets ∂L/∂y of its output and returns ∂L/∂x of each input; it needs nothing else.
`python -m minigrad.tiny` trains a small network.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Tensor:
    """An array, the node that computed it (`None` for a leaf), and the gradient of the loss once it is known."""

    def __init__(self, array: Array | float, grad_fn: Function | None = None) -> None:
        self.array, self.grad_fn = np.asarray(array, np.float64), grad_fn
        self.grad = np.zeros_like(self.array)  # None at first in the real engine, as in torch

    def __add__(self, other: Tensor) -> Tensor:
        return Add.apply(self, other)

    def __mul__(self, other: Tensor) -> Tensor:
        return Mul.apply(self, other)

    def __matmul__(self, other: Tensor) -> Tensor:
        return MatMul.apply(self, other)

    def sum(self) -> Tensor:
        return Sum.apply(self)

    def backward(self) -> None:
        """Add to the `grad` of every leaf the gradient of this scalar.

        Nodes are numbered as they are made, so a node is younger than the nodes that made its inputs: to take the
        youngest first is a topological order, in which every user of a result runs before the node that made it.
        By then the gradients of all its users have been added up.
        """
        assert self.grad_fn is not None, "a leaf was computed by no operation"
        sums = {self.grad_fn: np.ones_like(self.array)}  # ∂L/∂L = 1
        while sums:
            node = max(sums, key=lambda node: node.number)  # the youngest node that has a gradient
            grads = node.backward(sums.pop(node))  # the chain rule at this node
            for target, grad in zip(node.next_functions, grads, strict=True):
                if isinstance(target, Tensor):  # a leaf: every path ends at one
                    target.grad = target.grad + grad
                else:  # a result that was used twice gets two gradients: their sum is its gradient
                    sums[target] = sums[target] + grad if target in sums else grad


class Function:
    """An operation. Applied to tensors, it computes their result and becomes the node that remembers how."""

    forward: Callable[..., Array]  # arrays in, array out
    backward: Callable[..., tuple[Array, ...]]  # ∂L/∂output in, ∂L/∂input out for every input
    next_functions: list[Function | Tensor]  # the edges: for every input the node that made it, or the leaf itself
    saved_tensors: tuple[Array, ...]
    number: int  # the first node is 0, the next 1, …
    numbers = count()

    @classmethod
    def apply(cls, *inputs: Tensor) -> Tensor:
        """Run `forward` and record the node."""
        node = cls()
        output = Tensor(node.forward(*[x.array for x in inputs]), node)
        node.number = next(Function.numbers)
        node.next_functions = [x.grad_fn or x for x in inputs]
        return output

    def save_for_backward(self, *arrays: Array) -> None:
        """Keep arrays that `backward` needs."""
        self.saved_tensors = arrays


class Add(Function):
    """z = x + y        ∂L/∂x = ∂L/∂z,  ∂L/∂y = ∂L/∂z"""

    def forward(self, x: Array, y: Array) -> Array:
        return x + y

    def backward(self, grad: Array) -> tuple[Array, Array]:
        return grad, grad


class Mul(Function):
    """z = x · y        ∂L/∂x = ∂L/∂z · y,  ∂L/∂y = ∂L/∂z · x"""

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        return x * y

    def backward(self, grad: Array) -> tuple[Array, Array]:
        x, y = self.saved_tensors
        return grad * y, grad * x


class Sum(Function):
    """y = Σ x        ∂L/∂x = ∂L/∂y for every element of x"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.asarray(x.sum())

    def backward(self, grad: Array) -> tuple[Array]:
        (x,) = self.saved_tensors
        return (np.full(x.shape, grad),)


class Relu(Function):
    """y = max(x, 0)        ∂L/∂x = ∂L/∂y where x > 0, else 0"""

    def forward(self, x: Array) -> Array:
        self.save_for_backward(x)
        return np.maximum(x, 0)

    def backward(self, grad: Array) -> tuple[Array]:
        (x,) = self.saved_tensors
        return (grad * (x > 0),)


class MatMul(Function):
    """z[i, j] = Σ_k x[i, k] · y[k, j]        ∂L/∂x = ∂L/∂z · yᵀ,  ∂L/∂y = xᵀ · ∂L/∂z

    The loops of forward and backward are the same. Each product x · y that was added to a z sends the gradient of that
    z back to both of its factors: times y to x, and times x to y.
    """

    def forward(self, x: Array, y: Array) -> Array:
        self.save_for_backward(x, y)
        z = np.zeros((x.shape[0], y.shape[1]))
        for i, j, k in np.ndindex(*z.shape, x.shape[1]):
            z[i, j] += x[i, k] * y[k, j]
        return z

    def backward(self, grad: Array) -> tuple[Array, Array]:
        x, y = self.saved_tensors
        dx, dy = np.zeros_like(x), np.zeros_like(y)
        for i, j, k in np.ndindex(*grad.shape, x.shape[1]):
            dx[i, k] += grad[i, j] * y[k, j]
            dy[k, j] += grad[i, j] * x[i, k]
        return dx, dy


class Conv2d(Function):
    """y[n, o, p, q] = Σ_c Σ_i Σ_j  w[o, c, i, j] · x[n, c, p + i, q + j]        (no padding, stride 1)

    Shapes: x is N C H W (images, channels, rows, columns), w is O C I J (output channels, then one window).
    Again each product w · x that was added to a y sends the gradient of that y back to both of its factors. A pixel of
    x lies in several windows, and a weight is used at every position: their gradients add up.
    """

    def forward(self, x: Array, w: Array) -> Array:
        self.save_for_backward(x, w)
        y = np.zeros((x.shape[0], w.shape[0], x.shape[2] - w.shape[2] + 1, x.shape[3] - w.shape[3] + 1))
        for n, o, p, q, c, i, j in np.ndindex(*y.shape, *w.shape[1:]):
            y[n, o, p, q] += w[o, c, i, j] * x[n, c, p + i, q + j]
        return y

    def backward(self, grad: Array) -> tuple[Array, Array]:
        x, w = self.saved_tensors
        dx, dw = np.zeros_like(x), np.zeros_like(w)
        for n, o, p, q, c, i, j in np.ndindex(*grad.shape, *w.shape[1:]):
            dx[n, c, p + i, q + j] += grad[n, o, p, q] * w[o, c, i, j]
            dw[o, c, i, j] += grad[n, o, p, q] * x[n, c, p + i, q + j]
        return dx, dw


class BatchNorm(Function):
    """y = x̂ · w + b with x̂ = (x − μ) / σ,  where μ = mean x and σ² = mean (x − μ)² + ε for each channel

    x reaches y along three paths: directly, through μ, and through σ. With ĝ = ∂L/∂y · w their sum is

        ∂L/∂x = (ĝ − mean ĝ − x̂ · mean(ĝ · x̂)) / σ,    ∂L/∂w = Σ ∂L/∂y · x̂,    ∂L/∂b = Σ ∂L/∂y
    """

    def forward(self, x: Array, w: Array, b: Array) -> Array:
        x_hat, y, sigma = np.zeros_like(x), np.zeros_like(x), np.zeros_like(w)
        for c in range(x.shape[1]):
            centred = x[:, c] - x[:, c].mean()
            sigma[c] = np.sqrt((centred * centred).mean() + 1e-5)
            x_hat[:, c] = centred / sigma[c]
            y[:, c] = x_hat[:, c] * w[c] + b[c]
        self.save_for_backward(x_hat, sigma, w)
        return y

    def backward(self, grad: Array) -> tuple[Array, Array, Array]:
        x_hat, sigma, w = self.saved_tensors
        dx, dw, db = np.zeros_like(x_hat), np.zeros_like(w), np.zeros_like(w)
        for c in range(len(w)):
            g_hat = grad[:, c] * w[c]
            dx[:, c] = (g_hat - g_hat.mean() - x_hat[:, c] * (g_hat * x_hat[:, c]).mean()) / sigma[c]
            dw[c], db[c] = (grad[:, c] * x_hat[:, c]).sum(), grad[:, c].sum()
        return dx, dw, db


def main() -> None:
    """Train a convolution, batch norm, ReLU and a last convolution to tell horizontal stripes from vertical ones."""
    random = np.random.default_rng(0)
    images = np.tile([[1.0], [0.0]], (3, 6)) + random.normal(0, 0.2, (8, 1, 6, 6))  # N C H W = 8 1 6 6
    images[4:] = images[4:].swapaxes(2, 3)
    x, minus_target = Tensor(images), Tensor(np.repeat([-1.0, 1.0], 4).reshape(8, 1, 1, 1))
    w1, scale, shift = Tensor(random.normal(0, 0.3, (2, 1, 3, 3))), Tensor(np.ones(2)), Tensor(np.zeros(2))
    w2 = Tensor(random.normal(0, 0.2, (1, 2, 4, 4)))
    for step in range(1, 13):
        features = Relu.apply(BatchNorm.apply(Conv2d.apply(x, w1), scale, shift))  # 8 1 6 6 -> 8 2 4 4
        error = Conv2d.apply(features, w2) + minus_target  # 8 2 4 4 -> 8 1 1 1
        loss = (error * error).sum()
        loss.backward()
        for p in (w1, scale, shift, w2):
            p.array -= 0.005 * p.grad  # one step downhill
            p.grad = np.zeros_like(p.array)
        print(f"step {step:2}: loss {loss.array:.4f}")


if __name__ == "__main__":
    main()
