"""``torch.multiprocessing``: Python's own."""

from multiprocessing import *  # noqa: F403
from multiprocessing import get_context as get_context


def set_sharing_strategy(strategy: str) -> None:
    """Do nothing."""
