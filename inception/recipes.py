"""Recipes: everything that decides how a training run comes out, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from inception.model import SMALLEST_AUX_SIZE, SMALLEST_SIZE

DATA = ("embedded", "fashion-mnist", "synthetic")
OPTIMIZERS = ("adam", "adamw", "rmsprop", "sgd")
INITS = ("layers", "paper")
SCHEDULES = ("constant", "cosine", "exponential", "onecycle", "step")


@dataclass(frozen=True)
class Recipe:
    """One training run. The same recipe on the same machine gives the same weights, bit by bit."""

    data: str = "embedded"
    root: str | None = None
    image_size: int = 75
    batch_size: int = 32
    epochs: int = 3
    optimizer: str = "adam"
    lr: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 0.0
    schedule: str = "onecycle"
    warmup: float = 0.2
    label_smoothing: float = 0.1
    aux: bool = False
    dropout: float = 0.2
    init: str = "layers"
    classes: int | None = None
    limit: int | None = None
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, choices in (("data", DATA), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("init", INITS)):
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; choose from: {', '.join(choices)}")
        if self.data == "fashion-mnist" and self.root is None:
            raise ValueError("data 'fashion-mnist' needs --root, the folder with its IDX files")
        if self.image_size < SMALLEST_SIZE:
            raise ValueError(f"image size {self.image_size} is too small: Inception V3 needs at least {SMALLEST_SIZE}")
        if self.aux and self.image_size < SMALLEST_AUX_SIZE:
            raise ValueError(
                f"the aux head needs pictures of at least {SMALLEST_AUX_SIZE} x {SMALLEST_AUX_SIZE} (a map of 17 x 17 "
                f"where it joins), got image size {self.image_size}: turn it off, or raise the image size"
            )
        for name in ("batch_size", "epochs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name.replace('_', ' ')} must be at least 1, got {getattr(self, name)}")
        if self.batch_size == 1 and self.image_size < 107:
            raise ValueError(
                "batch size 1 at this image size leaves one value per channel in the last blocks, which batch norm "
                "cannot normalise: use at least 2"
            )
        if self.limit is not None and self.limit < 1:
            raise ValueError(f"limit must be at least 1, got {self.limit}")
        if self.classes is not None and self.classes < 1:
            raise ValueError(f"classes must be at least 1, got {self.classes}")
        if not self.lr > 0:
            raise ValueError(f"learning rate must be above 0, got {self.lr}")
        for name in ("warmup", "dropout"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {getattr(self, name)}")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label smoothing must be between 0 and 1, got {self.label_smoothing}")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype {self.dtype!r} cannot be trained in; choose float32 or float64")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Recipe:
        """A recipe from :meth:`as_dict`; unknown names are an error."""
        return Recipe(**values)


QUICK = Recipe()

#: torchvision's reference training of Inception V3 on ImageNet.
TORCHVISION = replace(
    QUICK,
    image_size=299,
    epochs=90,
    optimizer="sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="step",
    label_smoothing=0.0,
    dropout=0.5,
    aux=True,
    init="paper",
)

RECIPES = {"quick": QUICK, "torchvision": TORCHVISION}
FIELDS = tuple(field.name for field in fields(Recipe))
