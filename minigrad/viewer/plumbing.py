"""Plumbing: operations that compute nothing, and would hide those that do."""

from minigrad.ops.casting import Cast
from minigrad.ops.identity import Clone, Passage, ToDevice
from minigrad.ops.shape import Expand, Reshape

#: Operations that give the same elements another shape, type or place.
PLUMBING = (Reshape, Expand, Cast, Clone, ToDevice, Passage)
