"""Texts in folders named after their classes, such as the IMDB reviews (Maas et al. 2011, ``aclImdb``)."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from minigrad.data.dataset import Dataset
from minigrad.engine.tensor_base import wrap
from minigrad.tensor import Tensor

PADDING, UNKNOWN = 0, 1


class TextFolder(Dataset[tuple[str, int]]):
    """``root/train/neg/*.txt``, ``root/train/pos/*.txt``, ``root/test/…``; an item is (text, class number).

    Args:
        root: the folder ``aclImdb``, or another with the same structure.
        split: the folder in it to read.
        ignore: folders that are not classes (IMDB's ``unsup`` has reviews without a class).

    Raises:
        FileNotFoundError: if there is no such folder or no text, with the expected structure.
    """

    def __init__(self, root: str | os.PathLike[str], split: str = "train", ignore: Sequence[str] = ("unsup",)) -> None:
        folder = Path(root) / split
        entries = sorted(p for p in folder.iterdir() if p.is_dir() and p.name not in ignore) if folder.is_dir() else []
        self.classes = tuple(entry.name for entry in entries)
        self.samples = [
            (path, i) for i, entry in enumerate(entries) for path in sorted(entry.glob("*.txt")) if path.is_file()
        ]
        if not self.samples:
            raise FileNotFoundError(
                f"no texts in {folder}: expected a folder of .txt files for each class, as in aclImdb_v1.tar.gz, the "
                "Large Movie Review Dataset of Stanford"
            )

    def __getitem__(self, index: int) -> tuple[str, int]:
        path, label = self.samples[index]
        return path.read_text(encoding="utf-8", errors="replace"), label

    def __len__(self) -> int:
        return len(self.samples)


def words(text: str) -> list[str]:
    """Return the lower-case words of a text, without markup and punctuation.

    >>> words("Great!<br />I'd see it again.")
    ['great', "i'd", 'see', 'it', 'again']
    """
    return re.findall(r"[a-z0-9']+", re.sub(r"<[^<>]*>", " ", text.lower()))


class Vocabulary:
    """A numbering of the most frequent words; 0 is padding, and 1 stands for every other word.

    >>> vocabulary = Vocabulary(["a b b", "b c"], size=4)
    >>> vocabulary.encode("b a d")
    [2, 3, 1]
    """

    def __init__(self, texts: Iterable[str], size: int = 10_000) -> None:
        counts = Counter(word for text in texts for word in words(text))
        kept = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[: size - 2]
        self.index = {word: i for i, (word, _) in enumerate(kept, 2)}

    def __len__(self) -> int:
        return len(self.index) + 2

    def encode(self, text: str) -> list[int]:
        """Return the number of every word."""
        return [self.index.get(word, UNKNOWN) for word in words(text)]

    def batch(self, texts: Sequence[str], length: int) -> Tensor:
        """Return the numbers of several texts, int64 (texts, length), cut to ``length`` words or padded with 0."""
        rows = np.full((len(texts), length), PADDING, np.int64)
        for row, text in zip(rows, texts, strict=True):
            numbers = self.encode(text)[:length]
            row[: len(numbers)] = numbers
        return wrap(rows)
