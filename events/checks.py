"""What `manage.py check` says about this installation."""

from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Debug, Error, Info, Tags, Warning, register
from django.db import OperationalError, connections

from events import prerequisites
from events.adoption import grants, sequences, tables
from events.indexes import CONTEXT_INDEX, MESSAGE_INDEX
from events.reading.raw_sql import read_rows


@register(Tags.database)
def check_database(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Refuse a database that isn't PostgreSQL, or whose tables or grants are not what we need.

    `migrate` runs this before it changes anything. Warn of what hides events from followers.
    """
    found: list[CheckMessage] = []
    for alias in databases or []:
        connection = connections[alias]
        if connection.vendor == "postgresql":
            with suppress(OperationalError):  # who needs the database will find it away
                found += _check_following(alias) + _check_message_index(alias)
                found += _check_tables(alias) or _check_grants(alias) or _check_sequences(alias)
        else:
            found.append(
                Error(
                    f"The database {alias!r} is {connection.display_name}, not PostgreSQL.",
                    hint="Set DATABASE_URL to a postgresql:// address.",
                    id="events.E001",
                )
            )
    return found


@register(Tags.security, deploy=True)
def check_allowed_hosts(app_configs: object, **kwargs: Any) -> list[CheckMessage]:
    """Warn of a server that answers by any name: its links lead where a client says."""
    if "*" not in settings.ALLOWED_HOSTS:
        return []
    return [
        Warning(
            "DJANGO_ALLOWED_HOSTS is *: requests for any host are answered.",
            hint="List the names by which the server is reached.",
            id="events.W005",
        )
    ]


@register(Tags.database)
def check_context_index(
    app_configs: object, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """Say whether the index on the context is there; nothing is wrong without."""
    found: list[CheckMessage] = []
    for alias in databases or []:
        if connections[alias].vendor == "postgresql":
            with suppress(OperationalError):
                found += _check_context_index(alias)
    return found


def _check_following(alias: str) -> list[CheckMessage]:
    found = prerequisites.find(partial(read_rows, using=alias))
    return [Warning(it.message, hint=it.advice, id=it.id) for it in found]


def _check_tables(alias: str) -> list[CheckMessage]:
    found = tables.find_flaws(read_rows(tables.FIND, [list(tables.TYPES)], using=alias))
    flaws: list[CheckMessage] = [Error(it.message, hint=it.cure, id="events.E002") for it in found]
    elsewhere = read_rows(tables.ELSEWHERE, using=alias)
    return [*flaws, *(_look_elsewhere(schema, is_usable) for schema, is_usable in elsewhere)]


def _look_elsewhere(schema: str, is_usable: bool) -> CheckMessage:
    if not is_usable:
        return Error(
            f"system_events stands in the schema {schema}, which this role may not use.",
            hint="Let the owner of the tables run `manage.py grant_roles` for it.",
            id="events.E003",
        )
    return Warning(
        f"system_events stands in the schema {schema}, where this connection doesn't look: "
        "`migrate` would make another.",
        hint=f"ALTER ROLE CURRENT_USER SET search_path = {schema}; or, for this program alone, "
        f"add options=-csearch_path%3D{schema} to DATABASE_URL.",
        id="events.W006",
    )


def _check_sequences(alias: str) -> list[CheckMessage]:
    found = sequences.find_behind(alias)
    return [Warning(it.message, hint=it.cure, id="events.W014") for it in found]


def _check_grants(alias: str) -> list[CheckMessage]:
    [(role,)] = read_rows("SELECT current_user::text", using=alias)
    lacking = [it for it in grants.look_up(grants.WEB, role, using=alias) if not it.is_granted]
    if not lacking:
        return []
    return [
        Error(
            f"The role {role} lacks {', '.join(map(str, lacking))}.",
            hint=f"Let the owner of the tables run `manage.py grant_roles --web {role} --apply`.",
            id="events.E003",
        )
    ]


def _check_message_index(alias: str) -> list[CheckMessage]:
    statement = "SELECT to_regclass('system_events') IS NULL OR to_regclass(%s) IS NOT NULL"
    [(is_fine,)] = read_rows(statement, [MESSAGE_INDEX], using=alias)
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


def _check_context_index(alias: str) -> list[CheckMessage]:
    statement = """
        SELECT (SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s))
        WHERE to_regclass('system_events') IS NOT NULL
    """
    found = read_rows(statement, [CONTEXT_INDEX], using=alias)
    if found == [(None,)]:
        return [
            Debug(
                "Rare values of the context are looked for event by event: there is no index.",
                hint="Where that takes too long, run `manage.py index_context`.",
                id="events.D001",
            )
        ]
    if found == [(False,)]:
        return [
            Warning(
                "The index on the context is of no use, as its build was cut; inserts keep it up.",
                hint="Run `manage.py index_context`, or with --drop.",
                id="events.W004",
            )
        ]
    return []
