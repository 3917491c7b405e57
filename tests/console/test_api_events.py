"""Reading, resolving and reopening events over REST, and what it answers to nonsense."""

from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from queries import captured_queries

from events.models import EventAction, SystemEvent
from sovi_events import catalog, database
from sovi_events.statements import COLUMNS

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(admin_user: User) -> Client:
    client = Client()
    client.force_login(admin_user)
    return client


def add(message: str = "Hello", **columns: Any) -> int:
    given = {"category": "scheduler", "severity": "info", "event_type": "warming_started"}
    event = SystemEvent.objects.create(message=message, **{**given, **columns})
    return int(event.pk)


def post(client: Client, path: str, body: Any = None) -> Any:
    return client.post(path, body, content_type="application/json")


def test_an_event_has_exactly_the_columns_of_the_table(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO system_events (category, severity, event_type, message, context, resolved)"
            " VALUES ('proxy', 'info', 'rotated', 'x', NULL, NULL) RETURNING id"
        )
        (event_id,) = cursor.fetchone()
    event = client.get(f"/api/events/{event_id}").json()
    assert tuple(event) == COLUMNS
    assert event["timestamp"].endswith("Z")
    assert (event["context"], event["resolved"], event["resolved_at"]) == ({}, False, None)
    assert client.get("/api/events?category=proxy").json()["results"] == [event]
    assert client.get("/api/events/unresolved").json()["results"] == [event]


def test_a_list_page_is_one_query_beside_the_session(
    client: Client,
) -> None:
    for _ in range(3):
        add(context={"n": 1})
    with captured_queries() as captured:
        page = client.get("/api/events?severity=info&resolved=false&q=hel").json()
    assert len(captured) == 3  # the session, its user, the page
    assert len(page["results"]) == 3
    assert set(page) == {"next", "previous", "results"}


def test_an_id_beyond_all_ids_is_not_looked_for(client: Client) -> None:
    with captured_queries() as captured:
        assert client.get(f"/api/events/{2**63}").status_code == 404
    assert not [sql for sql in captured if "system_events" in sql]


def test_unresolved_takes_the_filters_but_not_resolved(client: Client) -> None:
    first, _, done = add(severity="error"), add(), add(severity="error")
    post(client, f"/api/events/{done}/resolve")
    page = client.get("/api/events/unresolved?severity=error").json()
    assert [event["id"] for event in page["results"]] == [first]
    refused = client.get("/api/events/unresolved?resolved=true")
    assert refused.status_code == 400
    assert refused.json()["resolved"][0].startswith("Unknown parameter.")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("colour=red", "colour"),
        ("severity=%00", "severity"),
        ("q=%00", "q"),
        ("device_id=x", "device_id"),
        ("since=yesterday", "since"),
        ("context=[]", "context"),
        ("context=%7B%22a%22%3A%22%5Cud800%22%7D", "context"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
        ("limit=", "limit"),
        ("limit=5&limit=6", "limit"),
        ("limit=1_0", "limit"),
        ("after_id=1.5", "after_id"),
        ("after_id=9223372036854775808", "after_id"),
        ("cursor=x", "cursor"),
        ("cursor=%C3%A9", "cursor"),
        ("cursor=b2xkZXIgMQ", "cursor"),
        ("cursor=b2xkZXIgMDE=", "cursor"),
        ("cursor=b2xkZXIgMQ==&after_id=1", "cursor"),
        ("severity__in=error", "severity__in"),
        ("format=json", "format"),
        ("%FF=%FF", "�"),
    ],
)
def test_a_bad_parameter_is_400_under_its_name(client: Client, query: str, parameter: str) -> None:
    answer = client.get(f"/api/events?{query}")
    assert answer.status_code == 400, answer.content
    assert list(answer.json()) == [parameter]
    assert all(isinstance(reason, str) for reason in answer.json()[parameter])


@pytest.mark.parametrize("path", ["/api/events/1", "/api/events/catalog", "/api/schema"])
def test_addresses_without_parameters_refuse_any(client: Client, path: str) -> None:
    answer = client.get(f"{path}?lang=%00")
    assert answer.status_code == 400
    assert answer.json() == {"lang": ["Unknown parameter. None is known here."]}


@pytest.mark.parametrize("event_id", [1, 2**63, 10**30])
def test_a_missing_event_is_404(client: Client, event_id: int) -> None:
    for answer in (
        client.get(f"/api/events/{event_id}"),
        post(client, f"/api/events/{event_id}/resolve"),
        post(client, f"/api/events/{event_id}/reopen"),
    ):
        assert answer.status_code == 404
        assert answer.json() == {"detail": f"There is no event {event_id}."}


@pytest.mark.parametrize(
    "path", ["", "nothing", "events/", "events/x", "events/1/close", "events/" + "9" * 5000, "%00"]
)
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_unknown_address_is_404_in_json(method: str, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = getattr(client, method)(f"/api/{path}")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("There is nothing at this address.")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/api/events/unresolved"),
        ("put", "/api/events/1"),
        ("delete", "/api/events/1"),
        ("options", "/api/events"),
        ("get", "/api/events/1/resolve"),
    ],
)
def test_a_wrong_method_is_405_in_json(client: Client, method: str, path: str) -> None:
    answer = getattr(client, method)(path)
    assert answer.status_code == 405
    assert answer.json() == {"detail": f'Method "{method.upper()}" not allowed.'}


def test_the_catalog_lists_every_known_event_type(client: Client) -> None:
    answer = client.get("/api/events/catalog").json()
    assert answer["categories"] == list(catalog.CATEGORIES)
    assert answer["severities"] == list(catalog.SEVERITIES)
    assert answer["resolvers"] == list(catalog.RESOLVERS)
    assert len(answer["event_types"]) == 23
    captcha = answer["event_types"][-1]
    assert captcha == {
        "category": "auth",
        "event_type": "captcha_failed",
        "severity": "warning",
        "when": "CAPTCHA solve timed out or task creation failed",
        "context_fields": ["platform", "solver", "type", "task_id"],
        "recovered_by": ["login_success"],
    }


def test_resolve_and_reopen_are_idempotent_and_recorded_once(client: Client) -> None:
    event_id = add(resolved=None)
    first = post(client, f"/api/events/{event_id}/resolve", {"reason": " fixed "}).json()
    again = post(client, f"/api/events/{event_id}/resolve", {"reason": "me too"}).json()
    assert first == again
    assert (first["resolved"], first["resolved_by"]) == (True, "human")
    reopened = post(client, f"/api/events/{event_id}/reopen").json()
    assert reopened == post(client, f"/api/events/{event_id}/reopen", {}).json()
    assert (reopened["resolved"], reopened["resolved_by"], reopened["resolved_at"]) == (
        *(False, None),
        None,
    )
    recorded = EventAction.objects.about(event_id).values_list("action", "reason")
    assert list(recorded) == [("reopen", None), ("resolve", "fixed")]


def test_the_first_resolver_is_kept(client: Client) -> None:
    event_id = add(resolved=True, resolved_by="auto")
    assert post(client, f"/api/events/{event_id}/resolve").json()["resolved_by"] == "auto"
    assert not EventAction.objects.exists()


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ('{"colour": 1}', 400, "colour"),
        ('{"\\ud800": 1}', 400, "\\ud800"),
        ('{"resolved_by": "me"}', 400, "resolved_by"),
        ('{"resolved_by": "\\ud800"}', 400, "resolved_by"),
        ('{"resolved_by": ["human"]}', 400, "resolved_by"),
        ('{"resolved_by": null}', 400, "resolved_by"),
        ('{"reason": 1}', 400, "reason"),
        ('{"reason": "\\u0000"}', 400, "reason"),
        ('{"reason": "\\udc00"}', 400, "reason"),
        (f'{{"reason": "{"a" * 1001}"}}', 400, "reason"),
        ("[]", 400, "detail"),
        ('"x"', 400, "detail"),
        ("{", 400, "detail"),
        ("\xff", 400, "detail"),
        ("NaN", 400, "detail"),
        ("1" * 5000, 400, "detail"),
        ("[" * 30_000, 400, "detail"),
        (" " * 65_537, 413, "detail"),
    ],
)
def test_a_bad_body_is_refused_and_changes_nothing(
    client: Client, body: str, status: int, field: str
) -> None:
    event_id = add()
    answer = client.post(
        f"/api/events/{event_id}/resolve",
        body.encode("latin-1"),
        content_type="application/json",
    )
    assert answer.status_code == status, answer.content
    assert list(answer.json()) == [field]
    assert SystemEvent.objects.unresolved().filter(pk=event_id).exists()


def test_a_form_is_415_and_a_chunked_body_411(client: Client) -> None:
    event_id = add()
    assert client.post(f"/api/events/{event_id}/resolve", {"reason": "x"}).status_code == 415
    answer = client.generic(
        "POST",
        f"/api/events/{event_id}/resolve",
        content_type="application/json",
        headers={"transfer-encoding": "chunked"},
    )
    assert answer.status_code == 411
    assert SystemEvent.objects.unresolved().filter(pk=event_id).exists()


def test_markup_in_a_message_stays_text(client: Client) -> None:
    add(message="<script>alert(1)</script>", category="<b>")
    answer = client.get("/api/events", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.json()["results"][0]["message"] == "<script>alert(1)</script>"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_503(client: Client) -> None:
    dsn = database.connection_string(connection.settings_dict["NAME"])
    with psycopg.connect(dsn) as other, connection.cursor() as cursor:
        other.execute("LOCK TABLE system_events")
        cursor.execute("SET lock_timeout = '50ms'")
        try:
            answer = client.get("/api/events")
        finally:
            cursor.execute("RESET lock_timeout")
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The database can't answer at the moment. Try again later."}
