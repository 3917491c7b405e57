from collections.abc import Iterable
from typing import Any

from django.db.backends.postgresql import client

from sovi import database


class DatabaseClient(client.DatabaseClient):
    """`manage.py dbshell`, at the place `sovi.database` names."""

    @classmethod
    def settings_dict_to_cmd_args_env(
        cls, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str] | None]:
        where = database.parameters(settings_dict["NAME"])
        names = {"HOST": "host", "PORT": "port", "USER": "user", "PASSWORD": "password"}
        located = {name: where.get(keyword, "") for name, keyword in names.items()}
        return super().settings_dict_to_cmd_args_env({**settings_dict, **located}, parameters)
