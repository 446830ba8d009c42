"""To be moved here from ``minigrad/ops/embedding.py``."""

from minigrad.ops.embedding import embedding

__all__ = [
    "embedding",
]
