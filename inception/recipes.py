"""Recipes: everything that decides how a training run comes out, as plain data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from inception.model import SMALLEST_AUX_SIZE, SMALLEST_SIZE

DATA = ("cifar10", "cifar100", "embedded", "fashion-mnist", "folder", "mnist", "synthetic", "tiny-imagenet")
WITHOUT_ROOT = ("embedded", "synthetic")
AUGMENTATIONS = ("none", "flip", "crop", "crop-flip", "crop-flip-colour")
NORMALIZATIONS = ("half", "imagenet")
OPTIMIZERS = ("adam", "adamw", "lion", "nadam", "rmsprop", "sgd")
INITS = ("layers", "paper")
SCHEDULES = ("constant", "cosine", "exponential", "onecycle", "step")


@dataclass(frozen=True)
class Recipe:
    """One training run. The same recipe on the same machine gives the same weights, bit by bit."""

    # the pictures
    data: str = "embedded"
    root: str | None = None
    image_size: int = 75
    resize: int | None = None  # test pictures: shorter side to this, then the middle; None: all of it, squeezed
    augment: str = "none"
    normalize: str = "half"
    mixup: float = 0.0
    limit: int | None = None
    classes: int | None = None
    skip_corrupt: bool = False
    # the model
    weights: str | None = None
    freeze: str | None = None
    head_only: bool = False
    aux: bool = False
    dropout: float = 0.2
    init: str = "layers"
    # the steps
    batch_size: int = 32
    accumulate: int = 1
    epochs: int = 3
    patience: int | None = None
    optimizer: str = "adam"
    lr: float = 0.001
    momentum: float = 0.9
    alpha: float = 0.99
    eps: float | None = None
    weight_decay: float = 0.0
    decay_norms: bool = True
    schedule: str = "onecycle"
    warmup: float = 0.2
    sgd_after: int | None = None
    sgd_lr: float = 0.01
    label_smoothing: float = 0.1
    clip: float | None = None
    ema: float | None = None
    seed: int = 0
    dtype: str = "float32"
    amp: bool = False
    device: str = "cpu"

    def __post_init__(self) -> None:
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} {getattr(self, name)!r} is unknown; choose from: {', '.join(choices)}")
        if self.data not in WITHOUT_ROOT and self.root is None:
            raise ValueError(f"data {self.data!r} needs --root, the folder with its files")
        if self.image_size < SMALLEST_SIZE:
            raise ValueError(f"image size {self.image_size} is too small: Inception V3 needs at least {SMALLEST_SIZE}")
        if self.resize is not None and self.resize < self.image_size:
            raise ValueError(f"resize {self.resize} is below the image size {self.image_size} that is cut out of it")
        if self.aux and self.image_size < SMALLEST_AUX_SIZE:
            raise ValueError(
                f"the aux head needs pictures of at least {SMALLEST_AUX_SIZE} x {SMALLEST_AUX_SIZE} (a map of 17 x 17 "
                f"where it joins), got image size {self.image_size}: turn it off, or raise the image size"
            )
        for name in ("batch_size", "epochs", "accumulate", "limit", "classes", "patience", "sgd_after"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name.replace('_', ' ')} must be at least 1, got {value}")
        if self.batch_size == 1 and self.image_size < 107:
            raise ValueError(
                "batch size 1 at this image size leaves one value per channel in the last blocks, which batch norm "
                "cannot normalise: use at least 2"
            )
        for name, meaning in (("lr", "learning rate"), ("sgd_lr", "sgd lr"), ("clip", "clip"), ("eps", "eps")):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{meaning} must be above 0, got {value}")
        for name in ("warmup", "dropout", "alpha", "ema"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(f"{name} must be between 0 and 1, got {value}")
        if not 0 <= self.label_smoothing <= 1:
            raise ValueError(f"label smoothing must be between 0 and 1, got {self.label_smoothing}")
        if self.mixup < 0:
            raise ValueError(f"mixup must not be below 0, got {self.mixup}")
        if self.sgd_after is not None and self.sgd_after >= self.epochs:
            raise ValueError(f"sgd after {self.sgd_after} leaves no epoch for it, with epochs {self.epochs}")
        if self.head_only and self.freeze is not None:
            raise ValueError("give either head only or freeze: head only already freezes everything before the head")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype {self.dtype!r} cannot be trained in; choose float32 or float64")
        if self.amp and self.dtype != "float32":
            raise ValueError("mixed precision (amp) mixes float16 with float32: give no other dtype")

    def as_dict(self) -> dict[str, Any]:
        """The recipe as plain values, for a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> Recipe:
        """A recipe from :meth:`as_dict`; unknown names are an error."""
        return Recipe(**values)


CHOICES = {
    "data": DATA,
    "augment": AUGMENTATIONS,
    "normalize": NORMALIZATIONS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "init": INITS,
}
FIELDS = tuple(field.name for field in fields(Recipe))

QUICK = Recipe()

#: torchvision's reference training of Inception V3 on ImageNet.
TORCHVISION = replace(
    QUICK,
    image_size=299,
    resize=342,
    augment="crop-flip",
    normalize="imagenet",
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

#: Szegedy et al. 2015, sections 7 and 8: RMSProp with eps 1.0, gradients clipped, labels smoothed, weights averaged.
PAPER = replace(
    TORCHVISION,
    normalize="half",
    epochs=100,
    optimizer="rmsprop",
    lr=0.045,
    alpha=0.9,
    eps=1.0,
    weight_decay=0.0,
    schedule="exponential",
    label_smoothing=0.1,
    clip=2.0,
    ema=0.9999,
)

#: The guide "Deep learning: Inception V3 with PyTorch" of AMD's ROCm documentation, on Tiny ImageNet: no flip, no aux.
ROCM_GUIDE = replace(TORCHVISION, augment="crop", aux=False)

#: Mini-batches with Adam first, then with SGD and momentum.
ADAM_THEN_SGD = replace(QUICK, epochs=6, schedule="cosine", sgd_after=3, sgd_lr=0.01)

#: A pretrained network with a new head, for other pictures: only the head learns.
TRANSFER = replace(QUICK, image_size=299, resize=342, augment="crop-flip", head_only=True, epochs=5, schedule="cosine")

RECIPES = {
    "adam-then-sgd": ADAM_THEN_SGD,
    "paper": PAPER,
    "quick": QUICK,
    "rocm-guide": ROCM_GUIDE,
    "torchvision": TORCHVISION,
    "transfer": TRANSFER,
}
#: What a recipe is for, where it says so; ``--data`` may say otherwise.
RECIPE_DATA = {"rocm-guide": "tiny-imagenet", "torchvision": "folder", "paper": "folder", "transfer": "folder"}
