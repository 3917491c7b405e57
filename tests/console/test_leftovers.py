"""What `prune_events` deletes besides events, and what it keeps."""

import time
import uuid
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from bulk_jobs import make_job
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone

from events.models import BulkJob, EventAction, EventReceipt, SignIn, SystemEvent
from events.models.actor import Actor
from events.retention import leftovers
from events.retention.policy import Policy
from sovi_events.writing.batch import new_receipt

pytestmark = pytest.mark.django_db

ADA = Actor("ada", "human", "admin")
DAY = timedelta(days=1)


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("prune_events", *arguments, stdout=out)
    return out.getvalue()


def ago(days: float) -> Any:
    return timezone.now() - days * DAY


def add(days_old: float, **columns: Any) -> SystemEvent:
    given = {"category": "auth", "severity": "info", "event_type": "x", "message": "m"}
    return SystemEvent.objects.create(timestamp=ago(days_old), **{**given, **columns})


def resolve(days_old: float, *events: SystemEvent) -> EventAction:
    """Resolve these in one action, so long ago."""
    SystemEvent.objects.filter(pk__in=[event.pk for event in events]).resolve(by=ADA)
    action = EventAction.objects.latest("pk")
    EventAction.objects.filter(pk=action.pk).update(timestamp=ago(days_old))
    return action


def test_sessions_sign_ins_and_receipts_go_once_they_are_spent_whatever_is_kept() -> None:
    for key, days in (("expired", 1), ("alive", -1)):
        Session.objects.create(session_key=key, session_data="", expire_date=ago(days))
    for key, days, is_known in (
        ("failed just now", 0.01, False),
        ("failed yesterday", 1, False),
        ("known", 30, True),
        ("gone", 91, True),
    ):
        SignIn.objects.create(key=key, failures=0, blocked_until=ago(days), is_known=is_known)
    receipts = {}
    for days in (1, 29, 31):
        for digest in (None, b"request"):
            its_id = uuid.uuid4() if digest else new_receipt(time.time() - days * 86400)
            receipts[its_id] = days
            EventReceipt.objects.create(
                id=its_id, created_at=ago(days), event_ids=[], request_digest=digest
            )
    with override_settings(SOVI_RETENTION=Policy({})):
        assert run("--policy") == ""
    assert list(Session.objects.values_list("session_key", flat=True)) == ["alive"]
    kept = set(SignIn.objects.values_list("key", flat=True))
    assert kept == {"failed just now", "known"}
    assert {receipts[it.pk] for it in EventReceipt.objects.all()} == {1, 29}
    assert EventReceipt.objects.count() == 4


def test_an_action_goes_with_the_last_of_its_events_once_it_is_old() -> None:
    old, older = add(20), add(30)
    young, error = add(1), add(20, severity="error")
    gone = resolve(15, old, older)
    partly = resolve(15, young)
    kept_event = resolve(15, error)
    recent_events = [add(20), add(20)]
    recent = resolve(1, *recent_events)
    run("--older-than", "10d", "--severity", "info")
    assert set(SystemEvent.objects.all()) == {young, error}
    assert set(EventAction.objects.all()) == {partly, kept_event, recent}
    assert gone not in EventAction.objects.all()


EACH = "info=5d,warning=30d,error=2d,critical=3d"


def test_the_longest_age_counts_for_actions_and_jobs() -> None:
    event = add(40)
    action = resolve(40, event)
    jobs = {days: make_job(state="done", finished_at=ago(days)) for days in (10, 40)}
    open_one = make_job()
    with override_settings(SOVI_RETENTION=Policy.parse(EACH)):
        EventAction.objects.filter(pk=action.pk).update(timestamp=ago(20))
        run("--policy")
        assert not SystemEvent.objects.exists()
        assert EventAction.objects.get() == action
        EventAction.objects.update(timestamp=ago(31))
        run("--policy")
    assert not EventAction.objects.exists()
    assert set(BulkJob.objects.all()) == {jobs[10], open_one}


@pytest.mark.parametrize("ages", ["info=7d", EACH.replace("critical=3d", "critical=never")])
def test_jobs_stay_where_some_events_are_kept_for_ever(ages: str) -> None:
    make_job(state="done", finished_at=ago(400))
    with override_settings(SOVI_RETENTION=Policy.parse(ages)):
        run("--policy")
    assert BulkJob.objects.exists()


def test_more_than_a_batch_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leftovers, "BATCH_ROWS", 2)
    for number in range(5):
        Session.objects.create(session_key=str(number), session_data="", expire_date=ago(1))
        resolve(20, add(20))
    keeping = add(1)
    kept = resolve(20, keeping)
    for _ in range(3):
        resolve(20, add(20))
    run("--older-than", "10d")
    assert not Session.objects.exists()
    assert EventAction.objects.get() == kept


def test_a_dry_run_deletes_nothing() -> None:
    Session.objects.create(session_key="expired", session_data="", expire_date=ago(1))
    make_job(state="done", finished_at=ago(40))
    said = run("--older-than", "1d", "--dry-run")
    assert Session.objects.exists() and BulkJob.objects.exists()
    assert said.splitlines()[1:] == [
        "Would delete 1 rows of django_session.",
        "Would delete 1 rows of event_bulk_jobs.",
    ]
