"""`/readyz`, the page Health and `GET /api/status`."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.test import Client
from patience import eventually
from streaming import a_hub, collecting, insert, until, writer

from events.health.readiness import Readiness
from events.health.status import read_spool, read_status
from sovi_events import client as events
from sovi_site.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def always_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the status: what the test before was answered is no more."""
    monkeypatch.setattr("events.health.status.FRESH", timedelta())


ASKING = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'sovi readiness' AND datname = current_database()
"""
WAITING = f"{ASKING} AND wait_event_type = 'Lock'"


async def ask(path: str = "/readyz", method: str = "GET") -> tuple[int, bytes]:
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    await application(
        {"type": "http", "path": path, "method": method, "headers": []}, receive, send
    )
    return sent[0]["status"], sent[1]["body"]


def test_a_process_is_ready_and_head_has_no_body() -> None:
    assert asyncio.run(ask()) == (200, b'{"status": "ok"}')
    assert asyncio.run(ask(method="HEAD")) == (200, b"")


def test_many_who_ask_beside_a_locked_table_take_one_connection_and_are_told_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario(connection: Any) -> None:
        asking = [asyncio.create_task(ask()) for _ in range(310)]
        await until(lambda: connection.execute(WAITING).fetchone() == (1,))
        assert connection.execute(ASKING).fetchone() == (1,)
        answers = await asyncio.gather(*asking)
        assert set(answers) == {(503, b'{"status": "unavailable"}')}

    with writer() as blocking, writer(autocommit=True) as connection:
        blocking.execute("LOCK TABLE system_events")
        asyncio.run(scenario(connection))
    assert caplog.text.count("Not ready: PostgreSQL did not answer within 2 s") == 1


def test_an_answer_serves_those_who_ask_within_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> int:
        monkeypatch.setattr("events.health.readiness.FRESH_SECONDS", 3600.0)
        found = Readiness()
        with writer(autocommit=True) as connection:
            assert await found.is_ready()
            connection.execute("ALTER TABLE system_events RENAME TO away")
            try:
                assert await found.is_ready()
                monkeypatch.setattr("events.health.readiness.FRESH_SECONDS", 0.0)
                return await found.is_ready()
            finally:
                connection.execute("ALTER TABLE away RENAME TO system_events")

    assert asyncio.run(scenario()) is False


def test_a_database_that_lacks_a_migration_is_not_ready(caplog: pytest.LogCaptureFixture) -> None:
    with writer(autocommit=True) as connection:
        there = "app = 'events' AND name = '0004_receipts'"
        connection.execute(f"UPDATE django_migrations SET app = 'x' WHERE {there}")
        try:
            assert asyncio.run(ask())[0] == 503
        finally:
            connection.execute("UPDATE django_migrations SET app = 'events' WHERE app = 'x'")
    assert "run `manage.py migrate`: events.0004_receipts is missing" in caplog.text


def test_streams_that_read_nothing_are_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> tuple[bool, bool]:
        async with a_hub() as hub, collecting(hub):
            monkeypatch.setattr("events.health.readiness.current_hub", lambda: hub)
            before = await Readiness().is_ready()
            monkeypatch.setattr("events.health.readiness.STALLED_SECONDS", -1.0)
            return before, await Readiness().is_ready()

    assert asyncio.run(scenario()) == (True, False)


def test_without_a_database_it_is_not_ready(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://127.0.0.1:{port}/none")
    assert asyncio.run(ask()) == (503, b'{"status": "unavailable"}')


def test_the_page_and_the_api_show_the_same(admin_client: Client) -> None:
    with writer(autocommit=True) as connection:
        for _ in range(3):
            insert(connection)
        connection.execute("SELECT setval('system_events_id_seq', 1)")
    status = admin_client.get("/api/status").json()
    [obstacle] = status["obstacles"]
    assert obstacle["id"] == "events.W010"
    assert "SELECT setval('public.system_events_id_seq'" in obstacle["advice"]
    assert status["ids"]["highest_id"] - status["ids"]["last_id"] >= 2
    assert (status["growth"]["rows"], status["growth"]["next"]) == (3, 10_000_000)
    assert status["streams"] == {"open": 0, "lag_seconds": None, "open_gaps": 0}
    assert (status["spool"]["events"], status["spool"]["problem"]) == (0, "")
    page = admin_client.get("/admin/events/health/")
    assert page.status_code == 200
    assert page.context["obstacles"][0].advice == obstacle["advice"]
    assert status["spool"]["folder"] in page.content.decode()


def test_what_waits_on_this_host_is_told(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with writer() as connection:
        connection.execute("LOCK TABLE system_events")
        monkeypatch.setenv("SOVI_EMIT_TIMEOUT_SECONDS", "0.1")
        events.close()
        assert events.emit("device", "error", "x", "waits") is None
        eventually(lambda: read_spool().events == 1)  # on its way into the spool it is seen twice
    events.flush()
    events.close()


def test_who_may_not_view_events_sees_neither() -> None:
    user = get_user_model().objects.create_user("bob", password="x", is_staff=True)
    client = Client()
    client.force_login(user)
    assert client.get("/api/status").status_code == 403
    assert client.get("/admin/events/health/").status_code == 403
    assert b">Health<" not in client.get("/admin/").content
    user.groups.add(Group.objects.get(name="Event viewers"))
    assert client.get("/api/status").status_code == 200
    assert b">Health<" in client.get("/admin/events/health/").content


def test_a_locked_table_is_said_to_be_why(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.health.status.TIMEOUT_SECONDS", 0.1)
    with writer() as connection:
        connection.execute("LOCK TABLE system_events")
        status = admin_client.get("/api/status").json()
        page = admin_client.get("/admin/events/health/")
    assert "the event table is locked" in status["problem"]
    assert (status["obstacles"], status["ids"], status["growth"]) == ([], None, None)
    assert b"the event table is locked" in page.content
    assert b"Nothing keeps events" not in page.content
    # They need no database.
    assert status["streams"]["open"] == 0
    assert status["spool"]["folder"] in page.content.decode()


def test_a_role_that_may_not_read_the_sequence_is_told_the_rest() -> None:
    with connection.cursor() as cursor, transaction.atomic():
        for table in ("system_events", "event_actions"):
            cursor.execute(f"GRANT SELECT ON {table} TO PUBLIC")
        cursor.execute("CREATE ROLE reader")
        cursor.execute("SET LOCAL ROLE reader")
        status = read_status()
        transaction.set_rollback(True)
    assert status.ids is not None
    assert (status.ids.sequence, status.ids.last_id) == ("public.system_events_id_seq", None)


def test_a_user_without_a_home_is_told_so(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOVI_SPOOL_DIR", "~nobody-of-this-name/spool")
    assert "who has none" in admin_client.get("/api/status").json()["spool"]["problem"]
    assert b"who has none" in admin_client.get("/admin/events/health/").content


def test_a_spool_that_could_not_be_kept_private_is_told_before_it_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("SOVI_SPOOL_DIR", str(tmp_path / "open" / "spool"))
    assert f"all may write {tmp_path / 'open'}" in read_spool().problem


def test_those_who_ask_at_once_are_given_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_status()
    monkeypatch.setattr("events.health.status.FRESH", timedelta(hours=1))
    assert read_status() is first


def test_growth_is_counted_and_projected(admin_client: Client) -> None:
    with writer(autocommit=True) as connection:
        connection.execute("TRUNCATE system_events RESTART IDENTITY")
        connection.execute(
            "INSERT INTO system_events (category, severity, event_type, message, timestamp)"
            " SELECT 'x', 'info', 'x', 'x', now() - make_interval(mins => 43200 - number * 7)"
            " FROM generate_series(1, 6000) AS number"
        )
        connection.execute("ANALYZE system_events")
    growth = read_status().growth
    assert growth is not None
    assert growth.rows == 6000
    assert 5900 <= growth.per_month <= 6100
    assert growth.reached_at is None  # in 137 years


def test_a_negative_id_says_nothing_of_the_growth() -> None:
    with writer(autocommit=True) as connection:
        connection.execute("TRUNCATE system_events RESTART IDENTITY")
        for number, days in ((3000, 400), (100, 29)):
            connection.execute(
                "INSERT INTO system_events (category, severity, event_type, message, timestamp)"
                " SELECT 'x', 'info', 'x', 'x', now() - make_interval(days => %s)"
                " FROM generate_series(1, %s)",
                [days, number],
            )
        connection.execute(
            "INSERT INTO system_events (id, category, severity, event_type, message, timestamp)"
            " VALUES (-9000000000000, 'x', 'info', 'x', 'x', now() - interval '29 days')"
        )
    assert 100 <= read_status().growth.per_month <= 110  # of 3101 that there are
