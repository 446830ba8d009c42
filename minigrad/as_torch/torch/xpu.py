"""``torch.xpu``: a kind of device that is not used here, as ``torch.mps``."""

from __future__ import annotations

from minigrad.as_torch.torch.mps import device_count as device_count
from minigrad.as_torch.torch.mps import empty_cache as empty_cache
from minigrad.as_torch.torch.mps import is_available as is_available
from minigrad.as_torch.torch.mps import manual_seed as manual_seed
from minigrad.as_torch.torch.mps import synchronize as synchronize
