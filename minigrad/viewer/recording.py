"""Recording one training step, and writing the page that tells it."""

from __future__ import annotations

import os
from html import escape
from types import TracebackType
from typing import Self

from minigrad.engine.watchers import watchers
from minigrad.files import write_atomically
from minigrad.nn.module import Module
from minigrad.nn.uninitialized import is_lazy
from minigrad.optim.step_watchers import step_watchers
from minigrad.viewer.moves_of_parameters import MovesOfParameters
from minigrad.viewer.page import page
from minigrad.viewer.recorder import Recorder
from minigrad.viewer.story import Story


class record:  # noqa: N801  (like minigrad.profiler.profile, a context manager that reads as a verb)
    """Record the training step inside the ``with`` block, and write one HTML file that tells it by its own numbers.

    The file needs nothing else: no network, no other file. It has the four phases, the tree of modules, and for every
    operation its formula, its code, its numbers, and one element worked out; in the backward pass the sums of
    gradients that are waiting; in the optimisation pass every parameter before and after. Go through it with the arrow
    keys. In a notebook, the object shows the page.

    The block has one backward pass and at most one ``optimizer.step()``. Operations after the backward pass are left
    out, and nothing is written if the block ends with an exception.

    Args:
        model: the module that is trained.
        path: the file to write.
        title: of the page; by default the model's class.

    Raises:
        TypeError: if ``model`` is not a module.
        ValueError: if it has no parameters, or none that requires a gradient.
        RuntimeError: if another recording is going on; for a second backward pass or a second step in the block; at the
            end of the block if the model was not called, or there was no backward pass.

    >>> import minigrad, tempfile, os
    >>> from minigrad import nn, viewer
    >>> model = nn.Linear(3, 1)
    >>> file = os.path.join(tempfile.mkdtemp(), "step.html")
    >>> with viewer.record(model, file):
    ...     model(minigrad.ones(2, 3)).sum().backward()
    >>> os.path.getsize(file) > 10_000
    True
    """

    def __init__(
        self, model: Module, path: str | os.PathLike[str] = "training_step.html", title: str | None = None
    ) -> None:
        _refuse_model(model)
        self.path = os.fspath(path)
        self.title = f"A training step of {type(model).__name__}" if title is None else title
        self.html = ""  #: the page, once the block has ended
        self._model = model
        self._recorder: Recorder | None = None

    @property
    def story(self) -> Story:
        """The story that was recorded."""
        if self._recorder is None:
            raise RuntimeError("record() has recorded nothing yet: use it in a with statement")
        return self._recorder.story

    def __enter__(self) -> Self:
        global _recording
        if _recording is not None:
            raise RuntimeError("another record() is going on: end its with block first")
        _recording = self
        self._recorder = recorder = Recorder(self._model)
        self._moves = MovesOfParameters(self._model, recorder.story, recorder.finish)
        watchers.append(recorder.watch)
        step_watchers.append(self._moves.watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        global _recording
        _recording = None
        assert self._recorder is not None
        watchers.remove(self._recorder.watch)
        step_watchers.remove(self._moves.watch)
        self._recorder.calls.remove()
        if error is None:
            self._write(self._recorder)

    def _write(self, recorder: Recorder) -> None:
        story = recorder.story
        if len(story.calls) == 1:
            raise RuntimeError(
                f"record() saw no forward pass of {story.model}: call the model itself, model(x), inside the with block"
            )
        if not story.backward:
            raise RuntimeError("record() saw no backward pass: call loss.backward() inside the with block")
        if not self._moves.taken:
            self._moves.note_before(None, {})
        self.html = page(story, self.title)
        recorder.forget()
        write_atomically(self.path, self.html.encode())

    def _repr_html_(self) -> str:
        """Return the page in a frame, which a notebook shows."""
        if not self.html:
            return f"<div>{escape(repr(self))}</div>"
        style = "width:100%;height:44em;border:1px solid rgba(128,128,128,.35)"
        return f'<iframe title="{escape(self.title)}" srcdoc="{escape(self.html)}" style="{style}"></iframe>'


_recording: record | None = None


def _refuse_model(model: object) -> None:
    """Refuse what cannot be trained.

    Raises:
        TypeError: if it is not a module.
        ValueError: if there is nothing to train in it.
    """
    if not isinstance(model, Module):
        advice = f"; make one with {model.__name__}(…)" if isinstance(model, type) else ""
        raise TypeError(f"record() takes the model that is trained, a Module, and got {type(model).__name__}{advice}")
    parameters = list(model.parameters())
    if not parameters:
        raise ValueError(f"{type(model).__name__} has no parameters, so no step can train it")
    if any(is_lazy(p) for p in parameters):
        raise ValueError(f"{type(model).__name__} has parameters without a shape: call the model once before record()")
    if not any(p.requires_grad for p in parameters):
        raise ValueError(
            f"none of the {len(parameters)} parameters of {type(model).__name__} requires a gradient, so no step can "
            "train it: call model.requires_grad_()"
        )
