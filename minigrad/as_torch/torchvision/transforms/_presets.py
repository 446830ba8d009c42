"""``torchvision.transforms._presets``: the preparation of images that torchvision's weights expect."""

from __future__ import annotations

from typing import Any

from minigrad.as_torch.torchvision.transforms import InterpolationMode as InterpolationMode
from minigrad.data import transforms


class ImageClassification:
    """Resize, cut out the middle, and normalise."""

    def __init__(
        self,
        *,
        crop_size: int,
        resize_size: int = 256,
        mean: tuple[float, ...] = (0.485, 0.456, 0.406),
        std: tuple[float, ...] = (0.229, 0.224, 0.225),
        **_: object,
    ) -> None:
        self.steps = transforms.Compose(
            [
                transforms.Resize(resize_size),
                transforms.CenterCrop(crop_size),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __call__(self, img: Any) -> Any:
        return self.steps(img)


ObjectDetection = SemanticSegmentation = VideoClassification = OpticalFlow = ImageClassification
