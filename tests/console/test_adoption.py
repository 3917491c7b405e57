"""`migrate` on a database where SOVI's tables stand already, in use by SOVI's other programs."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest
from adopted import (
    DDL,
    EVENTS,
    INDEXES_OF_SOVI,
    RAW_INSERT,
    ROWS,
    SUM_OF_ROWS,
    TABLES_OF_SOVI,
    Database,
    Writers,
)
from patience import eventually
from streaming import run_server

from events.indexes import INDEXES, MESSAGE_INDEX

MANY = 300_000
FEW = 1_000
CHECK = ("check", "--database", "default", "--fail-level", "INFO")


@pytest.fixture
def empty(scratch_database: str) -> Iterator[Database]:
    with psycopg.connect(scratch_database, autocommit=True) as session:
        yield Database(scratch_database, session)


@pytest.fixture
def sovi(empty: Database, request: pytest.FixtureRequest) -> Database:
    """SOVI's own database, as it stood before."""
    empty.session.execute(TABLES_OF_SOVI)
    for block in DDL:
        empty.session.execute(block)
    empty.session.execute(INDEXES_OF_SOVI)
    empty.session.execute(ROWS.replace("COUNT", str(getattr(request, "param", FEW))))
    return empty


@pytest.mark.parametrize("sovi", [MANY], indirect=True)
def test_a_table_in_use_is_adopted_while_others_write_it(sovi: Database) -> None:
    shape, indexes, [before] = sovi.shape(), sovi.indexes(), sovi.rows(SUM_OF_ROWS, [MANY])
    assert before[0] == MANY
    writers = Writers(sovi.url)
    with psycopg.connect(sovi.url) as slow, writers.writing():
        # A build that isn't concurrent would wait for this one, and all others for the build.
        slow.execute(RAW_INSERT)
        with sovi.migrating() as migrate:
            eventually(sovi.build_waits)
            writers.all_go_on()
            assert sovi.build_waits()
            slow.commit()
            output, _ = migrate.communicate(timeout=120)
            assert migrate.returncode == 0, output
        writers.all_go_on()
    assert sovi.rows(SUM_OF_ROWS, [MANY]) == [before]
    assert sovi.rows("SELECT count(*) FROM system_events") == [(MANY + 1 + writers.rows.total(),)]
    assert sovi.shape() == shape
    assert sovi.is_migrated()
    assert {name: sovi.indexes()[name] for name in indexes} == indexes
    assert sovi.indexes().keys() == indexes.keys() | INDEXES.keys() | {MESSAGE_INDEX}


def test_an_adopted_table_is_written_as_before_and_seen_in_the_admin_and_over_rest(
    sovi: Database, tmp_path: Path
) -> None:
    sovi.manage("migrate")
    sovi.session.execute(RAW_INSERT)
    account = {"DJANGO_SUPERUSER_PASSWORD": "adopted-1234", "DJANGO_SUPERUSER_EMAIL": "a@b.example"}
    sovi.manage("createsuperuser", "--noinput", "--username", "ada", **account)
    token = sovi.manage("create_api_token", "ada").strip()
    with (
        run_server(tmp_path / "server.log", DATABASE_URL=sovi.url) as (url, _),
        httpx.Client(base_url=url, follow_redirects=True) as browser,
    ):
        rest = {"Authorization": f"Token {token}"}
        newest, *older = browser.get("/api/events", params={"limit": 500}, headers=rest).json()[
            "results"
        ]
        assert (newest["message"], newest["context"], newest["resolved"]) == ("Raw", {}, False)
        assert len(older) == 499
        assert {it["category"] for it in older} == {
            *("scheduler", "device", "account", "auth", "billing")
        }
        of_nulls = [it for it in older if int(it["message"].removeprefix("Row ")) % 3 == 0]
        assert {(str(it["context"]), it["resolved"]) for it in of_nulls} == {("{}", False)}
        unresolved = browser.get("/api/events/unresolved?category=billing", headers=rest)
        assert unresolved.status_code == 200
        assert len(unresolved.json()["results"]) == 50

        login = browser.get("/admin/")
        form = {
            "username": "ada",
            "password": account["DJANGO_SUPERUSER_PASSWORD"],
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        browser.post(login.url, data=form)
        pages = {
            "/admin/events/systemevent/": "Raw",
            "/admin/events/systemevent/?category=billing&resolved=false": "billing",
            "/admin/events/systemevent/?account=grind3": "instagram/grind3",
            "/admin/events/systemevent/12/change/": "iPhone-4",
            "/admin/events/device/?q=iPhone-4": "iPhone-4",
            "/admin/events/account/?q=tiktok": "grind2",
            "/admin/events/account/?q=grind3": "instagram",
        }
        for address, text in pages.items():
            page = browser.get(address)
            assert page.status_code == 200, address
            assert str(page.url).endswith(address), page.url
            assert text in page.text, address


def test_an_index_whose_build_was_cut_is_built_again_by_the_next_migrate(sovi: Database) -> None:
    [before] = sovi.rows(SUM_OF_ROWS, [FEW])
    with psycopg.connect(sovi.url) as slow:
        slow.execute(RAW_INSERT)
        with sovi.migrating() as migrate:
            eventually(sovi.build_waits)
            sovi.rows("SELECT pg_terminate_backend(%s)", [sovi.build_waits()])
            assert migrate.wait(timeout=30) != 0
    [(broken, (file, _))] = [it for it in sovi.indexes().items() if not it[1][1]]
    assert broken in INDEXES

    sovi.manage("migrate")
    assert sovi.is_migrated()
    assert sovi.indexes()[broken][0] != file
    assert sovi.rows(SUM_OF_ROWS, [FEW]) == [before]


def test_the_table_can_be_adopted_in_stages(sovi: Database) -> None:
    sovi.manage("migrate", "events", "0001")
    assert sovi.rows(SUM_OF_ROWS, [FEW])[0][0] == FEW
    sovi.manage("migrate")
    assert sovi.is_migrated()
    assert sovi.rows("SELECT name FROM auth_group ORDER BY name") == [
        ("Event producers",),
        ("Event responders",),
        ("Event viewers",),
    ]


def test_devices_without_a_name_are_refused_with_the_cure_before_anything_is_changed(
    sovi: Database,
) -> None:
    sovi.session.execute("ALTER TABLE devices RENAME name TO label")
    tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1"
    before = sovi.rows(tables)
    cure = "ALTER TABLE devices ADD COLUMN name text GENERATED ALWAYS AS (label) STORED"
    with pytest.raises(AssertionError) as refusal:
        sovi.manage("migrate")
    assert "devices has no column name" in str(refusal.value)
    assert cure in str(refusal.value)
    assert sovi.rows(tables) == before

    sovi.session.execute(cure.encode())
    # Both names, and views of the owner's over them: adopted as they are.
    sovi.session.execute("CREATE VIEW fleet AS SELECT id, label, name FROM devices")
    shape = sovi.shape("devices", "accounts", EVENTS, "fleet")
    sovi.manage("migrate")
    assert sovi.is_migrated()
    assert sovi.shape("devices", "accounts", EVENTS, "fleet") == shape
    sovi.manage(*CHECK)


def test_dbshell_opens_the_database_that_is_configured(sovi: Database) -> None:
    sovi.session.execute("CREATE TABLE mark_of_this_database ()")
    assert "mark_of_this_database" in sovi.manage("dbshell", "--", "-Atc", r"\dt")


def test_a_second_migrate_changes_nothing_and_no_migration_is_wanting(sovi: Database) -> None:
    sovi.manage("migrate")
    tables = [
        name for (name,) in sovi.rows("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    ]
    before = sovi.shape(*tables), sovi.indexes(), sovi.rows(SUM_OF_ROWS, [FEW])
    assert "No migrations to apply" in sovi.manage("migrate")
    assert (sovi.shape(*tables), sovi.indexes(), sovi.rows(SUM_OF_ROWS, [FEW])) == before
    assert "No changes detected" in sovi.manage("makemigrations", "--check")


def test_reversing_drops_what_migrate_made_and_leaves_sovis_tables(sovi: Database) -> None:
    before = sovi.shape(), sovi.indexes(), sovi.rows(SUM_OF_ROWS, [FEW])
    sovi.manage("migrate")
    sovi.manage("migrate", "events", "zero")
    assert (sovi.shape(), sovi.indexes(), sovi.rows(SUM_OF_ROWS, [FEW])) == before
    ours = "SELECT to_regclass('event_actions'), to_regclass('events_api_token')"
    assert sovi.rows(ours) == [(None, None)]
    sovi.manage("migrate")
    assert sovi.is_migrated()
    assert sovi.rows(SUM_OF_ROWS, [FEW]) == before[2]


def test_an_empty_database_gets_the_specifications_table(empty: Database) -> None:
    empty.manage("migrate")
    assert empty.is_migrated()
    made = empty.shape(EVENTS)
    assert empty.rows("SELECT count(*) FROM devices, accounts, system_events") == [(0,)]
    # The specification's DDL, run where its own names are free, makes the same.
    empty.session.execute("ALTER TABLE system_events RENAME TO system_events_made")
    empty.session.execute("ALTER SEQUENCE system_events_id_seq RENAME TO system_events_made_seq")
    for block in DDL:
        empty.session.execute(block)
    assert empty.shape(EVENTS) == made


def test_migrate_goes_on_where_the_extension_for_search_may_not_be_created(
    empty: Database,
) -> None:
    role = f"limited_{uuid.uuid4().hex[:12]}"
    limited = {"PGOPTIONS": f"-c role={role}"}
    empty.session.execute(f"CREATE ROLE {role}".encode())
    try:
        empty.session.execute(f"GRANT CREATE ON SCHEMA public TO {role}".encode())
        empty.manage("migrate", **limited)
        assert INDEXES.keys() < empty.indexes().keys()
        assert MESSAGE_INDEX not in empty.indexes()
        with pytest.raises(AssertionError, match=r"events\.I001"):
            empty.manage(*CHECK, **limited)

        empty.session.execute("CREATE EXTENSION pg_trgm")
        empty.manage("index_messages", **limited)
        assert empty.indexes()[MESSAGE_INDEX][1]
        empty.manage(*CHECK, **limited)
    finally:
        empty.session.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
