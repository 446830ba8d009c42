"""Cut the embedded set out of the full Fashion-MNIST: the first images of each class, in file order.

    python -m minigrad.data.datasets.cut_fashion_mnist FOLDER_OF_IDX_FILES

500 of each class from the training files and 100 from the test files, written as gzip IDX files (always
the same bytes) into the folder ``clothing`` beside this script, where the licence lies too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from minigrad.data.datasets.idx import write_idx
from minigrad.data.datasets.mnist import FashionMNIST
from minigrad.typing import Array

PER_CLASS = {"train": 500, "t10k": 100}


def balanced_cut(targets: Array, per_class: int) -> Array:
    """Return the positions of the first ``per_class`` items of every class, in their original order.

    Raises:
        ValueError: if a class has fewer.
    """
    chosen = []
    for label, name in enumerate(FashionMNIST.classes):
        positions = np.flatnonzero(targets == label)[:per_class]
        if len(positions) < per_class:
            raise ValueError(f"class {name!r} has {len(positions)} images, {per_class} are needed")
        chosen.append(positions)
    return np.sort(np.concatenate(chosen))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="folder with the four IDX files of Fashion-MNIST")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "clothing", help="folder for the cut")
    options = parser.parse_args()
    for prefix, per_class in PER_CLASS.items():
        full = FashionMNIST(options.folder, train=prefix == "train")
        keep = balanced_cut(full.targets, per_class)
        write_idx(options.out / f"{prefix}-images-idx3-ubyte.gz", full.data[keep])
        write_idx(options.out / f"{prefix}-labels-idx1-ubyte.gz", full.targets[keep])
        print(f"{prefix}: {len(keep)} of {len(full)} images written to {options.out}")


if __name__ == "__main__":
    main()
