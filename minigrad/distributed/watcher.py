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

GOODBYE, END = b".", b"!"  # a rank has done its work; the whole job ends, and has said why


def watch(server: socket.socket, ranks: int, token: str) -> str | None:
    """Return the name of the first rank that ends without a word; None if all say goodbye, or one ends the job."""
    selector = selectors.DefaultSelector()  # epoll, where there is one, reports what is closed in the order of time
    names: dict[int, str] = {}
    selector.register(server, selectors.EVENT_READ)
    while len(names) < ranks:  # connections come first; a rank that dies meanwhile is found below
        connection, _ = server.accept()
        introduction = _line(connection)
        if introduction.get("token") != token:
            connection.close()  # of a stranger
            continue
        names[connection.fileno()] = introduction["name"]
        selector.register(connection, selectors.EVENT_READ, connection)
    selector.unregister(server)
    while names:
        for key, _ in selector.select():
            word = b""
            with suppress(OSError):
                word = key.data.recv(1)
            if word == END:
                return None
            if word != GOODBYE:
                return names[key.fd]
            selector.unregister(key.fileobj)
            del names[key.fd]
    return None


def _line(connection: socket.socket) -> dict[str, str]:
    text = b""
    with suppress(OSError):
        connection.settimeout(10)
        while not text.endswith(b"\n") and (part := connection.recv(1)):
            text += part
        connection.settimeout(None)
    with suppress(ValueError):
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    return {}


def main() -> None:
    """Watch the ranks; the arguments are where to listen, how many ranks there are, and the secret that they know."""
    address, ranks, token = sys.argv[1], int(sys.argv[2]), sys.stdin.readline().strip()
    server = socket.create_server((address, 0))
    print(server.getsockname()[1], flush=True)
    os.close(1)
    dead = watch(server, ranks, token)
    if dead is not None:
        with suppress(OSError):
            os.write(2, f"error: {dead} has died, so the job ends. Continue with the last checkpoint\n".encode())


if __name__ == "__main__":
    main()
