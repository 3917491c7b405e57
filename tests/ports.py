"""Ports of 127.0.0.1 for servers that tests start."""

import os
import socket
from itertools import count

FIRST, COUNT, EACH = 10_000, 20_000, 100
_turns = count()


def free_port() -> int:
    """Return a port that nobody listens on, nor another process of tests is about to take.

    The kernel would give its own choice a second time until the server listens. These lie below
    the range that it chooses from, and each process begins at a place of its own.
    """
    while True:
        port = FIRST + (os.getpid() * EACH + next(_turns)) % COUNT
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
