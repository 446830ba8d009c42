"""Recognise files of other programs by their first bytes, to say what they are and how to read them."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

_BEGINNINGS = {
    b"\x89HDF": "an HDF5 file, as Keras writes them; read it with h5py and save its arrays with minigrad.save",
    b"GGUF": "a GGUF file of a language model",
    b"\x93NUMPY": "a file of numpy.save; read it with minigrad.from_numpy(numpy.load(path))",
    b"\x08": "an ONNX or protobuf file, which holds a whole model; minigrad exports to ONNX, and does not import it",
    b"\x1f\x8b": "compressed with gzip; unpack it first",
    b"<": "a web page or XML, probably an error message in place of a download",
    b"version https://git-lfs": "a pointer of Git LFS; fetch the file itself with git lfs pull",
}
_TORCH = (
    "torch.save, which may hold programs, so minigrad does not open it. With torch installed, convert it once: "
    "safetensors.torch.save_file(torch.load(path, weights_only=True), 'model.safetensors')"
)


def kind_of_file(path: str | os.PathLike[str]) -> str | None:
    """Return what a file is and how to read it, as the end of a sentence; None if it is not recognised."""
    with Path(path).open("rb") as file:
        head = file.read(64)
    if head.startswith(b"PK"):
        try:
            with zipfile.ZipFile(path) as archive:
                names = archive.namelist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError):
            return "a damaged ZIP archive; take another copy"
        if any(name.endswith("data.pkl") for name in names):
            return f"a file of {_TORCH}"
        if names and all(name.endswith(".npy") for name in names):
            return "a file of numpy.savez; read it with numpy.load(path), and make tensors with minigrad.from_numpy"
        return "a ZIP archive; unpack it first"
    if head[:1] == b"\x80" and head[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return f"a pickle, or an old file of {_TORCH}"
    return next((kind for beginning, kind in _BEGINNINGS.items() if head.startswith(beginning)), None)
