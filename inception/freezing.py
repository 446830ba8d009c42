"""Freezing: layers that are not trained, for transfer learning."""

from __future__ import annotations

from inception.ending import OptionError
from inception.model import InceptionV3
from minigrad import nn


def freeze_up_to(model: InceptionV3, layer: str) -> None:
    """Freeze a child of the model and all children before it: their weights, and the statistics of their batch norms.

    Raises:
        OptionError: if the model has no such layer, naming those that it has.
    """
    children = dict(model.named_children())
    if layer not in children:
        raise OptionError(f"--freeze {layer}: there is no such layer; there are: {', '.join(children)}")
    names = list(children)
    for name in names[: names.index(layer) + 1]:
        _freeze(children[name])


def freeze_all_but_head(model: InceptionV3) -> None:
    """Freeze everything except the last linear layer, and that of the aux head."""
    for name, child in model.named_children():
        if name not in ("fc", "AuxLogits", "dropout"):
            _freeze(child)
    if model.aux_logits:
        _freeze(model.AuxLogits.conv0)
        _freeze(model.AuxLogits.conv1)


def _freeze(module: nn.Module) -> None:
    for part in module.modules():
        part.frozen = True
    module.requires_grad_(False)


def set_training_mode(model: nn.Module) -> None:
    """Call ``model.train()``, except for frozen layers: their batch norms keep using the statistics they have."""
    model.train()
    for module in model.modules():
        if getattr(module, "frozen", False):
            module.training = False
