"""A schema that is not quite ours is refused before anything is changed, with the cure."""

import pytest
from django.db import connection

from events.adoption import tables
from events.checks import check_database
from events.reading.raw_sql import read_rows

pytestmark = pytest.mark.django_db

CURE = "ALTER TABLE devices ADD COLUMN name text GENERATED ALWAYS AS (label) STORED"


def run(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def flaws() -> list[tables.Flaw]:
    return tables.find_flaws(read_rows(tables.FIND, [list(tables.TYPES)]))


@pytest.mark.parametrize(
    ("change", "named", "cure"),
    [
        ("ALTER TABLE devices RENAME name TO label", "devices has no column name", CURE),
        (
            "ALTER TABLE devices DROP name",
            "devices has no column name",
            "ALTER TABLE devices ADD COLUMN name text",
        ),
        (
            "ALTER TABLE accounts RENAME platform TO service",
            "accounts has no column platform",
            "ALTER TABLE accounts ADD COLUMN platform text",
        ),
        (
            "ALTER TABLE system_events DROP resolved_by CASCADE",
            "system_events has no column resolved_by",
            "ALTER TABLE system_events ADD COLUMN resolved_by text",
        ),
        (
            "ALTER TABLE system_events ALTER context DROP DEFAULT;"
            "ALTER TABLE system_events ALTER context TYPE json",
            "context of system_events is of the type json, not jsonb",
            "ALTER TABLE system_events ALTER COLUMN context TYPE jsonb USING context::jsonb",
        ),
        (
            "ALTER TABLE system_events ALTER timestamp TYPE timestamp",
            "of the type timestamp without time zone, not timestamp with time zone",
            "ALTER TABLE system_events ALTER COLUMN timestamp TYPE timestamp with time zone"
            " USING timestamp::timestamp with time zone",
        ),
        (
            "ALTER TABLE system_events ALTER timestamp DROP DEFAULT",
            "timestamp of system_events is NOT NULL and has no default",
            "ALTER TABLE system_events ALTER timestamp SET DEFAULT now()",
        ),
        (
            "ALTER TABLE system_events ALTER id DROP DEFAULT",
            "id of system_events is NOT NULL and has no default",
            None,
        ),
        (
            "ALTER TABLE system_events ADD host text; ALTER TABLE system_events"
            " ALTER host SET NOT NULL",
            "host of system_events is NOT NULL and has no default",
            "ALTER TABLE system_events ALTER host DROP NOT NULL",
        ),
    ],
)
def test_the_column_is_named_and_the_cure_cures(change: str, named: str, cure: str | None) -> None:
    run(change)
    [flaw] = flaws()
    assert named in flaw.message
    assert cure in (None, flaw.cure)
    [error] = [it for it in check_database(None, ["default"]) if it.is_serious()]
    assert (error.id, error.msg, error.hint) == ("events.E002", flaw.message, flaw.cure)
    if cure:
        run(cure)
        assert flaws() == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE devices ALTER name TYPE varchar(100)",
        "CREATE DOMAIN tag AS text; ALTER TABLE system_events ALTER category TYPE tag",
        "CREATE TYPE platforms AS ENUM ('tiktok');"
        "ALTER TABLE accounts ALTER platform TYPE platforms USING platform::platforms",
        "ALTER TABLE devices RENAME name TO label; " + CURE,
        "ALTER TABLE devices ADD label text; CREATE VIEW fleet AS SELECT name, label FROM devices",
        "ALTER TABLE devices RENAME TO devices_kept;"
        "CREATE VIEW devices AS SELECT id, name FROM devices_kept",
        "ALTER TABLE system_events ADD host text NOT NULL DEFAULT ''",
        "ALTER TABLE system_events ALTER id DROP DEFAULT;"
        "ALTER TABLE system_events ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "DROP TABLE system_events, devices, accounts CASCADE",
    ],
)
def test_what_is_ours_enough_is_taken(change: str) -> None:
    run(change)
    assert flaws() == []


def test_a_view_in_place_of_the_events_is_refused() -> None:
    run("ALTER TABLE system_events RENAME TO kept; CREATE VIEW system_events AS SELECT * FROM kept")
    assert flaws()[0].message.startswith("system_events is no table")


def test_a_table_in_a_schema_that_is_not_looked_in_is_named() -> None:
    run("CREATE SCHEMA elsewhere; SET LOCAL search_path = elsewhere")
    [warning] = check_database(None, ["default"])
    assert warning.id == "events.W006"
    assert "search_path" in str(warning.hint)
    assert "public" in str(warning.msg)


def test_a_sequence_that_a_restore_left_behind_is_named_with_its_cure() -> None:
    run("INSERT INTO auth_group (id, name) VALUES (9000000, 'restored')")
    [found] = check_database(None, ["default"])
    assert found.id == "events.W014"
    assert "auth_group go up to 9000000" in str(found.msg)
    run(str(found.hint).removeprefix("Run ").removesuffix("."))
    assert check_database(None, ["default"]) == []
