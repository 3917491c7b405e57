"""Rows reach REST's clients as `represent` makes them, value for value and digit for digit."""

import json
import random
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from rest_framework import renderers

from events.api.renderer import JSONRenderer
from events.models import Account, Device, SystemEvent
from events.web import event_json
from sovi_events.statements import COLUMNS

pytestmark = pytest.mark.django_db

TIMES = [
    "infinity",
    "-infinity",
    "4713-01-01 00:00:00+00 BC",
    "0001-01-01 00:00:00+00",
    "0001-12-31 23:59:59.999999+00",
    "0987-06-05 04:03:02+00",
    "1900-01-01 00:00:00.1+00",
    "2026-03-29 01:30:00+01",
    "2026-11-29 12:00:00.120000+05:45",
    "9999-12-31 23:59:59.999999+00",
    "10000-01-01 00:00:00+00",
    "294276-12-31 23:59:59+00",
]
NUMBERS = """
    0 -0 -0.0 0.0 1 1.0 1.10 1E+2 1e-7 0.0001 0.00001 0.000012340 1e15 1e16 1.5e16 1e17 1e22 1e23
    1e400 -1e400 1e-400 0.1 0.1e1 4.35 0.30000000000000004 2.2250738585072014e-308 5e-324
    1.7976931348623157e308 123456789012345678 9007199254740993 9007199254740993.0
    9223372036854775807 9223372036854775808 -9223372036854775808 -9223372036854775809
    18446744073709551615 18446744073709551616 12345678901234567890123
    123456789.123456789123456789
""".split()  # noqa: SIM905 - a list of them fills a page
TEXTS = ["", " ", "\r\n\t\x01\x1f\x7f\u2028\u2029\ufeff\U0001f600\\\"'/", "1e400", "\\u0000"]
CONTEXTS = [
    "null",
    "{}",
    "[]",
    '""',
    '"text"',
    "true",
    "[null, true, false]",
    '{"a": 1, "A": 2, "a ": 3, "": 4}',
    '{"b": {"a": [1, {"c": "[["}]}, "a": "{"}',
    r'{"\u0001\b\f\n\r\t\"\\\/": "\u001f\u007f\u0080\u2028\u2029\ufeff\uffff\ud83d\ude00"}',
    '{"zahlen": "12345678901234567890", "größe": "ß\u0301"}',
    *NUMBERS,
    *(f'{{"n": [{number}, {{"m": {number}}}]}}' for number in NUMBERS),
    "9" * 400,
    "9" * 400 + ".5",
    "9" * 5000,
    f'{{"n": -{"9" * 400}.5}}',
    *(f"{'[' * depth}1.5{']' * depth}" for depth in (99, 100, 101, 102, 300, 3000)),
    *('{"a":' * depth + "[]" + "}" * depth for depth in (99, 100, 101, 1500)),
]
INSERT = """
INSERT INTO system_events (timestamp, category, severity, event_type, message, device_id,
                           account_id, context, resolved, resolved_by, resolved_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s::text::jsonb, %s, %s, %s)
"""


def insert(**values: Any) -> None:
    row = {
        "timestamp": "2026-01-02 03:04:05+00",
        "category": "device",
        "severity": "info",
        "event_type": "odd",
        "message": "odd",
        "device_id": None,
        "account_id": None,
        "context": "{}",
        "resolved": False,
        "resolved_by": None,
        "resolved_at": None,
    }
    with connection.cursor() as cursor:
        cursor.execute(INSERT, list((row | values).values()))


def insert_odd_rows() -> None:
    subjects = {
        "device_id": Device.objects.create(name="iPhone-A").pk,
        "account_id": Account.objects.create(platform="tiktok", username="a").pk,
    }
    for time in TIMES:
        insert(timestamp=time, resolved_at=time, resolved=True, resolved_by="human")
    for context in (None, *CONTEXTS):
        insert(context=context, **subjects)
    for text in (
        "",
        " ",
        "\r\n\t\x01\x1f\x7f\u2028\u2029\ufeff\U0001f600\\\"'/",
        "1e400",
        "\\u0000",
    ):
        insert(category=text, severity=text, event_type=text, message=text, resolved_by=text)
    for resolved in (True, False, None):
        insert(resolved=resolved)


def assert_same() -> None:
    events = SystemEvent.objects.order_by("pk")
    shown = [event_json.represent(row) for row in events.values(*COLUMNS)]
    read = event_json.read(events, ascending=True).events
    for one, other in zip(read, shown, strict=True):
        assert repr(one) == repr(other)
        # Python writes 1e-07, orjson 1e-7.
        written = renderers.JSONRenderer().render(other)
        assert _values(JSONRenderer().render(one)) == _values(written)
    body = renderers.JSONRenderer().render(shown)
    assert _values(JSONRenderer().render(read)) == _values(body)


def _values(body: bytes) -> Any:
    try:
        return repr(json.loads(body, parse_float=Decimal, parse_int=str))
    except RecursionError:
        return body


def test_odd_rows_are_read_as_they_are_represented() -> None:
    insert_odd_rows()
    assert_same()


def test_any_context_is_read_as_it_is_represented() -> None:
    chance = random.Random(13)

    def number() -> str:
        digits = "".join(chance.choices("0123456789", k=chance.randint(1, 25)))
        text = str(int(digits))
        if chance.random() < 0.5:
            text += "." + "".join(chance.choices("0123456789", k=chance.randint(1, 25)))
        if chance.random() < 0.3:
            text += f"e{chance.randint(-40, 40)}"
        return chance.choice(["", "-"]) + text

    def text() -> str:
        return json.dumps("".join(chance.choices('a[{"\\.0123456789é\n\u2028😀', k=8)))

    def value(depth: int) -> str:
        match chance.randint(0, 5 if depth < 4 else 3):
            case 0 | 1:
                return number()
            case 2:
                return text()
            case 3:
                return chance.choice(["true", "false", "null"])
            case 4:
                return f"[{', '.join(value(depth + 1) for _ in range(chance.randint(0, 3)))}]"
        items = (f"{text()}: {value(depth + 1)}" for _ in range(chance.randint(0, 3)))
        return f"{{{', '.join(items)}}}"

    for _ in range(500):
        insert(context=value(0))
    assert_same()
