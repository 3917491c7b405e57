"""A batch goes into the table once, in its order and as it was given."""

import os
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from events.models import Device, EventReceipt, SystemEvent
from sovi_events import connection
from sovi_events.record import MANY, Record
from sovi_events.writing import insert
from sovi_events.writing.batch import Batch, new_receipt
from sovi_events.writing.bounded import BoundedConnection
from sovi_events.writing.insert import DatabaseDown, Rejected

pytestmark = pytest.mark.django_db(transaction=True)

WHEN = datetime(2026, 1, 31, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def link() -> Iterator[BoundedConnection]:
    with closing(connection.bounded("sovi.events test", 30, prepare=True)) as opened:
        yield opened


def batch(*messages: str, **fields: object) -> Batch:
    records = [Record.of("auth", "info", "x", message, **fields) for message in messages]  # type: ignore[arg-type]
    return Batch(records, [WHEN.timestamp()] * len(records))


def store(link: BoundedConnection, given: Batch, **options: bool) -> list[int]:
    return insert.store(link, [given], deadline=time.monotonic() + 30, **options)


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.text(min_size=1).filter(str.strip), min_size=1, max_size=5),
    st.dictionaries(st.text(), st.text() | st.integers() | st.floats() | st.none(), max_size=3),
    st.sampled_from([1, 2, MANY]),
    st.booleans(),
)
def test_any_text_arrives_as_it_was_given_by_each_of_the_ways(
    link: BoundedConnection,
    messages: list[str],
    context: dict[str, object],
    at_least: int,
    stamped: bool,
) -> None:
    repeated = messages * (at_least // len(messages) + 1)
    given = batch(*repeated, context=context, device_id=None)
    ids = store(link, given, with_event_times=stamped)
    stored = SystemEvent.objects.filter(pk__in=ids).order_by("pk")
    rows = list(stored.values_list("pk", "message", "context", "timestamp"))
    assert [row[0] for row in rows] == ids
    assert [row[1] for row in rows] == [record.message for record in given.records]
    with psycopg.connect(os.environ["DATABASE_URL"]) as plain:
        (expected,) = plain.execute("SELECT %s::jsonb", [given.records[0].context]).fetchone() or (
            None,
        )
    assert all(row[2] == expected for row in rows)
    assert all((row[3] == WHEN) is stamped for row in rows)


@pytest.mark.parametrize("events", [1, 2, MANY], ids=["one", "several", "many"])
def test_a_batch_sent_again_answers_the_ids_it_got_and_stores_nothing(
    link: BoundedConnection, events: int
) -> None:
    given = batch(*["x"] * events)
    ids = store(link, given)
    store(link, batch("between"))
    assert store(link, given) == ids
    assert SystemEvent.objects.count() == events + 1


@pytest.mark.parametrize("events", [1, 2, MANY], ids=["one", "several", "many"])
def test_unknown_subjects_go_into_the_context_and_a_batch_sent_again_is_still_the_same(
    link: BoundedConnection, events: int
) -> None:
    unknown = uuid.uuid4()
    given = batch(*["x"] * events, device_id=unknown)
    ids = store(link, given)
    event = SystemEvent.objects.get(pk=ids[-1])
    assert (event.device_id, event.context) == (None, {"unknown_device_id": str(unknown)})
    assert store(link, given) == ids


def test_several_batches_stored_together_have_a_receipt_each(link: BoundedConnection) -> None:
    batches = [batch("a", "b"), batch("c"), batch("d", "e", "f")]
    insert.store(link, batches, deadline=time.monotonic() + 30)
    ids = [store(link, one) for one in batches]
    assert [len(some) for some in ids] == [2, 1, 3]
    messages = SystemEvent.objects.order_by("pk").values_list("message", flat=True)
    assert "".join(messages) == "abcdef"
    assert sum(ids, []) == sorted(sum(ids, []))


@pytest.mark.parametrize("events", [1, 2, MANY], ids=["one", "several", "many"])
def test_a_batch_that_a_constraint_refuses_is_refused_whole(
    link: BoundedConnection, events: int
) -> None:
    link.execute("ALTER TABLE system_events ADD CONSTRAINT no_poison CHECK (message <> 'poison')")
    try:
        with pytest.raises(Rejected, match="no_poison"):
            store(link, batch(*["x"] * (events - 1), "poison"))
        assert not SystemEvent.objects.exists()
        assert not EventReceipt.objects.exists()
        assert store(link, batch("x"))
    finally:
        link.execute("ALTER TABLE system_events DROP CONSTRAINT no_poison")


@pytest.mark.parametrize("events", [1, 2, MANY], ids=["one", "several", "many"])
def test_a_batch_that_was_stored_before_it_would_be_refused_answers_the_ids_it_got(
    link: BoundedConnection, events: int
) -> None:
    given = batch(*["x"] * (events - 1), "poison")
    ids = store(link, given)
    link.execute(
        "ALTER TABLE system_events ADD CONSTRAINT no_poison CHECK (message <> 'poison') NOT VALID"
    )
    try:
        assert store(link, given) == ids
    finally:
        link.execute("ALTER TABLE system_events DROP CONSTRAINT no_poison")
    assert SystemEvent.objects.count() == events


def test_a_statement_that_takes_too_long_ends_at_the_deadline(link: BoundedConnection) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"]) as blocker:
        blocker.execute("LOCK TABLE system_events IN EXCLUSIVE MODE")
        with pytest.raises(DatabaseDown, match="too long"):
            insert.store(link, [batch("x")], deadline=time.monotonic() + 0.1)


def test_only_receipts_older_than_30_days_are_pruned(link: BoundedConnection) -> None:
    now = datetime.now(UTC)
    ages = {"fresh": 0, "young": 29, "old": 31}
    for name, days in ages.items():
        made = now - timedelta(days=days)
        EventReceipt.objects.create(id=new_receipt(made.timestamp()), created_at=made, event_ids=[])
        EventReceipt.objects.create(
            id=uuid.uuid4(), created_at=made, event_ids=[], request_digest=name.encode()
        )
    assert insert.prune_receipts(link, deadline=time.monotonic() + 30) == 2
    assert {
        receipt.created_at > now - timedelta(days=30) for receipt in EventReceipt.objects.all()
    } == {True}


@pytest.mark.parametrize("stamped", [False, True], ids=["now", "stamped"])
def test_thousands_are_stored_where_the_ids_sequence_belongs_to_no_column(
    link: BoundedConnection, stamped: bool
) -> None:
    link.execute("ALTER SEQUENCE system_events_id_seq OWNED BY NONE")
    try:
        given = batch(*(f"{number}" for number in range(MANY)))
        ids = store(link, given, with_event_times=stamped)
        assert store(link, given, with_event_times=stamped) == ids
    finally:
        link.execute("ALTER SEQUENCE system_events_id_seq OWNED BY system_events.id")
    stored = SystemEvent.objects.order_by("pk").values_list("pk", "message")
    assert list(stored) == [(ids[number], f"{number}") for number in range(MANY)]


def test_a_role_with_the_rights_of_an_emitter_stores_and_prunes() -> None:
    name = f"emitter_{uuid.uuid4().hex}"
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {name}")
        try:
            call_command("grant_roles", "--emitter", name, "--apply", stdout=StringIO())
            with closing(connection.bounded("sovi.events test", 30, prepare=True)) as link:
                link.execute(f"SET ROLE {name}")
                for events in (1, 2, MANY):
                    assert len(store(link, batch(*["x"] * events))) == events
                    assert store(link, batch(*["x"] * events, device_id=uuid.uuid4()))
                admin.execute("ALTER SEQUENCE system_events_id_seq RESTART")
                assert store(link, batch("past the ids that are taken"))
                assert insert.prune_receipts(link, deadline=time.monotonic() + 30) == 0
        finally:
            admin.execute(f"DROP OWNED BY {name}")
            admin.execute(f"DROP ROLE {name}")


class LateDevice(BoundedConnection):
    """Another session makes a device once this one was told that it is missing."""

    device_id = uuid.uuid4()

    def execute(self, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        Device.objects.get_or_create(id=self.device_id, name="iPhone-A")
        return super().execute(*args, **kwargs)


def test_a_device_that_is_made_just_after_it_was_missing_refuses_no_event() -> None:
    with LateDevice.connect(os.environ["DATABASE_URL"], autocommit=True) as late:
        (event_id,) = store(late, batch("x", device_id=LateDevice.device_id))
    assert SystemEvent.objects.get(pk=event_id).device_id == LateDevice.device_id


@pytest.mark.parametrize("count", [1, 3, MANY])
def test_events_that_a_trigger_stores_elsewhere_are_stored_once(
    link: BoundedConnection, count: int
) -> None:
    link.execute(
        """
        CREATE TABLE elsewhere (message text);
        CREATE FUNCTION route() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO elsewhere VALUES (NEW.message);
            RETURN NULL;
        END $$;
        CREATE TRIGGER route BEFORE INSERT ON system_events FOR EACH ROW EXECUTE FUNCTION route()
    """,
        prepare=False,
    )
    try:
        given = batch(*(f"{number}" for number in range(count)))
        parts = [given]
        while parts:
            try:
                store(link, parts[0])
                store(link, parts.pop(0))
            except Rejected:
                parts[:1] = parts[0].halves()
        stored = link.execute("SELECT message FROM elsewhere").fetchall()
    finally:
        link.execute("DROP TABLE elsewhere; DROP FUNCTION route() CASCADE", prepare=False)
    assert sorted(message for (message,) in stored) == sorted(f"{n}" for n in range(count))
