"""The viewer: a training step as a page to step through, and the graph of a tensor as text or a drawing."""

from minigrad.viewer.recording import record as record
