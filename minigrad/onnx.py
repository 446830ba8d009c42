"""Export of a model to ONNX, the exchange format that other runtimes load (``torch.onnx.export``).

The model runs once on an example, and every operation is recorded: its Function, its input arrays and its result.
Operations on weights alone are not exported; their results are constants. A loop or an ``if`` in the model is exported
as it ran with the example; only the number of images remains variable.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from minigrad.devices import to_host
from minigrad.engine.grad_mode import no_grad
from minigrad.engine.watchers import watchers
from minigrad.extras import require
from minigrad.files import write_atomically
from minigrad.tensor import Tensor
from minigrad.typing import Array

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto

    from minigrad.engine.function import Function
    from minigrad.nn import Module

OPSET = 17

#: The inputs or results of an operation: arrays, or None and numbers among the inputs.
_Arrays: TypeAlias = Sequence[Any]
#: A Function whose options are read; each class has its own.
_Operation: TypeAlias = Any
_Result = TypeVar("_Result")


class _Recorder:
    """Records the operations while the model runs (see ``minigrad.engine.watchers``)."""

    def __init__(self) -> None:
        self.operations: list[tuple[Function, _Arrays, _Arrays]] = []

    def watch(self, node: Function, stage: str, inputs: _Arrays, compute: Callable[[], _Result]) -> _Result:
        """Run one computation of the engine, and record it if it is a forward pass."""
        results = compute()
        if stage == "forward":
            self.operations.append((node, list(inputs), results if isinstance(results, tuple) else (results,)))
        return results


def export(
    model: Module,
    args: Tensor,
    path: str | os.PathLike[str],
    input_name: str = "input",
    output_name: str = "output",
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write the model, in evaluation mode, as an ONNX file that takes any number of images.

    Args:
        model: a module that takes one tensor and returns one.
        args: an example of its input, batch first.
        metadata: texts to store with the model (``metadata_props``), such as the names of the classes.

    Raises:
        ImportError: without the package onnx.
        NotImplementedError: for an operation without a translation to ONNX, naming it.
    """
    require("export to ONNX", "onnx")
    import onnx

    was_training = model.training
    model.eval()
    recorder = _Recorder()
    watchers.append(recorder.watch)
    try:
        with no_grad():
            result = model(args)
    finally:
        watchers.remove(recorder.watch)
        model.train(was_training)
    owned = [*model.named_parameters(), *model.named_buffers()]
    graph = _Graph(onnx, {id(t.array): name for name, t in owned}, args.shape[0])
    graph.names[id(args.array)] = input_name
    for node, arrays, results in recorder.operations:
        graph.add(node, arrays, results)
    if id(result.array) not in graph.names:
        raise RuntimeError("the model's result does not depend on its input: there is nothing to export")
    graph.emit("Identity", [graph.names[id(result.array)]], output_name)
    describe = onnx.helper.make_tensor_value_info
    kind = onnx.helper.np_dtype_to_tensor_dtype(args.array.dtype)
    built = onnx.helper.make_graph(
        graph.nodes,
        type(model).__name__,
        [describe(input_name, kind, ["batch", *args.shape[1:]])],
        [describe(output_name, kind, ["batch", *result.shape[1:]])],
        list(graph.constants.values()),
    )
    whole = onnx.helper.make_model(
        built, opset_imports=[onnx.helper.make_opsetid("", OPSET)], producer_name="minigrad", ir_version=8
    )
    onnx.helper.set_model_props(whole, dict(metadata or {}))
    onnx.checker.check_model(whole)
    write_atomically(path, whole.SerializeToString())


class _Graph:
    """The ONNX nodes and constants so far, and the names of the arrays that depend on the input."""

    def __init__(self, onnx: ModuleType, parameters: dict[int, str], batch: int) -> None:
        self.onnx, self.parameters, self.batch = onnx, parameters, batch
        self.names: dict[int, str] = {}
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._held: list[object] = []  # so that no other array gets the id of one that has a name

    def add(self, node: Function, arrays: _Arrays, results: _Arrays) -> None:
        """Add the translation of a recorded operation."""
        self._held += [*arrays, *results]
        if not any(id(a) in self.names for a in arrays):
            return
        kind = type(node).__name__
        if kind not in TRANSLATIONS:
            raise NotImplementedError(
                f"{kind} has no translation to ONNX here; there is one for: {', '.join(TRANSLATIONS)}"
            )
        name = TRANSLATIONS[kind](self, node, arrays)
        self.names[id(results[0])] = name

    def emit(self, operation: str, inputs: Sequence[str], output: str = "", /, **attributes: object) -> str:
        """Add a node, and return the name of its output."""
        output = output or f"{operation.lower()}_{len(self.nodes)}"
        self.nodes.append(self.onnx.helper.make_node(operation, list(inputs), [output], **attributes))
        return output

    def name(self, value: Any, like: Array | None = None) -> str:
        """Return the name of an array, or of a new constant for an array or a number."""
        if id(value) in self.names:
            return self.names[id(value)]
        array = np.asarray(to_host(value) if hasattr(value, "shape") else value)
        if like is not None:
            array = array.astype(like.dtype)
        name = self.parameters.get(id(value), f"constant_{len(self.constants)}")
        if name not in self.constants:
            self.constants[name] = self.onnx.numpy_helper.from_array(
                np.ascontiguousarray(array).reshape(array.shape), name
            )
        return name


# --- One function for each operation: it adds nodes, and returns the name of the result ---


def _simple(operation: str) -> _Translation:
    """Return the translation of an operation whose inputs are those of ONNX's operation: arrays, or numbers."""

    def translate(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
        like = next(a for a in arrays if id(a) in graph.names)
        return graph.emit(operation, [graph.name(a, like) for a in arrays])

    return translate


def _with_constant(operation: str) -> _Translation:
    """Return the translation of an operation with a plain number, which is its second operand."""

    def translate(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
        return graph.emit(operation, [graph.name(arrays[0]), graph.name(node.c, arrays[0])])

    return translate


def _constant_div(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    return graph.emit("Div", [graph.name(node.c, arrays[0]), graph.name(arrays[0])])


def _along(operation: str) -> _Translation:
    def translate(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
        return graph.emit(operation, [graph.name(arrays[0])], axis=node.dim)

    return translate


def _window(node: _Operation) -> dict[str, list[int]]:
    """Return the attributes of a window. ONNX lists the padding before every dimension, then the padding after."""
    window = node.window
    (top, bottom), (left, right) = window.padding
    return {"kernel_shape": list(window.kernel), "strides": list(window.stride), "pads": [top, left, bottom, right]}


def _conv(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    inputs = [graph.name(a) for a in arrays if a is not None]
    return graph.emit("Conv", inputs, dilations=list(node.window.dilation), group=node.groups, **_window(node))


def _batch_norm(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    x, weight, bias, mean, var = arrays
    weight, bias = np.ones_like(mean) if weight is None else weight, np.zeros_like(mean) if bias is None else bias
    return graph.emit("BatchNormalization", [graph.name(a, x) for a in (x, weight, bias, mean, var)], epsilon=node.eps)


def _batch_norm_relu(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    return graph.emit("Relu", [_batch_norm(graph, node, arrays)])


def _max_pool(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    options: dict[str, object] = {
        "dilations": list(node.window.dilation),
        "ceil_mode": int(node.window.ceil_mode),
        **_window(node),
    }
    return graph.emit("MaxPool", [graph.name(arrays[0])], **options)


def _avg_pool(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    size = node.window.kernel[0] * node.window.kernel[1]
    whole = isinstance(node.scale, float)  # one divisor for all windows: padding is counted
    if whole and abs(node.scale * size - 1) > 1e-9:
        raise NotImplementedError("avg_pool2d with a divisor_override has no translation to ONNX here")
    options: dict[str, object] = {
        "count_include_pad": int(whole),
        "ceil_mode": int(node.window.ceil_mode),
        **_window(node),
    }
    return graph.emit("AveragePool", [graph.name(arrays[0])], **options)


def _sum(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    axes = graph.name(np.array(node.dims, np.int64))
    return graph.emit("ReduceSum", [graph.name(arrays[0]), axes], keepdims=int(node.keepdim))


def _mean(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    return graph.emit("ReduceMean", [graph.name(arrays[0])], axes=list(node.dims), keepdims=int(node.keepdim))


def _silu(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    x = graph.name(arrays[0])
    return graph.emit("Mul", [x, graph.emit("Sigmoid", [x])])


def _gelu_tanh(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    x, like = graph.name(arrays[0]), arrays[0]
    cube = graph.emit("Mul", [graph.emit("Mul", [x, x]), x])
    bent = graph.emit("Add", [x, graph.emit("Mul", [cube, graph.name(0.044715, like)])])
    t = graph.emit("Tanh", [graph.emit("Mul", [bent, graph.name(math.sqrt(2 / math.pi), like)])])
    share = graph.emit("Mul", [graph.emit("Add", [t, graph.name(1.0, like)]), graph.name(0.5, like)])
    return graph.emit("Mul", [x, share])


def _reshape(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    x, shape = arrays[0], node.shape
    keeps_batch = len(shape) > 0 and x.ndim > 0 and shape[0] == x.shape[0] == graph.batch
    target = [0 if keeps_batch else shape[0], *shape[1:]]  # 0: the size of the input
    return graph.emit("Reshape", [graph.name(x), graph.name(np.array(target, np.int64))])


def _linear(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    x, w, b = arrays
    if x.ndim == 2:
        return graph.emit("Gemm", [graph.name(a) for a in (x, w, b) if a is not None], transB=1)
    product = graph.emit("MatMul", [graph.name(x), graph.name(np.ascontiguousarray(w.T))])
    return product if b is None else graph.emit("Add", [product, graph.name(b)])


def _permute(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    return graph.emit("Transpose", [graph.name(arrays[0])], perm=list(node.dims))


def _concatenate(graph: _Graph, node: _Operation, arrays: _Arrays) -> str:
    return graph.emit("Concat", [graph.name(a) for a in arrays], axis=node.dim)


#: A function of the graph, the operation and its inputs, which returns the name of the result.
_Translation: TypeAlias = Callable[[_Graph, _Operation, _Arrays], str]

TRANSLATIONS: dict[str, _Translation] = {
    "Add": _simple("Add"),
    "Sub": _simple("Sub"),
    "SubConstant": _with_constant("Sub"),
    "Mul": _simple("Mul"),
    "MulConstant": _with_constant("Mul"),
    "MulConstantTensor": _simple("Mul"),
    "Div": _simple("Div"),
    "DivConstant": _with_constant("Div"),
    "DivConstantTensor": _simple("Div"),
    "ConstantDiv": _constant_div,
    "Neg": _simple("Neg"),
    "Exp": _simple("Exp"),
    "MatMul": _simple("MatMul"),
    "Relu": _simple("Relu"),
    "AddInPlace": _simple("Add"),
    "ReluInPlace": _simple("Relu"),
    "Sigmoid": _simple("Sigmoid"),
    "Tanh": _simple("Tanh"),
    "Softmax": _along("Softmax"),
    "LogSoftmax": _along("LogSoftmax"),
    "Conv2d": _conv,
    "BatchNormEval": _batch_norm,
    "BatchNormEvalRelu": _batch_norm_relu,
    "MaxPool2d": _max_pool,
    "AvgPool2d": _avg_pool,
    "Sum": _sum,
    "Mean": _mean,
    "Silu": _silu,
    "GeluByTanh": _gelu_tanh,
    "Reshape": _reshape,
    "Permute": _permute,
    "Linear": _linear,
    "Cat": _concatenate,
}
