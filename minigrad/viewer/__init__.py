"""The viewer: a training step as a page to step through, and the graph of a tensor as text or a drawing."""

from minigrad.viewer.recording import record as record
from minigrad.viewer.showing import Shown as Shown
from minigrad.viewer.showing import show as show

__all__ = ["Shown", "record", "show"]
