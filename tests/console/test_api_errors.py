"""An error that nobody foresaw: told to programs as JSON, to the log as it is."""

import pytest
from django.db import ProgrammingError, transaction
from django.test import Client
from emission import EVENT, run

pytestmark = pytest.mark.django_db


def test_an_unforeseen_error_is_500_in_json_and_logged(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    run("ALTER TABLE system_events RENAME message TO elsewhere")
    admin_client.raise_request_exception = False
    answer = admin_client.get("/api/events")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"detail": "The server failed at this request; its log says why."}
    assert "system_events.message does not exist" in caplog.text


def test_an_unforeseen_error_of_a_page_stays_html(admin_client: Client) -> None:
    run("ALTER TABLE system_events RENAME message TO elsewhere")
    admin_client.raise_request_exception = False
    answer = admin_client.get("/admin/events/systemevent/")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_unforeseen_error_reaches_the_test_that_met_it(admin_client: Client) -> None:
    run("ALTER TABLE system_events RENAME message TO elsewhere")
    with pytest.raises(ProgrammingError):
        admin_client.get("/api/events")


NO_TABLE = "ALTER TABLE system_events RENAME TO elsewhere"
NO_RIGHTS = """
CREATE ROLE limited; GRANT SELECT ON ALL TABLES IN SCHEMA public TO limited; SET ROLE limited
"""


@pytest.mark.parametrize(
    ("state", "method", "path"),
    [
        (NO_TABLE, "GET", "/api/events"),
        (NO_TABLE, "POST", "/api/events"),
        (NO_RIGHTS, "POST", "/api/events"),
        (NO_RIGHTS, "POST", "/api/events/1/resolve"),
    ],
)
def test_what_an_operator_mends_is_503_whatever_is_asked(
    admin_client: Client, state: str, method: str, path: str
) -> None:
    admin_client.raise_request_exception = False
    run(state)
    body = EVENT if path == "/api/events" else {}
    try:
        if method == "POST":
            answer = admin_client.post(path, body, content_type="application/json")
        else:
            answer = admin_client.get(path)
    finally:
        transaction.set_rollback(True)
    assert answer.status_code == 503, answer.content
