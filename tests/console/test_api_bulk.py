"""Many events over REST: by their ids at once, by filters through a preview and a job."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from bulk_jobs import COLLEAGUE, act, add_many, make_job, unresolved
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from patience import eventually

from events.bulk.workers import workers
from events.models import ApiToken, BulkJob, EventAction, SystemEvent

pytestmark = pytest.mark.django_db

RESOLVE, REOPEN = "/api/events/resolve", "/api/events/reopen"


@pytest.fixture
def running_jobs(transactional_db: None) -> Iterator[None]:
    """Let this process run jobs, and see that its threads have ended before the rows go."""
    yield
    workers.wait(30)


class Api:
    """Calls with a token."""

    def __init__(self, *, group: str = "Event responders", kind: str = "person") -> None:
        self.user = User.objects.create_user(f"user {User.objects.count()}")
        self.user.groups.add(Group.objects.get(name=group))
        _, token = ApiToken.objects.create(self.user, kind=kind)
        self._client = Client(headers={"authorization": f"Token {token}"})

    def post(self, path: str, body: Any = None) -> Any:
        return self._client.post(path, json.dumps(body or {}), content_type="application/json")

    def get(self, path: str) -> Any:
        return self._client.get(path)

    def preview(self, path: str = RESOLVE, **filters: Any) -> Any:
        answer = self.post(path, {"filters": filters})
        assert answer.status_code == 200, answer.content
        return answer.json()


@pytest.fixture
def api(db: None) -> Api:
    return Api()


def test_ids_are_resolved_at_once_and_those_changed_are_named() -> None:
    api = Api(kind="agent")
    ids = add_many(5)
    SystemEvent.objects.filter(pk=ids[1]).resolve(by=COLLEAGUE)
    answer = api.post(RESOLVE, {"ids": [ids[2], ids[1], ids[0], 4711**4], "reason": "Known outage"})
    assert (answer.status_code, answer.json()) == (200, {"changed": [ids[0], ids[2]], "count": 2})
    assert unresolved() == ids[3:]
    action = EventAction.objects.order_by("-pk")[0]
    assert (action.actor, action.actor_kind, action.face) == (api.user.username, "llm_agent", "api")
    assert action.reason == "Known outage"
    answer = api.post(REOPEN, {"ids": ids})
    assert answer.json()["count"] == 3
    assert unresolved() == ids


def test_ten_thousand_ids_are_taken_in_one_operation(api: Api) -> None:
    ids = add_many(2500)
    answer = api.post(RESOLVE, {"ids": [*ids, *range(10**15, 10**15 + 7500)]})
    assert answer.json() == {"changed": ids, "count": 2500}
    assert EventAction.objects.values("operation").distinct().count() == 1
    assert EventAction.objects.count() == 3
    assert api.post(RESOLVE, {"ids": list(range(1, 10_002))}).status_code == 400


def test_filters_answer_a_preview_and_change_nothing(api: Api) -> None:
    ids = add_many(12, context={"platform": "tiktok"})
    add_many(3, severity="critical", context={"platform": "tiktok"})
    add_many(4, category="device")
    seen = api.preview(
        category=["auth", "device"], context={"platform": "tiktok"}, resolved=False, q="M"
    )
    assert (seen["count"], seen["exact"], seen["complete"]) == (15, True, True)
    assert seen["by_severity"] == {"error": 12, "critical": 3}
    assert seen["oldest"]["id"] == ids[0]
    assert seen["newest"]["id"] == ids[-1] + 3 == seen["sample"][0]["id"]
    assert len(seen["sample"]) == 10
    assert seen["newest"]["context"] == {"platform": "tiktok"}
    assert seen["filters"] == {
        "category": ["auth", "device"],
        "resolved": ["false"],
        "q": ["M"],
        "context": ['{"platform": "tiktok"}'],
    }
    assert len(unresolved()) == 19
    assert not BulkJob.objects.exists()


def test_times_are_normalised_as_absolute_ones(api: Api) -> None:
    seen = api.preview(since="2026-01-01T00:00:00+02:00")
    assert seen["filters"] == {"since": ["2025-12-31T22:00:00+00:00"]}


def test_a_token_confirms_the_preview_and_the_job_does_it(running_jobs: None) -> None:
    api = Api()
    add_many(600)
    token = api.preview(severity="error")["token"]
    late = add_many(5)
    answer = api.post(RESOLVE, {"token": token, "reason": "Known outage"})
    job = answer.json()
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/api/events/jobs/{job['id']}"
    assert (job["actor"], job["face"], job["reason"]) == (api.user.username, "api", "Known outage")

    def done() -> Any:
        job = api.get(answer.headers["Location"]).json()
        return job if job["state"] == "done" else None

    job = eventually(done)
    assert (job["changed"], job["expected"], job["progress"]) == (600, 600, 1.0)
    assert unresolved() == late


def test_the_same_token_again_answers_the_same_job(api: Api) -> None:
    add_many(3)
    token = api.preview()["token"]
    first, second = (api.post(RESOLVE, {"token": token}) for _ in range(2))
    assert first.json() == second.json()
    assert BulkJob.objects.count() == 1


def test_a_token_is_its_own_users_and_for_its_own_action(api: Api) -> None:
    add_many(3)
    token = api.preview()["token"]
    for answer, said in (
        (Api().post(RESOLVE, {"token": token}), "another user"),
        (api.post(REOPEN, {"token": token}), "not to reopen"),
        (api.post(RESOLVE, {"token": token[:-1] + ("a" if token[-1] != "a" else "b")}), "no token"),
        (api.post(RESOLVE, {"token": "x"}), "no token"),
    ):
        assert answer.status_code == 400
        assert said in answer.json()["token"][0]
    assert not BulkJob.objects.exists()


def test_a_token_is_good_for_an_hour(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    add_many(3)
    token = api.preview()["token"]
    now = timezone.now().timestamp()
    monkeypatch.setattr("time.time", lambda: now + timedelta(hours=1, seconds=2).total_seconds())
    answer = api.post(RESOLVE, {"token": token})
    assert answer.status_code == 400
    assert "older than an hour" in answer.json()["token"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "detail"),
        ({"ids": [1], "filters": {}}, "detail"),
        ({"ids": [1], "limit": 1}, "limit"),
        ({"filters": {"severty": "error"}}, "severty"),
        ({"filters": {"_": "1"}}, "filters"),
        ({"filters": {"resolved": "perhaps"}}, "resolved"),
        ({"filters": {"severity": ""}}, "filters"),
        ({"filters": {"account_id": [",", ""]}}, "filters"),
        ({"filters": {"q": False}}, "filters"),
        ({"filters": {"limit": "5"}}, "limit"),
        ({"filters": {"severity": 5}}, "filters"),
        ({"filters": {"q": "severty:error"}}, "q"),
        ({"filters": {"since": ["2026-01-01", "2026-01-02"]}}, "since"),
        ({"filters": []}, "filters"),
        ({"filters": {}, "reason": "x"}, "reason"),
        ({"ids": []}, "ids"),
        ({"ids": "1"}, "ids"),
        ({"ids": [True]}, "ids"),
        ({"ids": [-(2**63) - 1]}, "ids"),
        ({"ids": [2**63]}, "ids"),
        ({"ids": [1], "reason": "x" * 1001}, "reason"),
        ({"ids": [1], "reason": " " * 1001}, "reason"),
        ({"token": 5}, "token"),
    ],
)
def test_what_cannot_be_understood_is_refused_by_name(
    api: Api, body: dict[str, Any], field: str
) -> None:
    add_many(1)
    answer = api.post(RESOLVE, body)
    assert answer.status_code == 400, answer.content
    assert field in answer.json()
    assert len(unresolved()) == 1


def test_unknown_parameters_and_another_kind_are_refused(api: Api) -> None:
    assert api.post(f"{RESOLVE}?severity=error", {"ids": [1]}).status_code == 400
    assert api.post(RESOLVE, {"ids": [1], "resolved_by": "auto"}).status_code == 403
    assert api.post(RESOLVE, {"ids": ["x" * 300_000]}).status_code == 413
    assert api.get(RESOLVE).status_code == 405


def test_a_viewer_may_follow_a_job_and_nothing_else() -> None:
    viewer = Api(group="Event viewers")
    add_many(1)
    job = make_job(state="stopped")
    assert viewer.get(f"/api/events/jobs/{job.pk}").json()["state"] == "stopped"
    for path in (RESOLVE, REOPEN, f"/api/events/jobs/{job.pk}/stop"):
        assert viewer.post(path, {"ids": [1]}).status_code == 403
    assert Api(group="Event producers").get(f"/api/events/jobs/{job.pk}").status_code == 403
    assert viewer.get("/api/events/jobs/4711").status_code == 404
    assert viewer.get(f"/api/events/jobs/{10**30}").status_code == 404


def test_a_job_is_stopped_and_one_that_has_ended_stays_as_it_is(running_jobs: None) -> None:
    api = Api()
    add_many(3)
    job = make_job(state="running")
    answer = api.post(f"/api/events/jobs/{job.pk}/stop")
    assert answer.status_code == 200
    assert answer.json()["state"] in ("stopping", "stopped")
    eventually(lambda: BulkJob.objects.get().state == "stopped")
    assert api.post(f"/api/events/jobs/{job.pk}/stop").json()["state"] == "stopped"
    assert api.post(f"/api/events/jobs/{job.pk}/stop", {"why": "x"}).status_code == 400
    assert len(unresolved()) == 3


def test_following_a_job_whose_runner_died_has_it_run(running_jobs: None) -> None:
    api = Api()
    ids = add_many(3)
    job = make_job(state="running")
    act("resolve", ids[:1])
    api.get(f"/api/events/jobs/{job.pk}")
    eventually(lambda: BulkJob.objects.get().state == "done")
    assert BulkJob.objects.get().changed == 2


def test_each_call_costs_a_few_queries(api: Api) -> None:
    ids = add_many(40)

    def queries(path: str, body: Any) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert api.post(path, body).status_code < 300
        return len([q for q in captured if not q["sql"].startswith(("SAVEPOINT", "RELEASE"))])

    one = queries(RESOLVE, {"ids": ids[:1]})
    # Token, permissions, the statement within its time limit.
    assert one == queries(RESOLVE, {"ids": ids[1:]}) <= 7
    few = queries(REOPEN, {"filters": {}})
    add_many(100, resolved=True)
    assert few == queries(REOPEN, {"filters": {}}) <= 20
