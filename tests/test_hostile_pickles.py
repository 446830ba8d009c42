"""CIFAR's pickles made to do harm: whatever they try, they are refused by name, and nothing is run or read for them."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import pickletools
import struct
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigrad.data.datasets import (
    CIFAR10,
    CIFAR100,
    CorruptFileError,
)


def short(text: bytes) -> bytes:
    """Return a string as Python 2 pickles it."""
    return b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text


def integer(value: int) -> bytes:
    return b"K" + bytes([value]) if 0 <= value < 256 else b"J" + struct.pack("<i", value)


def array(
    raw: bytes,
    shape: bytes,
    dtype: bytes = b"u1",
    byte_order: bytes = b"|",
    fortran: bytes = b"\x89",
    size: int = -1,
    module: bytes = b"numpy.core.multiarray",
) -> bytes:
    """Return a NumPy array as Python 2 pickles it."""
    made = b"cnumpy\ndtype\n" + short(dtype) + b"K\x00K\x01\x87R("
    made += b"K\x03" + short(byte_order) + b"NNN" + integer(size) * 2 + b"K\x00tb"
    empty = b"c" + module + b"\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
    return empty + b"(K\x01" + shape + made + fortran + short(raw) + b"tb"


def shape_of(*sizes: int) -> bytes:
    return b"(" + b"".join(integer(size) for size in sizes) + b"t"


def labels_of(*labels: int) -> bytes:
    return b"](" + b"".join(integer(label) for label in labels) + b"e"


def batch(data: bytes, labels: bytes, labels_key: bytes = b"labels") -> bytes:
    """Return a batch of CIFAR as Python 2 wrote it, of these parts."""
    head = b"\x80\x02}q\x01(" + short(b"batch_label") + short(b"testing batch 1 of 1")
    return head + short(labels_key) + labels + short(b"data") + data + short(b"filenames") + b"](U\x05a.pnge" + b"u."


PIXELS = np.random.default_rng(0).integers(0, 256, (2, 3072), np.uint8)
IMAGES = array(PIXELS.tobytes(), shape_of(2, 3072))


def read(tmp_path: Path, content: bytes, kind: type[CIFAR10] = CIFAR10) -> CIFAR10:
    (tmp_path / kind.test_files[0]).write_bytes(content)
    return kind(tmp_path, train=False)


@pytest.mark.parametrize("kind", [CIFAR10, CIFAR100])
def test_a_batch_is_read_as_python_2_wrote_it(tmp_path: Path, kind: type[CIFAR10]) -> None:
    content = batch(IMAGES, labels_of(3, 9), kind.labels_key)
    assert np.array_equal(pickle.loads(content, encoding="bytes")[b"data"], PIXELS)  # it is a true pickle
    found = read(tmp_path, content, kind)
    assert found.targets.tolist() == [3, 9]
    assert np.array_equal(found.data, PIXELS.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))


@pytest.mark.parametrize("protocol", range(5))
@pytest.mark.parametrize("text", [False, True])
def test_a_batch_is_read_as_python_3_writes_it_again(tmp_path: Path, protocol: int, text: bool) -> None:
    content: dict[Any, Any] = {b"data": PIXELS, b"labels": [3, 9], b"filenames": [b"a.png", b"b.png"], b"z": None}
    if text:
        content = {key.decode(): value for key, value in content.items()}
    found = read(tmp_path, pickle.dumps(content, protocol))
    assert found.targets.tolist() == [3, 9]
    assert np.array_equal(found.data, PIXELS.reshape(2, 3, 32, 32).transpose(0, 2, 3, 1))


class Calls:
    """Pickled as a call."""

    def __init__(self, *how: Any) -> None:
        self.how = how

    def __reduce__(self) -> Any:
        return self.how


def _object_array(values: bytes) -> bytes:
    return b"cnumpy\nndarray\n(K\x01\x85U\x01O" + short(values) + b"tR"


_DATA_ATTACKS: dict[str, bytes] = {
    "an array of pointers": _object_array(b"A" * 8),
    "an array of pointers as state": array(b"A" * 8, shape_of(1), b"O8"),
    "an array that is not filled": b"cnumpy\nndarray\n(" + shape_of(2, 3072) + b"U\x02u1tR",
    "strides of 0": b"cnumpy\nndarray\n(" + shape_of(2, 3072) + b"U\x02u1U\x01aK\x00" + shape_of(0, 0) + b"tR",
    "a dtype whose size lies": array(b"ab", shape_of(2, 3072), b"V8", size=100_000_000),
    "bytes whose dtype has a size": array(PIXELS.tobytes(), shape_of(2, 3072), b"u2"),
    "signed bytes": array(PIXELS.tobytes(), shape_of(2, 3072), b"i1"),
    "a byte order": array(PIXELS.tobytes(), shape_of(2, 3072), byte_order=b"<"),
    "too few bytes": array(PIXELS.tobytes()[:-1], shape_of(2, 3072)),
    "too many bytes": array(PIXELS.tobytes() + b"a", shape_of(2, 3072)),
    "a negative shape": array(PIXELS.tobytes(), shape_of(-2, -3072)),
    "a size that is a list": array(PIXELS.tobytes(), b"(](NNNeM\x00\x0ct"),
    "a size that is text": array(PIXELS.tobytes(), b"(U\x012M\x00\x0ct"),
    "one dimension": array(PIXELS.tobytes(), shape_of(6144)),
    "Fortran's order": array(PIXELS.tobytes(), shape_of(2, 3072), fortran=b"\x88"),
    "an array of another class": IMAGES.replace(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n"),
    "no state": b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
    "a string": short(PIXELS.tobytes()),
    "a name": b"cnumpy\nndarray\n",
    "nothing": b"N",
    "text with other characters": array(b"", shape_of(1, 3072)).replace(
        b"\x89U\x00", b"\x89X" + struct.pack("<I", 6144) + "\u0430".encode() * 3072
    ),
}


@pytest.mark.parametrize("attack", _DATA_ATTACKS)
def test_images_that_are_no_plain_array_of_bytes_are_refused_by_name(tmp_path: Path, attack: str) -> None:
    content = batch(_DATA_ATTACKS[attack], labels_of(3, 9))
    pickletools.dis(content, out=io.StringIO())  # it is a well-formed pickle
    with pytest.raises(CorruptFileError, match=r"test_batch: expected the images as whole bytes|other characters"):
        read(tmp_path, content)


_LABEL_ATTACKS: dict[str, bytes] = {
    "text": b"](U\x011U\x012e",
    "floats": b"](G?\xfb33333\x33K\x01e",
    "truth values": b"](\x88\x89e",
    "nothing": b"](NNe",
    "lists": b"](]]e",
    "numbers too large for memory": b"](\x8a\x09" + b"\x7f" * 9 + b"K\x01e",
    "huge numbers": b"](\x8b" + struct.pack("<i", 5000) + b"\x7f" * 5000 + b"K\x01e",
    "a tuple": b"K\x03K\x04\x86",
    "a string": b"U\x02ab",
    "an array": array(bytes([3, 4]), shape_of(2)),
    "an array of pointers": _object_array(b"A" * 16),
    "too few": labels_of(3),
    "too many": labels_of(3, 4, 5),
    "too large": labels_of(3, 10),
    "negative": labels_of(3, -1),
}


@pytest.mark.parametrize("attack", _LABEL_ATTACKS)
def test_labels_that_are_no_list_of_whole_numbers_in_range_are_refused_by_name(tmp_path: Path, attack: str) -> None:
    with pytest.raises(CorruptFileError, match=r"test_batch: .*label"):
        read(tmp_path, batch(IMAGES, _LABEL_ATTACKS[attack]))


def _run_shell(command: str) -> dict[str, bytes]:
    quoted = command.encode()
    return {
        "reduce": b"cposix\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "global by the stack": b"\x80\x04\x8c\x02os\x8c\x06system\x93U" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "inst": b"(S'" + quoted + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"o.",
        "newobj": b"\x80\x02cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85\x81.",
        "newobj_ex": b"\x80\x04cos\nsystem\nU" + bytes([len(quoted)]) + quoted + b"\x85}\x92.",
        "a dotted name": b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93U" + bytes([len(quoted)]) + quoted + b"\x85R.",
        "builtins": b"cbuiltins\nexec\nU\x04pass\x85R.",
        "getattr": b"cbuiltins\ngetattr\ncos\nU\x06system\x86R.",
        "an object by persistent id": b"Psomething\n.",
        "an object by persistent id on the stack": b"U\x01aQ.",
        "an extension": b"\x80\x02\x82\xf0.",
        "a state for a list": b"]}U\x06appendcos\nsystem\nsb.",
        "a call of a list": b"]U\x01a\x85R.",
        "numpy's own loader": b"cnumpy\nload\nU\x01a\x85R.",
    }


@pytest.mark.parametrize("attack", _run_shell(""))
def test_whatever_a_pickle_wants_called_is_not_called(tmp_path: Path, attack: str) -> None:
    command = f"touch {tmp_path / 'ran'}" if os.name == "posix" else "exit"
    copyreg.add_extension("os", "system", 0xF0)
    try:
        with pytest.raises(CorruptFileError, match=r"test_batch: (refused|damaged)"):
            read(tmp_path, _run_shell(command)[attack])
    finally:
        copyreg.remove_extension("os", "system", 0xF0)
    assert os.listdir(tmp_path) == ["test_batch"]


def _doubling(count: int) -> bytes:
    """Return a tuple of twice the same tuple of twice the same …: to compare or hash it takes 2^count steps."""
    return b"\x80\x02)" + b"".join(b"q" + bytes([i]) + b"h" + bytes([i]) + b"\x86" for i in range(count))


_BOMBS: dict[str, bytes] = {
    "a memo of many places": b"\x80\x02Nr" + struct.pack("<I", 120_000_000) + b".",
    "a memo of more places than memory": b"\x80\x02Nr" + b"\xff" * 4 + b".",
    "a frame longer than the file": b"\x80\x04\x95" + struct.pack("<Q", 2**40) + b"N.",
    "bytes longer than the file": b"\x80\x04\x8e" + struct.pack("<Q", 2**40) + b"a.",
    "bytes to change longer than the file": b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"a.",
    "text longer than the file": b"\x80\x04\x8d" + struct.pack("<Q", 2**62) + b"a.",
    "a number longer than the file": b"\x80\x02\x8b" + struct.pack("<i", 2**31 - 1) + b"a.",
    "a negative length": b"\x80\x02\x8b" + struct.pack("<i", -1) + b".",
    "a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "a key that takes for ever to hash": b"}" + _doubling(60) + b"Ns.",
    "a size that takes for ever to compare": batch(
        array(b"", b"(" + _doubling(60)[2:] + _doubling(60)[2:] + b"t"), labels_of()
    ),
    "half a million lists": b"\x80\x02(" + b"]" * 500_000 + b"t.",
    "half a million marks": b"(" * 500_000 + b".",
    "lists in lists": b"]" * 300_000 + b"a" * 299_999 + b".",
    "a list multiplied by a number": batch(
        array(PIXELS.tobytes(), b"(](" + b"N" * 5000 + b"eM\x00\x0ct"), labels_of(1, 2)
    ),
}


@pytest.mark.parametrize("bomb", _BOMBS)
def test_a_small_pickle_takes_little_memory_and_time(tmp_path: Path, bomb: str) -> None:
    began = time.process_time()
    tracemalloc.start()
    try:
        with pytest.raises(CorruptFileError, match="test_batch"):
            read(tmp_path, _BOMBS[bomb])
        assert tracemalloc.get_traced_memory()[1] < 50e6
    finally:
        tracemalloc.stop()
    assert time.process_time() - began < 5


def test_a_pickle_cut_or_changed_anywhere_is_read_or_refused_by_name(tmp_path: Path) -> None:
    whole = batch(IMAGES, labels_of(3, 9))
    places = [i for i in range(len(whole)) if not 250 < i < len(whole) - 100]  # not within the pixels
    rng = np.random.default_rng(0)
    changed: list[bytes] = [whole[:i] for i in places]
    changed += [whole[:i] + bytes([byte]) + whole[i + 1 :] for i in places for byte in rng.integers(0, 256, 8)]
    read_well = 0
    for content in changed:
        try:
            found = read(tmp_path, content)
        except CorruptFileError as error:
            if "test_batch" not in str(error):
                raise
        else:
            assert found.data.shape == (2, 32, 32, 3)
            assert set(found.targets.tolist()) <= set(range(10))
            read_well += 1
    assert 0 < read_well < len(changed) - 1000
