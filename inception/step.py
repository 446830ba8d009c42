"""One training step: the four phases, in the order in which they run.

outputs = forward_pass(model, images)           1  predict: a score for every class
loss = loss_computation(outputs, labels)        2  measure how wrong the scores are: a scalar
backward_pass(optimizer, loss)                  3  compute ∂loss/∂w for every weight w
optimization_pass(optimizer, scheduler)         4  change every weight a little, against its gradient
"""

from __future__ import annotations

from collections.abc import Sequence

from inception.batch import Batch
from inception.clock import PhaseClock
from inception.model import InceptionOutputs, Outputs, logits_of
from inception.step_result import StepResult, finite
from minigrad import Tensor, nn, optim
from minigrad.amp import GradScaler, autocast
from minigrad.nn import functional as F
from minigrad.optim.lr_scheduler import LRScheduler

AUX_WEIGHT = 0.4  # of the aux head's loss, as in torchvision
FULL_PRECISION = GradScaler(enabled=False)  # scales nothing


def forward_pass(model: nn.Module, images: Tensor) -> Outputs:
    """Phase 1: run images N x 3 x H x W through the layers, to scores N x classes.

    Every operation is recorded together with what its derivative will need. This is the memory that training takes
    and prediction does not.
    """
    outputs: Outputs = model(images)
    return outputs


def loss_computation(
    outputs: Outputs, targets: Tensor, label_smoothing: float = 0.0, class_weights: Tensor | None = None
) -> Tensor:
    """Phase 2: return the cross entropy of the scores with the true classes, a scalar.

    The loss of the aux head, if there is one, is added with weight 0.4. Label smoothing asks for a little less than
    certainty, so that the score of the true class need not grow for ever. Class weights, if there are any, let images
    of rare classes count for more.
    """
    if not isinstance(outputs, InceptionOutputs):
        return F.cross_entropy(outputs, targets, class_weights, label_smoothing=label_smoothing)
    loss = F.cross_entropy(outputs.logits, targets, class_weights, label_smoothing=label_smoothing)
    return loss + AUX_WEIGHT * F.cross_entropy(
        outputs.aux_logits, targets, class_weights, label_smoothing=label_smoothing
    )


def backward_pass(optimizer: optim.Optimizer, loss: Tensor, accumulate: bool = False) -> None:
    """Phase 3: run the recorded operations in reverse; the chain rule puts ∂loss/∂w of every weight into ``w.grad``.

    Gradients *add* to ``w.grad``, since a weight may be used in several places; so those of the last step must be
    cleared first. ``accumulate`` keeps them, to add up the gradients of several batches.
    """
    if not accumulate:
        optimizer.zero_grad()
    loss.backward()


def optimization_pass(
    optimizer: optim.Optimizer,
    scheduler: LRScheduler | None = None,
    clip: float | None = None,
    scaler: GradScaler = FULL_PRECISION,
) -> Tensor | None:
    """Phase 4: change every weight by a small step against its gradient; the schedule then sets the next step's size.

    With ``clip``, gradients whose norm (of all together) is larger are scaled down to it first, and the norm before
    that is returned. In mixed precision the scaler divides the gradients by what it multiplied the loss with.
    """
    norm = None
    if clip is not None:
        scaler.unscale_(optimizer)
        norm = nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip)
    scaler.step(optimizer)  # which is optimizer.step(), with the gradients divided
    scaler.update()
    if scheduler is not None:
        scheduler.step()
    return norm


def training_step(
    model: nn.Module,
    batches: Sequence[Batch],
    optimizer: optim.Optimizer,
    scheduler: LRScheduler | None,
    clock: PhaseClock,
    *,
    label_smoothing: float = 0.0,
    class_weights: Tensor | None = None,
    clip: float | None = None,
    scaler: GradScaler = FULL_PRECISION,
) -> StepResult:
    """Take one step: the four phases, for one batch, or for several whose gradients are averaged.

    Nothing is read from a GPU before the whole step has been issued, since reading waits for it.

    Raises:
        NonFiniteLossError: if the loss is NaN or infinite; on a CPU before the weights change.
    """
    seen = []
    for number, (images, labels, targets) in enumerate(batches):
        with autocast(enabled=scaler.is_enabled()):
            with clock("forward pass"):
                outputs = forward_pass(model, images)
            with clock("loss computation"):
                loss = loss_computation(outputs, targets, label_smoothing, class_weights)
        if loss.device.type == "cpu":
            finite(loss)
        with clock("backward pass"):
            backward_pass(optimizer, scaler.scale(loss / len(batches)), accumulate=number > 0)
        seen.append((loss.detach(), logits_of(outputs).detach(), labels))
    with clock("optimization pass"):
        norm = optimization_pass(optimizer, scheduler, clip, scaler)
        return StepResult.of(*seen, gradient_norm=norm)
