"""The list of events: its cells, its cost, its empty states, and where it stops counting."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from admin_rows import LIST, add, add_many, ids_shown, staff_in, text_of
from calls import counted_calls
from django.contrib.admin.templatetags.admin_list import results
from django.template import Template
from django.test import Client
from django.urls import resolve, reverse
from queries import captured_queries

from events.models import SystemEvent
from events.reading import bounded_count

pytestmark = pytest.mark.django_db

QUERIES = {
    "": 8,  # session, user, saved views, three for the stream's token, count, rows
    # The span of time is found before the count and before the ids of the rows.
    "?severity=error&resolved=false&since=24h&event_type=login_failed": 11,
    "?device=iPhone-A": 9,  # the name is looked up first
    "?device=iPhone-A&account=grind": 10,
    "?q=Message": 8,
    "?o=1": 9,  # the newest id of those shown isn't the first row's
}


def queries_of(client: Client, query: str) -> int:
    with captured_queries() as captured:
        text_of(client.get(f"{LIST}{query}"))
    return len(captured)


@pytest.mark.parametrize("query", QUERIES)
def test_the_list_costs_as_many_queries_for_60_rows_as_for_3(
    admin_client: Client, query: str
) -> None:
    rows = {"event_type": "login_failed", "severity": "error"}
    events = add_many(3, **rows)
    device, account = events[0].device, events[0].account
    with_3 = queries_of(admin_client, query)
    for number in range(57):
        add(f"Message {number}", device=device, account=account, **rows)
    assert with_3 == queries_of(admin_client, query) == QUERIES[query]


def test_links_and_templates_are_made_for_the_page_not_for_each_row(admin_client: Client) -> None:
    def calls() -> dict[str, int]:
        with counted_calls(reverse, resolve, Template.render) as counted:
            text_of(admin_client.get(f"{LIST}?category=scheduler"))
        return dict(counted)

    add_many(3)
    calls()  # what is kept for good is made
    with_3 = calls()
    for number in range(57):
        add(f"Message {number}")
    assert calls() == with_3


@pytest.mark.parametrize("query", ["?all=1", "?category=scheduler&q=m%26%7B%7D&o=1"])
@pytest.mark.parametrize("group", ["Event responders", "Event viewers"])
def test_the_rows_are_those_that_djangos_own_list_would_show(group: str, query: str) -> None:
    [event] = add_many(1, resolved=True, resolved_by="<b>", event_type="{event}")
    add("<script>{} {address} {0}</script>", device=event.device, severity='"odd"')
    add(" ", account=event.account, resolved=None)
    response: Any = staff_in(group).get(f"{LIST}{query}")
    changelist = response.context_data["cl"]
    assert list(changelist.rows) == ["".join(cells) for cells in results(changelist)]


def test_no_query_counts_the_table_or_reads_a_context(admin_client: Client) -> None:
    add_many(3)
    with captured_queries() as captured:
        admin_client.get(LIST)
    on_events = [sql for sql in captured if '"system_events"' in sql]  # as Django writes it
    assert len(on_events) == 2
    for sql in on_events:
        assert "LIMIT" in sql
        assert "DISTINCT" not in sql
        assert '"context"' not in sql


def test_a_row_shows_every_column(admin_client: Client) -> None:
    [event] = add_many(
        1,
        timestamp=datetime(2026, 1, 31, 18, 30, 5, tzinfo=UTC),
        severity="critical",
        category="device",
        event_type="device_disconnected",
        resolved=True,
        resolved_by="llm_agent",
        resolved_at=datetime(2026, 1, 31, 18, 45, 9, tzinfo=UTC),
    )
    page = text_of(admin_client.get(LIST))
    assert (
        '<time datetime="2026-01-31T18:30:05Z" title="2026-01-31 18:30:05 UTC">2026-01-31 18:30:05'
        in page
    )
    for text in (
        'severity-critical">critical<',
        ">device_disconnected<",
        ">device<",
        ">Message 0<",
        f'href="?device={event.device_id}"',
        ">iPhone-A<",
        f'href="?account={event.account_id}"',
        ">tiktok/grind4829<",
        ">Resolved<",
        "by llm_agent",
        ">2026-01-31 18:45:09<",
    ):
        assert text in page, text


def test_a_full_count_is_never_shown(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_count, "COUNT_BOUND", 100)
    monkeypatch.setattr(bounded_count.bounded_count, "__defaults__", (100,))
    events = add_many(130)
    page = text_of(admin_client.get(LIST))
    assert "100+ rows" in page
    assert "Select all that match (100+)" in page
    assert "?p=2" in page
    assert "?p=3" not in page
    last = text_of(admin_client.get(f"{LIST}?p=2"))
    assert f"?max_id={events[30].pk - 1}" in last
    assert len(ids_shown(admin_client, "?p=99")) == 50  # the last page that was counted
    older = ids_shown(admin_client, f"?max_id={events[30].pk - 1}")
    assert older == [event.pk for event in events[29::-1]]


def test_numbers_have_separators_and_ids_have_none(admin_client: Client) -> None:
    assert str(bounded_count.BoundedCount(10_000, exact=False)) == "10,000+"
    assert str(bounded_count.BoundedCount(1_234, exact=True)) == "1,234"
    event = add(pk=1_234_567)
    page = text_of(admin_client.get(LIST)) + text_of(admin_client.get(f"{LIST}1234567/change/"))
    assert "1,234,567" not in page
    assert f'name="newest_id" value="{event.pk}"' in page


def test_an_empty_table_says_what_to_do(admin_client: Client) -> None:
    page = text_of(admin_client.get(LIST))
    assert "No events yet" in page
    assert "make demo" in page
    assert "events.emit(" in page
    for model in ("device", "account", "eventaction", "apitoken"):
        assert " yet" in text_of(admin_client.get(f"/admin/events/{model}/"))


def test_a_filter_without_a_match_says_how_to_go_on(admin_client: Client) -> None:
    add()
    page = text_of(admin_client.get(f"{LIST}?severity=critical"))
    assert "Nothing matches" in page
    assert "Clear all filters" in page


@pytest.mark.parametrize("model", ["systemevent", "device", "account", "eventaction", "apitoken"])
def test_nothing_is_added_or_edited(admin_client: Client, model: str) -> None:
    event = add_many(1)[0]
    assert admin_client.get(f"/admin/events/{model}/add/").status_code in (403, 404)
    rows = {"systemevent": event.pk, "device": event.device_id, "account": event.account_id}
    pk = rows.get(model, "1")
    assert admin_client.post(f"/admin/events/{model}/{pk}/change/").status_code in (404, 405)
    assert admin_client.post(f"/admin/events/{model}/{pk}/delete/").status_code in (302, 403, 404)
    assert SystemEvent.objects.count() == 1


def test_pages_carry_no_inline_script_or_style(admin_client: Client) -> None:
    event = add_many(60, context={"a": 1})[0]
    pages: list[Callable[[], str]] = [
        lambda path=path: text_of(admin_client.get(path))  # type: ignore[misc]
        for path in (
            "/admin/",
            LIST,
            f"{LIST}?q=x&severity=error",
            f"{LIST}{event.pk}/change/",
            f"/admin/events/device/{event.device_id}/change/",
            "/admin/events/device/",
            "/admin/events/eventaction/",
            "/admin/events/apitoken/",
        )
    ]
    for page in pages:
        html = page()
        assert "<style" not in html
        assert " style=" not in html
        assert " onclick=" not in html
        assert "<script>" not in html
