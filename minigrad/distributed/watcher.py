"""The process that watches the ranks of a job, and names the first one that dies.

When a rank is killed, mpiexec ends the others within milliseconds, and says no more than the number of the process. So
no rank is left to say which of them it was. This process can: it is none of the ranks, every rank holds a connection to
it, and the system closes the connections of a process that ends, however it ends.

It is started as a script, and needs Python's standard library only.
"""

from __future__ import annotations

import json
import os
import selectors
import socket
import sys
from contextlib import suppress
from typing import BinaryIO

GOODBYE, END = b".", b"!"  # a rank has done its work; the whole job ends, and has said why


def watch(server: socket.socket, life_of_rank_0: BinaryIO, ranks: int, token: str) -> str | None:
    """Wait until all ranks have said goodbye, or one of them ends the job; return None then.

    Return a sentence about the first rank that ends without a word. A rank that dies before it has a connection is
    noticed when mpiexec ends the others; of these, rank 0 is known from the start, by the pipe that it has made.
    """
    selector = selectors.DefaultSelector()  # epoll, where there is one, reports what is closed in the order of time
    selector.register(server, selectors.EVENT_READ)
    selector.register(life_of_rank_0, selectors.EVENT_READ)
    names: dict[int, str] = {}  # of the ranks that have come
    present: dict[int, int] = {}  # the file of the connection of each rank that is there
    while present or len(names) < ranks:
        for key, _ in selector.select():
            if key.fileobj is server:
                connection, _ = server.accept()
                introduced = _introduction(connection)
                if introduced is None or introduced[2] != token:
                    connection.close()  # of a stranger
                    continue
                rank, names[introduced[0]], _ = introduced
                present[connection.fileno()] = rank
                selector.register(connection, selectors.EVENT_READ, connection)
            elif key.fileobj is life_of_rank_0:
                selector.unregister(life_of_rank_0)
                if 0 not in names:
                    return _while_joining(names, ranks)
            else:
                word = b""
                with suppress(OSError):
                    word = key.data.recv(1)
                rank = present.pop(key.fd)
                selector.unregister(key.fileobj)
                if word == END:
                    return None
                if word != GOODBYE:
                    return f"{names[rank]} has died" if len(names) == ranks else _while_joining(names, ranks)
    return None


def _while_joining(names: dict[int, str], ranks: int) -> str:
    missing = ", ".join(f"rank {rank}" for rank in range(ranks) if rank not in names)
    return f"a rank has died while {ranks} were joining (not there yet: {missing})"


def _introduction(connection: socket.socket) -> tuple[int, str, str] | None:
    """Return the number of a rank, its name and its token, from the first line that it sends."""
    text = b""
    with suppress(OSError):
        connection.settimeout(2)
        while not text.endswith(b"\n") and (part := connection.recv(1)):
            text += part
        connection.settimeout(None)
    try:
        rank, name, token = json.loads(text)
    except (TypeError, ValueError):
        return None
    return int(rank), str(name), str(token)


def main() -> None:
    """Watch the ranks; the arguments are where to listen, how many ranks there are, and the secret that they know."""
    address, ranks, rank_0 = sys.argv[1], int(sys.argv[2]), sys.stdin.buffer
    token = rank_0.readline().decode().strip()
    server = socket.create_server((address, 0))
    print(server.getsockname()[1], flush=True)
    os.close(1)
    found = watch(server, rank_0, ranks, token)
    if found is not None:
        with suppress(OSError):
            os.write(2, f"error: {found}, so the job ends. Continue with the last checkpoint\n".encode())


if __name__ == "__main__":
    main()
