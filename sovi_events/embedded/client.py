"""The embedded PostgreSQL: started by the first process that asks, stopped by the last to exit.

Note [sharing]: every process that uses the server holds a shared flock on `clients.lock`. The
kernel drops it however the process ends, so nothing is counted wrong after a kill. At a clean exit
a process lets go of it and tries the exclusive lock: getting it means that nobody else is left.
Joining, starting and stopping happen under `mutex.lock`. A forked child shares its parent's lock,
which the kernel keeps until both have let go. A process ended by a signal stops nothing; the next
clean exit does.
"""

import atexit
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import DatabaseConfigurationError
from . import home as embedded_home
from .home import Home
from .server import Server

DATABASE = "sovi"


class EmbeddedClient:
    """This process's share in the server of one home."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._server = Server(home)
        self._presence: int | None = None

    def ensure(self) -> dict[str, str]:
        """Start or join the server and return the libpq keywords of the database `sovi`."""
        if self._presence is None or not self._server.answers():
            self._home.create()
            with self._mutex():
                if self._presence is None:
                    self._presence = self._open("clients.lock")
                    fcntl.flock(self._presence, fcntl.LOCK_SH)
                if not self._server.answers():
                    self._server.start()
                self._server.create_database(DATABASE)
        return self._server.parameters(DATABASE)

    def leave(self) -> None:
        """Let go of the server, and stop it when nobody else uses it."""
        if self._presence is None:
            return
        os.close(self._presence)
        self._presence = None
        # A deleted folder's server notices by itself.
        if os.environ.get("EMBEDDED_PG_KEEP") == "1" or not self._home.folder.is_dir():
            return
        with self._mutex():
            if self._is_last() and self._server.answers():
                self._server.stop()

    @contextmanager
    def _mutex(self) -> Iterator[None]:
        with os.fdopen(self._open("mutex.lock")) as mutex:
            fcntl.flock(mutex, fcntl.LOCK_EX)
            yield

    def _is_last(self) -> bool:
        with os.fdopen(self._open("clients.lock")) as clients:
            try:
                fcntl.flock(clients, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    def _open(self, name: str) -> int:
        return os.open(self._home.folder / name, os.O_RDWR | os.O_CREAT, 0o600)


_clients: dict[Path, EmbeddedClient] = {}
_lock = threading.Lock()


def ensure() -> dict[str, str]:
    """Start or join the server and return the libpq keywords of SOVI's database in it.

    Blocks for about a second the first time ever, then for the time of one local connection.
    Raises DatabaseConfigurationError.
    """
    folder = embedded_home.data_dir()
    with _lock:
        try:
            if folder not in _clients:
                _clients[folder] = EmbeddedClient(embedded_home.locate(folder))
            return _clients[folder].ensure()
        except OSError as error:
            raise DatabaseConfigurationError(
                f"The embedded PostgreSQL in {folder} cannot be made or run here ({error}): "
                "set SOVI_DATA_DIR to a folder that the user can write, or set DATABASE_URL."
            ) from error


def leave() -> None:
    """Let go of every embedded server that this process uses."""
    with _lock:
        for client in _clients.values():
            client.leave()


# At import, so that what other modules do at exit (they import us first) still finds the server.
atexit.register(leave)
# A child forked amid a start would inherit the mutex and hold it all its life.
os.register_at_fork(
    before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
)
