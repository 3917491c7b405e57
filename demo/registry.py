"""The cast's rows in `devices` and `accounts`: added where missing, never changed."""

from collections.abc import Sequence
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import sql

from sovi_events import database

from .cast import FIRST_WDA_PORT, Cast, PlayedAccount, PlayedDevice, own_cast

ADD_DEVICE = "INSERT INTO devices (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING"
ADD_ACCOUNT = (
    "INSERT INTO accounts (id, platform, username) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
FIND = sql.SQL("SELECT id FROM {} WHERE id = ANY(%s)")
ANY_DEVICES = "SELECT id, name FROM devices WHERE name IS NOT NULL ORDER BY id LIMIT %s"
ANY_ACCOUNTS = """
SELECT id, platform::text, username FROM accounts
WHERE platform IS NOT NULL AND username IS NOT NULL ORDER BY id LIMIT %s
"""


def register() -> tuple[Cast, list[str]]:
    """Add the demo's devices and accounts; return who can appear, and what could not be done.

    SOVI's own tables may ask for more columns than we know: then rows that exist play the parts,
    and without any the events name no device or account. Raises psycopg.OperationalError.
    """
    cast = own_cast()
    notes: list[str] = []
    with psycopg.connect(
        database.connection_string(), application_name="sovi.demo", autocommit=True
    ) as connection:
        known = _add(connection, "devices", ADD_DEVICE, [it[:2] for it in cast.devices], notes)
        devices = tuple(it for it in cast.devices if it.id in known)
        if not devices:
            rows = connection.execute(ANY_DEVICES, [len(cast.devices)]).fetchall()
            devices = tuple(
                PlayedDevice(*row, FIRST_WDA_PORT + place) for place, row in enumerate(rows)
            )
            notes.append(_substitutes("devices", len(devices)))
        accounts = (*cast.accounts, *cast.reserve)
        known = _add(connection, "accounts", ADD_ACCOUNT, accounts, notes)
        warmed = tuple(it for it in cast.accounts if it.id in known)
        if not warmed:
            rows = connection.execute(ANY_ACCOUNTS, [len(cast.accounts)]).fetchall()
            warmed = tuple(PlayedAccount(*row) for row in rows)
            notes.append(_substitutes("accounts", len(warmed)))
    return (
        Cast(
            devices or tuple(it._replace(id=None) for it in cast.devices),
            warmed or tuple(it._replace(id=None) for it in cast.accounts),
            tuple(it for it in cast.reserve if it.id in known),
        ),
        notes,
    )


def _add(
    connection: psycopg.Connection[Any],
    table: str,
    statement: LiteralString,
    rows: Sequence[Any],
    notes: list[str],
) -> set[UUID]:
    """Add rows as far as the table takes them; return the ids of those that are there."""
    try:
        with connection.transaction():
            connection.cursor().executemany(statement, rows)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        notes.append(f"Cannot add the demo's own {table}: {error.diag.message_primary}.")
    find = FIND.format(sql.Identifier(table))
    return {row[0] for row in connection.execute(find, [[row[0] for row in rows]])}


def _substitutes(table: str, count: int) -> str:
    if count:
        return f"The first {count} rows of {table} play their parts."
    return f"The table {table} is empty, so the events name none of them."
