"""Which events a search finds, and what it is normalised to."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import override_settings
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from test_search_parser import QUERIES

from events.filters.search.error import SearchError
from events.filters.search.meaning import condition
from events.filters.search.normalise import MAX_CHARACTERS, read_search
from events.filters.search.parser import parse
from events.filters.search.query import Search, SearchTerm, Words
from events.models import Account, Device, SystemEvent

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
PHONE, PHONE_10, GRIND = UUID(int=1), UUID(int=10), UUID(int=2)


@pytest.fixture
def events() -> None:
    """Four events, named by the first word of their messages."""
    Device.objects.create(pk=PHONE, name="iPhone-1")
    Device.objects.create(pk=PHONE_10, name="iPhone-10")
    Account.objects.create(pk=GRIND, platform="tiktok", username="grind4829")
    add("one 100% done", severity="info", hours=1, context={"n": 3, "a": {"b": "x", "c.d": True}})
    add("two Login FAILED", hours=2, device_id=PHONE, account_id=GRIND, context={"n": "3"})
    add(
        r"three C:\new login_failed",
        hours=3,
        device_id=PHONE_10,
        severity="critical",
        event_type="ip rotated",
        resolved=True,
        resolved_by="auto",
        context={"n": [3, 40], "a": [{"b": "x"}], "on": True},
    )
    add("four É", hours=100, category="proxy", context=None, resolved=None)


def add(message: str, *, hours: float, **columns: Any) -> None:
    SystemEvent.objects.create(
        timestamp=NOW - timedelta(hours=hours),
        message=message,
        **{"category": "auth", "severity": "error", "event_type": "login_failed", **columns},
    )


def found(text: str) -> str:
    query = parse(str(read_search(text, now=NOW)))
    assert query == read_search(text, now=NOW)
    rows = SystemEvent.objects.filter(condition(query)).order_by("id")
    return ", ".join(row.message.split()[0] for row in rows)


def ids() -> dict[str, int]:
    return {row.message.split()[0]: row.pk for row in SystemEvent.objects.all()}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", "one, two, three, four"),
        ("login", "two, three"),
        ("failed LOGIN", "two, three"),
        ('"login failed"', "two"),
        ("100%", "one"),
        ("n_f", "three"),
        ("o_e", ""),
        (r'"c:\NEW"', "three"),
        (r'"\\"', "three"),
        ("é", "four"),
        ("-login", "one, four"),
        ("login -failed", ""),
        ("severity:info,critical", "one, three"),
        ("-severity:info,critical", "two, four"),
        ("category:proxy", "four"),
        ('type:"ip rotated"', "three"),
        ("device:IPHONE-1", "two"),
        ("device:iphone", "two, three"),
        ("device:iPhone-10,iPhone-1", "two, three"),
        (f"device:{PHONE_10}", "three"),
        ("-device:iphone-1", "one, three, four"),
        ("account:grind", "two"),
        ("account:tiktok/grind4829", "two"),
        (f"account:{GRIND}", "two"),
        ("-account:grind", "one, three, four"),
        ("resolved:yes", "three"),
        ("resolved:no", "one, two, four"),
        ("-resolved:yes", "one, two, four"),
        ("-resolved:no", "three"),
        ("resolved_by:auto,human", "three"),
        ("-resolved_by:auto", "one, two, four"),
        ("since:2h", "one, two"),
        ("until:2h", "three, four"),
        ("since:3h until:2h", "three"),
        ("-since:2h", "three, four"),
        ("since:2026-11-25T12:00:00+02:00", "one, two"),
        ('since:"2026-11-25 10:00:00.000001"', "one"),
        ("until:2026-11-25", "four"),
        ("context.n:3", "one, two"),
        ("context.n:3.0", "one"),
        ('context.n:"3"', "two"),
        ("context.n:4,3", "one, two"),
        ("-context.n:3", "three, four"),
        ("context.n>2", "one"),
        ("context.n>3", ""),
        ("context.n>=3", "one"),
        ("context.n<3.5", "one"),
        ("context.n<=-3", ""),
        ("-context.n>2", "two, three, four"),
        ("context.missing<1", ""),
        ("context.a.b:x", "one"),
        ("context.a.b:X", ""),
        ('context.a."c.d":true', "one"),
        ('context.a."c.d":"true"', ""),
        ("context.on:true context.n>0", ""),
        ("context.on:true", "three"),
        ("severity:error resolved:no login", "two"),
    ],
)
def test_a_search_finds_its_events(events: None, text: str, names: str) -> None:
    assert found(text) == names


def test_an_id_finds_its_event_and_a_mere_number_is_a_word(events: None) -> None:
    known = ids()
    assert found(f"#{known['two']}") == "two"
    assert found(f"id:{known['two']},{known['four']}") == "two, four"
    assert found(f"-id:{known['two']}") == "one, three, four"
    assert found("100") == "one"


def test_a_text_and_its_opposite_share_every_event_between_them(events: None) -> None:
    everything = {"one", "two", "three", "four"}
    for text in ("x", "device:iphone", "resolved:no", "context.n:3", "context.n>0", "until:2h"):
        both = set(found(text).split(", ")), set(found(f"-{text}").split(", "))
        assert (both[0] | both[1]) - {""} == everything, text
        assert both[0] & both[1] == set(), text


@hypothesis_settings(deadline=None)
@given(QUERIES)
def test_postgresql_takes_every_query_there_is(query: Search) -> None:
    query = Search(
        tuple(it for it in query.terms if getattr(it.what, "key", "") not in ("device", "account"))
    )
    normalised = read_search(str(query), now=NOW) if len(str(query)) < MAX_CHARACTERS else Search()
    assert SystemEvent.objects.filter(condition(normalised)).first() is None


def test_a_search_is_normalised_to_absolute_times_and_ids(events: None) -> None:
    query = read_search('-"login failed" since:2h until:"2026-11-25 12:00" device:phone', now=NOW)
    assert str(query) == (
        '-"login failed" since:2026-11-25T10:00:00Z until:2026-11-25T12:00:00Z'
        f" device:{PHONE},{PHONE_10}"
    )
    Device.objects.filter(pk=PHONE).update(name="Galaxy")
    assert str(read_search(str(query), now=NOW + timedelta(days=1))) == str(query)


def test_a_time_without_an_offset_is_the_sites() -> None:
    with override_settings(TIME_ZONE="Europe/Berlin"):
        assert str(read_search("since:2026-11-25 until:2026-11-25T00:00Z", now=NOW)) == (
            "since:2026-11-24T23:00:00Z until:2026-11-25T00:00:00Z"
        )


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("x device:nobody", 9, "There is no device of the name or id “nobody”."),
        ("device:iphone-1,nobody", 16, "There is no device of the name or id “nobody”."),
        ("account:no/body", 8, "There is no account of the name or id “no/body”."),
        ("since:0001-01-01T00:00+14:00", 6, "is not a time"),
        (f"device:iphone{',iphone' * 19} account:x", 155, "at most 20 devices and accounts"),
        ("x" * 2001, 2000, "A search has at most 2000 characters."),
    ],
)
def test_what_stands_for_nothing_is_pointed_at(
    events: None, text: str, position: int, reason: str
) -> None:
    with pytest.raises(SearchError) as refused:
        read_search(text, now=NOW)
    assert reason in refused.value.reason
    assert refused.value.position == position


def test_a_name_that_stands_for_too_many_is_refused() -> None:
    Device.objects.bulk_create(Device(name=f"iPhone-{number}") for number in range(201))
    with pytest.raises(SearchError, match="stands for more than 200 names"):
        read_search("device:phone")


def test_the_words_are_compared_as_a_trigram_index_on_the_message_serves_them() -> None:
    wanted = SystemEvent.objects.filter(condition(Search((SearchTerm(Words("a_b")),))))
    statement, parameters = wanted.query.sql_with_params()
    assert '"message" ILIKE %s' in statement
    assert parameters == (r"%a\_b%",)


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("grind1724", ("%d1724%", "%grind1724%")),
        ("of tiktok/grind_1724", ("%of tiktok/grind\\_1724%",)),
        ("100% of tiktok/grind1724", ("%100\\% of tiktok/grind1724%",)),
        ("of 100% grind", ("%of 100\\% grind%",)),
        ("d1724", ("%d1724%",)),
        ("grind17", ("%grind17%",)),
    ],
)
def test_the_index_is_asked_for_the_digits_that_tell_a_name_apart(
    text: str, asked: tuple[str, ...]
) -> None:
    wanted = SystemEvent.objects.filter(condition(Search((SearchTerm(Words(text)),))))
    assert wanted.query.sql_with_params()[1] == asked


def test_a_name_told_by_its_digits_is_still_compared_whole() -> None:
    for message in ("grind1724 failed", "GRIND17245", "blind1724", "grind1725"):
        add(message, hours=0)
    found = SystemEvent.objects.filter(condition(read_search("grind1724")))
    assert {row.message for row in found} == {"grind1724 failed", "GRIND17245"}


def test_only_names_are_looked_up() -> None:
    with CaptureQueriesContext(connection) as asked:
        read_search(f"x severity:error since:2h device:{PHONE} context.n>3")
    assert len(asked) == 0
