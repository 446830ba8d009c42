"""Whether operations are recorded: ``no_grad`` and its relatives.

The modes are context variables, so each thread (and each asyncio task) has its own.
Source: torch documentation, "Locally disabling gradient computation".
"""

from __future__ import annotations

from contextlib import ContextDecorator
from contextvars import ContextVar

grad_enabled: ContextVar[bool] = ContextVar("grad_enabled", default=True)
anomaly_enabled: ContextVar[bool] = ContextVar("anomaly_enabled", default=False)


class _Switch(ContextDecorator):
    """Sets a context variable on entry (of a ``with`` block or a decorated call), restores it on exit."""

    variable: ContextVar[bool]

    def __init__(self, mode: bool) -> None:
        self._mode = mode
        self._previous: list[bool] = []  # a list, because one decorated function may call itself

    def __enter__(self) -> _Switch:
        self._previous.append(self.variable.get())
        self.variable.set(self._mode)
        return self

    def __exit__(self, *exception: object) -> None:
        self.variable.set(self._previous.pop())


class no_grad(_Switch):  # noqa: N801
    """Operations inside are not recorded: their results do not require gradients."""

    variable = grad_enabled

    def __init__(self) -> None:
        super().__init__(False)


class enable_grad(_Switch):  # noqa: N801
    """Operations inside are recorded, also within ``no_grad``."""

    variable = grad_enabled

    def __init__(self) -> None:
        super().__init__(True)


class inference_mode(_Switch):  # noqa: N801
    """``no_grad`` under torch's other name (here its tensors may be used in autograd later)."""

    variable = grad_enabled

    def __init__(self, mode: bool = True) -> None:
        super().__init__(not mode)


class set_grad_enabled(_Switch):  # noqa: N801
    """Switches recording on or off, at once; as a ``with`` block it restores the mode at the end."""

    variable = grad_enabled

    def __init__(self, mode: bool) -> None:
        super().__init__(mode)
        self._at_start = self.variable.get()
        self.variable.set(mode)

    def __enter__(self) -> _Switch:
        self._previous.append(self._at_start)
        self.variable.set(self._mode)
        return self


class detect_anomaly(_Switch):  # noqa: N801
    """Inside, a backward that makes a NaN raises and shows the forward line of the operation."""

    variable = anomaly_enabled

    def __init__(self) -> None:
        super().__init__(True)


def is_grad_enabled() -> bool:
    """Whether operations are being recorded."""
    return grad_enabled.get()
