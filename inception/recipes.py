"""Recipes: everything that decides the result of a training run, as plain data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from inception.best import BEST_BY
from inception.data_source import WITHOUT_ROOT, DataSource
from inception.model import SMALLEST_AUX_SIZE
from inception.options import option
from inception.schedules import SCHEDULES
from inception.width import check_width
from minigrad import optim
from minigrad.distributed.tree import refuse_uneven

MODEL, STEPS, OPTIMIZER, DEVICE = "the model", "the steps", "the optimizer", "the device"  # groups of options
INITS = ("layers", "paper")
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "adam": optim.Adam,
    "adamw": optim.AdamW,
    "lion": optim.Lion,
    "nadam": optim.NAdam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}


@dataclass(frozen=True)
class Recipe(DataSource):
    """One training run. On one machine, the same recipe always gives the same weights, bit for bit.

    Raises:
        ValueError: for a value outside its limits, or values that contradict each other.
    """

    # the model
    weights: str | None = option(
        None,
        "start from these: torchvision's .pth, or a .safetensors file; a classifier for other classes is replaced",
        metavar="FILE",
        group=MODEL,
    )
    freeze: str | None = option(None, "do not train the layers up to this one, such as Mixed_6e", group=MODEL)
    head_only: bool = option(False, "train only the classifier", group=MODEL)
    aux: bool = option(False, "train the aux head too", group=MODEL)
    dropout: float = option(0.2, "probability of dropout before the classifier", between=(0, 1), group=MODEL)
    width: float = option(
        1.0,
        "share of the channels that each layer has, in steps of 1/16: 0.25 trains several times faster, and less well",
        above=0,
        group=MODEL,
    )
    init: str = option(
        "layers",
        "initial weights: the defaults of the layers, or those of the paper's authors (std 0.1)",
        choices=INITS,
        group=MODEL,
    )
    # the steps
    batch_size: int = option(32, "images per batch", at_least=1, group=STEPS)
    accumulate: int = option(1, "batches per step; their gradients are averaged", at_least=1, group=STEPS)
    shards: int | None = option(
        None,
        "cut each batch into this many parts, each normalised by itself, whose gradients are added in a fixed tree: "
        "the same bits on any number of ranks; with mpiexec 4",
        at_least=1,
        group=STEPS,
    )
    sync_bn: bool = option(
        False, "with shards: normalise by the statistics of the whole batch, not of each shard", group=STEPS
    )
    epochs: int = option(3, "passes over the training images", at_least=1, group=STEPS)
    patience: int | None = option(
        None,
        "stop after this many epochs without a better one, and return to the weights of the best",
        at_least=1,
        group=STEPS,
    )
    best_by: str = option(
        "loss",
        "the best epoch has the lowest validation loss, or the highest validation accuracy",
        choices=BEST_BY,
        group=STEPS,
    )
    optimizer: str = option("adam", "rule by which gradients change the weights", choices=OPTIMIZERS, group=OPTIMIZER)
    lr: float = option(
        0.001,
        "learning rate; with --schedule onecycle the highest one",
        above=0,
        group=OPTIMIZER,
    )
    momentum: float = option(0.9, "for sgd and rmsprop", at_least=0, below=1, group=OPTIMIZER)
    alpha: float = option(
        0.99, "for rmsprop: decay of its average of squared gradients", at_least=0, below=1, group=OPTIMIZER
    )
    eps: float | None = option(
        None,
        "added to the divisor, for all optimizers except sgd and lion; by default the optimizer's own",
        above=0,
        group=OPTIMIZER,
    )
    weight_decay: float = option(
        0.0, "pull weights towards 0; decoupled from the gradient in adamw and lion", at_least=0, group=OPTIMIZER
    )
    decay_norms: bool = option(True, "apply weight decay to biases and batch norms too", group=OPTIMIZER)
    schedule: str = option(
        "onecycle",
        "of the learning rate: constant; cosine to 0; exponential, times 0.94 every 2 epochs; onecycle, up and down "
        "once; step, divided by 10 every 30 epochs",
        choices=SCHEDULES,
        group=OPTIMIZER,
    )
    warmup: float = option(
        0.2, "for onecycle: share of the steps in which the rate rises", between=(0, 1), group=OPTIMIZER
    )
    sgd_after: int | None = option(
        None, "switch to SGD with momentum after this many epochs", at_least=1, group=OPTIMIZER
    )
    sgd_lr: float = option(0.01, "learning rate of that SGD", above=0, group=OPTIMIZER)
    label_smoothing: float = option(
        0.1,
        "share of the target that is spread over all classes; 0 asks for certainty",
        between=(0, 1),
        group=STEPS,
    )
    mixup: float = option(
        0.0,
        "mix images in pairs, with shares drawn from Beta(this, this); 0 turns it off",
        at_least=0,
        group=STEPS,
    )
    cutmix: float = option(
        0.0,
        "paste a part of another image into each one, with shares drawn from Beta(this, this); 0 turns it off; with "
        "--mixup too, each batch gets one of them",
        at_least=0,
        group=STEPS,
    )
    clip: float | None = option(None, "scale gradients down to this norm if theirs is larger", above=0, group=OPTIMIZER)
    ema: float | None = option(
        None,
        "validate and keep an exponential moving average of the weights, with this decay",
        at_least=0,
        below=1,
        group=STEPS,
    )
    dtype: str = option("float32", "type of weights and images", choices=("float32", "float64"), group=MODEL)
    amp: bool = option(False, "mixed precision for GPUs: products in float16", group=DEVICE)
    device: str = option("cpu", "where to compute: cpu, gpu or gpu:1", group=DEVICE)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_width(self.width)
        if self.aux and self.image_size < SMALLEST_AUX_SIZE:
            raise ValueError(
                f"the aux head needs images of at least {SMALLEST_AUX_SIZE} x {SMALLEST_AUX_SIZE} (a feature map of "
                f"17 x 17 at its input), got --image-size {self.image_size}: leave out --aux, or raise --image-size"
            )
        if self.batch_size == 1 and self.image_size < 107:
            raise ValueError(
                "--batch-size 1 at this image size leaves one value per channel in the last blocks, which batch norm "
                "cannot normalise: use at least 2"
            )
        self._check_shards()
        if self.sgd_after is not None and self.sgd_after >= self.epochs:
            raise ValueError(f"--sgd-after {self.sgd_after} leaves no epoch for SGD, with --epochs {self.epochs}")
        if self.head_only and self.freeze is not None:
            raise ValueError(
                "give either --head-only or --freeze: --head-only already freezes everything before the head"
            )
        if self.amp and self.dtype != "float32":
            raise ValueError("--amp mixes float16 with float32: leave out --dtype")

    def _check_shards(self) -> None:
        if self.shards is None:
            if self.sync_bn:
                raise ValueError("--sync-bn joins the statistics of shards: give --shards too, or leave it out")
            return
        refuse_uneven(self.shards, 1)
        if self.sync_bn and self.accumulate > 1:
            raise ValueError("--sync-bn normalises by one batch, and --accumulate takes several: leave one of them out")
        if self.batch_size % self.shards:
            raise ValueError(f"--batch-size {self.batch_size} cannot be cut into --shards {self.shards} of equal size")
        if self.batch_size == self.shards and self.image_size < 107 and not self.sync_bn:
            raise ValueError(
                f"--batch-size {self.batch_size} in --shards {self.shards} leaves one image per shard, and at this "
                "image size one value per channel in the last blocks, which batch norm cannot normalise: use a larger "
                "batch or fewer shards"
            )

    def as_dict(self) -> dict[str, object]:
        """Return the settings by name, for a checkpoint."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Recipe:
        """Return the recipe with these settings, by name; unknown names are an error."""
        return Recipe(**values)


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

#: Adam first, then SGD with momentum.
ADAM_THEN_SGD = replace(QUICK, epochs=6, schedule="cosine", sgd_after=3, sgd_lr=0.01)

#: A pretrained network with a new head for other images; only the head is trained.
TRANSFER = replace(QUICK, image_size=299, resize=342, augment="crop-flip", head_only=True, epochs=5, schedule="cosine")

RECIPES = {
    "adam-then-sgd": ADAM_THEN_SGD,
    "paper": PAPER,
    "quick": QUICK,
    "rocm-guide": ROCM_GUIDE,
    "torchvision": TORCHVISION,
    "transfer": TRANSFER,
}
#: The data that a recipe is meant for; ``--data`` overrides it.
RECIPE_DATA = {"rocm-guide": "tiny-imagenet", "torchvision": "folder", "paper": "folder", "transfer": "folder"}


def settings_of(name: str | None) -> dict[str, object]:
    """Return the settings of a recipe, with the data that it is meant for; None stands for "quick"."""
    settings = RECIPES[name or "quick"].as_dict()
    if name in RECIPE_DATA:
        settings["data"] = RECIPE_DATA[name]
    return settings


def with_given(name: str | None, given: Mapping[str, object]) -> dict[str, object]:
    """Return the settings of a recipe with those that were given; a root alone means a folder of images."""
    settings = settings_of(name)
    if given.get("root") is not None and settings["data"] in WITHOUT_ROOT:
        settings["data"] = "folder"
    return {**settings, **given}
