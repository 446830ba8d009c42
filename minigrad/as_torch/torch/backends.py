"""``torch.backends``: flags of libraries that are not used here. They can be set and read, and change nothing."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any


class Flags:
    """The flags of one library, all of them off until they are set."""

    def __init__(self, **inside: object) -> None:
        self.__dict__.update(inside)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return False

    def is_available(self) -> bool:
        return False

    is_built = is_available

    def version(self) -> None:
        return None

    def get_cpu_capability(self) -> str:
        return "DEFAULT"

    def flags(self, *_: object, **__: object) -> AbstractContextManager[None]:
        return nullcontext()

    sdp_kernel = flags

    def _do_nothing(self, *_: object) -> None: ...

    enable_flash_sdp = enable_mem_efficient_sdp = enable_math_sdp = enable_cudnn_sdp = _do_nothing
    preferred_linalg_library = preferred_blas_library = _do_nothing

    def flash_sdp_enabled(self) -> bool:
        return False

    mem_efficient_sdp_enabled = cudnn_sdp_enabled = flash_sdp_enabled

    def math_sdp_enabled(self) -> bool:
        return True


cudnn = Flags(enabled=True, allow_tf32=False, conv=Flags(), rnn=Flags())
cuda = Flags(matmul=Flags(), cufft_plan_cache=Flags())
cpu, mps, mkl, mkldnn, openmp, quantized, xeon, opt_einsum, xnnpack = (Flags() for _ in range(9))
