"""The machine, the versions of libraries and the version of the code that a result belongs to."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import re
from pathlib import Path
from typing import Any

from minigrad.kernels.settings import vector_bits

ROOT = Path(__file__).parent.parent
LIBRARIES = ("numpy", "numba", "llvmlite", "torch")
VECTORS = {512: "AVX-512", 256: "AVX2", 128: "128 bits"}
#: Files that change no measurement.
OUTPUT_ONLY = {"report.py", "targets.py", "figures.py", "gpu.py"}


def cpuinfo(key: str) -> str:
    """Return the first value of a key in Linux's list of processors, or nothing."""
    listed = Path("/proc/cpuinfo")
    text = listed.read_text(encoding="utf-8") if listed.exists() else ""
    found = re.search(rf"^{key}\s*:\s*(.*)$", text, re.MULTILINE)
    return found[1].strip() if found else ""


def processor() -> str:
    """Return the processor's name."""
    return cpuinfo("model name") or platform.processor() or platform.machine()


def bits() -> int:
    """Return the width of the vectors that the kernels use: the processor's, unless MINIGRAD_VECTOR_BITS is less."""
    flags = cpuinfo("flags").split()
    widest = 512 if "avx512f" in flags else 256 if "avx2" in flags else 128
    return min(vector_bits() or widest, widest)


def slug(name: str, width: int) -> str:
    """Return the name of a processor's results file, of letters, digits and hyphens."""
    plain = re.sub(r"\((r|tm)\)|processor|cpu|@.*", " ", name.lower())
    return "-".join([*re.findall(r"[a-z0-9]+", plain), VECTORS[width].lower().replace(" ", "-")])


def versions() -> dict[str, str]:
    """Return the versions of Python and the libraries that are measured."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "none"
    return found


def describe(threads: int) -> dict[str, Any]:
    """Return the machine as the results file has it."""
    return {
        "processor": processor(),
        "vector_bits": bits(),
        "vectors": VECTORS[bits()],
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
    }


def code() -> str:
    """Return a hash of the contents of all files that are measured or measure."""
    digest = hashlib.sha256()
    for folder in ("minigrad", "inception", "benchmarks"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".cu") and not (folder == "benchmarks" and path.name in OUTPUT_ONLY):
                digest.update(path.relative_to(ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
