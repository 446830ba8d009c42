"""Watching the ranks: if one is killed, a message names it (watcher.py)."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from minigrad import system
from minigrad.distributed import watcher

if TYPE_CHECKING:
    from minigrad.distributed.group import Group


class Watch:
    """The connection of this rank to the process that watches all of them.

    If the rank ends before it has said :meth:`goodbye`, that process prints which one has died.
    """

    def __init__(self, group: Group) -> None:
        hosts = group.gather(socket.gethostname())
        alone = len(set(hosts)) == 1
        address, port, token = "127.0.0.1" if alone else hosts[0], 0, ""
        if group.rank == 0:
            token = secrets.token_hex(16)
            process = _start(address if alone else "", group.size, token)
            self._life = process.stdin  # which is closed when this rank ends, however it ends
            assert self._life is not None
            assert process.stdout is not None
            system.after_fork_in_child(self._life.close)
            port = int(process.stdout.readline())
            process.stdout.close()
        port, token = group.broadcast((port, token))
        self._connection = socket.create_connection((address, port), timeout=30)
        self._connection.settimeout(None)
        name = f"rank {group.rank} of {group.size} (process {os.getpid()} on {hosts[group.rank]})"
        self._connection.sendall(json.dumps([group.rank, name, token]).encode() + b"\n")
        system.after_fork_in_child(self._connection.close)  # a worker that outlives the rank must not keep it open
        group.barrier()

    def goodbye(self) -> None:
        """Say that this rank ends, because its work is done."""
        self._say(watcher.GOODBYE)

    def end(self) -> None:
        """Say that the job ends, and that the reader knows why."""
        self._say(watcher.END)

    def _say(self, word: bytes) -> None:
        with suppress(OSError):
            self._connection.sendall(word)
            self._connection.close()


def _start(address: str, ranks: int, token: str) -> subprocess.Popen[bytes]:
    """Start the watching process, which prints the port at which it listens."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(watcher.__file__)), address, str(ranks)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the ranks
    )
    assert process.stdin is not None
    process.stdin.write(token.encode() + b"\n")
    process.stdin.flush()
    return process
