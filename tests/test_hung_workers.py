"""A worker process that does not answer: one line says so, and which one it is."""

from __future__ import annotations

import os
import signal
import time

import pytest

from minigrad.data import DataLoader, Dataset, WorkerError, get_worker_info, workers


class Slow(Dataset[int]):
    """Items that take a second, and one that stops its process until somebody lets it go on."""

    def __init__(self, stops: int = -1) -> None:
        self.stops = stops

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> int:
        if index == self.stops:
            os.kill(os.getpid(), signal.SIGSTOP)
        elif index == 1 and self.stops < 0:
            time.sleep(1.0)
        assert get_worker_info() is not None
        return index


def _noticed_after(seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "_NOTICED", seconds)
    monkeypatch.setattr(workers, "_LOOK_EVERY", 0.1)


def test_a_worker_that_takes_long_is_named_in_one_line_and_waited_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _noticed_after(0.3, monkeypatch)
    assert [batch.tolist() for batch in DataLoader(Slow(), num_workers=1)] == [[0], [1], [2]]
    (record,) = caplog.records
    assert record.message.startswith("DataLoader worker 0 (pid ")
    assert "has given no batch for 0 s; still waiting" in record.message


def test_a_timeout_still_ends_the_wait(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    _noticed_after(0.2, monkeypatch)
    with pytest.raises(WorkerError, match=r"timed out after 0\.4 seconds"):
        list(DataLoader(Slow(), num_workers=1, timeout=0.4))
    assert len(caplog.records) == 1


@pytest.mark.skipif(not os.path.exists("/proc/self/stat"), reason="this system does not report stopped processes")
def test_a_stopped_worker_is_named_in_one_line_and_continued(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _noticed_after(60.0, monkeypatch)
    assert [batch.tolist() for batch in DataLoader(Slow(stops=2), num_workers=1)] == [[0], [1], [2]]
    (record,) = caplog.records
    assert record.message.endswith("was stopped: it is continued")
