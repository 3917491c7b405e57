"""All that match, from the admin: previewed, confirmed, followed, stopped."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from admin_rows import LIST, messages_of, staff_in, text_of
from bulk_jobs import add_many, make_job, unresolved
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from patience import eventually

from events.bulk.runner import run
from events.bulk.workers import workers
from events.models import BulkJob, Device, EventAction, SystemEvent

pytestmark = pytest.mark.django_db

JOBS = "/admin/events/bulkjob/"
PREVIEW = f"{JOBS}preview/"


@pytest.fixture
def running_jobs(transactional_db: None) -> Iterator[None]:
    """Let this process run jobs, and see that its threads have ended before the rows go."""
    yield
    workers.wait(30)


def link_on(page: str, text: str) -> str:
    [address] = re.findall(rf'<a href="([^"]+)">{text}</a>', page)
    return str(address).replace("&amp;", "&")


def form_of(page: str) -> dict[str, str]:
    fields = re.findall(r'name="(action|token|reason)"(?: id="reason")? value="([^"]*)"', page)
    return dict(fields)


def confirm(client: Client, query: str = "action=resolve", **fields: str) -> Any:
    form = form_of(text_of(client.get(f"{PREVIEW}?{query}")))
    return client.post(f"{JOBS}start/", {**form, **fields}, follow=True)


def test_the_list_leads_to_a_preview_of_what_it_shows(admin_client: Client) -> None:
    device = Device.objects.create(name="iPhone-A")
    add_many(70, device=device)
    add_many(30)
    page = text_of(admin_client.get(f"{LIST}?device=iphone&since=24h&severity=error&q=m"))
    add_many(5, device=device)  # arrives after the page was shown
    address = link_on(page, "Resolve…")
    assert f"device_id={device.pk}" in address
    assert "24h" not in address
    shown = text_of(admin_client.get(address))
    assert "<strong>70</strong>" in shown
    assert "events would be resolved" in shown
    assert shown.count("field-message_text") == 10
    assert "</span> iPhone-A</span>" in shown  # by name, to be recognised


def test_a_preview_tells_severities_and_times_and_changes_nothing(admin_client: Client) -> None:
    add_many(2, severity="critical", timestamp="2026-01-01T00:00:00Z")
    add_many(3, severity="<b>", timestamp="2026-01-02T00:00:00Z")
    shown = text_of(admin_client.get(f"{PREVIEW}?action=resolve"))
    assert "severity-critical" in shown and "&lt;b&gt;</span> 3" in shown
    assert "2026-01-01 00:00:00" in shown and "2026-01-02 00:00:00" in shown
    assert len(unresolved()) == 5
    assert not BulkJob.objects.exists()


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("action=resolve&severity=eror", "severity: "),
        ("action=resolve&severty=error", "Unknown parameter"),
        ("action=resolve&since=yesterday", "is not a time"),
        ("action=resolve&max_id=x", "max_id: "),
        ("action=reopen", "Nothing that matches is resolved."),
        ("action=resolve&category=zzz", "Nothing that matches is unresolved."),
    ],
)
def test_what_cannot_be_confirmed_has_no_form(admin_client: Client, query: str, said: str) -> None:
    add_many(1)
    shown = text_of(admin_client.get(f"{PREVIEW}?{query}"))
    assert said in shown
    assert "token" not in form_of(shown)


def test_a_confirmed_preview_becomes_a_job_that_resolves_them(
    running_jobs: None, admin_client: Client
) -> None:
    add_many(600)
    others = add_many(2, severity="info")
    response = confirm(admin_client, "action=resolve&severity=error", reason="  Known outage ")
    job = BulkJob.objects.get()
    assert response.redirect_chain == [(f"{JOBS}{job.pk}/change/", 302)]
    assert (job.actor, job.actor_kind, job.face) == ("admin", "human", "admin")
    assert job.reason == "Known outage"
    eventually(lambda: not BulkJob.objects.get().is_open)
    shown = text_of(admin_client.get(f"{JOBS}{job.pk}/change/"))
    assert "Done" in shown and "<strong>600</strong>" in shown
    assert 'max="100" value="100"' in shown
    assert unresolved() == others


def test_confirming_twice_makes_one_job(admin_client: Client) -> None:
    add_many(3)
    form = form_of(text_of(admin_client.get(f"{PREVIEW}?action=resolve")))
    first, second = (admin_client.post(f"{JOBS}start/", form) for _ in range(2))
    assert first.headers["Location"] == second.headers["Location"]
    assert BulkJob.objects.count() == 1


def test_a_token_that_confirms_nothing_changes_nothing(admin_client: Client) -> None:
    add_many(3)
    form = form_of(text_of(admin_client.get(f"{PREVIEW}?action=resolve")))
    for changed in ({"token": form["token"][:-2]}, {"token": ""}, {"action": "reopen"}):
        response = admin_client.post(f"{JOBS}start/", {**form, **changed}, follow=True)
        assert "token" in messages_of(response)[0]
    other = Client()
    other.force_login(User.objects.create_superuser("other"))
    response = other.post(f"{JOBS}start/", form, follow=True)
    assert "another user" in messages_of(response)[0]
    assert not BulkJob.objects.exists()


def test_a_job_is_stopped_and_continued_from_its_page(
    running_jobs: None, admin_client: Client
) -> None:
    add_many(10)
    job = make_job()
    assert "Waiting for its turn" in text_of(admin_client.get(f"{JOBS}{job.pk}/change/"))
    workers.wait(30)
    stopped = make_job(state="running")
    admin_client.post(f"{JOBS}{stopped.pk}/stop/")
    eventually(lambda: BulkJob.objects.get(pk=stopped.pk).state == "stopped")
    page = text_of(admin_client.get(f"{JOBS}{stopped.pk}/change/"))
    assert "Stopped" in page and "Go on" in page
    admin_client.post(f"{JOBS}{stopped.pk}/go-on/")
    eventually(lambda: BulkJob.objects.get(pk=stopped.pk).state == "done")


def test_a_job_acts_in_the_name_of_who_lets_it_go_on(
    transactional_db: None, admin_client: Client
) -> None:
    add_many(3)
    page = confirm(staff_in("Event responders", "leaver"))
    job = BulkJob.objects.get()
    assert page.redirect_chain[-1][0].endswith(f"/{job.pk}/change/")
    workers.wait(30)
    User.objects.filter(username="leaver").update(is_active=False)
    SystemEvent.objects.update(resolved=False)
    BulkJob.objects.filter(pk=job.pk).update(state="stopped", cursor=job.first_id - 1)
    admin_client.post(f"{JOBS}{job.pk}/go-on/")
    eventually(lambda: BulkJob.objects.get().state == "done")
    workers.wait(30)
    assert EventAction.objects.latest("pk").actor == "admin"
    text = text_of(admin_client.get(f"{JOBS}{job.pk}/change/"))
    assert "Confirmed by leaver (human)" in text and "Resumed by admin (human)" in text


def test_looking_at_a_job_whose_runner_died_has_it_run(
    running_jobs: None, admin_client: Client
) -> None:
    for address in (JOBS, f"{JOBS}%s/change/"):
        add_many(3)
        job = make_job(state="running")
        admin_client.get(address.replace("%s", str(job.pk)))
        eventually(lambda pk=job.pk: BulkJob.objects.get(pk=pk).state == "done")
    assert unresolved() == []


def test_the_jobs_are_listed_the_latest_first_and_read_only(admin_client: Client) -> None:
    add_many(1)
    first, second = make_job("severity=error"), make_job("", "reopen")
    page = text_of(admin_client.get(JOBS))
    assert page.index(f"{JOBS}{second.pk}/change/") < page.index(f"{JOBS}{first.pk}/change/")
    assert "severity: error" in page and "everything" in page
    assert admin_client.get(f"{JOBS}add/").status_code == 403
    assert admin_client.post(f"{JOBS}{first.pk}/change/").status_code == 405
    assert f'href="{JOBS}"' in text_of(admin_client.get(LIST))


def test_pages_cost_a_few_queries_whatever_there_is(
    transactional_db: None, admin_client: Client
) -> None:
    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            text_of(admin_client.get(address))
        return len([query for query in captured if query["sql"].startswith('SELECT "')])

    add_many(2)
    run(make_job().pk)
    addresses = (JOBS, f"{JOBS}{BulkJob.objects.get().pk}/change/", f"{PREVIEW}?action=resolve")
    add_many(2)
    few = [queries(address) for address in addresses]
    add_many(60)
    for _ in range(3):
        run(make_job().pk)
    add_many(60)
    assert [queries(address) for address in addresses] == few == [4, 3, 4]


def test_who_may_not_resolve_sees_jobs_and_no_way_to_make_or_stop_one() -> None:
    client = staff_in("Event viewers")
    add_many(3)
    job = make_job(state="stopped")
    page = text_of(client.get(LIST))
    assert "Resolve…" not in page and f'href="{JOBS}"' in page
    page = text_of(client.get(f"{JOBS}{job.pk}/change/"))
    assert "Stopped" in page and "Go on" not in page
    assert client.get(f"{PREVIEW}?action=resolve").status_code == 403
    for address in ("start/", f"{job.pk}/stop/", f"{job.pk}/go-on/"):
        assert client.post(f"{JOBS}{address}").status_code == 403
    assert BulkJob.objects.get().state == "stopped"


def test_who_may_not_view_events_sees_no_jobs() -> None:
    client = staff_in("Event producers")
    job = make_job()
    assert client.get(JOBS).status_code == 403
    assert client.get(f"{JOBS}{job.pk}/change/").status_code == 403


def test_a_responder_may_do_it_all() -> None:
    client = staff_in("Event responders")
    add_many(3)
    assert "Resolve…" in text_of(client.get(LIST))
    assert confirm(client).status_code == 200
    assert BulkJob.objects.get().actor == "operator"


def test_changing_by_get_or_without_a_csrf_token_is_refused(admin_client: Client) -> None:
    add_many(1)
    job = make_job()
    for address in ("start/", f"{job.pk}/stop/", f"{job.pk}/go-on/"):
        assert admin_client.get(f"{JOBS}{address}").status_code == 405
    admin_client.handler.enforce_csrf_checks = True
    assert admin_client.post(f"{JOBS}{job.pk}/stop/").status_code == 403
    assert BulkJob.objects.get().state == "queued"
    assert SystemEvent.objects.unresolved().exists()
