"""Summary of a model: its layers with their output shapes, parameters and multiply-adds, as torchinfo's and Keras's."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from minigrad import dtypes
from minigrad.creation import zeros
from minigrad.engine.function import Function
from minigrad.engine.grad_mode import no_grad
from minigrad.engine.watchers import watchers
from minigrad.html import table_html
from minigrad.nn.uninitialized import is_lazy
from minigrad.ops.conv import Conv2d, Conv2dInput
from minigrad.ops.linalg import Linear, MatMul
from minigrad.tensor import Tensor
from minigrad.typing import Shape

if TYPE_CHECKING:
    from minigrad.nn.module import Module

InputShape: TypeAlias = Sequence[int] | Sequence[Sequence[int]]


@dataclass
class Layer:
    """One module, each time that it was called."""

    name: str
    kind: str
    depth: int
    shapes: list[Shape]  #: of its outputs
    parameters: int  #: with those of the modules inside; 0 if they were counted before
    multiply_adds: int = 0  #: with those of the modules inside
    is_repeated: bool = False  #: True if it was called before


@dataclass
class Summary:
    """Layers in the order in which they were called. It prints as a table."""

    layers: list[Layer]
    total_params: int
    trainable_params: int
    total_mult_adds: int
    input_bytes: int
    forward_bytes: int = 0  #: of the outputs of all layers that have no layers inside
    param_bytes: int = 0
    depth: int = 3
    uncalled: list[str] = field(default_factory=list)  #: modules with parameters that the input did not reach

    def _rows(self) -> list[tuple[str, str, str, str]]:
        rows = []
        for layer in self.layers:
            if layer.depth <= self.depth:
                name = f"{layer.kind} ({layer.name})" if layer.name else layer.kind
                shapes = ", ".join(map(str, map(list, layer.shapes)))
                count = "again" if layer.is_repeated else f"{layer.parameters:,}" if layer.parameters else "--"
                adds = f"{layer.multiply_adds:,}" if layer.multiply_adds else "--"
                rows.append(("  " * layer.depth + name, shapes or "--", count, adds))
        return rows

    def _totals(self) -> list[str]:
        frozen = self.total_params - self.trainable_params
        lines = [
            f"Total params: {self.total_params:,}",
            f"Trainable params: {self.trainable_params:,}",
            f"Non-trainable params: {frozen:,}",
            f"Total mult-adds: {self.total_mult_adds:,}",
            f"Input size (MB): {self.input_bytes / 1e6:.2f}",
            f"Forward pass size (MB): {self.forward_bytes / 1e6:.2f}",
            f"Params size (MB): {self.param_bytes / 1e6:.2f}",
        ]
        if self.uncalled:
            lines.append(f"Not reached by this input: {', '.join(self.uncalled)}")
        return lines

    def __str__(self) -> str:
        rows = [("Layer (type)", "Output shape", "Param #", "Mult-adds"), *self._rows()]
        widths = [max(len(row[k]) for row in rows) for k in range(4)]
        lines = [f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}" for a, b, c, d in rows]
        rule = "─" * len(lines[0])
        return "\n".join([rule, lines[0], rule, *lines[1:], rule, *self._totals(), rule])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        heads = ("Layer (type)", "Output shape", "Param #", "Mult-adds")
        rows = [dict(zip(heads, row, strict=True)) for row in self._rows()]
        return table_html(rows, "; ".join(self._totals()))


def summarize(
    model: Module, input_shape: InputShape | None, input_data: Tensor | Sequence[Tensor] | None, depth: int
) -> Summary:
    """Run a model once, without gradients, and return its summary; the arguments are those of ``Module.summary``."""
    inputs = _inputs(model, input_shape, input_data)
    watch = _Watch(model)
    modes = [(module, module.training) for module in model.modules()]
    buffers = [(buffer, buffer.array.copy()) for buffer in model.buffers() if not is_lazy(buffer)]
    try:
        model.eval()
        with no_grad(), watch.watching():
            model(*inputs)
    finally:
        for module, mode in modes:
            module.training = mode
        for buffer, values in buffers:
            buffer.array[...] = values
    parameters = list(model.parameters())
    leaves = [layer for k, layer in enumerate(watch.layers) if not _has_inner(watch.layers, k)]
    return Summary(
        watch.layers,
        sum(p.array.size for p in parameters),
        sum(p.array.size for p in parameters if p.requires_grad),
        watch.multiply_adds,
        sum(x.array.nbytes for x in inputs),
        sum(math.prod(shape) for layer in leaves for shape in layer.shapes) * _item_size(parameters),
        sum(p.array.nbytes for p in parameters),
        depth,
        watch.uncalled(),
    )


def _item_size(parameters: Sequence[Tensor]) -> int:
    return parameters[0].array.itemsize if parameters else dtypes.get_default_dtype().itemsize


def _has_inner(layers: Sequence[Layer], k: int) -> bool:
    return k + 1 < len(layers) and layers[k + 1].depth > layers[k].depth


def _inputs(
    model: Module, input_shape: InputShape | None, input_data: Tensor | Sequence[Tensor] | None
) -> list[Tensor]:
    """Return the tensors to run the model on: those given, or zeros of the shapes.

    Raises:
        TypeError: if neither or both are given, or they are of another kind.
        ValueError: for a shape with a negative size.
    """
    if (input_shape is None) == (input_data is None):
        raise TypeError("summary() takes either input_shape, such as (1, 3, 75, 75), or input_data, tensors")
    if input_data is not None:
        tensors = [input_data] if isinstance(input_data, Tensor) else list(input_data)
        if not all(isinstance(x, Tensor) for x in tensors):
            raise TypeError(f"input_data must be a tensor or several, got {type(input_data).__name__}")
        return tensors
    if isinstance(input_shape, Tensor):
        given = list(input_shape.shape)
        raise TypeError(f"input_shape must be a shape; pass the tensor of shape {given} as input_data")
    first = next((p for p in model.parameters() if dtypes.is_floating(p.dtype) and not is_lazy(p)), None)
    dtype = first.dtype if first is not None else None
    where = first.device if first is not None else None
    return [zeros(*shape, dtype=dtype, device=where) for shape in _shapes(input_shape)]


def _shapes(given: object) -> list[Shape]:
    """Return one shape, or several, as a list of shapes."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise TypeError(f"input_shape must be a shape with the batch in front, such as (1, 3, 75, 75), got {given!r}")
    several = given if isinstance(given[0], Sequence) else [given]
    for shape in several:
        if not all(isinstance(n, int | np.integer) and not isinstance(n, bool) for n in shape):
            raise TypeError(
                f"input_shape must hold whole numbers, got {tuple(shape)!r}; give the batch a size, such as 1"
            )
        if any(n < 0 for n in shape):
            raise ValueError(f"input_shape must not hold negative sizes, got {tuple(shape)}; give the batch a size")
    return [tuple(map(int, shape)) for shape in several]


class _Watch:
    """Notes every call of a module, and counts the products that run inside it."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.layers: list[Layer] = []
        self.multiply_adds = 0
        self._open: list[Layer] = []
        self._called: set[int] = set()
        self._used: set[int] = set()  # the identities of arrays
        self._thread = threading.get_ident()
        self._names = {module: path.rpartition(".")[2] for path, module in model.named_modules()}

    @contextmanager
    def watching(self) -> Iterator[None]:
        handles = []
        for module in self.model.modules():
            handles.append(module.register_forward_pre_hook(self._enter, prepend=True))
            handles.append(module.register_forward_hook(self._leave))
        watchers.append(self._run)
        try:
            yield
        finally:
            watchers.remove(self._run)
            for handle in handles:
                handle.remove()

    def uncalled(self) -> list[str]:
        """Return the outermost modules none of whose parameters was used."""
        found: list[str] = []
        for path, module in self.model.named_modules():
            inside = any(path.startswith(f"{outer}.") for outer in found)
            parameters = list(module.parameters())
            if parameters and not inside and not any(id(p.array) in self._used for p in parameters):
                found.append(path)
        return found

    def _enter(self, module: Module, args: object) -> None:
        repeated = id(module) in self._called
        self._called.add(id(module))
        count = 0
        for p in module.parameters():
            count += 0 if repeated else p.array.size
        layer = Layer(self._names[module], type(module).__name__, len(self._open), [], count, is_repeated=repeated)
        self.layers.append(layer)
        self._open.append(layer)

    def _leave(self, module: Module, args: object, output: object) -> None:
        layer = self._open.pop()
        outputs = output if isinstance(output, tuple | list) else [output]
        layer.shapes = [tuple(y.shape) for y in outputs if isinstance(y, Tensor)]

    def _run(self, node: Function, stage: str, inputs: Sequence[object], compute: Callable[[], object]) -> object:
        result = compute()
        if stage == "forward" and threading.get_ident() == self._thread:
            self._used.update(map(id, inputs))
            adds = multiply_adds(node, inputs, result)
            self.multiply_adds += adds
            for layer in self._open:
                layer.multiply_adds += adds
        return result


def multiply_adds(node: Function, inputs: Sequence[object], result: object) -> int:
    """Return the products that an operation adds up: those of convolutions and matrix products, without biases.

    A product with padding counts, as in torchinfo.
    """
    shapes: list[Shape] = [tuple(getattr(x, "shape", ())) for x in inputs]
    size = math.prod(getattr(result, "shape", ()))
    if isinstance(node, Conv2d):
        return size * math.prod(shapes[1][1:])  # N O H' W' · C/groups kh kw
    if isinstance(node, Conv2dInput):  # the transposed convolution: every element of its input, times O/groups kh kw
        return math.prod(shapes[0]) * math.prod(shapes[1][1:])
    if isinstance(node, Linear | MatMul):
        return size * shapes[0][-1]
    return 0
