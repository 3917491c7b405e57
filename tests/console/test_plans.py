"""How PostgreSQL would run every query about events: never through the whole table."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import combinations
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.http import QueryDict
from django.test import Client

from bench import mixture
from bench.fill import account_id, device_id, fill
from events.admin.neighbours import around
from events.api.pagination import Cursor
from events.bulk.chunk_size import ChunkSize
from events.bulk.confirmation import start
from events.bulk.preview import preview
from events.bulk.transaction import run_chunk
from events.filters.query_string import read_query
from events.filters.stored_filter import serialise
from events.models import SystemEvent
from events.models.actor import Actor
from events.reading.raw_sql import read_rows
from events.reading.time_limit import FROM_FIRST_ROWS, local_settings
from events.stream import catch_up, statements
from events.stream.selection import Selection
from events.stream.topics import EVENTS
from sovi_events import database
from sovi_events.query import EventQuery

ROWS = 200_000
SORTED_ROWS = 10_000
"""More rows than these must not be sorted."""

BUSY, SILENT = device_id(3), device_id(mixture.SILENT_DEVICE)
OPERATORS = {
    "severity": ["critical", "info", "error,critical"],
    "event_type": ["warming_started", mixture.RARE_TYPE, "no_such_type"],
    "device_id": [BUSY, SILENT, f"{BUSY},{SILENT}"],
    "account_id": [account_id(3)],
    "resolved": ["false"],
}
"""What an operator filters by, alone and in pairs."""

OTHERS = {
    "category": ["auth", "scheduler"],
    "resolved": ["true"],
    "resolved_by": ["human", "llm_agent"],
    "since": ["2100-01-01", "2026-01-01"],
    "until": ["2100-01-01", "2026-01-01"],
    "q": ["grind1724", "warmed"],
    "context": ['{"platform": "tiktok"}', '{"platform": "none"}'],
}
ADMIN_NAMES = {"device_id": "device", "account_id": "account"}

Filters = dict[str, str]


def alone(choices: dict[str, list[str]]) -> list[Filters]:
    return [{name: value} for name, values in choices.items() for value in values]


def pairs() -> list[Filters]:
    return [one | other for one, other in combinations(alone(OPERATORS), 2) if len(one | other) > 1]


FILTERS: list[Filters] = [{}, *alone(OPERATORS), *alone(OTHERS), *pairs()]


@pytest.fixture(scope="module", autouse=True)
def filled(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Fill the table for this module."""
    url = database.connection_string()
    with django_db_blocker.unblock():
        fill(url, ROWS, quiet=True)
        yield
        with psycopg.connect(url, autocommit=True) as emptied:
            emptied.execute("TRUNCATE system_events, devices, accounts RESTART IDENTITY")
            emptied.execute("ANALYZE system_events, devices, accounts")


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """Plans are judged here, not how long a busy machine takes over them."""
    settings.SOVI_QUERY_TIMEOUT_SECONDS = 60
    for limit, value in {
        "reading.bounded_count.COUNT_SECONDS": 60,
        "bulk.transaction.STATEMENT_SECONDS": 60,
        "bulk.preview.TIMEOUT_SECONDS": 60,
        "console.dashboard.views.TIMEOUT_SECONDS": 60,
        "console.problems.views.TIMEOUT_SECONDS": 60,
        "console.timeline.views.TIMEOUT_SECONDS": 60,
        "statistics.counting.TIMEOUT_SECONDS": 60,
    }.items():
        monkeypatch.setattr(f"events.{limit}", value)


@pytest.fixture
def operator(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("operator"))
    return client


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_page_of_the_api_reads_along_indexes_in_both_directions(
    operator: Client, filters: Filters
) -> None:
    middle = [str(Cursor(older, ROWS // 2)) for older in (True, False)]
    for place in ({}, {"after_id": "1000"}, *({"cursor": cursor} for cursor in middle)):
        assert_bounded(partial(operator.get, "/api/events", {**filters, **place}))


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_the_admins_list_reads_and_counts_along_indexes(operator: Client, filters: Filters) -> None:
    named = {ADMIN_NAMES.get(name, name): value for name, value in filters.items()}
    if "context" in named or "," in named.get("device", ""):
        pytest.skip("the admin has no such filter")
    for place in ({}, {"o": "1"}, {"p": "150"}):
        assert_bounded(partial(operator.get, "/admin/events/systemevent/", {**named, **place}))


@pytest.mark.parametrize("after_id", [None, 1000])
@pytest.mark.parametrize("filters", [{}, *alone(OPERATORS), *pairs()], ids=str)
def test_the_librarys_query_reads_along_indexes(
    db: None, filters: Filters, after_id: int | None
) -> None:
    given: dict[str, Any] = {
        name: filters[name].split(",") if name in filters else None
        for name in ("category", "severity", "event_type")
    }
    device = filters.get("device_id")
    if device and "," in device:
        pytest.skip("the library takes one device")
    query = EventQuery.of(
        **given,
        device_id=device,
        account_id=filters.get("account_id"),
        resolved=False if "resolved" in filters else None,
        limit=100,
        after_id=after_id,
    )
    statement, params = query.statement(ROWS)
    connection.ensure_connection()
    explain_bounded(statement, params)


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_stream_catches_up_along_indexes(db: None, filters: Filters) -> None:
    query = as_query(filters)
    selection = Selection(read_query(query).event_filter)
    (wanted, params), (newest, newest_params) = selection.query(EVENTS), selection.newest(ROWS, 100)
    # At ten million rows a window is as small a part of the table.
    window = [[ROWS // 2], [ROWS // 2 + catch_up.WINDOW_IDS * ROWS // 10_000_000]]
    limit = catch_up.MOST_ROWS
    connection.ensure_connection()
    explain_bounded(statements.page("SELECT id FROM system_events"), [[1], [ROWS], 1, 1])
    explain_bounded(statements.page(wanted), [*window, *params, limit, limit])
    read_rows(*local_settings(FROM_FIRST_ROWS))
    explain_bounded(statements.oldest_of(newest), newest_params)


@pytest.mark.parametrize("action", ["resolve", "reopen"])
@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_a_bulk_job_and_its_preview_read_along_indexes(
    operator: Client, filters: Filters, action: str
) -> None:
    body = {"filters": filters}
    address = f"/api/events/{action}"
    assert_bounded(partial(operator.post, address, body, content_type="application/json"))
    seen = preview(action, serialise(as_query(filters)))
    job = start(seen, by=Actor("ada", "human", "api"), reason=None)
    with each_bounded() as explained:
        for ids in (ChunkSize.ids, ROWS // 4):
            run_chunk(job.pk, ChunkSize(rows=20, ids=ids))
    assert explained


@pytest.mark.parametrize(
    "address",
    [
        "/admin/",
        "/admin/events/systemevent/{event}/change/",
        f"/admin/events/device/{BUSY}/change/",
        f"/admin/events/device/{SILENT}/change/",
        f"/admin/events/account/{account_id(3)}/change/",
        "/admin/events/problems/",
        f"/admin/events/timeline/?device={BUSY}",
        f"/admin/events/timeline/?device={SILENT}",
        f"/admin/events/timeline/?account={account_id(3)}",
        "/api/events/{event}",
    ],
)
def test_every_other_page_reads_along_indexes(operator: Client, address: str) -> None:
    event = SystemEvent.objects.order_by("pk").values_list("pk", flat=True)[1000]
    assert_bounded(partial(operator.get, address.format(event=event)))


def test_what_happened_around_an_event_is_read_by_the_index_of_its_device_or_account(
    db: None,
) -> None:
    for subject, value in (("device", SILENT), ("account", account_id(3))):
        event = SystemEvent.objects.filter(**{subject: value}).latest("pk")
        setattr(event, "account" if subject == "device" else "device", None)
        with each_bounded() as explained:
            around(event)
        assert len(explained) == 2  # before and after it
        for plan in explained:
            indexes = {node.get("Index Name") for node in nodes(plan)}
            assert f"sovi_events_by_{subject}" in indexes


@pytest.mark.parametrize(
    ("severity", "index"),
    [
        ("critical", "sovi_events_rare_severity"),
        ("error,critical", "sovi_events_rare_severity"),
        ("info", "sovi_events_kind"),
        ("info,critical", "sovi_events_kind"),
    ],
)
def test_the_index_of_severities_serves_all_but_the_common_one(
    operator: Client, severity: str, index: str
) -> None:
    with each_bounded() as explained:
        operator.get("/api/events", {"severity": severity})
    assert index in {node.get("Index Name") for plan in explained for node in nodes(plan)}


@pytest.mark.parametrize("subject", ["device", "account"])
def test_events_that_name_no_subject_are_found_however_few(operator: Client, subject: str) -> None:
    with each_bounded() as explained:
        operator.get("/api/events", {f"{subject}_id": "-"})
    indexes = {node.get("Index Name") for plan in explained for node in nodes(plan)}
    assert f"sovi_events_no_{subject}" in indexes


def as_query(filters: Filters) -> QueryDict:
    query = QueryDict(mutable=True)
    query.update(filters)
    return query


def assert_bounded(request: Callable[[], Any]) -> None:
    """Explain each statement about events that a request runs."""
    with each_bounded() as explained:
        response = request()
    assert response.status_code == 200, response.content
    assert explained


@contextmanager
def each_bounded() -> Iterator[list[dict[str, Any]]]:
    """Explain each statement about events in a block, within the settings it runs in."""
    explained: list[dict[str, Any]] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "system_events" in sql:
            explained.append(explain_bounded(sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        yield explained


def explain_bounded(sql: str, params: Any) -> dict[str, Any]:
    # Past the wrapper, on a cursor of its own: the statement's is still to be used.
    with psycopg.ClientCursor(connection.connection) as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {sql}".encode(), params or None)
        [[[explained]]] = cursor.fetchall()
    plan: dict[str, Any] = explained["Plan"]
    for node in nodes(plan):
        kind = node["Node Type"]
        assert not (kind == "Seq Scan" and node["Relation Name"] == "system_events"), sql
        if kind == "Sort":
            assert node["Plans"][0]["Plan Rows"] <= SORTED_ROWS, (node, sql)
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)
