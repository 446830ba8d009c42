"""``torchvision.datasets``: minigrad's, with torchvision's arguments. Nothing is downloaded."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any

from PIL import Image

from minigrad import Generator, Tensor, from_numpy, randint, randn
from minigrad.as_torch.torchvision.transforms import to_pil_image
from minigrad.data import Dataset, datasets


def _with_torchvisions_arguments(dataset: Any) -> Any:
    """Return a subclass of a dataset that takes ``target_transform`` and ``download``."""

    def __init__(  # noqa: N807
        self: Any,
        root: Any = None,
        train: bool = True,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        download: bool = False,
    ) -> None:
        dataset.__init__(self, root, train=train, transform=transform)
        self.root, self.train, self.target_transform = root, train, target_transform
        if issubclass(dataset, datasets.MNIST):  # torchvision's are tensors; those of CIFAR are not
            self.data, self.targets = from_numpy(self.data), from_numpy(self.targets).long()

    def __getitem__(self: Any, index: int) -> tuple[Any, Any]:  # noqa: N807
        pixels, label = self.data[index], int(self.targets[index])
        image: Any = Image.fromarray(pixels.numpy() if isinstance(pixels, Tensor) else pixels)
        image = image if self.transform is None else self.transform(image)
        return image, label if self.target_transform is None else self.target_transform(label)

    names = {"__init__": __init__, "__getitem__": __getitem__, "__doc__": dataset.__doc__, "__module__": __name__}
    older = {"train_data": "data", "test_data": "data", "train_labels": "targets", "test_labels": "targets"}
    return type(dataset.__name__, (dataset,), names | {name: property(attrgetter(now)) for name, now in older.items()})


MNIST = _with_torchvisions_arguments(datasets.MNIST)
FashionMNIST = _with_torchvisions_arguments(datasets.FashionMNIST)
CIFAR10 = _with_torchvisions_arguments(datasets.CIFAR10)
CIFAR100 = _with_torchvisions_arguments(datasets.CIFAR100)
VisionDataset = Dataset
DatasetFolder = datasets.ImageFolder


class FakeData(Dataset[Any]):
    """``size`` random images and labels; those at an index are drawn from the seed ``index + random_offset``."""

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable[..., Any] | None = None,
        target_transform: Callable[..., Any] | None = None,
        random_offset: int = 0,
    ) -> None:
        self.size, self.image_size, self.num_classes, self.offset = size, image_size, num_classes, random_offset
        self.transform, self.target_transform = transform, target_transform

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        if not 0 <= index < self.size:
            raise IndexError(f"{type(self).__name__} index out of range")
        stream = Generator(index + self.offset)
        image: Any = to_pil_image(randn(*self.image_size, generator=stream))
        label = int(randint(0, self.num_classes, (1,), generator=stream))
        image = image if self.transform is None else self.transform(image)
        return image, label if self.target_transform is None else self.target_transform(label)
