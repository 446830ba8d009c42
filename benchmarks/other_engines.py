"""A chain of small operations and a convolution, by minigrad, torch and the other engines that may be installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

# --- A long graph of small operations ---


def _chained(x: Any, pairs: int) -> Any:
    y = x
    for _ in range(pairs):
        y = y * 0.999 + x
    return y.sum()


def _chain_of_tensors(name: str) -> Callable[[np.ndarray, int], Callable[[], Any]]:
    """Return the chain for minigrad, torch and MyGrad, whose code is the same."""

    def build(x0: np.ndarray, pairs: int) -> Callable[[], Any]:
        library = import_module(name)

        def gradient() -> Any:
            x = library.tensor(x0) if name == "mygrad" else library.from_numpy(x0).requires_grad_()
            _chained(x, pairs).backward()
            return x.grad

        return gradient

    return build


def _chain_autograd(x0: np.ndarray, pairs: int) -> Callable[[], Any]:
    import autograd

    differentiated = autograd.grad(lambda x: _chained(x, pairs))
    return lambda: differentiated(x0)


CHAINS: dict[str, Callable[[np.ndarray, int], Callable[[], Any]]] = {
    "minigrad": _chain_of_tensors("minigrad"),
    "torch": _chain_of_tensors("torch"),
    "mygrad": _chain_of_tensors("mygrad"),
    "autograd": _chain_autograd,
}


# --- One convolution and its gradients ---


def _conv_of_tensors(name: str) -> Callable[[np.ndarray, np.ndarray], Callable[[], Any]]:
    def build(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
        library = import_module(name)
        x, w = (library.from_numpy(a).requires_grad_() for a in (x0, w0))

        def gradients() -> Any:
            x.grad = w.grad = None
            library.nn.functional.conv2d(x, w).sum().backward()
            return w.grad

        return gradients

    return build


def _conv_mygrad(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    import mygrad
    from mygrad.nnet.layers import conv_nd

    def gradients() -> Any:
        x, w = mygrad.tensor(x0), mygrad.tensor(w0)
        conv_nd(x, w, stride=1).sum().backward()
        return w.grad

    return gradients


def _conv_jax(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    import jax

    both = jax.jit(jax.grad(lambda x, w: jax.lax.conv(x, w, (1, 1), "VALID").sum(), (0, 1)))
    return lambda: both(x0, w0)[1].block_until_ready()


def _conv_tinygrad(x0: np.ndarray, w0: np.ndarray) -> Callable[[], Any]:
    from tinygrad import Tensor

    def gradients() -> Any:
        x, w = Tensor(x0), Tensor(w0)
        dx, dw = x.conv2d(w).sum().gradient(x, w)
        dx.realize()
        return dw.numpy()

    return gradients


CONVOLUTIONS: dict[str, Callable[[np.ndarray, np.ndarray], Callable[[], Any]]] = {
    "minigrad": _conv_of_tensors("minigrad"),
    "torch": _conv_of_tensors("torch"),
    "mygrad": _conv_mygrad,
    "jax": _conv_jax,
    "tinygrad": _conv_tinygrad,
}
