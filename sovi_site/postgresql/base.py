"""Django's PostgreSQL backend on SOVI's database."""

from typing import Any

import psycopg
from django.db.backends.postgresql import base

from sovi_events import database
from sovi_events.loaders import NearestTimestamptz

from .client import DatabaseClient

TIMESTAMPTZ = psycopg.adapters.types["timestamptz"].oid


class Unreachable(psycopg.OperationalError):
    """The database did not answer; the message tells an operator what to check."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Starts the embedded server, where it is used, when the first connection is asked for.

    Settings are imported by every command, `--help` included, and must start nothing.
    """

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        utf8 = {"client_encoding": "UTF8"}  # whatever DATABASE_URL or PGCLIENTENCODING says
        return params | database.parameters(params["dbname"]) | utf8

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        try:
            connection = super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            raise Unreachable(database.unreachable(error)) from error
        read_every_time(connection)
        return connection


def read_every_time(connection: psycopg.Connection[Any]) -> None:
    """Let a row with a time that Python lacks be shown; Django's loader would refuse the page."""
    django_loader: Any = connection.adapters.get_loader(TIMESTAMPTZ, psycopg.pq.Format.TEXT)

    class Loader(NearestTimestamptz, django_loader):  # type: ignore[misc]
        """Django asks its loader for `timezone`, which this inherits."""

    connection.adapters.register_loader("timestamptz", Loader)
