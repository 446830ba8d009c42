"""Files that are run as they are read: only what their owner wrote, whole, and under its own name."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from minigrad.kernels.compiled import kept_files
from minigrad.kernels.compiled.lock import Lock
from minigrad.system import only_these_users_write, user

posix = pytest.mark.skipif(user() is None, reason="this system has no such permissions")


@pytest.fixture(autouse=True)
def _say_again() -> None:
    """Forget which lines were said."""
    kept_files._say_unsafe.cache_clear()
    kept_files.say_damaged.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a file in it."""
    assert kept_files.write("kernel", b"code", [tmp_path / "cache" / "kept"])
    return tmp_path / "cache" / "kept"


def test_a_file_is_read_as_it_was_written(folder: Path) -> None:
    assert kept_files.read("kernel", [folder.parent / "none", folder]) == b"code"
    assert kept_files.read("other", [folder]) is None


@pytest.mark.parametrize("damage", ["cut", "empty", "changed", "exchanged"])
def test_a_damaged_file_and_one_under_anothers_name_are_not_read_and_one_line_says_so(
    folder: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    content = (folder / "kernel").read_bytes()
    kept_files.write("other", b"other code", [folder])
    damaged = {"cut": content[:-1], "empty": b"", "changed": content[:-1] + b"x"}
    (folder / "kernel").write_bytes(damaged.get(damage, (folder / "other").read_bytes()))
    for _ in range(3):
        assert kept_files.read("kernel", [folder]) is None
    assert [record.message for record in caplog.records] == [
        f"minigrad: damaged machine code in {folder} is compiled anew"
    ]
    assert kept_files.read("other", [folder]) == b"other code"


@posix
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o757])
def test_a_folder_that_others_may_write_is_refused_and_one_line_says_so(
    folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int
) -> None:
    folder.chmod(mode)
    assert kept_files.read("kernel", [folder]) is None
    assert kept_files.write("kernel", b"new", [folder, tmp_path / "second" / "kept"])
    assert kept_files.read("kernel", [folder, tmp_path / "second" / "kept"]) == b"new"
    assert os.listdir(folder) == ["kernel"]
    Lock("kernel", [folder]).release()
    assert os.listdir(folder) == ["kernel"]
    (record,) = caplog.records
    assert f"{folder} is not used: other users may have written it" in record.message
    assert record.levelno == logging.WARNING


@posix
def test_a_folder_in_one_where_others_may_exchange_it_is_refused(folder: Path) -> None:
    folder.parent.chmod(0o777)
    assert kept_files.read("kernel", [folder]) is None
    folder.parent.chmod(0o1777)  # as /tmp, where each user can remove his own files only
    assert kept_files.read("kernel", [folder]) == b"code"
    folder.parent.chmod(0o775)  # many systems give each user a group of his own
    assert kept_files.read("kernel", [folder]) == b"code"


@posix
def test_a_file_that_others_may_write_and_a_folder_that_is_a_link_are_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    assert kept_files.read("kernel", [tmp_path / "link"]) is None
    (folder / "kernel").chmod(0o666)
    assert kept_files.read("kernel", [folder]) is None


@posix
def test_what_another_user_owns_is_refused(folder: Path) -> None:
    status = list(folder.stat())
    status[4] = 12345
    assert not only_these_users_write(os.stat_result(status), {0, user()})
    assert only_these_users_write(os.stat_result(status), {12345})


@posix
def test_every_user_may_read_what_is_kept_whatever_the_mask_allows_to_write(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept_files.write("kernel", b"code", [tmp_path / "kept"])
    finally:
        os.umask(before)
    assert (tmp_path / "kept").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "kept" / "kernel").stat().st_mode & 0o777 == 0o644
