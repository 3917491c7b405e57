"""One meaning of resolve and reopen, whoever calls: the ORM, the library, its async twin."""

import asyncio
import os
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import psycopg
import pytest
from django.db import connection, connections, transaction

from events.models import EventAction, SystemEvent
from events.models.actor import Actor
from events.models.event import CHUNK_ROWS
from sovi import events
from sovi_events.catalog import Resolver

pytestmark = pytest.mark.django_db(transaction=True)

DEADLINE_SECONDS = 60


class Side(Protocol):
    face: str

    def resolve(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        """Whether the event is resolved after the call."""

    def reopen(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        """Whether the event is unresolved after the call."""


class ORM:
    face = "admin"

    def resolve(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        found = SystemEvent.objects.filter(pk=event_id)
        changed = found.resolve(by=Actor(who, kind, self.face), reason=reason)
        assert changed in (0, 1)
        return found.resolved().exists()

    def reopen(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        found = SystemEvent.objects.filter(pk=event_id)
        changed = found.reopen(by=Actor(who, kind, self.face), reason=reason)
        assert changed in (0, 1)
        return found.unresolved().exists()


class Library:
    face = "library"

    def resolve(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        return events.resolve(event_id, kind, actor=who, reason=reason)

    def reopen(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        return events.reopen(event_id, kind, actor=who, reason=reason)


class AsyncLibrary:
    face = "library"

    def resolve(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        return asyncio.run(events.async_resolve(event_id, kind, actor=who, reason=reason))

    def reopen(self, event_id: int, kind: Resolver, who: str, reason: str | None = None) -> bool:
        return asyncio.run(events.async_reopen(event_id, kind, actor=who, reason=reason))


@pytest.fixture(params=[ORM, Library, AsyncLibrary])
def side(request: pytest.FixtureRequest) -> Side:
    made: Side = request.param()
    return made


def add(**columns: Any) -> int:
    given = {"category": "auth", "severity": "error", "event_type": "x", "message": "x"}
    return int(SystemEvent.objects.create(**{**given, **columns}).pk)


def columns_of(event_id: int) -> tuple[Any, Any, Any]:
    event = SystemEvent.objects.get(pk=event_id)
    return event.resolved, event.resolved_by, event.resolved_at


def ids_of(actions: Any) -> list[int]:
    return [
        event_id
        for action in actions
        for ids in action.events
        for event_id in range(ids.lower, ids.upper)
    ]


def test_resolve_sets_the_three_columns_and_appends_one_action(side: Side) -> None:
    add()
    event_id = add()
    assert side.resolve(event_id, "human", "Ada", "Charged the phone") is True
    resolved, resolved_by, resolved_at = columns_of(event_id)
    assert (resolved, resolved_by) == (True, "human")
    assert abs(resolved_at - datetime.now(UTC)) < timedelta(minutes=1)
    action = EventAction.objects.get()
    assert (action.action, action.actor, action.actor_kind) == ("resolve", "Ada", "human")
    assert (action.face, action.reason) == (side.face, "Charged the phone")
    assert action.timestamp == resolved_at
    assert ids_of([action]) == [event_id]
    assert list(EventAction.objects.about(event_id)) == [action]
    assert SystemEvent.objects.unresolved().count() == 1


def test_reopen_clears_the_three_columns_and_appends_one_action(side: Side) -> None:
    event_id = add(resolved=True, resolved_by="auto", resolved_at=datetime.now(UTC))
    assert side.reopen(event_id, "llm_agent", "agent-7") is True
    assert columns_of(event_id) == (False, None, None)
    action = EventAction.objects.get()
    assert (action.action, action.actor, action.actor_kind) == ("reopen", "agent-7", "llm_agent")
    assert (action.face, action.reason, ids_of([action])) == (side.face, None, [event_id])


def test_the_first_resolver_is_kept_and_a_second_call_records_nothing(side: Side) -> None:
    event_id = add()
    assert side.resolve(event_id, "human", "Ada")
    first = columns_of(event_id)
    assert side.resolve(event_id, "auto", "watchdog") is True
    assert columns_of(event_id) == first
    assert EventAction.objects.count() == 1

    assert side.reopen(event_id, "human", "Ada")
    assert side.reopen(event_id, "auto", "watchdog") is True
    assert EventAction.objects.count() == 2
    assert side.resolve(event_id, "auto", "watchdog")
    assert columns_of(event_id)[1] == "auto"
    assert [it.action for it in EventAction.objects.about(event_id)] == [
        "resolve",
        "reopen",
        "resolve",
    ]


def test_an_event_that_is_not_there_is_answered_with_false_and_no_record(side: Side) -> None:
    missing = add() + 1000
    assert side.resolve(missing, "human", "Ada") is False
    assert side.reopen(missing, "human", "Ada") is False
    assert not EventAction.objects.exists()


def test_a_null_resolved_counts_as_unresolved(side: Side) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, resolved)"
            " VALUES ('auth', 'info', 'x', 'x', NULL) RETURNING id"
        )
        (event_id,) = cursor.fetchone()
    assert side.reopen(event_id, "human", "Ada") is True
    assert not EventAction.objects.exists()
    assert side.resolve(event_id, "human", "Ada") is True
    assert columns_of(event_id)[:2] == (True, "human")


def test_ids_of_actions_that_a_restore_brought_are_passed_by(side: Side) -> None:
    event_ids = [add() for _ in range(4)]
    assert all(side.resolve(event_id, "human", "Ada") for event_id in event_ids[:3])
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(
            "SELECT setval('event_actions_id_seq', (SELECT min(id) FROM event_actions), false)"
        )
    assert side.resolve(event_ids[3], "human", "Ada") is True
    assert EventAction.objects.count() == 4


def test_of_resolvers_at_once_exactly_one_is_recorded(side: Side) -> None:
    event_ids = [add() for _ in range(5)]
    together = threading.Barrier(6, timeout=DEADLINE_SECONDS)

    def resolve(name: str) -> bool:
        try:
            together.wait()
            answers = [side.resolve(event_id, "human", name) for event_id in event_ids]
            return all(answers)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(resolve, "abcdef"))
    assert EventAction.objects.count() == 5
    for event_id in event_ids:
        (action,) = EventAction.objects.about(event_id)
        assert columns_of(event_id) == (True, "human", action.timestamp)


def test_a_resolver_waits_for_another_and_acts_if_that_one_rolls_back(side: Side) -> None:
    event_id = add()
    url = os.environ["DATABASE_URL"]
    with (
        psycopg.connect(url) as other,
        psycopg.connect(url, autocommit=True) as observer,
        ThreadPoolExecutor(1) as threads,
    ):
        other.execute("UPDATE system_events SET resolved = true, resolved_by = 'auto'")

        def resolve() -> bool:
            try:
                return side.resolve(event_id, "human", "Ada")
            finally:
                connections.close_all()

        waiting = threads.submit(resolve)
        blocked = (
            "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE %s = ANY(pg_blocking_pids(pid)))"
        )
        while True:
            found = observer.execute(blocked, [other.info.backend_pid]).fetchone()
            if found == (True,) or waiting.done():
                break
        assert not waiting.done()
        other.rollback()
        assert waiting.result(DEADLINE_SECONDS) is True
    assert columns_of(event_id)[1] == "human"
    assert EventAction.objects.count() == 1


# -- In bulk --------------------------------------------------------------------------------------

BY = Actor("Ada", "human", "admin")


def add_many(count: int, **columns: Any) -> list[int]:
    given = {"category": "auth", "severity": "error", "event_type": "x", "message": "x"}
    made = SystemEvent.objects.bulk_create(
        SystemEvent(**{**given, **columns}) for _ in range(count)
    )
    return [event.pk for event in made]


@pytest.fixture
def meddling() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Let another program act before each statement that changes events."""
    meddlers: list[Callable[[], None]] = []

    def wrapper(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "UPDATE system_events" in sql:
            for meddle in meddlers:
                meddle()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(wrapper):
        yield meddlers.append


def test_a_bulk_action_counts_exactly_what_changed_and_its_records_share_an_operation() -> None:
    resolved = add_many(100, resolved=True)
    add_many(50, severity="info")
    unresolved = add_many(2500)
    errors = SystemEvent.objects.filter(severity="error")

    assert errors.resolve(by=BY, reason="Storm over") == 2500
    assert not errors.unresolved().exists()
    actions = list(EventAction.objects.order_by("pk"))
    assert len(actions) == -(-2500 // CHUNK_ROWS)
    assert len({it.operation for it in actions}) == 1
    assert {(it.actor, it.face, it.reason) for it in actions} == {("Ada", "admin", "Storm over")}
    assert sorted(ids_of(actions)) == unresolved
    assert all(len(it.events) <= 3 for it in actions)  # ranges, not ids one by one

    assert errors.resolve(by=BY) == 0
    assert EventAction.objects.count() == len(actions)
    assert errors.reopen(by=BY) == 2600
    latest = EventAction.objects.filter(action="reopen")
    assert sorted(ids_of(latest)) == sorted(resolved + unresolved)
    assert len({it.operation for it in EventAction.objects.all()}) == 2


def test_a_bulk_action_over_scattered_ids_records_their_ranges() -> None:
    made = add_many(30)
    chosen = [event_id for n, event_id in enumerate(made) if n % 10 != 3]
    assert SystemEvent.objects.filter(pk__in=chosen).resolve(by=BY) == 27
    action = EventAction.objects.get()
    assert ids_of([action]) == chosen
    assert len(action.events) == 4


def test_rows_that_others_resolve_while_the_bulk_runs_are_theirs(meddling: Any) -> None:
    made = add_many(2500)
    rivals = [made[100:1000:100], made[1100:2000:100], made[2100:2400:100]]  # of each chunk
    others: list[int] = []

    def take() -> None:
        for event_id in rivals[0]:
            events.resolve(event_id, "auto", actor="watchdog")
        others.extend(rivals.pop(0))

    meddling(take)
    changed = SystemEvent.objects.filter(severity="error").resolve(by=BY)
    assert len(others) == 21
    assert changed == 2500 - len(others)
    assert not SystemEvent.objects.unresolved().exists()
    assert sorted(ids_of(EventAction.objects.filter(actor="Ada"))) == sorted(
        set(made) - set(others)
    )
    assert sorted(
        SystemEvent.objects.filter(resolved_by="auto").values_list("pk", flat=True)
    ) == sorted(others)


def test_rows_that_come_while_the_bulk_runs_are_not_in_it(meddling: Any) -> None:
    """Nobody has seen them; and a bulk that ran after its writers might never end."""
    made = add_many(1500)
    later: list[int] = []
    meddling(
        lambda: later.extend(
            events.emit_many(
                {"category": "auth", "severity": "error", "event_type": "x", "message": "x"}
                for _ in range(700)
            )
        )
    )
    assert SystemEvent.objects.filter(severity="error").resolve(by=BY) == 1500
    assert len(later) == 1400
    assert sorted(ids_of(EventAction.objects.all())) == made
    assert SystemEvent.objects.unresolved().count() == 1400


def test_rows_that_leave_the_set_between_the_chunks_stay_as_they_are(meddling: Any) -> None:
    made = add_many(2500)
    late = made[-10:]

    def reclassify() -> None:
        with psycopg.connect(os.environ["DATABASE_URL"]) as other:
            other.execute("UPDATE system_events SET severity = 'info' WHERE id = ANY(%s)", [late])

    meddling(reclassify)
    assert SystemEvent.objects.filter(severity="error").resolve(by=BY) == 2490
    assert sorted(SystemEvent.objects.unresolved().values_list("pk", flat=True)) == late


def test_a_bulk_in_the_callers_transaction_is_undone_with_it() -> None:
    add_many(1200)
    with pytest.raises(RuntimeError), transaction.atomic():
        assert SystemEvent.objects.resolve(by=BY) == 1200
        raise RuntimeError
    assert SystemEvent.objects.unresolved().count() == 1200
    assert not EventAction.objects.exists()


def test_two_bulks_at_once_share_the_rows_between_them() -> None:
    made = add_many(5000)
    together = threading.Barrier(4, timeout=DEADLINE_SECONDS)

    def resolve(name: str) -> int:
        try:
            together.wait()
            return SystemEvent.objects.filter(severity="error").resolve(
                by=Actor(name, "human", "admin")
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as threads:
        counts = dict(zip("abcd", threads.map(resolve, "abcd"), strict=True))
    assert sum(counts.values()) == 5000
    assert sorted(ids_of(EventAction.objects.all())) == made
    for name, count in counts.items():
        assert len(ids_of(EventAction.objects.filter(actor=name))) == count


def test_an_empty_set_changes_and_records_nothing() -> None:
    assert SystemEvent.objects.none().resolve(by=BY) == 0
    assert SystemEvent.objects.filter(device_id=uuid.uuid4()).reopen(by=BY) == 0
    assert not EventAction.objects.exists()
