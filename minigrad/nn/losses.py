"""Loss modules: each keeps the options and calls the function of the same name."""

from __future__ import annotations

from collections.abc import Sequence

from minigrad.functions.loss import reduction_of
from minigrad.nn import functional as F
from minigrad.nn.module import Module
from minigrad.nn.signatures import name_init_after
from minigrad.tensor import Tensor
from minigrad.typing import Reduction

#: The number of valid steps of each sequence of a batch.
Lengths = Tensor | Sequence[int]


class CrossEntropyLoss(Module):
    """Return −ln softmax(x)[t], averaged: the loss of classification; see ``functional.cross_entropy``.

    Args:
        weight: a factor for each class.
        ignore_index: a class that counts for nothing.
        label_smoothing: ε; each target becomes (1 − ε) · q + ε / C.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        scores (N, C) or (N, C, d1, …), int64 classes (N) or (N, d1, …), or probabilities of the scores'
        shape.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CrossEntropyLoss()(minigrad.tensor([[2.0, 0.0, 0.0]]), minigrad.tensor([0]))
    tensor(0.2395)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = reduction_of(size_average, reduce, reduction)
        self.ignore_index, self.label_smoothing = ignore_index, label_smoothing

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.cross_entropy(
            input,
            target,
            self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(Module):
    """Return −x[t] of log-probabilities x, averaged; see ``functional.nll_loss``.

    Args:
        weight: a factor for each class.
        ignore_index: a class that counts for nothing.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        log-probabilities (N, C) or (N, C, d1, …), int64 classes (N) or (N, d1, …).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.NLLLoss()(minigrad.tensor([[-0.5, -1.0]]), minigrad.tensor([0]))
    tensor(0.5000)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        ignore_index: int = -100,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__()
        self.register_buffer("weight", weight)
        self.reduction = reduction_of(size_average, reduce, reduction)
        self.ignore_index = ignore_index

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.nll_loss(input, target, self.weight, ignore_index=self.ignore_index, reduction=self.reduction)


class _Loss(Module):
    """Base of the losses whose only option in common is the reduction (and its predecessors in torch)."""

    def __init_subclass__(cls) -> None:
        name_init_after(cls)

    def __init__(
        self, size_average: bool | None = None, reduce: bool | None = None, reduction: Reduction = "mean"
    ) -> None:
        super().__init__()
        self.reduction = reduction_of(size_average, reduce, reduction)


class MSELoss(_Loss):
    """Return the mean squared error (x − y)²; see ``functional.mse_loss``.

    Args:
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MSELoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.1562)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.mse_loss(input, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Return the mean absolute error |x − y|; see ``functional.l1_loss``.

    Args:
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.L1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.3750)
    """

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.l1_loss(input, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """Return d²/2β where d = |x − y| < β, d − β/2 elsewhere; see ``functional.smooth_l1_loss``.

    Args:
        beta: the distance below which the loss is quadratic.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.SmoothL1Loss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        beta: float = 1.0,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.beta = beta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.smooth_l1_loss(input, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """Return d²/2 where d = |x − y| ≤ δ, δ·(d − δ/2) elsewhere; see ``functional.huber_loss``.

    Args:
        delta: the distance below which the loss is quadratic.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    Raises:
        TypeError: if ``delta`` is no number.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.HuberLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.0781)
    """

    def __init__(self, reduction: Reduction = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction=reduction)
        if not isinstance(delta, float | int):
            raise TypeError(f"delta must be a float or int, got: {type(delta)}")
        self.delta = delta

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.huber_loss(input, target, self.reduction, self.delta)


class BCELoss(_Loss):
    """Return −(t · ln p + (1 − t) · ln(1 − p)) of probabilities p; see ``functional.binary_cross_entropy``.

    Args:
        weight: a factor for each element.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BCELoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.4904)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy(input, target, self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_Loss):
    """Return the binary cross entropy of sigmoid(x); see ``functional.binary_cross_entropy_with_logits``.

    Args:
        weight: a factor for each element.
        pos_weight: a factor for the positives.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.BCEWithLogitsLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]))
    tensor(0.6500)
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.register_buffer("weight", weight)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(
            input, target, self.weight, reduction=self.reduction, pos_weight=self.pos_weight
        )


class KLDivLoss(_Loss):
    """Return q · (ln q − x) of log-probabilities x and probabilities q; see ``functional.kl_div``.

    Args:
        log_target: the target holds logarithms too.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.KLDivLoss(reduction="batchmean")(minigrad.tensor([[-0.5, -1.0]]), minigrad.tensor([[0.5, 0.5]]))
    tensor(0.0569)
    """

    def __init__(
        self,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
        log_target: bool = False,
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.log_target = log_target

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.kl_div(input, target, reduction=self.reduction, log_target=self.log_target)


class HingeEmbeddingLoss(_Loss):
    """Return x where the target is 1, max(0, margin − x) where it is −1; see ``functional.hinge_embedding_loss``.

    Args:
        margin: the distance that is enough.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        input and target of the same shape; the loss is a number, or of that shape with ``none``.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.HingeEmbeddingLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, -1.0]))
    tensor(0.6250)
    """

    def __init__(
        self,
        margin: float = 1.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input: Tensor, target: Tensor) -> Tensor:
        return F.hinge_embedding_loss(input, target, self.margin, reduction=self.reduction)


class MarginRankingLoss(_Loss):
    """Return max(0, −t · (x₁ − x₂) + margin); see ``functional.margin_ranking_loss``.

    Args:
        margin: by how much x₁ should be larger, where the target is 1.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        inputs and target (N).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.MarginRankingLoss()(minigrad.tensor([0.5, 0.25]), minigrad.tensor([1.0, 0.0]), minigrad.tensor([1.0, 1.0]))
    tensor(0.2500)
    """

    def __init__(
        self,
        margin: float = 0.0,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin = margin

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.margin_ranking_loss(input1, input2, target, self.margin, reduction=self.reduction)


class CosineEmbeddingLoss(MarginRankingLoss):
    """Return 1 − cos for like vectors, max(0, cos − margin) for others; see ``functional.cosine_embedding_loss``.

    Args:
        margin: the cosine that unlike vectors may have.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        inputs (N, D), target (N) of 1 and −1.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CosineEmbeddingLoss()(minigrad.eye(2), minigrad.ones(2, 2), minigrad.tensor([1, -1]))
    tensor(0.5000)
    """

    def forward(self, input1: Tensor, input2: Tensor, target: Tensor) -> Tensor:
        return F.cosine_embedding_loss(input1, input2, target, self.margin, reduction=self.reduction)


class TripletMarginLoss(_Loss):
    """Return max(0, ‖a − p‖ − ‖a − n‖ + margin); see ``functional.triplet_margin_loss``.

    Args:
        margin: by how much the negative should be farther away.
        p: the order of the norm.
        eps: added to each difference.
        swap: take the distance of positive and negative where it is smaller.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        anchor, positive, negative (N, D).

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.TripletMarginLoss()(minigrad.zeros(2, 3), minigrad.ones(2, 3), minigrad.ones(2, 3) * 2)
    tensor(0.)
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        size_average: bool | None = None,
        reduce: bool | None = None,
        reduction: Reduction = "mean",
    ) -> None:
        super().__init__(size_average, reduce, reduction)
        self.margin, self.p, self.eps, self.swap = margin, p, eps, swap

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, reduction=self.reduction
        )


class CTCLoss(Module):
    """Return the loss of sequences without an alignment; see ``functional.ctc_loss``.

    Args:
        blank: the class that stands for nothing.
        zero_infinity: count impossible targets as 0.
        reduction: ``mean`` or ``sum`` of the elements' losses, or ``none``.

    Shape:
        log-probabilities (T, N, C), targets (N, S), lengths (N) of both.

    >>> import minigrad
    >>> from minigrad import nn
    >>> nn.CTCLoss()(minigrad.zeros(4, 1, 3).log_softmax(2), minigrad.tensor([[1, 2]]), [4], [2])
    tensor(0.8432)
    """

    def __init__(self, blank: int = 0, reduction: Reduction = "mean", zero_infinity: bool = False) -> None:
        super().__init__()
        self.blank, self.reduction, self.zero_infinity = blank, reduction, zero_infinity

    def forward(self, log_probs: Tensor, targets: Tensor, input_lengths: Lengths, target_lengths: Lengths) -> Tensor:
        return F.ctc_loss(
            log_probs, targets, input_lengths, target_lengths, self.blank, self.reduction, self.zero_infinity
        )
