"""Choose how wide the vectors of the compiled kernels are (needs Numba).

They are as wide as the processor's registers: 512 bits with AVX-512, 256 with AVX2, 128 otherwise (SSE, NEON). The
environment variable ``MINIGRAD_VECTOR_BITS`` may narrow them, so that one machine can test what others compute.
"""

from __future__ import annotations

import platform

from llvmlite import binding
from numba import config

from minigrad.kernels.settings import vector_bits

X86 = platform.machine().lower() in ("x86_64", "amd64", "i386", "i686")


def _widest() -> int:
    """Return the bits of the processor's vector registers, or of those that NUMBA_CPU_FEATURES leaves."""
    if not X86:
        return 128
    allowed: str | None = config.CPU_FEATURES  # type: ignore[attr-defined]  # Numba makes its settings as it is imported
    if allowed is None:
        has = {name for name, present in binding.get_host_cpu_features().items() if present}
    else:
        has = {feature[1:] for feature in allowed.split(",") if feature.startswith("+")}
    return 512 if "avx512f" in has else 256 if "avx2" in has else 128


def _chosen() -> int:
    widest = _widest()
    bits = vector_bits() or widest
    if bits > widest:
        raise ValueError(
            f"MINIGRAD_VECTOR_BITS={bits} is more than this processor's vectors have: {widest}. "
            f"Set it to {widest} or less, or unset it"
        )
    return bits


BITS = _chosen()

#: Vector registers: x86 has 16 unless it has AVX-512; with that, and on Arm, there are 32.
REGISTERS = 16 if X86 and BITS < 512 else 32
