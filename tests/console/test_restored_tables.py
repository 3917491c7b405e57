"""Tables that were restored or emptied, and rows with ids of other programs: each face is right."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from bulk_jobs import make_job
from django.core.checks import Warning
from django.test import Client
from django.utils import timezone
from streaming import Collector, a_hub, collecting, insert, until, writer

from events.bulk.preview import preview
from events.bulk.runner import run
from events.checks import check_database
from events.models import EventAction, SystemEvent
from events.statistics.rollups.rolling import roll_up
from sovi import events
from sovi_events.statements import newest_id, read_above

pytestmark = pytest.mark.django_db(transaction=True)

SEQUENCE = "system_events_id_seq"
INSERT = """
INSERT INTO system_events (id, category, severity, event_type, message)
SELECT id, 'device', 'critical', 'device_disconnected', 'restored' FROM unnest(%s::bigint[]) AS id
"""


def restore(ids: Iterable[int], *, last_id: int | None = None) -> None:
    """Put rows back as COPY does, which moves no sequence."""
    with writer(autocommit=True) as connection:
        connection.execute(INSERT, [list(ids)])
        connection.execute("SELECT setval(%s, %s, %s)", [SEQUENCE, last_id or 1, bool(last_id)])


def shown(client: Client, address: str) -> list[int]:
    return [event["id"] for event in client.get(address).json()["results"]]


def exported(client: Client, query: str = "") -> list[int]:
    answer = client.get(f"/api/events/export?format=ndjson&{query}")
    rows = b"".join(asyncio.run(collected(answer))).decode().splitlines()
    return [int(row.partition('"id":')[2].partition(",")[0]) for row in rows]


async def collected(answer: Any) -> list[bytes]:
    return [piece async for piece in answer.streaming_content]


def the_hint() -> str:
    [found] = check_database(None, ["default"])
    assert isinstance(found, Warning)
    assert found.id == "events.W010"
    return str(found.hint).removeprefix("Run ").removesuffix(".")


def mend() -> None:
    with writer(autocommit=True) as connection:
        connection.execute(the_hint())
    assert check_database(None, ["default"]) == []


def test_rows_above_a_sequence_that_was_not_moved_are_on_every_face(admin_client: Client) -> None:
    restore(range(1, 101))
    descending = list(range(100, 0, -1))
    assert shown(admin_client, "/api/events?limit=200") == descending
    assert exported(admin_client) == descending[::-1]
    assert [row["id"] for row in events.get_events(after_id=0)] == descending[::-1]
    after = admin_client.get("/api/events?after_id=0&limit=500").json()
    assert [event["id"] for event in after["results"]] == descending[::-1]
    assert (after["next_after_id"], after["complete"]) == (100, True)
    assert "Resolve 100 events" in admin_client.get("/admin/events/problems/").content.decode()
    assert preview("resolve", {}).extent.rows == 100
    assert sum(roll_up()) == 100
    assert admin_client.get("/api/events/stats").json()["total"] == 100
    mend()


def test_however_many_they_are_up_to_the_first_free_id_and_few_are_read_beyond() -> None:
    rows = 100_500
    newest, above = newest_id("restored"), read_above("restored", ["id"])
    with writer(autocommit=True) as connection:

        def blocks_read(statement: str) -> int:
            explain = f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {statement}"
            [([found],)] = connection.execute(explain, {"high": 1, "limit": 500})
            plan = found["Plan"]
            return sum(count for name, count in plan.items() if name.endswith("Hit Blocks"))

        connection.execute("CREATE TEMPORARY TABLE restored (id bigserial PRIMARY KEY)")
        connection.execute("INSERT INTO restored SELECT generate_series(1, %s)", [rows])
        assert connection.execute(newest).fetchall() == [(rows,)]
        found = connection.execute(above, {"high": rows - 500, "limit": 500}).fetchall()
        assert [event_id for event_id, _ in found] == list(range(rows - 499, rows + 1))
        assert blocks_read(above) < 100
        connection.execute("DELETE FROM restored WHERE id = 2")
        assert connection.execute(newest).fetchall() == [(1,)]
        assert connection.execute(above, {"high": 1, "limit": 500}).fetchall() == []
        assert blocks_read(above) < 100
        assert blocks_read(newest) < 100


def test_they_are_streamed_as_well_and_so_is_what_comes_after_the_mend() -> None:
    async def scenario(connection: psycopg.Connection) -> None:
        async with a_hub() as hub, collecting(hub, token="0") as one:
            await until(lambda: len(one.ids) == 3)
            connection.execute(INSERT, [[4, 5]])
            await until(lambda: one.ids == [1, 2, 3, 4, 5])
            connection.execute(INSERT, [[9]])  # between them the sequence has ids to give out
            connection.execute("SELECT setval(%s, 9)", [SEQUENCE])
            await until(lambda: one.ids == [1, 2, 3, 4, 5, 9])
            assert not any(message.event for message in one.messages)

    restore([1, 2, 3])
    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_what_lies_above_a_free_id_is_not_followed_before_the_mend(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def begin() -> None:
        async with a_hub() as hub, collecting(hub):
            pass

    restore([1, 2, 7, 9])
    after = admin_client.get("/api/events?after_id=0").json()
    assert [event["id"] for event in after["results"]] == [1, 2]
    assert (after["next_after_id"], after["complete"]) == (2, False)
    export = admin_client.get("/api/events/export?format=ndjson")
    assert the_hint() in export.headers["X-Left-Out"]
    page = admin_client.get("/admin/events/problems/")
    assert "Resolve 4 events" in page.content.decode()
    asyncio.run(begin())
    assert the_hint() in caplog.text
    assert the_hint() in page.context["left_out"]
    as_json: Any = {"content_type": "application/json"}
    seen = admin_client.post("/api/events/resolve", {"filters": {}}, **as_json).json()
    assert (seen["count"], seen["complete"]) == (2, False)
    assert the_hint() in seen["left_out"]
    page = admin_client.get("/admin/events/bulkjob/preview/?action=resolve")
    assert the_hint() in page.context["left_out"]
    mend()
    after = admin_client.get("/api/events?after_id=2").json()
    assert [event["id"] for event in after["results"]] == [7, 9]
    assert after["complete"] is True
    assert "X-Left-Out" not in admin_client.get("/api/events/export?format=ndjson").headers


def test_an_id_near_the_last_there_is_is_given_back() -> None:
    restore([2**63 - 1], last_id=5)
    mend()
    assert list(SystemEvent.objects.values_list("pk", flat=True)) == [6]


def test_ids_that_no_sequence_gives_out_are_shown_and_can_be_acted_on(admin_client: Client) -> None:
    ids = [-(2**63) + 1, -5, 0, 2**53 + 1]
    as_json: Any = {"content_type": "application/json"}
    restore(ids[:3])
    restore(ids[3:], last_id=2**53)
    assert shown(admin_client, "/api/events") == ids[::-1]
    assert exported(admin_client) == ids
    assert exported(admin_client, "resolved=false&max_id=0") == ids[:3]
    assert exported(admin_client, "after_id=-5&max_id=0") == [0]
    assert shown(admin_client, "/api/events?after_id=-6") == ids[1:]
    assert admin_client.get("/api/events/-5").json()["id"] == -5
    assert [row["id"] for row in events.get_events()] == ids[::-1]
    assert preview("resolve", {}).extent.rows == 4
    assert sum(roll_up()) == 4
    assert admin_client.get("/api/events/stats").json()["total"] == 4
    for address in ["", "events/problems/", "events/systemevent/"]:
        assert admin_client.get(f"/admin/{address}").status_code == 200, address
    for event_id in ids:
        page = f"/admin/events/systemevent/{event_id}/change/"
        assert admin_client.get(page).status_code == 200
    assert events.resolve(ids[0], "human")
    assert admin_client.post("/api/events/-5/resolve", {}, **as_json).json()["resolved"] is True
    body = {"ids": [0]}
    answer = admin_client.post("/api/events/resolve", body, **as_json)
    assert answer.json() == {"changed": [0], "count": 1}
    admin_client.post("/admin/events/systemevent/0/reopen/")
    assert not SystemEvent.objects.get(pk=0).resolved
    found = {str(it.id) for it in check_database(None, ["default"])}
    assert found == {"events.W010", "events.W013"}


def test_a_negative_id_is_searched_for_and_selected_beside_others(admin_client: Client) -> None:
    restore([-9, -5, 3], last_id=3)
    for query in ("id:-5", "%23-5", "id:-5 -id:-9"):
        assert shown(admin_client, f"/api/events?q={query}") == [-5]
    form = {"action": "resolve_selected", "index": "0", "_selected_action": ["-5", "3"]}
    admin_client.post("/admin/events/systemevent/?q=id:-5", form)
    assert list(SystemEvent.objects.unresolved().values_list("pk", flat=True)) == [-9]


def test_a_problem_of_negative_ids_alone_can_be_resolved(admin_client: Client) -> None:
    restore([-9, -5])
    page = admin_client.get("/admin/events/problems/").content.decode()
    assert "Resolve 2 events" in page
    newest_id = page.partition('name="newest_id" value="')[2].partition('"')[0]
    admin_client.post("/admin/events/problems/-5/resolve/", {"newest_id": newest_id})
    assert not SystemEvent.objects.unresolved().exists()


@pytest.mark.parametrize(
    ("change", "check"),
    [
        ("INCREMENT -1 MINVALUE -10", "events.W011"),
        ("CYCLE", "events.W011"),
        ("MAXVALUE 3 RESTART 3", "events.W012"),
    ],
)
def test_a_sequence_that_counts_down_or_has_ended_is_told(change: str, check: str) -> None:
    with writer(autocommit=True) as connection:
        connection.execute(f"ALTER SEQUENCE {SEQUENCE} {change}")
        try:
            connection.execute("SELECT nextval(%s)", [SEQUENCE])
            [found] = check_database(None, ["default"])
            assert found.id == check
            connection.execute(str(found.hint).removeprefix("Run ").removesuffix("."))
            assert check_database(None, ["default"]) == []
        finally:
            connection.execute(
                f"ALTER SEQUENCE {SEQUENCE} INCREMENT 1 NO CYCLE NO MINVALUE NO MAXVALUE RESTART"
            )


@pytest.mark.parametrize(
    ("address", "form"),
    [
        ("events/systemevent/4/resolve/", {}),
        ("events/problems/4/resolve/", {"newest_id": "4"}),
        (
            "events/systemevent/",
            {"action": "resolve_selected", "index": "0", "_selected_action": "4"},
        ),
    ],
)
def test_each_form_of_the_admin_passes_by_ids_of_actions_that_a_restore_brought(
    admin_client: Client, address: str, form: dict[str, str]
) -> None:
    restore([1, 2, 3, 4], last_id=4)
    assert all(events.resolve(event_id, "human", actor="ada") for event_id in (1, 2, 3))
    with writer(autocommit=True) as connection:
        connection.execute(
            "SELECT setval('event_actions_id_seq', (SELECT min(id) FROM event_actions), false)"
        )
    assert admin_client.post(f"/admin/{address}", form).status_code == 302
    assert not SystemEvent.objects.unresolved().exists()
    assert EventAction.objects.about(4).count() == 1


def test_an_event_has_nothing_of_the_history_of_a_former_one(admin_client: Client) -> None:
    restore([1], last_id=1)
    assert events.resolve(1, "human", actor="grace", reason="of the former event")
    assert events.reopen(1, "human", actor="grace", reason="of the former event")
    page = "/admin/events/systemevent/1/change/"
    assert "of the former event" in admin_client.get(page).content.decode()
    with writer(autocommit=True) as connection:
        a_new_numbering(connection, 1)
    assert "of the former event" not in admin_client.get(page).content.decode()
    assert events.resolve(1, "human", actor="ada", reason="of this one")
    assert "of this one" in admin_client.get(page).content.decode()


def test_an_event_of_a_clock_that_is_ahead_has_its_history(admin_client: Client) -> None:
    restore([1], last_id=1)
    SystemEvent.objects.update(timestamp=timezone.now() + timedelta(minutes=7))
    page = "/admin/events/systemevent/1/change/"
    for act in (events.resolve, events.reopen, events.resolve):
        act(1, "human", actor="ada", reason="of this one")
        assert "of this one" in admin_client.get(page).content.decode()


def test_what_was_done_about_it_stays_when_its_time_has_come(admin_client: Client) -> None:
    restore([1, 2], last_id=2)
    events.resolve(2, "human", actor="ada", reason="of this one")
    events.reopen(2, "human", actor="ada", reason="of this one")
    ago = timezone.now() - timedelta(hours=1)  # as it is an hour later, by a clock 50 minutes ahead
    SystemEvent.objects.filter(pk=1).update(timestamp=ago)
    SystemEvent.objects.filter(pk=2).update(timestamp=ago + timedelta(minutes=50))
    EventAction.objects.update(timestamp=ago + timedelta(minutes=1))
    page = admin_client.get("/admin/events/systemevent/2/change/").content.decode()
    assert page.count("of this one") == 2


def a_new_numbering(connection: psycopg.Connection, rows: int) -> None:
    """Empty the table and fill it again, in one transaction."""
    with connection.transaction():
        connection.execute("TRUNCATE system_events RESTART IDENTITY")
        connection.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " SELECT 'device', 'error', 'x', 'new' FROM generate_series(1, %s)",
            [rows],
        )


def test_ids_given_out_anew_reset_the_streams_however_many_they_are() -> None:
    async def scenario(connection: psycopg.Connection) -> None:
        async with a_hub() as hub, collecting(hub) as one, collecting(hub) as two:
            a_new_numbering(connection, 60)
            await until(lambda: ended_in_reset(one) and ended_in_reset(two))
            a_new_numbering(connection, 200)
            await until(lambda: resets(one) == resets(two) == 2)
            assert one.token == two.token
            assert str(one.token).startswith("200.0.")
            assert one.ids == two.ids == []

    restore([1, 2, 3], last_id=3)
    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))


def test_a_restore_of_the_rows_alone_resets_the_streams_and_ends_a_job() -> None:
    async def scenario(connection: psycopg.Connection) -> None:
        async with a_hub() as hub, collecting(hub) as one:
            with connection.transaction():
                connection.execute("TRUNCATE system_events")
                connection.execute(INSERT, [[1, 2, 3, 4]])
                connection.execute("SELECT setval(%s, 4)", [SEQUENCE])
            await until(lambda: ended_in_reset(one))

    restore([1, 2, 3], last_id=3)
    job = make_job("severity=critical")
    with writer(autocommit=True) as connection:
        asyncio.run(scenario(connection))
    done = run(job.pk)
    assert done is not None
    assert (done.state, done.changed) == ("failed", 0)
    assert "emptied, restored or rewritten" in str(done.error)


def test_a_page_after_an_id_passes_no_writer_of_a_new_numbering(admin_client: Client) -> None:
    def read() -> tuple[list[int], bool]:
        page = admin_client.get("/api/events?after_id=0").json()
        return [event["id"] for event in page["results"]], page["complete"]

    restore([1, 2, 3], last_id=3)
    assert read() == ([1, 2, 3], True)
    with writer(autocommit=True) as connection, writer() as late:
        connection.execute("TRUNCATE system_events RESTART IDENTITY")
        insert(late)
        for _ in range(4):
            insert(connection)
        assert read() == ([], False)
        late.commit()
        assert read() == ([1, 2, 3, 4, 5], True)


def test_a_token_of_before_resets_whoever_comes_back_with_it(admin_client: Client) -> None:
    async def before(connection: psycopg.Connection) -> str | None:
        async with a_hub() as hub, collecting(hub) as one:
            connection.execute("SELECT nextval(%s)", [SEQUENCE])
            return one.token

    async def after(token: str | None) -> None:
        async with a_hub() as hub, collecting(hub, token=token) as one:
            assert ended_in_reset(one)
            assert (
                one.messages[-1].json["reason"] == "the ids of the events were given out anew since"
            )
            again = one.token
        async with a_hub() as hub, collecting(hub, token=again) as one:
            assert one.token == again
            assert not any(message.event for message in one.messages)

    restore([1, 2, 3], last_id=3)
    page = admin_client.get("/admin/events/live/").context["place"]
    with writer(autocommit=True) as connection:
        token = asyncio.run(before(connection))
        assert token == page
        a_new_numbering(connection, 200)
    asyncio.run(after(token))


def test_a_job_changes_nothing_in_another_table_than_was_previewed() -> None:
    restore([1, 2, 3], last_id=3)
    job = make_job("severity=critical,error")
    with writer(autocommit=True) as connection:
        a_new_numbering(connection, 5)
    done = run(job.pk)
    assert done is not None
    assert (done.state, done.changed) == ("failed", 0)
    assert "make a new preview" in str(done.error)
    assert SystemEvent.objects.unresolved().count() == 5
    again = run(make_job("severity=critical,error").pk)
    assert again is not None
    assert (again.state, again.changed) == ("done", 5)


def test_statistics_count_what_is_there_once_there_is_more_than_before(
    admin_client: Client,
) -> None:
    restore([1, 2, 3], last_id=3)
    assert sum(roll_up()) == 3
    with writer(autocommit=True) as connection:
        a_new_numbering(connection, 5)
    for _ in range(2):
        counted = admin_client.get("/api/events/stats").json()["groups"]
        assert [(group["value"], group["total"]) for group in counted] == [("error", 5)]
        assert sum(roll_up()) in (0, 5)


def resets(one: Collector) -> int:
    return sum(message.event == "reset" for message in one.messages)


def ended_in_reset(one: Collector) -> bool:
    return one.messages[-1].event == "reset"
