"""What `manage.py check` says about this installation."""

from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Info, Tags, Warning, register
from django.db import OperationalError, connections

from events import prerequisites
from events.indexes import MESSAGE_INDEX


@register(Tags.database)
def check_database(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse what the event table can't live on; tell of what makes it lose sight of events."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor == "postgresql":
            found += _check_following(alias)
            found += _check_message_index(alias)
        else:
            found.append(
                Error(
                    f"The database {alias!r} is {connection.display_name}, not PostgreSQL.",
                    hint="Set DATABASE_URL to a postgresql:// address.",
                    id="events.E001",
                )
            )
    return found


def _check_following(alias: str) -> list[CheckMessage]:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(prerequisites.FIND)
            found = prerequisites.read(cursor.fetchall())
    except OperationalError:
        return []  # whoever needs the database will say that it can't be reached
    return [Warning(it.message, hint=it.advice, id=it.id) for it in found]


def _check_message_index(alias: str) -> list[CheckMessage]:
    try:
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT to_regclass('system_events') IS NULL OR to_regclass(%s) IS NOT NULL",
                [MESSAGE_INDEX],
            )
            [(is_fine,)] = cursor.fetchall()
    except OperationalError:
        return []
    if is_fine:
        return []
    return [
        Info(
            "Searching messages reads them one by one: there is no trigram index.",
            hint="Let a superuser run CREATE EXTENSION pg_trgm in this database, then run "
            "`manage.py index_messages`.",
            id="events.I001",
        )
    ]
