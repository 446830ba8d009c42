"""Tensor: an array with a gradient. The methods call the operations in ``minigrad.functions``, one line each."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from functools import reduce
from numbers import Number
from types import EllipsisType
from typing import Any, Concatenate, ParamSpec, TypeAlias, TypeVar, cast, overload

import numpy as np
from numpy.typing import DTypeLike

from minigrad import dtypes
from minigrad import functions as F
from minigrad.absent import ListsWhatIsThere, answer_for_absent_methods, present
from minigrad.caller import warn
from minigrad.devices import DeviceLike, device, device_of, get_default_device, is_on, to_device, to_host
from minigrad.engine import api, inplace
from minigrad.engine.grad_mode import is_grad_enabled
from minigrad.engine.tensor_base import TensorBase, tensor_class, wrap
from minigrad.functions.arguments import normalize_dim
from minigrad.functions.promotion import refuse_array
from minigrad.gpu import pinned
from minigrad.html import tensor_html
from minigrad.kernels.precision import rounded
from minigrad.memory_order import check, contiguous_format, lies_in, memory_format, order_of, preserve_format
from minigrad.ops.identity import ToDevice
from minigrad.ops.patches import Windows
from minigrad.printing import format_tensor, tensor_text
from minigrad.random import Generator, default_generator
from minigrad.typing import Array

P = ParamSpec("P")
Other = TypeVar("Other")
#: What may stand beside a tensor in an operator.
Operand: TypeAlias = "Tensor | int | float"
#: What a tensor can be made of. Lists may hold lists.
Data: TypeAlias = "Tensor | Array | int | float | Sequence[Any]"
#: One part of an index, and an index.
IndexPart: TypeAlias = "int | slice | Tensor | Array | Sequence[Any] | EllipsisType | None"
Index: TypeAlias = "IndexPart | tuple[IndexPart, ...]"


def _in_place(function: Callable[Concatenate[Tensor, P], Tensor]) -> Callable[Concatenate[Tensor, P], Tensor]:
    """Return the method that stores ``function(self, …)`` in the memory of ``self``."""

    def method(self: Tensor, /, *args: P.args, **options: P.kwargs) -> Tensor:
        recorded = (self._requires_grad or _require_grad(args)) and is_grad_enabled()
        # Backward may need the values that are about to be overwritten.
        return self._write(function(self.clone() if recorded else self, *args, **options))

    method.__name__ = method.__qualname__ = f"{function.__name__}_"
    method.__doc__ = f"``{function.__name__}``, with the result stored in this tensor's memory; returns the tensor."
    return method


def _add_in_place(self: Tensor, other: Operand, *, alpha: builtins.float = 1) -> Tensor:
    """``add``, with the result stored in this tensor's memory; returns the tensor."""
    added = F.arithmetic.add_in_place(self, other, alpha)
    return _add_by_copy(self, other, alpha=alpha) if added is None else added


_add_by_copy = _in_place(F.add)


def _require_grad(values: tuple[object, ...]) -> bool:
    return True in [isinstance(value, TensorBase) and value._requires_grad for value in values]


def _operator(function: Callable[[Tensor, Other], Tensor]) -> Callable[[Tensor, Other], Tensor]:
    """Return the method of ``self + other``. Where other is neither a Tensor nor a number, its own method is tried."""

    def method(self: Tensor, other: Other) -> Tensor:
        try:
            return function(self, other)
        except TypeError:
            if isinstance(other, TensorBase | Number):
                raise
            return NotImplemented

    method.__doc__ = function.__doc__
    return method


def _reflected(function: Callable[[Other, Tensor], Tensor]) -> Callable[[Tensor, Other], Tensor]:
    """Return the method of ``other + self``, where ``other`` is no Tensor."""

    def method(self: Tensor, other: Other) -> Tensor:
        refuse_array(other)
        try:
            return function(other, self)
        except TypeError:
            if isinstance(other, Number):
                raise
            return NotImplemented

    method.__doc__ = function.__doc__
    return method


def _compared(function: Callable[[Tensor, Other], Tensor]) -> Callable[[Tensor, Other], Tensor]:
    """Return the method of ``self < other``, which Python also calls for ``other > self``."""
    compare = _operator(function)

    def method(self: Tensor, other: Other) -> Tensor:
        refuse_array(other)
        return compare(self, other)

    method.__doc__ = function.__doc__
    return method


@tensor_class
@answer_for_absent_methods
class Tensor(TensorBase, metaclass=ListsWhatIsThere):
    """A multi-dimensional array that remembers how it was made, so that gradients can flow back.

    Make one with ``minigrad.tensor``, ``zeros``, ``randn``, … (``Tensor(2, 3)`` is ``zeros(2, 3)``). The values are in
    ``array`` (NumPy's, or the device's own type). Methods and attributes have torch's names and meanings.

    >>> import minigrad
    >>> x = minigrad.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    __array_priority__ = 1000  # so that ``ndarray * tensor`` asks the tensor, which says what to do

    def __init__(self, *data: Data, dtype: DTypeLike | None = None, requires_grad: bool = False) -> None:
        source = data[0] if data else ()
        where = source.device if isinstance(source, Tensor) else get_default_device()
        self.array = to_device(_data_or_zeros(data, dtype), where)
        self.requires_grad = requires_grad

    # --- What it is ---

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension, as a tuple."""
        return self.array.shape

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements, one of NumPy's: ``minigrad.float32 is numpy.dtype("float32")``."""
        return self.array.dtype

    @property
    def device(self) -> device:
        """The device of the elements: ``cpu``, or ``gpu:0``."""
        return device_of(self.array)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self.array.ndim

    @property
    def T(self) -> Tensor:  # noqa: N802
        """The tensor with its dimensions in reverse order; write ``mT`` for a batch of matrices."""
        if self.ndim not in (0, 2):
            warn(f"x.T of {self.ndim} dimensions is deprecated: write x.mT for matrices, or x.permute(...)")
        return self.permute(*reversed(range(self.ndim)))

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The tensor with its last two dimensions exchanged: a transposed matrix, or a batch of them."""
        return self.transpose(-2, -1)

    @property
    def data(self) -> Tensor:
        """The same memory as a tensor outside the graph; what is written to it has no gradient."""
        return wrap(self.array.view())

    @data.setter
    def data(self, value: Tensor) -> None:
        self.array = value.array
        self._version_cell = self._base = self._stand_in = None  # they were the other memory's

    @overload
    def size(self) -> tuple[int, ...]: ...
    @overload
    def size(self, dim: int) -> int: ...
    def size(self, dim: int | None = None) -> int | tuple[int, ...]:
        """Return the size of dimension ``dim``, or of each, as ``shape``."""
        return self.shape if dim is None else self.shape[normalize_dim(dim, self.ndim)]

    def dim(self) -> int:
        """Return the number of dimensions."""
        return self.array.ndim

    def numel(self) -> int:
        """Return the number of elements."""
        return int(self.array.size)

    nelement = numel
    ndimension = dim

    def element_size(self) -> int:
        """Return the number of bytes of an element."""
        return self.array.itemsize

    def is_floating_point(self) -> bool:
        """Return whether the elements are floats, so that they can have gradients."""
        return dtypes.is_floating(self.dtype)

    def is_contiguous(self, memory_format: memory_format = contiguous_format) -> builtins.bool:
        """Return whether the elements lie in memory without gaps, in row-major order or the one given."""
        check("is_contiguous", memory_format)
        return lies_in(self.array, memory_format)

    def stride(self) -> tuple[int, ...]:
        """Return for each dimension how many elements lie from one index to the next in memory."""
        return tuple(step // self.array.itemsize for step in self.array.strides)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self.shape[0]

    def __repr__(self) -> str:
        self._catch_up()
        return tensor_text(self)

    def _repr_html_(self) -> str:
        """Return the table that a notebook shows."""
        self._catch_up()
        return tensor_html(self)

    def __format__(self, spec: str) -> str:
        """Format the number of a 0-d tensor, as in ``f"{loss:.3f}"``."""
        return format_tensor(self, spec)

    def __dir__(self) -> list[str]:
        return present(super().__dir__(), type(self))

    __hash__ = object.__hash__  # by identity, although == compares elements

    def __iter__(self) -> Iterator[Tensor]:
        if self.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter([self[i] for i in range(self.shape[0])])

    def __reversed__(self) -> Tensor:
        return F.flip(self, 0) if self.ndim else self

    def __contains__(self, element: object) -> builtins.bool:
        """Return whether an element equals ``element``, a number or a tensor that broadcasts.

        Raises:
            RuntimeError: for anything else.
        """
        if not isinstance(element, Tensor | Number):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return builtins.bool(F.any(F.eq(self, cast(Operand, element))).item())

    # --- Out of minigrad ---

    def numpy(self) -> Array:
        """Return the values as a NumPy array that shares memory with this tensor (on the CPU).

        Raises:
            RuntimeError: if it requires a gradient, which NumPy would not see.
            TypeError: if it is not on the CPU.
        """
        self._catch_up()
        if self.requires_grad:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead. (A function of "
                "NumPy's records nothing for backward: write minigrad.exp(x) for np.exp(x), and so on.)"
            )
        if self.device.type != "cpu":
            raise TypeError(f"can't convert {self.device} device type tensor to numpy. Use tensor.cpu() first.")
        return self.array

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __array_wrap__(self, array: Array, context: object = None, return_scalar: builtins.bool = False) -> Tensor:
        """Return the result of a NumPy function of a tensor as a tensor, outside the graph."""
        return wrap(array)

    def item(self) -> builtins.int | builtins.float:
        """Return the value of a tensor of one element, as a Python number.

        Raises:
            RuntimeError: if there is not exactly one element.
        """
        if self.array.size != 1:
            raise RuntimeError(f"a Tensor with {self.array.size} elements cannot be converted to Scalar")
        self._catch_up()
        return to_host(self.array).item()

    def tolist(self) -> Any:  # a number, or numbers in nested lists
        """Return the values as Python numbers in nested lists; of a 0-d tensor, the number."""
        self._catch_up()
        return to_host(self.array).tolist()

    def _number(self) -> builtins.int | builtins.float:
        if self.array.size != 1:
            raise ValueError(
                f"only one element tensors can be converted to Python scalars, got {self.array.size} elements in shape "
                f"{list(self.shape)}; reduce them first (x.mean(), x.sum()), pick one (x[0]), or use x.tolist()"
            )
        return self.item()

    def __float__(self) -> float:
        return float(self._number())

    def __int__(self) -> int:
        return int(self._number())

    def __index__(self) -> int:
        if self.dtype.kind not in "iub" or self.array.size != 1:
            raise TypeError(
                "only integer tensors of a single element can be converted to an index, got "
                f"{self.dtype} of shape {list(self.shape)}"
            )
        return int(self.item())

    def __bool__(self) -> bool:
        if self.array.size != 1:
            values = "more than one value" if self.array.size else "no values"
            raise RuntimeError(
                f"Boolean value of Tensor with {values} is ambiguous; write x.any(), x.all() or x.numel() > 0"
            )
        return bool(self.item())

    # --- Autograd ---

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Tensor | Sequence[Tensor] | None = None,
    ) -> None:
        """Add to every leaf's ``grad`` the gradient of this tensor; see ``minigrad.autograd.backward``."""
        api.backward(self, gradient, retain_graph, create_graph, inputs)

    def _catch_up(self) -> None:
        inplace.catch_up(self)

    def detach(self) -> Tensor:
        """Return a tensor of the same values and memory, outside the graph."""
        alias = wrap(self.array.view())  # not the same object: a node tells its inputs apart by their arrays
        alias._version_cell = self._storage_version
        return alias

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph.

        Raises:
            RuntimeError: if it is a view, whose base would stay inside.
        """
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._grad_fn, self._output_index, self._requires_grad = None, 0, False
        return self

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set ``requires_grad`` and return the tensor."""
        self.requires_grad = requires_grad
        return self

    # --- To another dtype or device ---

    def to(
        self,
        *args: DTypeLike | DeviceLike | Tensor | builtins.bool | None,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
        non_blocking: bool = False,
        copy: bool = False,
        memory_format: memory_format | None = preserve_format,
    ) -> Tensor:
        """``to(dtype)``, ``to(device, dtype)``, ``to(other_tensor)``: this tensor if nothing changes, else a copy.

        Raises:
            TypeError, NotImplementedError, RuntimeError: for a memory format that does not fit.
        """
        dtype, device, flags = target_of_to(args, dtype, device)
        copy = copy or flags[1:2] == [True]  # positional flags are non_blocking, copy
        result = self
        if device is not None and not is_on(self.array, as_device(device)):
            result = ToDevice.apply(result, target=as_device(device), non_blocking=non_blocking or flags[:1] == [True])
        if dtype is not None:
            result = F.copying.to_dtype(result, dtypes.as_dtype(dtype))
        result = F.copying.to_format(result, memory_format)
        return result.clone() if copy and result is self else result

    def type(self, dtype: DTypeLike | None = None, non_blocking: builtins.bool = False) -> Tensor | str:
        """Return the tensor in a dtype, or without one the name of its type, ``"torch.FloatTensor"``, as in torch.

        The dtype may be such a name, or ``minigrad.FloatTensor``.
        """
        if dtype is None:
            return f"torch.{'cuda.' * self.is_cuda}{dtypes.NAMES_OF_TENSORS[self.dtype]}"
        return self.to(dtypes.of_tensors(dtype), non_blocking=non_blocking)

    def cpu(self) -> Tensor:
        """Return the tensor on the CPU."""
        return self.to("cpu")

    def cuda(self, device: builtins.int | None = None, non_blocking: bool = False) -> Tensor:
        """Return the tensor on the GPU of this number; None is the current one."""
        return self.to("gpu" if device is None else f"gpu:{device}", non_blocking=non_blocking)

    def pin_memory(self) -> Tensor:
        """Return a copy in host memory from which ``to(device, non_blocking=True)`` does not wait.

        Raises:
            RuntimeError: where there is no GPU, or for a tensor that is on one.
        """
        if not isinstance(self.array, np.ndarray):
            raise RuntimeError(f"cannot pin a tensor on {self.device}; only tensors on the CPU can be pinned")
        return wrap(pinned(self.array))

    @property
    def is_cuda(self) -> bool:
        """True if the tensor is on a GPU."""
        return self.device.type == "gpu"

    def type_as(self, other: Tensor) -> Tensor:
        """Return the tensor in the dtype of another."""
        return self.to(other.dtype)

    def float(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in float32."""
        return self.to(dtypes.float32, memory_format=memory_format)

    def double(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in float64."""
        return self.to(dtypes.float64, memory_format=memory_format)

    def half(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in float16."""
        return self.to(dtypes.float16, memory_format=memory_format)

    def long(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in int64."""
        return self.to(dtypes.int64, memory_format=memory_format)

    def int(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in int32."""
        return self.to(dtypes.int32, memory_format=memory_format)

    def short(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in int16."""
        return self.to(dtypes.int16, memory_format=memory_format)

    def char(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in int8."""
        return self.to(dtypes.int8, memory_format=memory_format)

    def byte(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return the tensor in uint8."""
        return self.to(dtypes.uint8, memory_format=memory_format)

    def bool(self, memory_format: memory_format = preserve_format) -> Tensor:
        """Return a tensor that is True where an element is not 0."""
        return self.to(dtypes.bool, memory_format=memory_format)

    # --- Copying and pickling ---

    def __deepcopy__(self, memo: dict[builtins.int, object]) -> Tensor:
        """Return a copy with memory and ``grad`` of its own.

        Raises:
            RuntimeError: if an operation made this tensor; its graph would have to be copied with it.
        """
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the "
                "moment. Write x.detach().clone() for a copy of the values."
            )
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.array = np.copy(self.array, order="K")
        copy._requires_grad = self._requires_grad
        copy._grad = deepcopy(self._grad, memo)
        copy.__dict__.update(deepcopy(self._users_attributes(), memo))
        return copy

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle values in their memory order, device, ``requires_grad`` and what users set.

        Neither graph, ``grad`` nor hooks are pickled.
        """
        order = order_of(self.array)
        memory = to_host(self.array).transpose(order)  # NumPy pickles in row-major order
        arguments = (type(self), memory, order, str(self.device), self._requires_grad)
        return _unpickled, arguments, self._users_attributes() or None

    def _users_attributes(self) -> dict[str, object]:
        return {name: value for name, value in vars(self).items() if name != "array" and not hasattr(TensorBase, name)}

    def __dlpack__(self, **options: Any) -> Any:  # a capsule, and options that the protocol may still add
        """Return the memory itself, for another library's ``from_dlpack``.

        Raises:
            BufferError: if it requires a gradient, which the other library would not see.
        """
        if self.requires_grad:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[builtins.int, builtins.int]:
        return self.array.__dlpack_device__()

    # --- In place. Each write is recorded (engine/inplace.py). ---

    def copy_(self, source: Operand) -> Tensor:
        """Copy the values of another tensor into this one's memory, broadcast to its shape."""
        if source is not self:
            F.indexing.setitem(self, ..., source)
        return self

    def relu_(self) -> Tensor:
        """``relu``, with the result stored in this tensor's memory; returns the tensor."""
        return F.relu(self, inplace=True)

    def zero_(self) -> Tensor:
        """Set all elements to 0."""
        return self.fill_(0)

    def fill_(self, value: Operand) -> Tensor:
        """Set all elements to ``value``."""
        F.indexing.setitem(self, ..., value if isinstance(value, Tensor) else dtypes.element_of(value, self.dtype))
        return self

    def uniform_(
        self, a: builtins.float = 0.0, b: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Random numbers from the uniform distribution on [a, b).

        Raises:
            RuntimeError: if a > b.
            NotImplementedError: for an integer tensor.
        """
        if self.dtype.kind != "f":
            raise NotImplementedError(f"uniform_ is not implemented for {self.dtype}; use minigrad.randint")
        a, b = float(a), float(b)  # a tensor of one element is a number, too
        if a > b:
            raise RuntimeError(f"uniform_ expects to return a [from, to) range, but found from={a} > to={b}")
        return self._fill_with((generator or default_generator).uniform(self.shape, self.dtype, a, b))

    def normal_(
        self, mean: builtins.float = 0.0, std: builtins.float = 1.0, *, generator: Generator | None = None
    ) -> Tensor:
        """Random numbers from the normal distribution.

        Raises:
            RuntimeError: if the standard deviation is negative.
        """
        mean, std = float(mean), float(std)
        if std < 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std}")
        return self._fill_with((generator or default_generator).numpy.normal(mean, std, self.shape))

    def random_(
        self, start: builtins.int = 0, end: builtins.int | None = None, *, generator: Generator | None = None
    ) -> Tensor:
        """Random integers from ``start`` to ``end`` − 1; ``random_(end)`` starts at 0.

        Without an end, up to the largest integer that the dtype counts to.

        Raises:
            RuntimeError: if there is no integer in the range.
        """
        if end is None and start:
            start, end = 0, start
        if end is None:
            end = 2 ** (np.finfo(self.dtype).nmant + 1) + 1 if self.dtype.kind == "f" else _count_of(self.dtype)
        if end <= start:
            raise RuntimeError(f"random_ expects 'from' to be less than 'to', but got from={start} >= to={end}")
        return self._fill_with((generator or default_generator).numpy.integers(start, end, self.shape))

    def bernoulli_(self, p: Tensor | builtins.float = 0.5, *, generator: Generator | None = None) -> Tensor:
        """1 with probability ``p``, else 0.

        Raises:
            RuntimeError: if a probability is not in [0, 1].
        """
        chances = p.expand(*self.shape) if isinstance(p, Tensor) else wrap(np.full(self.shape, p, np.float64))
        return self._fill_with(to_host(F.bernoulli(chances.detach(), generator=generator).array))

    def exponential_(self, lambd: builtins.float = 1.0, *, generator: Generator | None = None) -> Tensor:
        """Random numbers from the exponential distribution with the mean 1 / ``lambd``.

        Raises:
            RuntimeError: if ``lambd`` is not above 0.
        """
        if not lambd > 0:
            raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={lambd}")
        return self._fill_with((generator or default_generator).numpy.exponential(1 / lambd, self.shape))

    def _fill_with(self, values: Array) -> Tensor:
        return self.copy_(wrap(to_device(np.asarray(values).astype(self.dtype), self.device)))

    def _write(self, result: Tensor) -> Tensor:
        """Store ``result`` in this tensor's memory.

        Raises:
            RuntimeError: if the result has another shape, or a dtype of a higher kind.
        """
        if result.shape != self.shape:
            raise RuntimeError(
                f"output with shape {list(self.shape)} doesn't match the broadcast shape {list(result.shape)}"
            )
        if not dtypes.can_cast(result.dtype, self.dtype):
            raise RuntimeError(f"result type {result.dtype} can't be cast to the desired output type {self.dtype}")
        return self.copy_(result)

    def __getitem__(self, index: Index) -> Tensor:
        return F.indexing.getitem(self, index)

    def __setitem__(self, index: Index, value: Operand) -> None:
        F.indexing.setitem(self, index, value)

    # --- Operators ---

    __add__, __radd__ = _operator(F.add), _reflected(F.add)
    __sub__, __rsub__ = _operator(F.sub), _reflected(F.sub)
    __mul__, __rmul__ = _operator(F.mul), _reflected(F.mul)
    __truediv__, __rtruediv__ = _operator(F.div), _reflected(F.div)
    __mod__, __rmod__ = _operator(F.remainder), _reflected(F.remainder)
    __floordiv__, __rfloordiv__ = _operator(F.floor_divide), _reflected(F.floor_divide)
    __pow__, __rpow__ = _operator(F.pow), _reflected(F.pow)
    __matmul__, __rmatmul__ = _operator(F.matmul), _reflected(F.matmul)
    __and__, __rand__ = _operator(F.bitwise_and), _reflected(F.bitwise_and)
    __or__, __ror__ = _operator(F.bitwise_or), _reflected(F.bitwise_or)
    __xor__, __rxor__ = _operator(F.bitwise_xor), _reflected(F.bitwise_xor)
    __lshift__, __rlshift__ = _operator(F.bitwise_left_shift), _reflected(F.bitwise_left_shift)
    __rshift__, __rrshift__ = _operator(F.bitwise_right_shift), _reflected(F.bitwise_right_shift)
    __lt__ = _compared(F.lt)
    __le__ = _compared(F.le)
    __gt__ = _compared(F.gt)
    __ge__ = _compared(F.ge)

    def __neg__(self) -> Tensor:
        return F.neg(self)

    def __pos__(self) -> Tensor:
        if self.dtype == dtypes.bool:
            raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
        return self

    def __abs__(self) -> Tensor:
        return F.abs(self)

    def __round__(self, ndigits: builtins.int = 0) -> Tensor:
        return F.round(self, decimals=ndigits)

    def __invert__(self) -> Tensor:
        return F.bitwise_not(self)

    def __eq__(self, other: object) -> Tensor:  # type: ignore[override]
        """Element by element; False, as for any object, beside what is no tensor, array or number."""
        if not isinstance(other, TensorBase | Number | np.ndarray):
            return NotImplemented
        return F.eq(self, wrap(other) if isinstance(other, np.ndarray) else cast(Operand, other))

    def __ne__(self, other: object) -> Tensor:  # type: ignore[override]
        if not isinstance(other, TensorBase | Number | np.ndarray):
            return NotImplemented
        return F.ne(self, wrap(other) if isinstance(other, np.ndarray) else cast(Operand, other))

    # --- Operations that are functions of the same name ---

    add = F.add
    sub = F.sub
    mul = F.mul
    div = F.div
    pow = F.pow
    neg = F.neg
    matmul = F.matmul
    eq = F.eq
    ne = F.ne
    lt = F.lt
    le = F.le
    gt = F.gt
    ge = F.ge
    remainder = F.remainder
    fmod = F.fmod
    floor_divide = F.floor_divide
    logical_and = F.logical_and
    logical_or = F.logical_or
    logical_not = F.logical_not
    logical_xor = F.logical_xor
    bitwise_and = F.bitwise_and
    bitwise_or = F.bitwise_or
    bitwise_xor = F.bitwise_xor
    bitwise_not = F.bitwise_not
    bitwise_left_shift = F.bitwise_left_shift
    bitwise_right_shift = F.bitwise_right_shift
    exp = F.exp
    exp2 = F.exp2
    log = F.log
    sqrt = F.sqrt
    rsqrt = F.rsqrt
    abs = F.abs
    sign = F.sign
    square = F.square
    reciprocal = F.reciprocal
    log1p = F.log1p
    expm1 = F.expm1
    sin = F.sin
    cos = F.cos
    floor = F.floor
    ceil = F.ceil
    round = F.round
    trunc = F.trunc
    clamp = F.clamp
    maximum = F.maximum
    minimum = F.minimum
    masked_fill = F.masked_fill
    nonzero = F.nonzero
    isnan = F.isnan
    isfinite = F.isfinite
    isinf = F.isinf
    mm = F.mm
    bmm = F.bmm
    addmm = F.addmm
    dot = F.dot
    outer = F.outer
    relu = F.relu
    sigmoid = F.sigmoid
    tanh = F.tanh
    softmax = F.softmax
    log_softmax = F.log_softmax
    sum = F.sum
    mean = F.mean
    var = F.var
    std = F.std
    prod = F.prod
    cumsum = F.cumsum
    logsumexp = F.logsumexp
    norm = F.norm
    amax = F.amax
    amin = F.amin
    max = F.max
    min = F.min
    argmax = F.argmax
    argmin = F.argmin
    all = F.all
    any = F.any
    sort = F.sort
    argsort = F.argsort
    topk = F.topk
    reshape = F.reshape
    view = F.shape.view
    permute = F.permute
    transpose = F.transpose
    t = F.t
    expand = F.shape.expand
    broadcast_to = F.broadcast_to
    flatten = F.flatten
    squeeze = F.squeeze
    unsqueeze = F.unsqueeze
    split = F.split
    chunk = F.chunk
    unbind = F.unbind
    narrow = F.narrow
    repeat = F.arrangement.repeat
    flip = F.flip
    roll = F.roll
    tril = F.tril
    triu = F.triu
    diag = F.diag
    diag_embed = F.diag_embed
    diagonal = F.diagonal
    trace = F.trace
    det = F.det
    inverse = F.inverse
    logdet = F.logdet
    slogdet = F.slogdet
    cholesky = F.cholesky
    qr = F.qr
    svd = F.svd
    gather = F.gather
    take_along_dim = F.take_along_dim
    index_select = F.index_select
    scatter_add = F.scatter_add
    index_put = F.index_put
    tan = F.tan
    asin = F.asin
    acos = F.acos
    atan = F.atan
    atan2 = F.atan2
    sinh = F.sinh
    cosh = F.cosh
    asinh = F.asinh
    acosh = F.acosh
    atanh = F.atanh
    arcsin = F.arcsin
    arccos = F.arccos
    arctan = F.arctan
    arctan2 = F.arctan2
    arcsinh = F.arcsinh
    arccosh = F.arccosh
    arctanh = F.arctanh
    equal = F.equal
    isclose = F.isclose
    allclose = F.allclose
    addcmul = F.addcmul
    addcdiv = F.addcdiv
    lerp = F.lerp
    unique = F.unique
    unique_consecutive = F.unique_consecutive
    bincount = F.bincount
    cumprod = F.cumprod
    cummax = F.cummax
    cummin = F.cummin
    diff = F.diff
    log2 = F.log2
    log10 = F.log10
    erf = F.erf
    nan_to_num = F.nan_to_num
    kthvalue = F.kthvalue
    median = F.median
    absolute = F.absolute
    clip = F.clip
    divide = F.divide
    fix = F.fix
    greater = F.greater
    greater_equal = F.greater_equal
    less = F.less
    less_equal = F.less_equal
    multiply = F.multiply
    negative = F.negative
    not_equal = F.not_equal
    subtract = F.subtract
    true_divide = F.true_divide
    swapaxes = F.swapaxes
    swapdims = F.swapdims
    moveaxis = F.moveaxis
    movedim = F.movedim
    ravel = F.ravel
    select = F.select
    tile = F.tile
    repeat_interleave = F.repeat_interleave
    mv = F.mv
    multinomial = F.multinomial
    bernoulli = F.bernoulli
    unflatten = F.unflatten
    scatter = F.scatter
    scatter_reduce = F.scatter_reduce
    index_add = F.index_add
    index_copy = F.index_copy
    index_fill = F.index_fill
    masked_select = F.masked_select
    masked_scatter = F.masked_scatter

    # --- And the same in place: x.f_(…) is x with the values of x.f(…) ---

    add_ = _add_in_place
    sub_ = _in_place(F.sub)
    mul_ = _in_place(F.mul)
    div_ = _in_place(F.div)
    pow_ = _in_place(F.pow)
    neg_ = _in_place(F.neg)
    remainder_ = _in_place(F.remainder)
    fmod_ = _in_place(F.fmod)
    floor_divide_ = _in_place(F.floor_divide)
    abs_ = _in_place(F.abs)
    exp_ = _in_place(F.exp)
    exp2_ = _in_place(F.exp2)
    log_ = _in_place(F.log)
    sqrt_ = _in_place(F.sqrt)
    rsqrt_ = _in_place(F.rsqrt)
    sin_ = _in_place(F.sin)
    cos_ = _in_place(F.cos)
    log1p_ = _in_place(F.log1p)
    expm1_ = _in_place(F.expm1)
    sigmoid_ = _in_place(F.sigmoid)
    tanh_ = _in_place(F.tanh)
    sign_ = _in_place(F.sign)
    clamp_ = _in_place(F.clamp)
    floor_ = _in_place(F.floor)
    ceil_ = _in_place(F.ceil)
    round_ = _in_place(F.round)
    trunc_ = _in_place(F.trunc)
    masked_fill_ = _in_place(F.masked_fill)
    scatter_add_ = _in_place(F.scatter_add)
    index_put_ = _in_place(F.index_put)
    cumsum_ = _in_place(F.cumsum)
    tril_ = _in_place(F.tril)
    triu_ = _in_place(F.triu)
    addmm_ = _in_place(F.addmm)
    eq_ = _in_place(F.eq)
    ne_ = _in_place(F.ne)
    lt_ = _in_place(F.lt)
    le_ = _in_place(F.le)
    gt_ = _in_place(F.gt)
    ge_ = _in_place(F.ge)
    logical_and_ = _in_place(F.logical_and)
    logical_or_ = _in_place(F.logical_or)
    logical_not_ = _in_place(F.logical_not)
    bitwise_and_ = _in_place(F.bitwise_and)
    bitwise_or_ = _in_place(F.bitwise_or)
    bitwise_xor_ = _in_place(F.bitwise_xor)
    bitwise_not_ = _in_place(F.bitwise_not)
    bitwise_left_shift_ = _in_place(F.bitwise_left_shift)
    bitwise_right_shift_ = _in_place(F.bitwise_right_shift)
    tan_ = _in_place(F.tan)
    asin_ = _in_place(F.asin)
    acos_ = _in_place(F.acos)
    atan_ = _in_place(F.atan)
    atan2_ = _in_place(F.atan2)
    sinh_ = _in_place(F.sinh)
    cosh_ = _in_place(F.cosh)
    asinh_ = _in_place(F.asinh)
    acosh_ = _in_place(F.acosh)
    atanh_ = _in_place(F.atanh)
    addcmul_ = _in_place(F.addcmul)
    addcdiv_ = _in_place(F.addcdiv)
    lerp_ = _in_place(F.lerp)
    cumprod_ = _in_place(F.cumprod)
    log2_ = _in_place(F.log2)
    log10_ = _in_place(F.log10)
    erf_ = _in_place(F.erf)
    nan_to_num_ = _in_place(F.nan_to_num)
    arcsin_ = _in_place(F.arcsin)
    arccos_ = _in_place(F.arccos)
    arctan_ = _in_place(F.arctan)
    arctan2_ = _in_place(F.arctan2)
    arcsinh_ = _in_place(F.arcsinh)
    arccosh_ = _in_place(F.arccosh)
    arctanh_ = _in_place(F.arctanh)
    clip_ = _in_place(F.clip)
    divide_ = _in_place(F.divide)
    multiply_ = _in_place(F.multiply)
    subtract_ = _in_place(F.subtract)
    negative_ = _in_place(F.negative)
    absolute_ = _in_place(F.absolute)
    true_divide_ = _in_place(F.true_divide)
    greater_ = _in_place(F.greater)
    greater_equal_ = _in_place(F.greater_equal)
    less_ = _in_place(F.less)
    less_equal_ = _in_place(F.less_equal)
    not_equal_ = _in_place(F.not_equal)
    fix_ = _in_place(F.fix)
    scatter_ = _in_place(F.scatter)
    scatter_reduce_ = _in_place(F.scatter_reduce)
    index_add_ = _in_place(F.index_add)
    index_copy_ = _in_place(F.index_copy)
    index_fill_ = _in_place(F.index_fill)
    masked_scatter_ = _in_place(F.masked_scatter)

    __iadd__ = _operator(add_)
    __isub__ = _operator(sub_)
    __imul__ = _operator(mul_)
    __itruediv__ = _operator(div_)
    __imod__ = _operator(remainder_)
    __ifloordiv__ = _operator(floor_divide_)
    __ipow__ = _operator(pow_)
    __iand__ = _operator(bitwise_and_)
    __ior__ = _operator(bitwise_or_)
    __ixor__ = _operator(bitwise_xor_)
    __ilshift__ = _operator(bitwise_left_shift_)
    __irshift__ = _operator(bitwise_right_shift_)

    new_zeros = F.alike.new_zeros
    new_ones = F.alike.new_ones
    new_full = F.alike.new_full
    new_empty = F.alike.new_empty

    def new(self, *data: Data) -> Tensor:
        """Return a tensor of the data, or zeros of these sizes, with the dtype and device of this one."""
        return Tensor(*data, dtype=self.dtype).to(self.device)

    def new_tensor(
        self,
        data: Data,
        *,
        dtype: DTypeLike | None = None,
        device: DeviceLike | None = None,
        requires_grad: builtins.bool = False,
    ) -> Tensor:
        """Return a copy of the data as a tensor, with the dtype and device of this one unless given."""
        array = as_array(data, self.dtype if dtype is None else dtype)
        where = self.device if device is None else as_device(device)
        return wrap(to_device(array, where)).requires_grad_(requires_grad)

    def clone(self, *, memory_format: memory_format | None = preserve_format) -> Tensor:
        """Return a copy in memory of its own; gradients pass through."""
        return F.clone(self, memory_format=memory_format)

    def contiguous(self, memory_format: memory_format = contiguous_format) -> Tensor:
        """Return this tensor if its elements lie in memory in row-major order, or the one given, else a copy."""
        return F.copying.contiguous(self, memory_format)

    def where(self, condition: Tensor, other: Operand) -> Tensor:
        """Return the elements of this tensor where ``condition`` is true, and of ``other`` elsewhere."""
        return F.where(condition, self, other)

    def expand_as(self, other: Tensor) -> Tensor:
        """Return a view with the shape of another tensor, to which this one broadcasts."""
        return self.expand(*other.shape)

    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        """Return the windows of ``size`` elements, ``step`` apart, of a dimension, as a view with a new last one.

        Raises:
            RuntimeError: if the size is larger than the dimension's, or the step is not positive.
        """
        dim = normalize_dim(dimension, self.ndim)
        length = self.array.shape[dim] if self.ndim else 1
        if not 0 <= size <= length:
            raise RuntimeError(f"maximum size for tensor at dimension {dim} is {length} but size is {size}")
        if step <= 0:
            raise RuntimeError(f"step is {step} but must be > 0")
        windows = Windows.apply(self if self.ndim else self.reshape(1), dim=dim, size=size, step=step)
        return windows if self.ndim else windows[0]

    def view_as(self, other: Tensor) -> Tensor:
        """Return a view with the shape of another tensor."""
        return self.view(*other.shape)

    def reshape_as(self, other: Tensor) -> Tensor:
        """Return the tensor with the shape of another."""
        return self.reshape(*other.shape)


def _unpickled(
    cls: type[Tensor], memory: np.ndarray, order: tuple[int, ...], where: str, requires_grad: bool
) -> Tensor:
    tensor = cls.__new__(cls)
    tensor.array = to_device(memory.transpose(np.argsort(order)), device(where))
    tensor._requires_grad = requires_grad
    return tensor


def _count_of(dtype: dtypes.DType) -> int:
    """Return the number of integers from 0 to the largest of an integer dtype."""
    return 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1


def is_tensor(obj: object) -> bool:
    """Return whether ``obj`` is a tensor."""
    return isinstance(obj, Tensor)


def as_device(value: DeviceLike) -> device:
    """Return the device that ``value`` is or names."""
    return value if isinstance(value, device) else device(value)


_Device = device  # the class, where an argument has its name


def target_of_to(
    args: tuple[DTypeLike | DeviceLike | Tensor | bool | None, ...], dtype: DTypeLike | None, device: DeviceLike | None
) -> tuple[DTypeLike | None, DeviceLike | None, list[bool]]:
    """Return the dtype and device (or None) and the flags that the positional arguments of ``to`` mean."""
    flags: list[bool] = []
    for argument in args:
        if isinstance(argument, bool):
            flags.append(argument)
        elif isinstance(argument, Tensor):
            dtype, device = argument.dtype, argument.device
        elif isinstance(argument, _Device) or (isinstance(argument, str) and not _is_dtype(argument)):
            device = argument
        elif argument is not None:
            dtype = argument
    return dtype, device, flags


def _is_dtype(name: str) -> bool:
    try:
        np.dtype(name)
    except TypeError:
        return False
    return True


def as_array(data: Data, dtype: DTypeLike | None = None) -> Array:
    """Return a new NumPy array of ``data`` (numbers, nested lists, arrays, tensors) with torch's choice of dtype.

    Raises:
        RuntimeError: if a number does not fit the dtype, or there is something that is no number.
        TypeError, ValueError: for text, and arrays of objects.
    """
    if isinstance(data, Tensor):
        return np.array(to_host(data.array), dtype=None if dtype is None else dtypes.as_dtype(dtype))
    if isinstance(data, np.ndarray | np.generic):
        array = np.array(data)
        _refuse_no_numbers(data, array)
        return rounded(array, dtypes.as_dtype(array.dtype if dtype is None else dtype))
    own = _dtypes_in(data)
    array = np.array(_without_tensors(data) if own else data)
    _refuse_no_numbers(data, array)
    chosen = dtypes.as_dtype(dtype) if dtype is not None else _dtype_of_nested(array, own)
    if chosen.kind in "iu" and array.dtype.kind in "iuf" and not dtypes.in_range(array, chosen):
        raise RuntimeError(f"a value cannot be converted to type {chosen} without overflow")
    return rounded(array, chosen)


def _dtypes_in(data: Data) -> set[dtypes.DType]:
    """Return the dtypes in nested lists: of arrays, NumPy numbers and tensors, and if there are such, of numbers."""
    found: set[dtypes.DType] = set()
    python: set[type] = set()
    level: list[Any] = [data]  # of lists in lists, whatever they hold
    while kinds := set(map(type, level)):
        python |= kinds & _NUMBERS
        if kinds <= _NUMBERS:  # most lists end here
            break
        found.update(item.dtype for item in level if isinstance(item, Tensor | np.ndarray | np.generic))
        level = [item for items in level if type(items) in _LISTS for item in items]
    return found | {dtypes.dtype_of_scalar(kind()) for kind in python} if found else found


def _dtype_of_nested(array: np.ndarray, own: set[dtypes.DType]) -> dtypes.DType:
    """Return the dtype that holds all of the nested lists that became ``array``, with ``own`` from :func:`_dtypes_in`.

    NumPy's choice differs from torch's in one case: to NumPy a Python float is a float64.
    """
    if array.dtype != np.float64:
        return dtypes.as_dtype(array.dtype)  # raises for complex numbers
    return reduce(dtypes.promote_types, own) if own else dtypes.get_default_dtype()


_NUMBERS: set[type] = {float, int, bool}
_LISTS: set[type] = {list, tuple}


def _without_tensors(data: Any) -> Any:  # lists in lists, whatever they hold
    """Return nested lists with arrays in place of tensors; a tensor of one element is a number, as in torch."""
    if type(data) in _LISTS:
        return [_without_tensors(item) for item in data]
    if not isinstance(data, Tensor):
        return data
    return to_host(data.array.reshape(()) if data.array.size == 1 else data.array)


def _refuse_no_numbers(data: object, array: Array) -> None:
    if array.dtype.kind in "SU":
        text = TypeError if isinstance(data, str | bytes | np.ndarray) else ValueError
        raise text(f"a tensor is made of numbers, not of text: {array.reshape(-1)[0].item()!r}")
    if array.dtype.kind == "O":
        other = TypeError if isinstance(data, np.ndarray) else RuntimeError
        items = [item for item in array.reshape(-1).tolist() if not isinstance(item, int | float)] or [data]
        raise other(f"Could not infer dtype of {type(items[0]).__name__}")


def _data_or_zeros(data: tuple[Data, ...], dtype: DTypeLike | None) -> Array:
    """Return what torch's older way to make tensors means: zeros of these sizes, or the data in the default dtype.

    A tensor keeps its dtype. What torch leaves as it is in memory is 0 here.

    Raises:
        TypeError: for several data.
        RuntimeError: for a negative size.
    """
    kept = isinstance(data[0], Tensor) if data else False
    chosen = dtypes.get_default_dtype() if dtype is None and not kept else dtype
    if data and builtins.all(isinstance(n, int | np.integer) and not isinstance(n, builtins.bool) for n in data):
        sizes = cast("tuple[int, ...]", data)
        if min(sizes) < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension: {list(sizes)}")
        return np.zeros(sizes, dtypes.get_default_dtype() if chosen is None else dtypes.as_dtype(chosen))
    if len(data) > 1:
        raise TypeError(f"Tensor() takes sizes, as in Tensor(2, 3), or one list of data, got {len(data)} arguments")
    return as_array(data[0] if data else (), chosen)
