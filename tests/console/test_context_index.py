"""The index on the context: what it finds, and when it is used."""

import json
import random
from itertools import product
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from events.filters.event_filter import EventFilter
from events.filters.search.normalise import read_search
from events.indexes import CONTEXT_DEFINITION, CONTEXT_INDEX
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading import context_index, page
from events.reading.context_index import few_by_context
from events.reading.raw_sql import read_plan
from events.reading.time_limit import time_limit

ODD: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        1,
        -1,
        1.5,
        10**30,
        1e-9,
        "",
        "1",
        "1.0",
        "true",
        "null",
        "é",
        "\\",
        '"',
    ),
    *([], {}, [1], ["1"], [[1]], [1, [2]], [{}], [None], {"b": 1}, {"b": []}, {"b": {}}, {"": 1}),
    *({"b": [1, "x", None]}, {"b": {"c": [{"d": 1.0}]}}, [{"b": 1}, {"b": 2}], "x" * 3000),
]
WRITTEN = ["1.0", "1e0", "10e-1", "0.0", "-0", "1.50", "1E30", '"\\u0031"', "[1, 1]"]
"""As a program may have written them: equal numbers, texts and arrays in other words."""


def make_index() -> None:
    """Build it within the test's transaction, and let the planner know the rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {CONTEXT_INDEX} ON system_events {CONTEXT_DEFINITION}")
        cursor.execute("ANALYZE system_events")


@pytest.fixture
def odd(db: None) -> None:
    """Contexts with every odd value at one key, some without that key, and many without any."""
    contexts = [json.dumps({"a": value, "n": number}) for number, value in enumerate(ODD)]
    contexts += [f'{{"a": {text}}}' for text in WRITTEN]
    contexts += ["[]", '[{"a": 1}]', '"a"', "1", "null", '{"A": 1}', '{"b": {"a": 1}}']
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, context)"
            " SELECT 'auth', 'info', 'odd', 'Odd', context::jsonb"
            " FROM unnest(%s::text[]) AS given (context)"
            " UNION ALL SELECT 'auth', 'info', 'none', 'None', CASE n %% 2 WHEN 0 THEN '{}'::jsonb"
            " END FROM generate_series(1, 3000) AS n",
            [contexts],
        )
    make_index()


def ids(events: Any) -> list[int]:
    return [event.pk for event in events]


ASKED = [
    *(EventFilter.of({"context": {"a": value}}) for value in ODD),
    *(EventFilter.of({"context": {"a": json.loads(text)}}) for text in WRITTEN),
    EventFilter.of({"context": {"a": 1, "n": 4}}),
    EventFilter.of({"context": {"a": {"b": 1}}, "severity": ["info"]}),
    *(
        EventFilter.of({"q": read_search(text)})
        for text in (
            *("context.a:1", "context.a:1.0", 'context.a:"1"', "context.a:true,null"),
            *("context.a.b:1", "context.a:é,x", "-context.a:1", "context.a:nobody"),
            *("context.a:1 -context.n:4", "context.a:1 context.n>3", "context.a:1 odd"),
            *("context.a:1 context.n:4", "context.a.b.c.d:1"),
        )
    ),
]


def test_it_finds_the_events_that_a_plain_query_finds(odd: None) -> None:
    found = 0
    for asked in ASKED:
        events = SystemEvent.objects.matching(asked)
        expected = ids(events.order_by("-pk"))
        with time_limit():
            few = few_by_context(events)
            assert (few is not None) == bool(asked.contained), asked.to_json()
            assert ids(page.read(events, 5000)) == expected, asked.to_json()
            assert page.count(events, 5000) == len(expected), asked.to_json()
        found += bool(few is not None and expected)
    assert found > len(ODD)


def test_of_an_empty_object_there_is_nothing_to_look_up() -> None:
    for value in ([], {}, {"b": {}}, [[]], [{"b": []}]):
        assert EventFilter.of({"context": {"a": value}}).contained == []
    some = EventFilter.of({"context": {"a": [[], 1]}, "q": read_search("context.b:x -context.c:y")})
    assert some.contained == [[{"a": [[], 1]}], [{"b": "x"}]]


@pytest.fixture
def mixed(db: None) -> None:
    """Of ten thousand events half hold "common", one in a hundred "rare", one "single"."""
    with connection.cursor() as cursor:
        cursor.execute("""
            INSERT INTO system_events
                (category, severity, event_type, message, timestamp, resolved, context)
            SELECT (ARRAY['auth', 'proxy', 'device'])[1 + n % 3],
                   (ARRAY['info', 'error', 'critical'])[1 + n % 7 % 3], 'login_failed',
                   'Number ' || n, now() - (10000 - n) * interval '1 minute', n % 5 = 0,
                   jsonb_build_object('value', CASE WHEN n = 5000 THEN 'single'
                                                    WHEN n % 100 = 0 THEN 'rare'
                                                    WHEN n % 2 = 0 THEN 'common'
                                                    ELSE md5(n::text) END)
            FROM generate_series(1, 10000) AS n
        """)


OTHERS: list[dict[str, Any]] = [
    {},
    {"severity": ["error"]},
    {"category": ["auth", "proxy"], "severity": ["critical", "info"]},
    {"resolved": True},
    {"resolved": False},
    {"q": "99 -severity:info"},
    {"q": "since:5d"},
    {"q": "until:3d severity:error"},
]


def holding(value: str, **others: Any) -> SystemEventQuerySet:
    if "q" in others:
        others["q"] = read_search(others["q"])
    return SystemEvent.objects.matching(EventFilter.of({"context": {"value": value}, **others}))


@pytest.mark.parametrize("has_index", [True, False])
def test_pages_and_counts_are_those_of_a_plain_query_with_the_index_and_without(
    mixed: None, has_index: bool
) -> None:
    if has_index:
        make_index()
    for value, others in product(("single", "rare", "common", "absent"), OTHERS):
        events = holding(value, **others)
        expected = ids(events.order_by("-pk"))
        middle = random.choice([*expected, 0])
        below = [event_id for event_id in expected if event_id < middle]
        with time_limit():
            assert ids(page.read(events, 20)) == expected[:20], (value, others)
            assert ids(page.read(events, 20, offset=7)) == expected[7:27], (value, others)
            assert ids(page.read(events, 20, ascending=True)) == expected[::-1][:20]
            assert ids(page.read(events.filter(pk__lt=middle), 20)) == below[:20]
            assert page.count(events, 9) == min(9, len(expected)), (value, others)
            assert page.count(events, 100_000) == len(expected), (value, others)


def test_a_value_of_few_events_is_found_by_it_whatever_else_is_asked(mixed: None) -> None:
    make_index()
    for value, others in product(("single", "rare", "absent"), OTHERS):
        with time_limit(), CaptureQueriesContext(connection) as asked:
            list(page.read(holding(value, **others), 20))
        [found] = [it["sql"] for it in asked if "AS few (id)" in it["sql"]]
        with time_limit():
            assert CONTEXT_INDEX in indexes(read_plan(found))


def test_a_value_of_many_events_is_read_as_without_it(
    mixed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_index, "PAGE_ROWS", 5)
    events = [holding(value, **others) for value, others in product(("common", "rare"), OTHERS)]
    without = statements_about(events)
    make_index()
    assert statements_about(events) == without
    with time_limit():
        for statement in without:
            assert CONTEXT_INDEX not in indexes(read_plan(statement))


def test_what_was_wrongly_taken_for_rare_is_read_as_without_it(
    mixed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_index, "PAGE_ROWS", 5)
    make_index()
    SystemEvent.objects.filter(message__endswith="1").update(context={"value": "new"})
    events = holding("new")
    with time_limit(), CaptureQueriesContext(connection) as asked:
        assert few_by_context(events) is None
    assert "LIMIT 51) AS holding" in asked[-1]["sql"], "it was estimated to be rare, and counted"
    assert len(statements_about([events])) == 2


def statements_about(events: list[SystemEventQuerySet]) -> list[str]:
    """What reads a page of them and counts them, but for what looks whether they are few."""
    with time_limit(), CaptureQueriesContext(connection) as asked:
        for some in events:
            list(page.read(some, 20))
            page.count(some, 20)
    statements = [it["sql"] for it in asked if '"context" @>' in it["sql"]]
    return [it for it in statements if "EXPLAIN" not in it and "AS holding" not in it]


def indexes(plan: dict[str, Any]) -> set[str]:
    found = {plan["Index Name"]} if "Index Name" in plan else set()
    return found.union(*map(indexes, plan.get("Plans", [])))
