"""Linear layers, embeddings, and layers that only rearrange or drop elements."""

from __future__ import annotations

from typing import TypeAlias

from numpy.typing import DTypeLike

from minigrad.devices import DeviceLike
from minigrad.nn import functional as F
from minigrad.nn import init
from minigrad.nn.module import Module
from minigrad.nn.parameter import Parameter, new_parameter
from minigrad.tensor import Tensor
from minigrad.typing import IntOrPair

#: A scalar for all dimensions, or one for each; None where another option decides.
Floats: TypeAlias = float | tuple[float, ...]


class Linear(Module):
    """Return y = x Wᵀ + b.

    Args:
        in_features: the size of the input's last dimension.
        out_features: that of the output.
        bias: add b.

    Shape:
        input (…, in_features), output (…, out_features); weight (out_features, in_features), bias
        (out_features).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Linear(20, 30)(minigrad.randn(128, 20)).shape
    (128, 30)
    """

    weight: Parameter
    bias: Parameter  # None with bias=False; not in the type, so that ``layer.bias.grad`` needs no check, as in torch

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.weight = new_parameter(out_features, in_features, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from ±1/√in_features, torch's default."""
        init.uniform_by_fan_in(self.in_features, self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.linear(input, self.weight, self.bias)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}"


class Dropout(Module):
    """In training, set elements to 0 with probability p and scale the others by 1 / (1 − p).

    Args:
        p: the probability.
        inplace: write into the input.

    Shape:
        input and output of any shape.

    Raises:
        ValueError: for a probability outside of 0 to 1.

    >>> import minigrad
    >>> from minigrad import nn
    >>> layer = nn.Dropout(0.5).eval()
    >>> layer(minigrad.ones(3))  # in evaluation nothing happens
    tensor([1., 1., 1.])
    """

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        super().__init__()
        if not 0.0 <= p <= 1.0:
            raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")
        self.p, self.inplace = p, inplace

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout(input, self.p, self.training, self.inplace)

    def extra_repr(self) -> str:
        return f"p={self.p}, inplace={self.inplace}"


class Flatten(Module):
    """Join the dimensions from ``start_dim`` to ``end_dim`` into one.

    Args:
        start_dim, end_dim: the first and the last dimension of those to join.

    Shape:
        input (N, …), output (N, product of the others).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Flatten()(minigrad.ones(2, 3, 4, 4)).shape
    (2, 48)
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        super().__init__()
        self.start_dim, self.end_dim = start_dim, end_dim

    def forward(self, input: Tensor) -> Tensor:
        return input.flatten(self.start_dim, self.end_dim)

    def extra_repr(self) -> str:
        return f"start_dim={self.start_dim}, end_dim={self.end_dim}"


class Identity(Module):
    """Return the input unchanged. All arguments of the constructor are ignored, as in torch.

    Shape:
        input and output of any shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Identity()(minigrad.ones(2))
    tensor([1., 1.])
    """

    def __init__(self, *_: object, **__: object) -> None:
        super().__init__()

    def forward(self, input: Tensor) -> Tensor:
        return input


class Dropout2d(Dropout):
    """In training, set whole channels to 0 with probability p; see ``functional.dropout2d``.

    Args:
        p: the probability.
        inplace: write into the input.

    Shape:
        input and output (N, C, H, W) or (C, H, W).

    Raises:
        ValueError: for a probability outside of 0 to 1.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Dropout2d(0.2)(minigrad.ones(2, 3, 4, 4)).shape
    (2, 3, 4, 4)
    """

    def forward(self, input: Tensor) -> Tensor:
        return F.dropout2d(input, self.p, self.training, self.inplace)


class Bilinear(Module):
    """Return y_o = x₁ᵀ W_o x₂ + b_o; see ``functional.bilinear``.

    Args:
        in1_features, in2_features: the sizes of the inputs' last dimensions.
        out_features: that of the output.
        bias: add b.

    Shape:
        inputs (…, in1_features) and (…, in2_features), output (…, out_features); weight (out, in1, in2), bias
        (out).

    Raises:
        ValueError: if ``in1_features`` is not above 0.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Bilinear(3, 4, 5)(minigrad.randn(2, 3), minigrad.randn(2, 4)).shape
    (2, 5)
    """

    weight: Parameter
    bias: Parameter  # None with bias=False

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        bias: bool = True,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        if in1_features <= 0:
            raise ValueError(f"in1_features must be > 0, but got {in1_features}")
        self.in1_features, self.in2_features, self.out_features = in1_features, in2_features, out_features
        self.weight = new_parameter(out_features, in1_features, in2_features, device=device, dtype=dtype)
        self.register_parameter("bias", new_parameter(out_features, device=device, dtype=dtype) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw weight and bias uniformly from ±1/√in1_features, torch's default."""
        init.uniform_by_fan_in(self.in1_features, self.weight, self.bias)

    def forward(self, input1: Tensor, input2: Tensor) -> Tensor:
        return F.bilinear(input1, input2, self.weight, self.bias)

    def extra_repr(self) -> str:
        return (
            f"in1_features={self.in1_features}, in2_features={self.in2_features}, "
            f"out_features={self.out_features}, bias={self.bias is not None}"
        )


class Embedding(Module):
    """A table whose rows are looked up by index; see ``functional.embedding``.

    Args:
        num_embeddings: the number of rows.
        embedding_dim: the length of a row.
        padding_idx: a row that is 0 and gets no gradient.
        max_norm: rows that are looked up and are longer are shortened to this norm, of order ``norm_type``.
        scale_grad_by_freq: divide a row's gradient by the number of its occurrences.

    Shape:
        input (…) of integers, output (…, embedding_dim); weight (num_embeddings, embedding_dim).

    Raises:
        NotImplementedError: for ``sparse=True``: there are no sparse tensors here.
        AssertionError: if ``padding_idx`` is no row of the table.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Embedding(10, 3)(minigrad.tensor([[1, 2], [4, 9]])).shape
    (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: DeviceLike | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__()
        if sparse:
            raise NotImplementedError("Embedding: sparse=True is not supported: there are no sparse tensors here")
        if padding_idx is not None:
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise AssertionError(f"padding_idx must be within num_embeddings, got {padding_idx}")
            padding_idx %= num_embeddings
        self.num_embeddings, self.embedding_dim, self.padding_idx = num_embeddings, embedding_dim, padding_idx
        self.max_norm, self.norm_type, self.scale_grad_by_freq = max_norm, norm_type, scale_grad_by_freq
        if _weight is None:
            self.weight = new_parameter(num_embeddings, embedding_dim, device=device, dtype=dtype)
            self.reset_parameters()
        else:
            if tuple(_weight.shape) != (num_embeddings, embedding_dim):
                raise AssertionError(
                    f"Shape of weight does not match num_embeddings and embedding_dim: {list(_weight.shape)}"
                )
            self.weight = Parameter(_weight)
        self.weight.requires_grad = not _freeze

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Return an embedding with the given table (rows, dim), which by default is not learned further."""
        rows, dim = embeddings.shape
        return cls(rows, dim, padding_idx, max_norm, norm_type, scale_grad_by_freq, sparse, embeddings, freeze)

    def reset_parameters(self) -> None:
        """Draw the table from the standard normal distribution; the row ``padding_idx`` is 0."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            self.weight.detach()[self.padding_idx] = 0

    def forward(self, input: Tensor) -> Tensor:
        return F.embedding(input, self.weight, self.padding_idx, self.max_norm, self.norm_type, self.scale_grad_by_freq)

    def extra_repr(self) -> str:
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        for name, usual in (("padding_idx", None), ("max_norm", None), ("norm_type", 2), ("scale_grad_by_freq", False)):
            if getattr(self, name) != usual:
                text += f", {name}={getattr(self, name)}"
        return text


class Upsample(Module):
    """Resample to another size; see ``functional.interpolate``.

    Args:
        size: the new height and width; or
        scale_factor: how many times larger they become.
        mode: ``nearest``, ``bilinear``, … as in ``functional.interpolate``.
        align_corners: let the corner pixels' centres coincide, in linear modes.

    Shape:
        input (N, C, H, W), output (N, C, H′, W′).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Upsample(scale_factor=2)(minigrad.ones(1, 3, 4, 4)).shape
    (1, 3, 8, 8)
    """

    def __init__(
        self,
        size: int | tuple[int, ...] | None = None,
        scale_factor: Floats | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        super().__init__()
        self.scale_factor: Floats | None
        if isinstance(scale_factor, tuple | list):
            self.scale_factor = tuple(map(float, scale_factor))
        else:
            self.scale_factor = None if scale_factor is None else float(scale_factor)
        self.size, self.mode = size, mode
        self.align_corners, self.recompute_scale_factor = align_corners, recompute_scale_factor

    def forward(self, input: Tensor) -> Tensor:
        return F.interpolate(
            input, self.size, self.scale_factor, self.mode, self.align_corners, self.recompute_scale_factor
        )

    def extra_repr(self) -> str:
        how = f"size={self.size}" if self.scale_factor is None else f"scale_factor={self.scale_factor}"
        return f"{how}, mode={self.mode!r}"


class Unfold(Module):
    """Return every window as a column; see ``functional.unfold``.

    Args:
        kernel_size, dilation, padding, stride: those of the windows.

    Shape:
        input (N, C, H, W), output (N, C · kH · kW, number of windows).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Unfold(3)(minigrad.ones(1, 2, 5, 5)).shape
    (1, 18, 9)
    """

    def __init__(
        self, kernel_size: IntOrPair, dilation: IntOrPair = 1, padding: IntOrPair = 0, stride: IntOrPair = 1
    ) -> None:
        super().__init__()
        self.kernel_size, self.dilation, self.padding, self.stride = kernel_size, dilation, padding, stride

    def forward(self, input: Tensor) -> Tensor:
        return F.unfold(input, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, dilation={self.dilation}, padding={self.padding}, stride={self.stride}"


class Fold(Unfold):
    """Add the columns of windows up to an image; see ``functional.fold``.

    Args:
        output_size: height and width of the image.
        kernel_size, dilation, padding, stride: those of the windows.

    Shape:
        input (N, C · kH · kW, number of windows), output (N, C, H, W).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.Fold((5, 5), 3)(minigrad.ones(1, 18, 9)).shape
    (1, 2, 5, 5)
    """

    def __init__(
        self,
        output_size: IntOrPair,
        kernel_size: IntOrPair,
        dilation: IntOrPair = 1,
        padding: IntOrPair = 0,
        stride: IntOrPair = 1,
    ) -> None:
        super().__init__(kernel_size, dilation, padding, stride)
        self.output_size = output_size

    def forward(self, input: Tensor) -> Tensor:
        return F.fold(input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride)

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}, {super().extra_repr()}"


class CosineSimilarity(Module):
    """Return the cosine of the angle between vectors; see ``functional.cosine_similarity``.

    Args:
        dim: the dimension of the vectors' elements.
        eps: the least length that is divided by.

    Shape:
        inputs (…, D, …), output (…, …).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CosineSimilarity()(minigrad.eye(2), minigrad.ones(2, 2))
    tensor([0.7071, 0.7071])
    """

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__()
        self.dim, self.eps = dim, eps

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
