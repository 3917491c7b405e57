"""The rollups count the events that are there, up to the mark."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta

import crowd
import psycopg
import pytest
from django.core.management import call_command
from django.db import connections

from events.models import EventRollup, SystemEvent
from events.retention.policy import Policy
from events.retention.pruning import prune
from events.statistics.rollups.rolling import roll_up
from events.statistics.rollups.statements import LOCK
from sovi_events import database

KINDS = "severity, category, event_type"
GRAINS = {"15 minutes": 15, "1 hour": 60, "24 hours": 1440}


def assert_true() -> None:
    """Compare the rollups with the rows they are about."""
    mark = "(SELECT coalesce(max(event_id), 0) FROM event_rollup_mark)"
    for by_device, columns in ((False, KINDS), (True, "severity, device_id")):
        for length, grain in GRAINS.items():
            slot = f"date_bin('{length}', timestamp, '2000-01-01 00:00:00+00')"
            counted = crowd.rows(
                f"SELECT {slot}, {columns}, count(*) FROM system_events WHERE id <= {mark}"
                f" GROUP BY {slot}, {columns}"
            )
            kept = crowd.rows(
                f"SELECT slot, {columns}, events FROM event_rollups"
                " WHERE by_device = %s AND grain = %s",
                by_device,
                grain,
            )
            assert sorted(map(str, kept)) == sorted(map(str, counted))


@pytest.mark.django_db
@pytest.mark.parametrize("seed", range(5))
def test_they_stay_true_while_events_come_late_and_old_ones_are_pruned(seed: int) -> None:
    chance, phones = random.Random(seed), crowd.devices()
    for _ in range(12):
        match chance.randrange(3):
            case 0:
                crowd.add(chance, chance.randrange(300), phones)
            case 1:
                list(roll_up(at_least=chance.choice([1, 200])))
            case 2:
                ages = {chance.choice([None, "info", "error"]): timedelta(days=chance.random() * 5)}
                policy = Policy(ages, keep_unresolved=chance.random() < 0.5)
                list(prune(policy, crowd.START + timedelta(days=crowd.DAYS)))
        assert_true()
    list(roll_up())
    assert_true()
    assert not EventRollup.objects.filter(events__lte=0).exists()


@pytest.mark.django_db(transaction=True)
def test_rolling_up_stops_at_the_last_settled_event() -> None:
    crowd.add(random.Random(0), 10, [])
    with psycopg.connect(**database.parameters()) as writer:
        writer.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " VALUES ('auth', 'info', 'x', 'still open')"
        )
        crowd.add(random.Random(1), 10, [])
        list(roll_up())
        assert_true()
        writer.commit()
    assert sum(roll_up()) > 0
    assert_true()
    assert crowd.rows("SELECT event_id FROM event_rollup_mark") == crowd.rows(
        "SELECT max(id) FROM system_events"
    )


@contextmanager
def at_the_same_time(*runs: Callable[[], object]) -> Iterator[None]:
    """Run each again and again in a thread of its own until the block ends; none may fail."""
    ending, failures = threading.Event(), []

    def repeat(run: Callable[[], object]) -> None:
        with closing(connections["default"]):
            while not ending.is_set():
                try:
                    run()
                except BaseException as error:
                    failures.append(error)
                    return

    threads = [threading.Thread(target=repeat, args=[run]) for run in runs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ending.set()
        for thread in threads:
            thread.join()
    assert not failures


@pytest.mark.django_db(transaction=True)
def test_writers_pruners_and_those_who_roll_up_do_not_confuse_each_other() -> None:
    phones = crowd.devices()
    end = crowd.START + timedelta(days=crowd.DAYS)
    policy = Policy({"info": timedelta(days=2), "error": timedelta(days=4)})
    with at_the_same_time(
        lambda: list(roll_up()),
        lambda: list(roll_up(at_least=50, waits=False)),
        lambda: list(prune(policy, end)),
        lambda: crowd.add(random.Random(), 20, phones),
    ):
        chance = random.Random(0)
        for _ in range(40):
            crowd.add(chance, 100, phones)
    assert_true()
    list(roll_up())
    assert_true()
    assert SystemEvent.objects.filter(severity="warning").exists()


@pytest.mark.django_db(transaction=True)
def test_a_question_does_not_wait_for_another_who_is_at_it() -> None:
    crowd.add(random.Random(0), 100, [])
    with psycopg.connect(**database.parameters()) as other:
        other.execute(LOCK)
        assert list(roll_up(waits=False)) == []
    assert list(roll_up(waits=False)) == [100]


@pytest.fixture
def odd_times(db: None) -> Iterator[None]:
    for moment in ("infinity", "-infinity", "290000-01-01", "4713-01-01 BC"):
        crowd.rows(
            "INSERT INTO system_events (category, severity, event_type, message, timestamp)"
            " VALUES ('auth', 'info', 'x', 'x', %s)",
            moment,
        )
    yield


@pytest.mark.usefixtures("odd_times")
def test_a_time_that_python_lacks_is_rolled_up_and_pruned() -> None:
    list(roll_up())
    assert_true()
    list(prune(Policy({None: timedelta(days=1)}), crowd.START))
    assert_true()
    assert SystemEvent.objects.count() == 2


@pytest.mark.django_db
def test_starting_over_makes_true_what_another_program_changed() -> None:
    crowd.add(random.Random(0), 50, [])
    call_command("roll_up_events")
    crowd.rows("DELETE FROM system_events WHERE severity = 'info'")
    with pytest.raises(AssertionError):
        assert_true()
    call_command("roll_up_events", start_over=True)
    assert_true()
