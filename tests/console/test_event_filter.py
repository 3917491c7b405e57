"""A filter is a value: the same of parameters and of a search, kept, compared, taken apart."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from events.filters.event_filter import EventFilter, Term
from events.filters.query_string import read_query
from events.filters.search.normalise import read_search

PHONE = uuid.UUID("6b1f3b0e-0000-7000-8000-000000000001")
MOMENT = datetime(2026, 1, 31, 12, tzinfo=UTC)


def asked(query: str) -> EventFilter:
    return read_query(QueryDict(query)).event_filter


@pytest.mark.parametrize(
    ("parameters", "search"),
    [
        ("severity=error&severity=critical", "q=severity:error,critical"),
        ("category=auth&event_type=login_failed", "q=type:login_failed category:auth"),
        (f"device_id={PHONE}", f"q=device:{PHONE}"),
        ("resolved=false", "q=resolved:no"),
        ("resolved=false", "q=-resolved:yes"),
        ("since=2026-01-31T12:00:00Z", "q=since:2026-01-31T12:00:00Z"),
        ("until=2026-01-31T13:00:00%2B01:00", "q=until:2026-01-31T12:00Z"),
    ],
)
def test_parameters_and_a_search_that_ask_for_the_same_are_equal(
    parameters: str, search: str
) -> None:
    assert asked(parameters) == asked(search) != EventFilter()
    assert hash(asked(parameters)) == hash(asked(search))
    assert len({asked(parameters), asked(search)}) == 1


def test_only_what_is_at_the_top_level_of_a_search_is_a_term() -> None:
    found = asked("q=severity:error captcha -category:auth context.platform:tiktok -login")
    assert found.terms == (
        Term("severity", "in", ("error",)),
        Term("message", "holds", ("captcha",)),
    )
    assert str(found.residue) == "-category:auth context.platform:tiktok -login"


def test_an_index_is_asked_for_the_first_term_of_a_column_and_never_for_null() -> None:
    found = asked(f"severity=error&q=severity:info type:x&device_id={PHONE},-&resolved=true")
    assert found.equal == {"severity": ("error",), "event_type": ("x",)}
    assert found.resolved is True
    assert EventFilter().resolved is None


@pytest.mark.parametrize(
    "query",
    [
        "",
        "severity=error&severity=info&category=auth",
        f"device_id={PHONE},-&account_id=-",
        "resolved=true&resolved_by=human,auto",
        "since=2026-01-31T12:00:00Z&until=2026-02-01T12:00:00.000001%2B02:00",
        'context={"platform": "tiktok", "n": [1, null]}',
        f'q=severity:error -type:x "two words" context.a.b>3 device:{PHONE} since:2026-01-31',
        "severity=error&q=severity:info",
    ],
)
def test_what_is_kept_asks_for_the_same_when_it_is_read(query: str) -> None:
    given = asked(query)
    assert EventFilter.from_json(given.to_json()) == given
    assert asked(given.to_query_string()) == given
    assert str(EventFilter.from_json(given.to_json()).to_q()) == str(given.to_q())


def test_a_filter_that_a_job_kept_before_is_read() -> None:
    kept: dict[str, Any] = {
        "severity": ["error"],
        "device_id": [str(PHONE), "-"],
        "resolved": ["false"],
        "since": ["2026-01-31T12:00:00+00:00"],
        "context": ['{"platform": "tiktok"}'],
        "q": ["type:login_failed -captcha"],
    }
    found = EventFilter.from_json(kept)
    assert Term("timestamp", "gte", (MOMENT,)) in found.terms
    assert Term("device_id", "in", (PHONE, None)) in found.terms
    assert Term("event_type", "in", ("login_failed",)) in found.terms
    assert found.to_json() == kept
    with pytest.raises(ValueError, match="'colour' is none of its parameters"):
        EventFilter.from_json({"colour": ["red"]})
    bare = EventFilter.from_json({"q": ["login AND NOT captcha"]})  # as once they were written
    assert bare == asked('q=login "AND" "NOT" captcha')


def test_parts_of_a_filter_keep_the_rest_of_the_search() -> None:
    found = asked(
        "severity=error&resolved=false&q=resolved_by:auto -resolved:no a since:2026-01-31"
    )
    assert found.without("resolved", "resolved_by") == asked("severity=error&q=a since:2026-01-31")
    assert found.on("timestamp") == asked("since=2026-01-31")
    assert found.asks_for("message")
    assert not found.asks_for("category")


def test_two_filters_together_ask_for_both() -> None:
    both = asked("severity=error&q=a") & asked("category=auth&q=-b")
    assert both == asked("severity=error&category=auth&q=a -b")
    assert not EventFilter()
    assert EventFilter(search=read_search("-a"))


def test_a_dash_is_none_for_devices_and_accounts_alone() -> None:
    assert asked("category=-&device_id=-").terms == (
        Term("category", "in", ("-",)),
        Term("device_id", "in", (None,)),
    )


def test_a_query_string_takes_other_parameters_in_place_of_its_own() -> None:
    found = EventFilter.of({"severity": ["error"], "max_id": 7})
    assert found.terms[-1] == Term("id", "lte", (7,))
    assert EventFilter.from_json(found.to_json()) == found
    assert found.to_query_string(format="csv") == "severity=error&max_id=7&format=csv"
    assert found.to_query_string(max_id="5") == "severity=error&max_id=5"
