"""A bulk job: what exactly it changes, in which pieces, and how it ends."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from bulk_jobs import (
    COLLEAGUE,
    OPERATOR,
    act,
    add_many,
    make_job,
    recorded,
    slow_updates,
    unresolved,
)
from django.contrib.auth.models import Group, User
from django.db import connection, connections
from patience import eventually

from events.bulk import advisory_lock
from events.bulk.chunk_size import MAX_ROWS, TARGET_SECONDS, ChunkSize
from events.bulk.runner import run
from events.bulk.transaction import NOT_ALLOWED
from events.models import BulkJob, EventAction, SystemEvent
from sovi_events import database

pytestmark = pytest.mark.django_db(transaction=True)


def test_it_resolves_all_that_matches_and_says_how_many() -> None:
    matching = add_many(700)
    others = add_many(3, severity="info")
    SystemEvent.objects.filter(pk__in=matching[:100]).resolve(by=COLLEAGUE)
    job = run(make_job("severity=error").pk)
    assert job
    assert (job.state, job.changed, job.left_alone, job.expected) == ("done", 600, 0, 600)
    assert job.finished_at and job.share == 1.0
    assert unresolved() == others
    # The first resolver is kept.
    assert SystemEvent.objects.get(pk=matching[0]).resolved_at < job.previewed_at


def test_ids_of_actions_that_a_restore_brought_are_passed_by() -> None:
    for event_id in add_many(3):
        act("resolve", [event_id])
    add_many(2)
    job = make_job()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('event_actions_id_seq', (SELECT min(id) FROM event_actions), false)"
        )
    done = run(job.pk)
    assert done is not None
    assert (done.state, done.changed) == (BulkJob.State.DONE, 2)


def test_it_reopens_likewise() -> None:
    ids = add_many(300)
    SystemEvent.objects.filter(pk__in=ids[:200]).resolve(by=COLLEAGUE)
    job = run(make_job("severity=error", "reopen").pk)
    assert job and (job.state, job.changed) == ("done", 200)
    assert unresolved() == ids


def test_its_chunks_are_recorded_as_one_operation_of_who_confirmed_it() -> None:
    add_many(700)
    job = run(make_job().pk)
    assert job
    recorded = EventAction.objects.all()
    assert len(recorded) > 1
    for action in recorded:
        assert (action.operation, action.action) == (job.operation, "resolve")
        assert (action.actor, action.actor_kind, action.face) == (
            OPERATOR.name,
            OPERATOR.kind,
            OPERATOR.face,
        )
        assert action.reason == "Known outage"


def test_what_arrives_after_the_preview_stays_untouched() -> None:
    add_many(10)
    job = make_job()
    late = add_many(5)
    assert (done := run(job.pk)) and done.changed == 10
    assert unresolved() == late


def test_what_anyone_acted_on_since_the_preview_is_left_alone() -> None:
    ids = add_many(10)
    SystemEvent.objects.filter(pk__in=[ids[2], ids[8]]).resolve(by=COLLEAGUE)
    act("reopen", ids[8:9])  # before the preview: what was seen is what it is
    job = make_job()
    act("reopen", ids[2:3])  # it was none of the job's, and now looks like one
    act("resolve", ids[4:7])
    act("reopen", ids[5:6])
    done = run(job.pk)
    assert done and (done.changed, done.left_alone) == (6, 2)
    assert unresolved() == [ids[2], ids[5]]


def test_what_someone_acts_on_between_choice_and_change_is_left_alone() -> None:
    ids = add_many(20)
    job = make_job()
    with psycopg.connect(**_parameters()) as colleague:
        # Holds a row, so that the job has chosen it, and waits for it, when it is acted on.
        colleague.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [ids[9]])
        done = _in_thread(lambda: run(job.pk))
        eventually(lambda: _waiting_for_locks())
        colleague.execute(
            "INSERT INTO event_actions (action, actor, actor_kind, face, operation, events)"
            " VALUES ('reopen', 'grace', 'human', 'api', gen_random_uuid(),"
            " int8multirange(int8range(%s, %s, '[]')))",
            [ids[9], ids[9]],
        )
    done.join()
    job.refresh_from_db()
    assert (job.state, job.changed, job.left_alone) == ("done", 19, 1)
    assert unresolved() == [ids[9]]


def test_what_is_new_in_the_index_of_messages_is_merged_in_parts_that_a_limit_leaves() -> None:
    """Else each statement that finds the list full is stopped before it is through."""
    found: list[Any] = []
    limits = "SELECT current_setting('gin_pending_list_limit'), current_setting('work_mem')"

    def ask(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "UPDATE system_events" in sql:
            found.extend(connection.connection.execute(limits).fetchall())
        return execute(sql, params, many, context)

    add_many(1)
    with connection.execute_wrapper(ask):
        run(make_job().pk)
    assert found == [("1MB", "1MB")]


def test_its_transactions_are_short_however_slow_the_rows_are() -> None:
    ids = add_many(60)
    job = make_job()
    seconds: list[float] = []
    with slow_updates(milliseconds=10):
        done = run(job.pk, on_progress=lambda _, took: seconds.append(took))
    assert done and done.changed == 60
    assert recorded() == ids
    assert len(seconds) > 5
    # The first, too large, were undone; a busy machine may be late at any.
    assert sorted(seconds)[len(seconds) // 2] < 0.25
    assert max(seconds) < 1


def test_a_sparse_filter_is_looked_for_in_growing_ranges_of_ids() -> None:
    add_many(3)
    with connection.cursor() as cursor:
        cursor.execute("SELECT setval('system_events_id_seq', 2000000000)")
    last = add_many(2)
    add_many(1, severity="info")
    job = make_job("severity=error")
    chunks: list[float] = []
    done = run(job.pk, on_progress=lambda _, took: chunks.append(took))
    assert done and (done.changed, done.last_id) == (5, last[-1])
    assert len(chunks) < 60


def test_the_batch_size_follows_the_time_taken() -> None:
    size = ChunkSize(rows=100, ids=1000)
    size.adapt(TARGET_SECONDS / 2, is_full=True)
    assert (size.rows, size.ids) == (200, 1000)
    size.adapt(TARGET_SECONDS * 2, is_full=True)
    assert (size.rows, size.ids) == (100, 500)
    size.adapt(TARGET_SECONDS / 2, is_full=False)
    assert (size.rows, size.ids) == (100, 1000)
    for _ in range(20):
        size.adapt(0.0, is_full=True)
    assert size.rows == MAX_ROWS
    for _ in range(60):
        size.halve()
    assert (size.rows, size.ids) == (1, 1)


def test_it_stops_between_chunks_when_asked_and_goes_on_when_told() -> None:
    ids = add_many(1000)
    job = make_job()

    def stop(running: BulkJob, seconds: float) -> None:
        BulkJob.objects.filter(pk=running.pk).stop(by=COLLEAGUE)

    stopped = run(job.pk, on_progress=stop)
    assert stopped and stopped.state == "stopped" and stopped.finished_at
    assert 0 < stopped.changed < 1000
    assert len(unresolved()) == 1000 - stopped.changed
    assert run(job.pk) == stopped  # nothing happens to it by itself
    assert BulkJob.objects.filter(pk=job.pk).resume(by=COLLEAGUE) == 1
    done = run(job.pk)
    assert done and (done.state, done.changed) == ("done", 1000)
    assert unresolved() == []
    assert recorded() == ids


def test_who_resumes_a_job_acts_and_who_did_what_to_it_is_recorded() -> None:
    ids = add_many(1000)
    job = make_job()

    def stop(running: BulkJob, seconds: float) -> None:
        BulkJob.objects.filter(pk=running.pk).stop(by=COLLEAGUE)

    run(job.pk, on_progress=stop)
    BulkJob.objects.filter(pk=job.pk).resume(by=COLLEAGUE)
    done = run(job.pk)
    assert done and done.by == COLLEAGUE
    actors = [(it.actor, it.face, it.operation) for it in EventAction.objects.order_by("pk")]
    assert actors[0] == (OPERATOR.name, OPERATOR.face, job.operation)
    assert actors[-1] == (COLLEAGUE.name, COLLEAGUE.face, job.operation)
    steps = [(it["step"], it["actor"], it["face"]) for it in done.steps]
    assert steps == [
        ("confirmed", OPERATOR.name, OPERATOR.face),
        ("stopped", COLLEAGUE.name, COLLEAGUE.face),
        ("resumed", COLLEAGUE.name, COLLEAGUE.face),
    ]
    assert unresolved() == [] and done.changed == len(ids)


def _deactivate(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _take_permissions(user: User) -> None:
    user.groups.clear()


def _delete(user: User) -> None:
    user.delete()


@pytest.mark.parametrize("change", [_deactivate, _take_permissions, _delete])
def test_a_job_ends_at_the_chunk_after_its_actor_lost_the_right_to_it(
    change: Callable[[User], None],
) -> None:
    add_many(1000)
    user = User.objects.create_user("ada")
    user.groups.add(Group.objects.get(name="Event responders"))
    job = make_job(user_id=user.pk)
    failed = run(job.pk, on_progress=lambda *_: change(user) if user.pk else None)
    assert failed and (failed.state, failed.error) == ("failed", NOT_ALLOWED)
    assert 0 < failed.changed < 1000
    assert run(job.pk) == failed
    BulkJob.objects.filter(pk=job.pk).resume(by=COLLEAGUE)
    done = run(job.pk)
    assert done and (done.state, done.changed) == ("done", 1000)


def test_a_job_that_has_ended_is_neither_stopped_nor_continued() -> None:
    add_many(1)
    job = run(make_job().pk)
    assert job
    assert BulkJob.objects.filter(pk=job.pk).stop(by=COLLEAGUE) == 0
    assert BulkJob.objects.filter(pk=job.pk).resume(by=COLLEAGUE) == 0


def test_of_two_runners_one_does_nothing() -> None:
    add_many(1000)
    job = make_job()
    inside = []

    def run_beside(running: BulkJob, seconds: float) -> None:
        if not inside:
            assert advisory_lock.is_held(job.pk)
            thread = _in_thread(lambda: inside.append(run(job.pk)))
            thread.join()

    done = run(job.pk, on_progress=run_beside)
    assert inside == [None]
    assert done and done.changed == 1000
    assert not advisory_lock.is_held(job.pk)


def test_a_row_that_another_holds_is_waited_for_in_short_turns() -> None:
    ids = add_many(5)
    job = make_job()
    with psycopg.connect(**_parameters()) as other:
        other.execute("SELECT FROM system_events WHERE id = %s FOR UPDATE", [ids[2]])
        thread = _in_thread(lambda: run(job.pk))
        # Those before it are not held back for long by the one.
        eventually(lambda: unresolved() == ids[2:])
        assert BulkJob.objects.filter(pk=job.pk).stop(by=COLLEAGUE) == 1
        thread.join()
    job.refresh_from_db()
    assert (job.state, job.changed) == ("stopped", 2)


def test_a_job_whose_filter_nobody_understands_fails_and_says_why(caplog: Any) -> None:
    add_many(1)
    job = make_job(filters={"colour": ["red"]})
    failed = run(job.pk)
    assert failed and failed.state == "failed"
    assert "colour" in str(failed.error)
    assert len(unresolved()) == 1
    assert "failed" in caplog.text


def _parameters() -> Any:
    return database.parameters(connection.settings_dict["NAME"])


def _waiting_for_locks() -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM pg_stat_activity"
            " WHERE wait_event_type = 'Lock' AND datname = current_database())"
        )
        return bool(cursor.fetchone()[0])


def _in_thread(call: Any) -> threading.Thread:
    """Run it on a connection of its own."""

    def work() -> None:
        try:
            call()
        finally:
            connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    return thread
