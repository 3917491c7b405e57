"""A PostgreSQL of a test's own, to be stopped and started as it likes."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from sovi_events.embedded.home import locate
from sovi_events.embedded.server import Server


class Cluster:
    def __init__(self, folder: Path) -> None:
        self._server = Server(locate(folder))
        self._server.home.create()
        self.start()
        self._server.create_database("sovi")

    @property
    def url(self) -> str:
        return f"postgresql:///?{urlencode(self._server.parameters('sovi'))}"

    def start(self) -> None:
        self._server.start()

    def stop(self) -> None:
        """Close every connection, as in a restart; returns once it has ended."""
        self._server.stop()

    def restart(self) -> None:
        self.stop()
        self.start()

    def become_standby(self) -> None:
        """Go on as a standby that waits for a primary."""
        self.stop()
        signal = self._server.home.data / "standby.signal"
        signal.touch()
        self._server.home.give_to_server(signal)
        self.start()


@contextmanager
def a_cluster() -> Iterator[Cluster]:
    # Not pytest's folder: PostgreSQL, which does not run as root, must get in.
    folder = Path(tempfile.mkdtemp(prefix="sovi-cluster-"))
    folder.chmod(0o755)
    try:
        cluster = Cluster(folder)
        try:
            yield cluster
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder)
