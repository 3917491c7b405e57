"""What `get_events` and `get_unresolved` find, in which order, and what they refuse."""

import enum
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from events.models import SystemEvent
from sovi_events import InvalidEvent
from sovi_events.statements import COLUMNS


class Gravity(enum.StrEnum):
    BAD = "critical"


def add(**columns: Any) -> int:
    given = {"category": "scheduler", "severity": "info", "event_type": "no_devices"}
    return int(SystemEvent.objects.create(message="Hello", **{**given, **columns}).pk)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def test_events_are_dicts_with_the_tables_columns_newest_first(
    library: Any, device_id: UUID, account_id: UUID
) -> None:
    first = add()
    second = library.emit(
        "account",
        "error",
        "login_failed",
        "No login",
        device_id=device_id,
        account_id=str(account_id),
        context={"step": "login", "tries": [1, 2]},
    )
    newest, oldest = library.get_events()
    assert ids([newest, oldest]) == [second, first]
    assert tuple(newest) == COLUMNS
    timestamp = newest.pop("timestamp")
    assert timestamp.tzinfo is not None
    assert abs(timestamp - datetime.now(UTC)) < timedelta(minutes=1)
    assert newest == {
        "id": second,
        "category": "account",
        "severity": "error",
        "event_type": "login_failed",
        "device_id": device_id,
        "account_id": account_id,
        "message": "No login",
        "context": {"step": "login", "tries": [1, 2]},
        "resolved": False,
        "resolved_by": None,
        "resolved_at": None,
    }


def test_null_reads_as_unresolved_and_as_an_empty_context(
    library: Any, transactional_db: None
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, resolved, context)"
            " VALUES ('auth', 'info', 'x', 'x', NULL, NULL), ('auth', 'info', 'x', 'x', true, '[]')"
            " RETURNING id"
        )
        (unresolved,), (resolved,) = cursor.fetchall()
    for rows in (library.get_unresolved(), library.get_events(resolved=False)):
        assert [(row["id"], row["resolved"], row["context"]) for row in rows] == [
            (unresolved, False, {})
        ]
    assert ids(library.get_events(resolved=True)) == [resolved]
    assert library.get_events(resolved=True)[0]["context"] == []
    assert ids(library.get_events(resolved=None)) == [resolved, unresolved]


@pytest.mark.parametrize("after_id", [None, 0])
def test_each_filter_finds_its_events_and_all_together_narrow(
    library: Any, device_id: UUID, account_id: UUID, after_id: int | None
) -> None:
    columns: list[dict[str, Any]] = [
        {},
        {"severity": "error"},
        {"severity": "critical", "category": "device"},
        {"event_type": "rotated", "category": "proxy"},
        {"device_id": device_id},
        {"account_id": account_id, "resolved": True},
        {"device_id": device_id, "severity": "error"},
        {"severity": "debug"},
    ]
    made = [add(**given) for given in columns]

    def found(**filters: Any) -> set[int]:
        rows = library.get_events(after_id=after_id, **filters)
        ascending = sorted(ids(rows))
        assert ids(rows) == (ascending if after_id is not None else ascending[::-1])
        return {made.index(event_id) for event_id in ascending}

    assert found() == set(range(8))
    assert found(severity="error") == {1, 6}
    assert found(severity=["error", Gravity.BAD]) == {1, 2, 6}
    assert found(severity=["ERROR", "debug"]) == {1, 6, 7}  # as another program wrote it
    assert found(category=("proxy", "device")) == {2, 3}
    assert found(event_type="rotated") == {3}
    assert found(event_type=["rotated", "nothing has this"]) == {3}
    assert found(category="nothing has this") == set()
    assert found(device_id=device_id) == {4, 6}
    assert found(device_id=str(device_id).upper()) == {4, 6}
    assert found(account_id=account_id) == {5}
    assert found(account_id=uuid.uuid4()) == set()
    assert found(resolved=True) == {5}
    assert found(resolved=False) == {0, 1, 2, 3, 4, 6, 7}
    assert found(device_id=device_id, severity="error", resolved=False) == {6}
    assert found(category="nul\x00and\ud800surrogate") == set()


def test_get_unresolved_takes_its_arguments_in_the_specifications_order(
    library: Any, transactional_db: None
) -> None:
    add(severity="error", resolved=True)
    wanted = [add(severity="error") for _ in range(3)]
    add(severity="error", category="device")
    add()
    assert ids(library.get_unresolved("error", "scheduler", 2)) == wanted[:0:-1]
    assert ids(library.get_unresolved(severity="error", category="scheduler")) == wanted[::-1]
    assert len(library.get_unresolved()) == 5


def test_limits_have_the_specifications_defaults(library: Any, transactional_db: None) -> None:
    SystemEvent.objects.bulk_create(
        SystemEvent(category="auth", severity="info", event_type="x", message="x")
        for _ in range(120)
    )
    assert len(library.get_unresolved()) == 50
    assert len(library.get_events()) == 100
    assert len(library.get_events(limit=10_000)) == 120
    assert len(library.get_events(limit=1)) == 1


def test_pages_after_an_id_walk_the_table_once(library: Any, transactional_db: None) -> None:
    made = [add() for _ in range(7)]
    walked: list[int] = []
    after_id = 0
    while page := library.get_events(after_id=after_id, limit=3):
        walked += ids(page)
        after_id = walked[-1]
    assert walked == made
    assert library.get_events(after_id=2**63 - 1) == []


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"severity": "eror"}, "severity: “eror” is not one of info, warning, error, critical"),
        ({"severity": ["info", 3]}, "severity must be text, not 3"),
        ({"severity": []}, "severity must name at least one, or be None"),
        ({"category": 5}, "category must be text, not 5"),
        ({"category": ""}, "category must not be empty"),
        ({"event_type": {"a": 1}}, "event_type must be text"),
        ({"device_id": "iPhone"}, "device_id must be a UUID or None, not 'iPhone'"),
        ({"account_id": 7}, "account_id must be a UUID or None"),
        ({"resolved": "no"}, "resolved must be True, False or None, not 'no'"),
        ({"resolved": 1}, "resolved must be True, False or None, not 1"),
        ({"limit": 0}, "limit must be a whole number from 1 to 10000, not 0"),
        ({"limit": 10_001}, "limit must be a whole number"),
        ({"limit": True}, "limit must be a whole number"),
        ({"limit": "9"}, "limit must be a whole number"),
        ({"limit": None}, "limit must be a whole number"),
        ({"after_id": -1}, "after_id must be a whole number from 0 to 9223372036854775807"),
        ({"after_id": 2**63}, "after_id must be a whole number"),
        ({"after_id": 10**5000}, "after_id must be a whole number"),
        ({"after_id": 1.0}, "after_id must be a whole number"),
    ],
)
def test_a_mistake_is_refused_naming_the_argument(
    library: Any, filters: dict[str, Any], said: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{said}"):
        library.get_events(**filters)
