"""`manage.py dbshell` on SOVI's database."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client
from psycopg.conninfo import make_conninfo

from sovi_events import database


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, at the place `sovi_events.database` names."""

    @classmethod
    def settings_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        where = database.parameters(settings_dict["NAME"])
        # By the environment, as Django does it: arguments are seen by every user of the machine.
        password = where.pop("password", None)
        arguments = [cls.executable_name, *parameters, make_conninfo(**where)]
        return arguments, {"PGPASSWORD": password} if password else None
