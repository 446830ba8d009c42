"""The methods of pruning: which part of a weight is held at 0. ``torch.nn.utils.prune`` applies them.

``layer.weight`` is then ``layer.weight_orig``, a parameter, times ``layer.weight_mask``, a buffer of zeros and ones. It
is computed before each forward pass by a hook, the pruning method, which chose the mask. What is pruned again is pruned
further, and a :class:`PruningContainer` has the methods one after the other.
"""

from __future__ import annotations

import numbers
from collections.abc import Iterator
from typing import Any

import minigrad
from minigrad import Tensor, nn


class BasePruningMethod:
    """Base of the methods. A subclass has ``compute_mask(t, default_mask)`` and a ``PRUNING_TYPE``.

    ``unstructured`` sees the elements that are left, ``structured`` the channels of ``dim`` that are, ``global`` all.
    """

    PRUNING_TYPE = ""
    _tensor_name: str | None = None

    def __call__(self, module: nn.Module, inputs: object) -> None:
        """Compute the weight of a module before its forward pass."""
        setattr(module, str(self._tensor_name), self.apply_mask(module))

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask of the shape of ``t``, with zeros where ``default_mask`` has them."""
        raise NotImplementedError(f"{type(self).__name__} has no compute_mask(t, default_mask)")

    def apply_mask(self, module: nn.Module) -> Tensor:
        """Return the original times the mask.

        Raises:
            AssertionError: if the method was not applied to a module.
        """
        if self._tensor_name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        original = getattr(module, f"{self._tensor_name}_orig")
        masked: Tensor = getattr(module, f"{self._tensor_name}_mask").to(original.dtype) * original
        return masked

    @classmethod
    def apply(
        cls, module: nn.Module, name: str, *args: Any, importance_scores: Tensor | None = None, **options: Any
    ) -> Any:
        """Prune a parameter by this method, or prune it further. Small scores are pruned first, else small elements.

        Raises:
            AssertionError: if the scores have another shape.
        """
        present = getattr(module, name)
        scores = _scores(importance_scores, present)
        method = cls(*args, **options)
        method._tensor_name = name
        found = hook_of(module, name)
        if found is None:
            mask = method.compute_mask(scores, minigrad.ones_like(present))
            delattr(module, name)
            module.register_parameter(f"{name}_orig", present)
        else:
            key, before = found
            first, *others = before if isinstance(before, PruningContainer) else (before,)
            container = PruningContainer(first)
            for other in (*others, method):
                container.add_pruning_method(other)
            mask = container.compute_mask(scores, getattr(module, f"{name}_mask").detach().clone())
            method = container
            del hooks_of(module)[key]
        module.register_buffer(f"{name}_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Tensor | None = None) -> Tensor:
        """Return a tensor with the elements that the method chooses at 0."""
        mask = minigrad.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(_scores(importance_scores, t), mask)

    def remove(self, module: nn.Module) -> None:
        """Make the pruned weight a parameter again."""
        name = str(self._tensor_name)
        weight = self.apply_mask(module)
        original = getattr(module, f"{name}_orig")
        original.data = weight.data
        for part in (name, f"{name}_orig", f"{name}_mask"):
            delattr(module, part)
        setattr(module, name, original)


def _scores(scores: Tensor | None, tensor: Tensor) -> Tensor:
    if scores is not None and scores.shape != tensor.shape:
        raise AssertionError(
            f"importance_scores should have the shape of what is pruned, {tuple(tensor.shape)}, got {scores.shape}"
        )
    return tensor if scores is None else scores


class PruningContainer(BasePruningMethod):
    """Methods that prune a parameter one after the other; the last one chooses of what the others left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add a method of the same parameter.

        Raises:
            TypeError: if it is no method.
            ValueError: if it is one of another parameter.
        """
        if not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method._tensor_name != self._tensor_name:
            raise ValueError(
                f"Can only add pruning methods acting on the parameter named '{self._tensor_name}' to "
                f"PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask with what the last method prunes of what is left.

        Raises:
            AttributeError: if a structured method has no ``dim``.
            ValueError: for an unknown ``PRUNING_TYPE``.
        """
        method, mask = self._pruning_methods[-1], default_mask.to(t.dtype)
        left: Any
        if method.PRUNING_TYPE == "unstructured":
            left = default_mask == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError('Pruning methods of PRUNING_TYPE "structured" need the attribute `dim`')
            dim = _positive(method.dim, t)
            channels = default_mask.sum([d for d in range(t.ndim) if d != dim]) != 0
            left = (*(slice(None) for _ in range(dim)), channels)
        elif method.PRUNING_TYPE == "global":
            left = ...
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE!r}")
        mask = mask.clone()
        mask[left] = method.compute_mask(t[left], default_mask[left]).to(mask.dtype)
        return mask


class Identity(BasePruningMethod):
    """Prune nothing, but make the mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask


class _Amount(BasePruningMethod):
    """Base of the methods that prune a number of elements or channels, or a fraction of them."""

    def __init__(self, amount: float) -> None:
        if not isinstance(amount, numbers.Real):
            raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
        if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1):
            raise ValueError(f"amount={amount} should either be a float in the range [0, 1] or a non-negative integer")
        self.amount: float = amount

    def _count(self, size: int) -> int:
        """Return how many of ``size`` to prune."""
        count = int(self.amount) if isinstance(self.amount, numbers.Integral) else round(self.amount * size)
        if count > size:
            raise ValueError(f"amount={count} should be smaller than the number of parameters to prune={size}")
        return count


class RandomUnstructured(_Amount):
    """Prune random elements."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = self._count(t.numel())
        return _without(default_mask, minigrad.rand_like(t), count, largest=True) if count else default_mask.clone()


class L1Unstructured(_Amount):
    """Prune the elements that are nearest to 0."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return _without(default_mask, t.abs(), self._count(t.numel()), largest=False)


def _without(mask: Tensor, scores: Tensor, count: int, largest: bool) -> Tensor:
    """Return a mask with zeros in the places of the largest or smallest scores."""
    flat = mask.clone().reshape(-1)
    flat[scores.detach().reshape(-1).topk(count, largest=largest)[1]] = 0
    return flat.reshape(mask.shape)


class _Channels(_Amount):
    """Base of the methods that prune whole channels, the slices of one dimension."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if t.ndim <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. "
                f"Found tensor of shape {t.shape} with {t.ndim} dims"
            )
        dim = _positive(self.dim, t)
        count = self._count(t.shape[dim])
        if count == 0:
            return default_mask
        kept = self.kept(t.detach(), dim, count).to(default_mask.dtype)
        return default_mask * kept.reshape(-1, *(1 for _ in range(t.ndim - dim - 1)))

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        """Return a mask of the channels without ``count`` of them."""
        raise NotImplementedError


def _positive(dim: int, t: Tensor) -> int:
    if not -t.ndim <= dim < t.ndim:
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")
    return dim % t.ndim


class RandomStructured(_Channels):
    """Prune random channels."""

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        chances = minigrad.rand(t.shape[dim])
        return chances > chances.sort()[0][count - 1]


class LnStructured(_Channels):
    """Prune the channels with the smallest norms."""

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def kept(self, t: Tensor, dim: int, count: int) -> Tensor:
        norms = t.norm(self.n, [d for d in range(t.ndim) if d != dim])
        mask = minigrad.zeros_like(norms)
        mask[norms.topk(len(norms) - count)[1]] = 1
        return mask


class CustomFromMask(BasePruningMethod):
    """Prune what a given mask has at 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(f"the mask of a tensor of shape {default_mask.shape} has shape {self.mask.shape}")
        return default_mask * self.mask.to(default_mask.dtype)


def hooks_of(module: nn.Module) -> Any:
    """Return what is called before a module's forward pass, by key."""
    return module._forward_pre_hooks


def hook_of(module: nn.Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """Return the method that prunes a parameter, and its key among the hooks."""
    for key, hook in hooks_of(module).items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            return key, hook
    return None
