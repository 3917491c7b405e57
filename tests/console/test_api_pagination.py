"""Walking the list: by cursor in both directions, and by `after_id` so that nothing is missed."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from queries import captured_queries

from events.models import SystemEvent
from events.web.event_json import PAGE_BYTES
from sovi_events import database
from sovi_events.following import settled

INSERT = (
    "INSERT INTO system_events (category, severity, event_type, message)"
    " VALUES ('scheduler', %s, 'x', 'x') RETURNING id"
)


@pytest.fixture
def client(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


@pytest.fixture
def other() -> Iterator[psycopg.Connection[Any]]:
    """Another program's connection."""
    dsn = database.connection_string(connection.settings_dict["NAME"])
    with psycopg.connect(dsn) as opened:
        yield opened
        opened.rollback()


def insert(other: psycopg.Connection[Any], severity: str = "error") -> int:
    row = other.execute(INSERT, [severity]).fetchone()
    assert row is not None
    return int(row[0])


def add(count: int, severity: str = "error") -> list[int]:
    return [
        SystemEvent.objects.create(
            category="scheduler", severity=severity, event_type="x", message="x"
        ).pk
        for _ in range(count)
    ]


def get(client: Client, address: str) -> Any:
    answer = client.get(address)
    assert answer.status_code == 200, answer.content
    return answer.json()


def ids(page: Any) -> list[int]:
    return [event["id"] for event in page["results"]]


@pytest.mark.django_db
def test_pages_go_down_and_up_again_while_rows_arrive(client: Client) -> None:
    made = add(7)[::-1]
    first = get(client, "/api/events?limit=3&severity=error")
    assert (ids(first), first["previous"]) == (made[:3], None)

    newer = add(2)[::-1]
    second = get(client, first["next"])
    third = get(client, second["next"])
    assert (ids(second), ids(third), third["next"]) == (made[3:6], made[6:], None)

    assert ids(get(client, third["previous"])) == made[3:6]
    up = get(client, second["previous"])
    assert ids(up) == made[:3]
    assert ids(get(client, up["next"])) == made[3:6]
    top = get(client, up["previous"])
    assert (ids(top), top["previous"]) == (newer, None)
    assert ids(get(client, top["next"])) == made[:3]


@pytest.mark.django_db
def test_an_empty_page_leads_back(client: Client) -> None:
    made = add(4)[::-1]
    second = get(client, get(client, "/api/events?limit=2")["next"])
    SystemEvent.objects.filter(pk__in=made[2:]).delete()
    emptied = get(
        client, get(client, "/api/events?limit=2&cursor=" + cursor_of(second["previous"]))["next"]
    )
    assert (ids(emptied), emptied["next"]) == ([], None)
    assert ids(get(client, emptied["previous"])) == made[:2]

    up = get(client, second["previous"])
    assert (ids(up), up["previous"]) == (made[:2], None)


@pytest.mark.django_db
def test_nothing_newer_leads_back_down(client: Client) -> None:
    made = add(3)[::-1]
    second = get(client, get(client, "/api/events?limit=1")["next"])
    SystemEvent.objects.filter(pk=made[0]).delete()
    nothing = get(client, second["previous"])
    assert (ids(nothing), nothing["previous"]) == ([], None)
    assert ids(get(client, nothing["next"])) == [made[1]]


def cursor_of(address: str) -> str:
    return parse_qs(urlsplit(address).query)["cursor"][0]


@pytest.mark.django_db
def test_addresses_are_absolute_and_keep_the_other_parameters(client: Client) -> None:
    add(2)
    page = get(client, "/api/events/unresolved?limit=1&severity=error&severity=info&q=x%26")
    assert page["next"] is None
    page = get(client, "/api/events/unresolved?limit=1&severity=error&severity=info&q=x")
    address = urlsplit(page["next"])
    assert (address.scheme, address.netloc) == ("http", "testserver")
    assert address.path == "/api/events/unresolved"
    query = parse_qs(address.query)
    assert query.pop("cursor")
    assert query == {"limit": ["1"], "severity": ["error", "info"], "q": ["x"]}


@pytest.mark.django_db
def test_a_page_holds_50_by_default_and_500_at_most(client: Client) -> None:
    add(51)
    assert len(ids(get(client, "/api/events"))) == 50
    assert len(ids(get(client, "/api/events?limit=500"))) == 51


@pytest.mark.django_db(transaction=True)
def test_a_page_of_large_events_ends_sooner_and_nothing_is_missed(client: Client) -> None:
    sizes = [0, 0, 3_000_000, 9_000_000, 100, 2_500_000, 0, 1_500_000, 10]
    ids = [
        SystemEvent.objects.create(
            category="x", severity="info", event_type="x", message="x", context={"x": size * "x"}
        ).pk
        for size in sizes
    ]

    def walk(address: str, step: str) -> list[list[int]]:
        pages = []
        while address:
            page = client.get(address).json()
            shown = page["results"]
            pages.append([event["id"] for event in shown])
            assert sum(len(json.dumps(event["context"])) for event in shown[:-1]) < PAGE_BYTES
            address = page[step]
        return pages

    down = walk("/api/events?limit=500", "next")
    assert [len(page) for page in down] == [6, 3]
    assert sum(down, []) == ids[::-1]
    second = client.get(client.get("/api/events?limit=500").json()["next"]).json()
    back = walk(second["previous"], "previous")
    assert sum(back[::-1], []) == down[0]
    up = walk("/api/events?after_id=0&limit=500", "next")
    assert [len(page) for page in up] == [4, 5]
    assert sum(up, []) == ids
    assert len(client.get("/api/events?limit=3").json()["results"]) == 3


def test_after_id_walks_upwards_through_every_match(client: Client) -> None:
    add(3, "info")
    made = [pk for _ in range(3) for pk in (add(2)[-1], *add(1, "info"))]
    wanted = list(
        SystemEvent.objects.filter(severity="error").order_by("pk").values_list("pk", flat=True)
    )
    seen, after_id, address = [], 0, "/api/events?severity=error&limit=2&after_id="
    while True:
        page = get(client, f"{address}{after_id}")
        assert page["previous"] is None
        seen += ids(page)
        assert page["next_after_id"] >= after_id
        after_id = page["next_after_id"]
        if page["next"] is None:
            break
        assert page["next"].endswith(f"after_id={after_id}")
    assert seen == wanted
    assert (page["complete"], after_id) == (True, made[-1])


@pytest.mark.django_db(transaction=True)
def test_a_page_that_a_filter_left_empty_still_moves_on(client: Client) -> None:
    last = add(3, "info")[-1]
    page = get(client, "/api/events?severity=error&after_id=0")
    assert (ids(page), page["next"], page["next_after_id"]) == ([], None, last)
    beyond = get(client, f"/api/events?after_id={last + 100}")
    assert (ids(beyond), beyond["next_after_id"]) == ([], last + 100)
    assert get(client, f"/api/events?after_id={2**63 - 1}")["next_after_id"] == 2**63 - 1


@pytest.mark.django_db(transaction=True)
def test_after_id_waits_for_an_open_transaction(
    client: Client, other: psycopg.Connection[Any]
) -> None:
    (before,) = add(1)
    assert ids(get(client, "/api/events?after_id=0")) == [before]
    late = insert(other)
    (early,) = add(1)
    assert early > late

    page = get(client, f"/api/events?after_id={before}&severity=error")
    assert (ids(page), page["complete"], page["next_after_id"]) == ([], False, before)
    other.commit()
    page = get(client, f"/api/events?after_id={before}&severity=error")
    assert (ids(page), page["complete"], page["next_after_id"]) == ([late, early], True, early)


@pytest.mark.django_db(transaction=True)
def test_after_id_with_nothing_known_yet_shows_nothing_unsettled(
    client: Client, other: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settled.process_memory, "settled_id", 0)
    insert(other)
    add(1)
    page = get(client, "/api/events?after_id=0")
    assert (ids(page), page["next_after_id"], page["complete"]) == ([], 0, False)


@pytest.mark.django_db(transaction=True)
def test_a_page_after_an_id_is_three_queries_beside_the_session(
    client: Client,
) -> None:
    add(3)
    with captured_queries() as captured:
        get(client, "/api/events?after_id=0&severity=error")
    assert len(captured) == 5  # session and user; newest id, writers, the page
