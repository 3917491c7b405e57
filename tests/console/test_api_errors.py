"""An error that nobody foresaw: told to programs as JSON, to the log as it is."""

import pytest
from django.db import ProgrammingError
from django.test import Client
from emission import EVENT, run, send

pytestmark = pytest.mark.django_db


def test_an_unforeseen_error_is_500_in_json_and_logged(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    run("ALTER TABLE system_events RENAME TO elsewhere")
    admin_client.raise_request_exception = False
    answer = send(admin_client, EVENT)
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == {"detail": "The server failed at this request; its log says why."}
    assert 'relation "system_events" does not exist' in caplog.text


def test_an_unforeseen_error_of_a_page_stays_html(admin_client: Client) -> None:
    run("ALTER TABLE system_events RENAME TO elsewhere")
    admin_client.raise_request_exception = False
    answer = admin_client.get("/admin/events/systemevent/")
    assert answer.status_code == 500
    assert answer.headers["Content-Type"].startswith("text/html")


def test_an_unforeseen_error_reaches_the_test_that_met_it(admin_client: Client) -> None:
    run("ALTER TABLE system_events RENAME TO elsewhere")
    with pytest.raises(ProgrammingError):
        send(admin_client, EVENT)
