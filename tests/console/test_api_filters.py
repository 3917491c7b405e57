"""What the event list's parameters accept, refuse and mean; REST and the stream share them."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from django.http import QueryDict

from events.filters.filterset import EventFilterSet
from events.filters.query_string import InvalidQuery, read_query, refuse_parameters
from events.models import Account, Device, SystemEvent

PHONE = uuid.UUID("11111111-1111-1111-1111-111111111111")
GRIND = uuid.UUID("22222222-2222-2222-2222-222222222222")


def query(**parameters: str | list[str]) -> QueryDict:
    given = QueryDict(mutable=True)
    for name, value in parameters.items():
        given.setlist(name, [value] if isinstance(value, str) else value)
    return given


def errors(**parameters: str | list[str]) -> dict[str, list[str]]:
    with pytest.raises(InvalidQuery) as caught:
        read_query(query(**parameters))
    return caught.value.errors


@pytest.fixture
def events(db: None) -> None:
    """Five events, named by their messages."""
    Device.objects.create(id=PHONE, name="iPhone-A")
    Account.objects.create(id=GRIND, platform="tiktok", username="grind4829")

    def add(message: str, category: str, severity: str, event_type: str, **columns: Any) -> None:
        SystemEvent.objects.create(
            message=message,
            category=category,
            severity=severity,
            event_type=event_type,
            **columns,
        )

    add("one", "scheduler", "info", "warming_complete", context={"platform": "tiktok", "n": [1]})
    add("two", "account", "error", "login_failed", account_id=GRIND, resolved=None, context=None)
    add("three 100%", "device", "critical", "device_disconnected", device_id=PHONE)
    add("Four_ß", "proxy", "warning", "rotated", resolved=True, resolved_by="auto")
    SystemEvent.objects.filter(message="one").update(timestamp=datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("parameters", "messages"),
    [
        ({}, "one, two, three 100%, Four_ß"),
        ({"severity": ""}, "one, two, three 100%, Four_ß"),
        ({"severity": "error"}, "two"),
        ({"severity": "error, critical,"}, "two, three 100%"),
        ({"severity": "ERROR,error"}, "two"),
        ({"severity": ["error", "critical,info"]}, "one, two, three 100%"),
        ({"category": "proxy"}, "Four_ß"),
        ({"category": "nobody-knows"}, ""),
        ({"event_type": "rotated,login_failed"}, "two, Four_ß"),
        ({"device_id": str(PHONE)}, "three 100%"),
        ({"account_id": [str(GRIND), str(PHONE)]}, "two"),
        ({"device_id": "-"}, "one, two, Four_ß"),
        ({"account_id": ["-", str(GRIND)], "severity": "error,critical"}, "two, three 100%"),
        ({"resolved": "false"}, "one, two, three 100%"),
        ({"resolved": "True"}, "Four_ß"),
        ({"resolved_by": "auto,human"}, "Four_ß"),
        ({"resolved_by": "Auto"}, "Four_ß"),
        ({"since": "2026-01-01T00:00:00", "until": "2026-01-01T00:00:00.000001Z"}, "one"),
        ({"since": "2026-01-01T02:00:00 02:00", "until": "2026-01-02"}, "one"),
        ({"until": "2026-01-01T00:00:00Z"}, ""),
        ({"q": "FOUR_"}, "Four_ß"),
        ({"q": "100%"}, "three 100%"),
        ({"q": "o_e"}, ""),
        ({"q": "-severity:error resolved:no context.platform:tiktok"}, "one"),
        ({"q": f"device:{PHONE} -account:{GRIND}", "severity": "critical"}, "three 100%"),
        ({"q": "device:-"}, "one, two, Four_ß"),
        ({"q": f"device:-,{PHONE} -account:-"}, "two"),
        ({"q": " "}, "one, two, three 100%, Four_ß"),
        ({"context": '{"platform": "tiktok"}'}, "one"),
        ({"context": '{"n": [1]}'}, "one"),
        ({"context": "{}"}, "one, two, three 100%, Four_ß"),
        ({"severity": "error", "resolved": "false", "q": "two"}, "two"),
    ],
)
def test_each_filter_matches_its_events(
    parameters: dict[str, str | list[str]], messages: str
) -> None:
    found = read_query(query(**parameters)).qs.order_by("id").values_list("message", flat=True)
    assert ", ".join(found) == messages


@pytest.mark.django_db
@pytest.mark.parametrize(
    "parameters",
    [
        {"severity": "debug"},
        {"severity": "error,debug"},
        {"resolved_by": "Admin"},
        {"q": "severity:debug"},
        {"q": "resolved_by:Admin -severity:error"},
    ],
)
def test_what_older_programs_wrote_can_be_asked_for(parameters: dict[str, str | list[str]]) -> None:
    old = {"category": "x", "event_type": "x", "message": "x", "resolved": True}
    SystemEvent.objects.create(**old, severity="info", resolved_by="auto")
    found = SystemEvent.objects.create(**old, severity="debug", resolved_by="Admin")
    assert list(read_query(query(**parameters)).qs) == [found]


def test_what_clients_add_by_themselves_is_no_parameter() -> None:
    assert read_query(query(_="1796000000000")).form.is_valid()
    refuse_parameters(query(_="1796000000000"))
    assert list(errors(_="1", __="2")) == ["__"]


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("severity", "errors", "“errors” is not one of info, warning, error, critical."),
        ("severity", "info,CRITCAL", "“CRITCAL” is not one of info, warning, error, critical."),
        ("resolved_by", "humans", "“humans” is not one of human, llm_agent, auto."),
        ("severity", "info\x00", "NUL characters are not allowed."),
        ("resolved_by", "\x00", "NUL characters are not allowed."),
        ("resolved", "1", "'1' is neither true nor false."),
        ("device_id", "x", "'x' is not a UUID."),
        ("account_id", f"{GRIND},\udc00", r"'\udc00' is not a UUID."),
        ("category", "a\x00", "NUL characters are not allowed."),
        ("event_type", "a,\ud800", "Unpaired surrogates are not allowed."),
        ("q", "\x00", "At character 1, ▸␀ – NUL characters are not allowed."),
        ("q", "a\ud800", "At character 2, a▸\ufffd – Unpaired surrogates are not allowed."),
        (
            "q",
            "login severity:eror",
            "At character 16, login severity:▸eror – "
            "“eror” is not one of info, warning, error, critical.",
        ),
        ("context", '{"a": "\\u0000"}', "NUL characters are not allowed."),
        ("context", '{"\\ud800": 1}', "Unpaired surrogates are not allowed."),
        ("context", '{"a": [NaN]}', "NaN and infinite numbers are not allowed."),
        ("context", '{"a": 1e400}', "NaN and infinite numbers are not allowed."),
        ("context", '{"a":' * 21 + "1" + "}" * 21, "At most 20 levels of nesting are allowed."),
        (
            "context",
            '{"a":' * 9999 + "1" + "}" * 9999,
            'This must be a JSON object, such as {"platform": "tiktok"}.',
        ),
        ("context", "[1]", 'This must be a JSON object, such as {"platform": "tiktok"}.'),
        ("context", "{", 'This must be a JSON object, such as {"platform": "tiktok"}.'),
    ],
)
def test_a_malformed_value_is_refused_with_its_reason(name: str, value: str, reason: str) -> None:
    assert errors(**{name: value}) == {name: [reason]}


@pytest.mark.parametrize("value", ["x", "2026-13-01", "0001-01-01T00:00+14:00", "\ud800", "\x00"])
def test_a_malformed_time_is_refused(value: str) -> None:
    (reason,) = errors(since=value)["since"]
    assert reason.endswith("is not a time such as 2h, 7d, 2026-01-31 or 2026-01-31T18:30:00Z.")


def test_an_unknown_parameter_is_refused_naming_the_known_ones() -> None:
    (reason,) = errors(colour="red")["colour"]
    assert reason == f"Unknown parameter. Known ones: {', '.join(EventFilterSet.parameters())}."
    assert read_query(query(colour="red"), also=["colour"])
    with pytest.raises(InvalidQuery, match="resolved"):
        read_query(query(resolved="true"), without=["resolved"])


def test_a_single_valued_parameter_given_twice_is_refused() -> None:
    assert errors(q=["a", "b"]) == {"q": ["Give this parameter once."]}


def test_every_error_is_reported_at_once() -> None:
    assert set(errors(resolved="x", since="y", colour="z")) == {"resolved", "since", "colour"}


def test_cleaned_values_are_typed() -> None:
    read = read_query(query(device_id=str(PHONE), resolved="false", since="2026-01-01"))
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert read.form.cleaned_data == {"device_id": [PHONE], "resolved": False, "since": since}
