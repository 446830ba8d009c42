"""``torch.func``: functions made of functions, such as the gradient of one, and of each item of a batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import minigrad
from minigrad import Tensor, autograd, nn

Result = Callable[..., Any]


def functional_call(module: nn.Module, parameter_and_buffer_dicts: Any, args: Any = None, kwargs: Any = None) -> Any:
    """Return what a module computes with other parameters and buffers, given by their names."""
    given: dict[str, Tensor] = {}
    dicts = parameter_and_buffer_dicts
    for part in dicts if isinstance(dicts, tuple | list) else [dicts]:
        given |= part
    arguments = () if args is None else args if isinstance(args, tuple) else (args,)
    with _replaced(module, given):
        return module(*arguments, **(kwargs or {}))


@contextmanager
def _replaced(module: nn.Module, given: dict[str, Tensor]) -> Iterator[None]:
    modules, before = dict(module.named_modules()), []
    for path, value in given.items():
        place, _, name = path.rpartition(".")
        if place not in modules or not any(name in of for of in _registries(modules[place])):
            raise KeyError(f"{type(module).__name__} has no parameter or buffer {path!r}")
        registry = next(of for of in _registries(modules[place]) if name in of)
        before.append((registry, name, registry[name]))
        registry[name] = value
    try:
        yield
    finally:
        for registry, name, value in before:
            registry[name] = value


def _registries(module: nn.Module) -> list[dict[str, Any]]:
    return [vars(module)["_parameters"], vars(module)["_buffers"]]


def grad_and_value(func: Result, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Result:
    """Return a function that computes the gradient of ``func`` by some of its arguments, and its value."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)

    def computed(*args: Any, **options: Any) -> Any:
        given = list(args)
        leaves: list[Tensor] = []
        for i in numbers:
            given[i] = _map(lambda x: _leaf(x, leaves), given[i])
        with minigrad.enable_grad():
            result = func(*given, **options)
            value = result[0] if has_aux else result
            found = iter(autograd.grad(value, leaves, create_graph=True, allow_unused=True))
        zeros = (minigrad.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True))
        grads = tuple(_map(lambda x: _free(next(zeros), args), given[i]) for i in numbers)
        shown = grads[0] if isinstance(argnums, int) else grads
        return (shown, (value, result[1])) if has_aux else (shown, value)

    return computed


def _leaf(x: Tensor, leaves: list[Tensor]) -> Tensor:
    """Return a copy of x whose gradient is wanted; it has x's history, so that gradients may be differentiated."""
    leaves.append(x.clone() if x.requires_grad else x.detach().requires_grad_())
    return leaves[-1]


def _free(gradient: Tensor, args: Any) -> Tensor:
    """Return a gradient, without a history if no argument has one."""
    return gradient if any(x.requires_grad for x in _tensors(args)) else gradient.detach()


def _tensors(tree: Any) -> list[Tensor]:
    found: list[Tensor] = []
    _map(found.append, tree)
    return found


def _selected(dim: int, index: int, x: Tensor) -> Tensor:
    return x.select(dim, index)


def _map(change: Callable[[Tensor], Any], tree: Any) -> Any:
    """Return tuples, lists and dicts with their tensors changed."""
    if isinstance(tree, dict):
        return {key: _map(change, item) for key, item in tree.items()}
    if isinstance(tree, tuple | list):
        return type(tree)(_map(change, item) for item in tree)
    return change(tree) if isinstance(tree, Tensor) else tree


def grad(func: Result, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Result:
    """Return a function that computes the gradient of ``func``, whose value is a number."""
    both = grad_and_value(func, argnums, has_aux)

    def computed(*args: Any, **options: Any) -> Any:
        gradient, value = both(*args, **options)
        return (gradient, value[1]) if has_aux else gradient

    return computed


def vjp(func: Result, *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """Return the value of ``func``, and a function that computes vᵀ · its derivative."""
    leaves: list[Tensor] = []
    with minigrad.enable_grad():
        result = func(*_map(lambda x: _leaf(x, leaves), primals))
    value, *others = result if has_aux else (result,)

    def product(cotangents: Any) -> tuple[Any, ...]:
        outputs = _tensors(value)
        found = autograd.grad(outputs, leaves, _tensors(cotangents), create_graph=True, allow_unused=True)
        each = (minigrad.zeros_like(x) if g is None else g for g, x in zip(found, leaves, strict=True))
        return tuple(_map(lambda _: next(each), primal) for primal in primals)

    return _map(Tensor.detach, value), product, *others


def jvp(func: Result, primals: tuple[Any, ...], tangents: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return the value of ``func``, and its derivative · v."""
    of_tensors, given = _flat(func, primals)
    return autograd.functional.jvp(of_tensors, given, tuple(_tensors(tangents)))


def _flat(func: Result, args: Any) -> tuple[Result, tuple[Tensor, ...]]:
    """Return ``func`` as a function of the tensors in its arguments, and these tensors."""

    def of_tensors(*tensors: Tensor) -> Any:
        each = iter(tensors)
        return func(*_map(lambda _: next(each), args))

    return of_tensors, tuple(_tensors(args))


def jacrev(func: Result, argnums: int | Sequence[int] = 0, **_: Any) -> Result:
    """Return a function that computes the matrix of the derivatives of ``func`` by some of its arguments."""
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)

    def computed(*args: Any) -> Any:
        def of_some(*some: Any) -> Any:
            given = list(args)
            for i, x in zip(numbers, some, strict=True):
                given[i] = x
            return func(*given)

        of_tensors, given = _flat(of_some, [args[i] for i in numbers])
        rows = autograd.functional.jacobian(of_tensors, given, create_graph=any(x.requires_grad for x in given))

        def by_argument(row: tuple[Tensor, ...]) -> Any:
            each = iter(row)
            found = tuple(_map(lambda _: next(each), args[i]) for i in numbers)
            return found[0] if isinstance(argnums, int) else found

        return tuple(map(by_argument, rows)) if isinstance(rows[0], tuple) else by_argument(rows)

    return computed


jacfwd = jacrev


def hessian(func: Result, argnums: int = 0) -> Result:
    """Return a function that computes the matrix of the second derivatives of ``func`` by one argument."""

    def computed(*args: Any) -> Any:
        def of_one(x: Tensor) -> Any:
            return func(*args[:argnums], x, *args[argnums + 1 :])

        return autograd.functional.hessian(of_one, args[argnums])

    return computed


def vmap(func: Result, in_dims: Any = 0, out_dims: Any = 0, randomness: str = "error", **_: Any) -> Result:
    """Return a function that computes ``func`` of each item of a batch, one after the other, and stacks the results."""

    def computed(*args: Any) -> Any:
        dims = in_dims if isinstance(in_dims, tuple | list) else (in_dims,) * len(args)
        sizes = [x.shape[d] for arg, d in zip(args, dims, strict=True) if isinstance(d, int) for x in _tensors(arg)]
        if len(set(sizes)) != 1:
            raise ValueError(f"vmap: Expected all tensors to have the same size in the mapped dimension, got {sizes}")
        results = [
            func(
                *(
                    _map(partial(_selected, d, i), arg) if isinstance(d, int) else arg
                    for arg, d in zip(args, dims, strict=True)
                )
            )
            for i in range(sizes[0])
        ]
        return _stacked(results, out_dims)

    return computed


def _stacked(results: list[Any], dim: Any) -> Any:
    first = results[0]
    if isinstance(first, dict):
        return {key: _stacked([r[key] for r in results], dim) for key in first}
    if isinstance(first, tuple | list):
        dims = dim if isinstance(dim, tuple | list) else (dim,) * len(first)
        return type(first)(_stacked([r[i] for r in results], d) for i, d in enumerate(dims))
    return minigrad.stack(results, dim)


def stack_module_state(models: Sequence[nn.Module]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Return the parameters and the buffers of several models, stacked by their names."""
    parameters = {
        name: minigrad.stack([dict(m.named_parameters())[name] for m in models]).detach().requires_grad_()
        for name, _ in models[0].named_parameters()
    }
    buffers = {
        name: minigrad.stack([dict(m.named_buffers())[name] for m in models]) for name, _ in models[0].named_buffers()
    }
    return parameters, buffers
