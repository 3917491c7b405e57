"""Django's PostgreSQL backend on SOVI's database."""

import threading
from typing import Any

import psycopg
from django.db.backends.postgresql import base
from psycopg_pool import PoolClosed, PoolTimeout

from events.web.connection_pool import PATIENCE
from sovi_events import database
from sovi_events.connection import ISO_DATES, has_iso_dates, is_stale
from sovi_events.loaders import NearestTimestamptz
from sovi_events.settings import Settings

from .client import DatabaseClient

APPLICATION_NAME = "sovi requests"
"""What `pg_stat_activity` shows of the pool's connections."""

TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid


class Unreachable(psycopg.OperationalError):
    """The database did not answer; the message tells an operator what to check."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Starts the embedded server, where it is used, when the first connection is asked for.

    Settings are imported by every command, `--help` included, and must start nothing.
    """

    client_class = DatabaseClient

    borrows = False
    """Whether connections are the pool's: in the threads that answer requests. Commands and bulk
    jobs open their own and keep them for long, session locks included."""

    _pool_lock = threading.RLock()

    @property
    def pool(self) -> Any:
        if not self.borrows:
            return None
        with self._pool_lock:
            return super().pool

    def get_connection_params(self) -> dict[str, Any]:
        # Asked for at each request, and of use when the pool is made.
        is_made = self.borrows and self.alias in self._connection_pools
        return {} if is_made else self._connection_params()

    def _connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        if self.borrows:
            params["application_name"] = APPLICATION_NAME
            # For `keep_plan`; of Django's own cursors none prepares statements.
            params["prepare_threshold"] = 0 if Settings.read().prepared_statements else None
        utf8 = {"client_encoding": "UTF8"}  # whatever DATABASE_URL or PGCLIENTENCODING says
        return PATIENCE | params | database.parameters(params["dbname"]) | utf8

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        pool = self.pool
        try:
            try:
                connection = super().get_new_connection(conn_params)
                while pool and is_stale(connection.fileno()):
                    connection.close()
                    connection._pool.putconn(connection)  # type: ignore[union-attr]  # replaces it
                    connection = super().get_new_connection(conn_params)
                return connection
            except PoolClosed:
                self._forget(pool)
                # Why no connection could be made, only another attempt tells.
                psycopg.connect(**self._connection_params()).close()
                return super().get_new_connection(conn_params)
        except PoolTimeout as error:
            raise Unreachable(
                f"No connection within {pool.timeout:g} s: all {pool.max_size} were in use "
                "(SOVI_DATABASE_CONNECTIONS), or PostgreSQL does not answer."
            ) from error
        except psycopg.OperationalError as error:
            raise Unreachable(database.unreachable(error)) from error

    def _forget(self, pool: Any) -> None:
        """Let the next request make another one in place of a closed pool."""
        with self._pool_lock:
            if self._connection_pools.get(self.alias) is pool:
                del self._connection_pools[self.alias]

    def close_pool(self) -> None:
        # Django's asks `pool`, which makes one where there is none.
        if pool := self._connection_pools.get(self.alias):
            self._forget(pool)
            pool.close()

    def _configure_connection(self, connection: psycopg.Connection[Any]) -> bool:
        # Where Django does what is done once to each connection, whether or not it is a pool's.
        read_every_time(connection)
        is_changed = not has_iso_dates(connection)
        if is_changed:
            connection.execute(ISO_DATES)
        return bool(super()._configure_connection(connection)) or is_changed


def read_every_time(connection: psycopg.Connection[Any]) -> None:
    """Let a row with a time that Python lacks be shown; Django's loader would refuse the page."""
    django_loader: Any = connection.adapters.get_loader(TIMESTAMPTZ, psycopg.pq.Format.TEXT)

    class Loader(NearestTimestamptz, django_loader):  # type: ignore[misc]
        """Django asks its loader for `timezone`, which this inherits."""

    connection.adapters.register_loader("timestamptz", Loader)
