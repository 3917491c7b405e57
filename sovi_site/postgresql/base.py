from typing import Any

import psycopg
from django.db.backends.postgresql import base

from sovi import database

from .client import DatabaseClient


class Unreachable(psycopg.OperationalError):
    """The database did not answer; the message tells an operator what to check."""


class DatabaseWrapper(base.DatabaseWrapper):
    """Starts the embedded server, where it is used, when the first connection is asked for.

    Settings are imported by every command, `--help` included, and must start nothing.
    """

    client_class = DatabaseClient

    def get_connection_params(self) -> dict[str, Any]:
        params = super().get_connection_params()
        return params | database.parameters(params["dbname"])

    def get_new_connection(self, conn_params: dict[str, Any]) -> psycopg.Connection[Any]:
        try:
            return super().get_new_connection(conn_params)
        except psycopg.OperationalError as error:
            raise Unreachable(database.unreachable(error)) from error
