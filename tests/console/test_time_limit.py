"""A query that takes too long is given up, and its asker told what to do."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from admin_rows import LIST, add, text_of
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.models import SystemEvent
from events.reading.bounded_count import bounded_count
from events.reading.time_limit import TookTooLong, statement_limit, time_limit
from sovi_events import database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stuck() -> Iterator[None]:
    """Let every query on events wait, as one through a huge table would take."""
    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        yield


@pytest.fixture(autouse=True)
def impatient(settings: object) -> None:
    settings.SOVI_QUERY_TIMEOUT_SECONDS = 0.2  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "path", ["/api/events?severity=error", "/api/events?after_id=0", "/api/events/1"]
)
def test_the_api_answers_503_and_says_what_to_narrow(
    admin_client: Client, stuck: None, path: str
) -> None:
    response = admin_client.get(path)
    assert response.status_code == 503
    assert response.json()["detail"].startswith("The query took longer than 0.2 s. Narrow the ")


def test_the_api_answers_503_to_an_action_that_has_to_wait(
    admin_client: Client, stuck: None
) -> None:
    response = admin_client.post("/api/events/1/resolve", content_type="application/json")
    assert response.status_code == 503
    assert "Nothing was changed: try again." in response.json()["detail"]


def test_the_api_answers_503_to_an_action_on_many_that_has_to_wait(
    admin_client: Client, stuck: None
) -> None:
    sent = {"ids": [1, 2]}
    response = admin_client.post("/api/events/resolve", sent, content_type="application/json")
    assert response.status_code == 503
    assert "Send the same ids again" in response.json()["detail"]


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "once"}])
def test_the_api_answers_503_to_events_that_have_to_wait(
    admin_client: Client, headers: dict[str, str]
) -> None:
    event = {"category": "auth", "severity": "info", "event_type": "x", "message": "Hello"}

    def sent() -> Any:
        return admin_client.post(
            "/api/events", event, content_type="application/json", headers=headers
        )

    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE system_events IN ACCESS EXCLUSIVE MODE")
        response = sent()
    assert response.status_code == 503
    assert "Nothing was stored: send it again." in response.json()["detail"]
    assert sent().status_code == 201
    assert SystemEvent.objects.count() == 1


@pytest.mark.parametrize("query", ["", "?severity=error&o=1", "?device=iPhone&p=2"])
def test_the_admins_list_says_so_in_words(admin_client: Client, query: str) -> None:
    event = add("Hello")
    with psycopg.connect(database.connection_string()) as other:
        other.execute("LOCK TABLE system_events, devices IN ACCESS EXCLUSIVE MODE")
        page = text_of(admin_client.get(f"{LIST}{query}"))
    assert "The query took longer than 0.2 s. Narrow the range" in page
    assert f"{LIST}{event.pk}/" not in page


def test_the_admin_says_so_of_selected_rows_that_have_to_wait(admin_client: Client) -> None:
    event = add("Hello")
    with psycopg.connect(database.connection_string()) as other:
        other.execute("SELECT FROM system_events FOR UPDATE")
        chosen = {"action": "resolve_selected", "_selected_action": [str(event.pk)]}
        page = text_of(admin_client.post(LIST, chosen, follow=True))
    assert "Nothing was changed: try again." in page
    event.refresh_from_db()
    assert not event.resolved


def test_the_page_of_an_event_stays_where_it_is_and_says_so(
    admin_client: Client, stuck: None
) -> None:
    response = admin_client.get(f"{LIST}1/change/")
    assert response.status_code == 503
    assert "The database took too long" in response.content.decode()


def test_a_count_that_takes_too_long_claims_nothing(stuck: None) -> None:
    assert str(bounded_count(SystemEvent.objects.all())) == "0+"


def current() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting(unnest(ARRAY['statement_timeout', 'jit']))")
        return [value for (value,) in cursor.fetchall()]


def test_the_limit_ends_with_its_block() -> None:
    outside = current()
    with time_limit(2):
        assert current() == ["2s", "off"]
        with time_limit(0.5):
            assert current() == ["500ms", "off"]
        with pytest.raises(TookTooLong), time_limit(0.05), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")
        assert current() == ["2s", "off"]
    assert current() == outside


def test_the_limit_of_statements_ends_with_each_of_them() -> None:
    outside = current()
    with statement_limit(2), CaptureQueriesContext(connection) as sent:
        assert current() == ["2s", "off"]
        assert SystemEvent.objects.count() == 0
    assert len(sent) == 2
    with pytest.raises(TookTooLong), statement_limit(0.05), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [10])
    assert connection.get_autocommit()
    assert current() == outside


def test_in_a_transaction_the_limit_of_statements_is_that_of_its_part() -> None:
    with transaction.atomic():
        outside = current()
        with statement_limit(2):
            assert current() == ["2s", "off"]
        with pytest.raises(TookTooLong), statement_limit(0.05), connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(10)")
        assert current() == outside
