"""The cast's rows in `devices` and `accounts`: added where missing, never changed."""

from collections.abc import Sequence
from typing import Any, LiteralString

import psycopg

from sovi_events import database

from .cast import FIRST_WDA_PORT, Cast, PlayedAccount, PlayedDevice, own_cast

ADD_DEVICE = "INSERT INTO devices (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING"
ADD_ACCOUNT = (
    "INSERT INTO accounts (id, platform, username) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
)
FIND_DEVICES = "SELECT id FROM devices WHERE id = ANY(%s)"
FIND_ACCOUNTS = "SELECT id FROM accounts WHERE id = ANY(%s)"
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
    accounts = (*cast.accounts, *cast.reserve)
    parameters: dict[str, Any] = database.parameters() | {"application_name": "sovi.demo"}
    connection = psycopg.connect(**parameters, autocommit=True)
    with connection:
        notes = [
            *_add(connection, "devices", ADD_DEVICE, [it[:2] for it in cast.devices]),
            *_add(connection, "accounts", ADD_ACCOUNT, accounts),
        ]
        known = _ids(connection, FIND_DEVICES, [it.id for it in cast.devices])
        devices = tuple(it for it in cast.devices if it.id in known)
        if not devices:
            rows = connection.execute(ANY_DEVICES, [len(cast.devices)]).fetchall()
            devices = tuple(
                PlayedDevice(identity, name, FIRST_WDA_PORT + place)
                for place, (identity, name) in enumerate(rows)
            )
            notes.append(_substitutes("devices", len(devices)))
        known = _ids(connection, FIND_ACCOUNTS, [it.id for it in accounts])
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
    connection: psycopg.Connection[Any], table: str, statement: LiteralString, rows: Sequence[Any]
) -> list[str]:
    try:
        with connection.transaction():
            connection.cursor().executemany(statement, rows)
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        return [f"Cannot add the demo's own {table}: {error.diag.message_primary}."]
    return []


def _ids(
    connection: psycopg.Connection[Any], statement: LiteralString, ids: Sequence[object]
) -> set[Any]:
    return {row[0] for row in connection.execute(statement, [list(ids)])}


def _substitutes(table: str, count: int) -> str:
    if count:
        return f"The first {count} rows of {table} play their parts."
    return f"The table {table} is empty, so the events name none of them."
