"""Options, order and progress report of the test run."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis.internal.conjecture import providers

_began = time.monotonic()

#: The slowest tests, slowest first. Tests are handed out one by one to several processes (`make test`); all processes
#: would wait for a slow test that started last. An entry is a file, a test, or the beginning of a test's name.
SLOWEST = (
    "tests/test_chaos.py",
    "tests/test_kill.py",
    "tests/test_ranks.py",
    "tests/test_engine.py::test_a_long_chain",
    "tests/test_vector_widths.py",
    "tests/test_machine_code.py",
    "tests/test_kernels.py",
    "tests/test_kernels_on_special_values.py",
    "tests/test_packaging.py",
    "tests/test_portability.py",
    "tests/test_training_options.py",
    "parity_tests/test_inception.py",
    "parity_tests/test_programs.py::test_every",
    "tests/test_examples.py",
    "tests/test_gpu_kernels.py",
    "parity_tests/test_toolkit.py",
    "parity_tests/test_long_sums.py",
    "parity_tests/test_torch_database.py::test_every_sample_of_torchs_own_has_torchs_values_and_gradients[nn.functional.max_pool2d]",
    "tests/test_training.py",
    "tests/test_exchange.py",
    "parity_tests/test_published_weights.py",
    "tests/test_workers.py",
    "tests/test_command_line.py",
)


def pytest_addoption(parser: Any) -> None:
    parser.addoption(
        "--device",
        default=None,
        help="run the tests marked `device` on this device ('gpu', 'gpu:1', or 'stand_in', which needs no GPU)",
    )
    parser.addoption(
        "--minutes",
        type=float,
        default=None,
        help="skip tests that have not begun after this many minutes (default with --device: 7)",
    )


def _draw_no_numbers_from_the_sources() -> None:
    """Make the examples of a property test depend on that test alone.

    Hypothesis also tries numbers that it finds in the imported source files. These differ after every edit and between
    processes, so a run could fail and the next one pass.
    """
    if hasattr(providers, "_get_local_constants"):  # internal to hypothesis, so it may disappear
        providers._get_local_constants = lambda: providers._local_constants  # type: ignore[attr-defined]


def pytest_configure(config: Any) -> None:
    _draw_no_numbers_from_the_sources()
    in_several_processes = getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput")
    if in_several_processes and config.option.verbose == 0:
        config.pluginmanager.register(Progress(config))
    chosen = config.getoption("--device")
    if chosen is None:
        return
    import minigrad
    from minigrad.testing import register_stand_in_device

    register_stand_in_device()
    try:
        minigrad.zeros(1, device=chosen)
    except RuntimeError as error:
        raise pytest.UsageError(f"--device {chosen}: {error}") from None


def pytest_collection_modifyitems(config: Any, items: list[Any]) -> None:
    """Sort the slowest tests to the front; with ``--device`` keep only the tests marked ``device``."""
    items.sort(key=_rank)  # stable: tests of equal rank keep their order
    if config.getoption("--device") is None:
        return
    others = [item for item in items if item.get_closest_marker("device") is None]
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item.get_closest_marker("device") is not None]


def _rank(item: Any) -> int:
    """Return the index of a test in ``SLOWEST``; all other tests come after."""
    ranks = (rank for rank, name in enumerate(SLOWEST) if item.nodeid.startswith(name))
    return next(ranks, len(SLOWEST))


class Progress:
    """Progress line every few seconds (`` 40% · 1,200 of 3,000 tests · 2:31``), and every failure at once.

    It replaces pytest's dots, which with several processes show neither the number of tests nor which have failed.
    """

    EVERY = 10.0  # seconds

    def __init__(self, config: Any) -> None:
        self.config = config
        self.total = self.done = self.failed = 0
        self.last_line = time.monotonic()

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: Any) -> None:
        """Note the number of tests, which is the same in every process."""
        self.total = len(ids)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, str]:
        """Count a test as pytest would, but print no letter."""
        if hasattr(report, "wasxfail"):
            return "xfailed" if report.skipped else "xpassed", "", ""
        if report.failed:
            return "failed" if report.when == "call" else "error", "", ""
        if report.skipped:
            return "skipped", "", ""
        return "passed" if report.when == "call" else "", "", ""

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Report a failure at once, and the progress now and then."""
        if report.failed:
            self.failed += 1
            self.say(f"FAILED {report.nodeid}")
        if report.when == "teardown":
            self.done += 1
            if time.monotonic() - self.last_line >= self.EVERY or self.done == self.total:
                self.say()

    def say(self, what: str = "") -> None:
        """Print a line with the progress and ``what``."""
        self.last_line = time.monotonic()
        minutes, seconds = divmod(round(self.last_line - _began), 60)
        progress = f"{self.done / max(self.total, 1):4.0%} · {self.done:,} of {self.total:,} tests"
        line = f"{progress} · {minutes}:{seconds:02}" + (f" · {self.failed} failed" if self.failed else "")
        reporter = self.config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(f"{line} · {what}" if what else line)


@pytest.fixture(autouse=True)
def _within_the_time(request: Any) -> None:
    """Skip tests that begin after ``--minutes``, so that a run on a borrowed machine ends in time."""
    minutes = request.config.getoption("--minutes")
    if minutes is None and request.config.getoption("--device") is not None:
        minutes = 7.0
    if minutes is not None and time.monotonic() - _began > 60 * minutes:
        pytest.skip(f"not begun after {minutes:g} minutes (--minutes)")
