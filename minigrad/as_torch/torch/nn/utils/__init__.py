"""Names of ``torch.nn.utils`` that only programs for torch need: weights that are computed before each forward pass."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import minigrad
from minigrad import Tensor, nn
from minigrad.nn import functional as F
from minigrad.nn import utils

_Computed = Callable[[nn.Module], Tensor]


def _compute_before_forward(module: nn.Module, name: str, parts: dict[str, nn.Parameter], compute: _Computed) -> Any:
    """Replace a parameter by others, and compute it of them before each forward pass. Until then it has its value."""
    first = getattr(module, name).detach()
    delattr(module, name)
    for part, value in parts.items():
        module.register_parameter(part, value)
    setattr(module, name, first)
    handle = module.register_forward_pre_hook(lambda module, inputs: setattr(module, name, compute(module)))
    made = {*parts, *(f"{name}_{vector}" for vector in ("u", "v") if hasattr(module, f"{name}_{vector}"))}
    vars(module).setdefault("_computed_weights", {})[name] = (made, handle, compute)
    return module


def _remove(module: nn.Module, name: str = "weight") -> Any:
    """Make a computed weight a parameter again.

    Raises:
        ValueError: if it is none.
    """
    if name not in vars(module).get("_computed_weights", {}):
        raise ValueError(f"{name!r} of {type(module).__name__} is not computed before each forward pass")
    parts, handle, compute = vars(module)["_computed_weights"].pop(name)
    value = compute(module).detach()
    handle.remove()
    for part in parts:
        delattr(module, part)
    delattr(module, name)
    module.register_parameter(name, nn.Parameter(value))
    return module


def weight_norm(module: Any, name: str = "weight", dim: int | None = 0) -> Any:
    """Make a weight g · v / ‖v‖, with a norm for each index of ``dim``, or one for all (Salimans & Kingma 2016)."""

    def norm(v: Tensor) -> Tensor:
        return v.norm() if dim is None else v.norm(2, [d for d in range(v.ndim) if d != dim % v.ndim], True)

    weight = getattr(module, name).detach()
    parts = {f"{name}_g": nn.Parameter(norm(weight)), f"{name}_v": nn.Parameter(weight)}

    def compute(module: nn.Module) -> Tensor:
        g, v = getattr(module, f"{name}_g"), getattr(module, f"{name}_v")
        normalised: Tensor = v * (g / norm(v))
        return normalised

    _compute_before_forward(module, name, parts, compute)
    setattr(module, name, compute(module))
    return module


def spectral_norm(
    module: Any, name: str = "weight", n_power_iterations: int = 1, eps: float = 1e-12, dim: int | None = None
) -> Any:
    """Divide a weight by its largest singular value, uᵀ · W · v (Miyato et al. 2018).

    u and v come closer to the singular vectors at each forward pass in training. ``dim`` is that of the rows of W.
    """
    if dim is None:
        dim = int(isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d))
    weight = getattr(module, name)
    rows, columns = weight.shape[dim], weight.numel() // weight.shape[dim]
    for vector, size in (("u", rows), ("v", columns)):
        start = F.normalize(weight.detach().new_empty(size).normal_(0, 1), dim=0, eps=eps)
        module.register_buffer(f"{name}_{vector}", start)

    def compute(module: nn.Module) -> Tensor:
        weight, u, v = (getattr(module, f"{name}_{part}") for part in ("orig", "u", "v"))
        matrix = weight.movedim(dim, 0).reshape(rows, columns)
        if module.training and vars(module).get("_computed_weights", {}).get(name):  # not when it is removed
            with minigrad.no_grad():
                for _ in range(n_power_iterations):
                    v.copy_(F.normalize(matrix.mT @ u, dim=0, eps=eps))
                    u.copy_(F.normalize(matrix @ v, dim=0, eps=eps))
            u, v = u.clone(), v.clone()  # which the next pass changes
        normalised: Tensor = weight / (u @ (matrix @ v))
        return normalised

    return _compute_before_forward(module, name, {f"{name}_orig": nn.Parameter(weight.detach())}, compute)


remove_weight_norm = remove_spectral_norm = _remove


def _without_foreach(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that ignores which of torch's implementations is chosen."""

    @functools.wraps(function)
    def call(*args: Any, foreach: bool | None = None, **options: Any) -> Any:
        return function(*args, **options)

    return call


clip_grad_norm_ = _without_foreach(utils.clip_grad_norm_)
clip_grad_value_ = _without_foreach(utils.clip_grad_value_)
clip_grads_with_norm_ = _without_foreach(utils.clip_grads_with_norm_)
get_total_norm = _without_foreach(utils.get_total_norm)
