"""Events sent over REST are stored all or none, and what is wrong with them is told."""

import json
import os
import uuid
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import Group
from django.test import Client
from emission import EVENT, a_client, a_producer, ids, numbered, run, send, stored
from patience import PATIENCE_SECONDS

from events.models import Account, Device, EventReceipt, SystemEvent

pytestmark = pytest.mark.django_db


@pytest.fixture
def client() -> Client:
    return a_client(a_producer())


def test_one_event_is_stored_with_all_it_says(client: Client) -> None:
    device, account = Device.objects.create(name="A"), Account.objects.create(username="g")
    context = {"wda_port": 8100, "steps": [1.5, None, "ü"]}
    subject = {"device_id": str(device.pk), "account_id": str(account.pk)}
    [event_id] = ids(send(client, {**EVENT, **subject, "context": context}))
    event = SystemEvent.objects.get()
    assert (event.pk, event.device, event.account) == (event_id, device, account)
    assert (event.category, event.severity) == ("device", "critical")
    assert (event.event_type, event.message) == (EVENT["event_type"], EVENT["message"])
    assert (event.context, event.resolved) == (context, False)


def test_an_array_is_stored_in_its_order(client: Client) -> None:
    answered = ids(send(client, numbered(1000)))
    found = SystemEvent.objects.in_bulk(answered)
    assert [found[event_id].message for event_id in answered] == [str(n) for n in range(1000)]


@pytest.mark.django_db(transaction=True)
def test_followers_are_woken(client: Client) -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("LISTEN system_events")
        ids(send(client, numbered(3)))
        assert list(connection.notifies(timeout=PATIENCE_SECONDS, stop_after=1))


def test_an_unknown_device_is_kept_in_the_context(client: Client) -> None:
    unknown = str(uuid.uuid4())
    ids(send(client, [EVENT | {"device_id": unknown, "context": None}, EVENT]))
    first, second = SystemEvent.objects.order_by("pk")
    assert (first.device, first.context) == (None, {"unknown_device_id": unknown})
    assert second.context == {}


def test_what_postgresql_has_no_text_for_is_made_storable(client: Client) -> None:
    body = '{"category": "a", "severity": "info", "event_type": "b", "message": "x\\u0000\\ud800",'
    ids(send(client, body + '"context": {"\\udc00": "\\u0000", "n": 123456789012345678901}}'))
    event = SystemEvent.objects.get()
    assert event.message == "x␀\ufffd"
    assert event.context == {"\ufffd": "␀", "n": 123456789012345678901}


def test_a_byte_order_mark_and_another_charset_change_nothing(client: Client) -> None:
    body = json.dumps(EVENT | {"message": "ü"}, ensure_ascii=False).encode("utf-8-sig")
    ids(client.generic("POST", "/api/events", body, "application/json; charset=latin-1"))
    assert SystemEvent.objects.get().message == "ü"


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"[]", 400, "at least one"),
        (b"3", 400, "JSON object"),
        (b"null", 400, "JSON object"),
        (b'"x"', 400, "JSON object"),
        (b"{", 400, "JSON parse error"),
        (b"\xff", 400, "not UTF-8"),
        (b'{"message": "\xed\xa0\x80"}', 400, "not UTF-8"),
        (b"[" * 300_000, 400, "too deeply"),
        (b'{"context":' * 50_000, 400, "too deeply"),
        (b'[{"context": {"n": NaN}}]', 400, "NaN is no JSON"),
        (b'[{"context": {"n": -Infinity}}]', 400, "-Infinity is no JSON"),
        (b'[{"context": {"n": 1e400}}]', 400, "1e400 is too large"),
        (b'{"n": ' + b"1" * 500_000 + b"}", 400, "1000 digits"),
        (b'{"severity": "info", "severity": "error"}', 400, '"severity" stands twice'),
        (b'{"context": {"\\ud800": 1, "\\ud800": 2}}', 400, '"\\ud800" stands twice'),
        (json.dumps(numbered(1001)).encode(), 400, "1000 events, not 1001"),
        (b" " * (1024 * 1024 + 1), 413, "1048576 bytes"),
    ],
)
def test_a_body_that_is_none_is_refused(
    client: Client, body: bytes, status: int, said: str
) -> None:
    answer = send(client, body, "key")
    assert answer.status_code == status, answer.content
    assert list(answer.json()) == ["detail"]
    assert said in answer.json()["detail"]
    assert not stored()


def test_depth_that_can_be_read_is_stored_or_refused(client: Client) -> None:
    for depth in range(100, 1100, 50):
        deep = "[" * depth + "]" * depth
        body = json.dumps(EVENT)[:-1] + f', "context": {{"deep": {deep}}}}}'
        answer = send(client, body, f"depth {depth}")
        assert answer.status_code in (201, 400), answer.content
    assert SystemEvent.objects.filter(context__has_key="deep").exists()


def test_a_form_is_415_a_chunked_body_411_and_a_parameter_400(client: Client) -> None:
    assert client.post("/api/events", EVENT).status_code == 415
    chunked = {"transfer-encoding": "chunked"}
    answer = client.generic("POST", "/api/events", content_type="application/json", headers=chunked)
    assert answer.status_code == 411
    answer = client.post("/api/events?dry=1", EVENT, content_type="application/json")
    assert (answer.status_code, list(answer.json())) == (400, ["dry"])


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (1, "must be a mapping"),
        ([EVENT], "must be a mapping"),
        ({}, "category is missing"),
        (EVENT | {"severity": "bad"}, "severity must be one of info, warning, error, critical"),
        (EVENT | {"severity": None}, "severity must be one of"),
        (EVENT | {"message": " "}, "message must not be empty"),
        (EVENT | {"message": 5}, "message must be text"),
        (EVENT | {"category": "x" * 201}, "at most 200 characters"),
        (EVENT | {"device_id": "A"}, "device_id must be a UUID"),
        (EVENT | {"account_id": 7}, "account_id must be a UUID"),
        (EVENT | {"context": []}, "context must be a mapping"),
        (EVENT | {"timestamp": "2026-01-01T00:00:00Z"}, "'timestamp' is no parameter"),
        (EVENT | {"\ud800": 1}, "is no parameter"),
    ],
)
def test_a_bad_event_is_named_by_its_index_and_nothing_is_stored(
    client: Client, event: Any, said: str
) -> None:
    answer = send(client, [EVENT, event, EVENT, event])
    assert answer.status_code == 400
    assert set(answer.json()) == {"detail", "events"}
    assert set(answer.json()["events"]) == {"1", "3"}
    for [reason] in answer.json()["events"].values():
        assert said in reason
        assert "events[" not in reason
    assert not stored()


def test_one_bad_event_alone_has_the_index_0(client: Client) -> None:
    answer = send(client, EVENT | {"severity": "bad"})
    assert (answer.status_code, list(answer.json()["events"])) == (400, ["0"])


def test_of_many_bad_events_a_hundred_are_named(client: Client) -> None:
    answer = send(client, [EVENT | {"severity": "bad"}] * 500)
    assert list(answer.json()["events"]) == [str(index) for index in range(100)]
    assert answer.json()["detail"].endswith("There may be more of them.")


@pytest.mark.parametrize("key", [None, "key"])
def test_rows_that_postgresql_refuses_are_named_by_their_indexes(
    client: Client, key: str | None
) -> None:
    run("ALTER TABLE system_events ADD CONSTRAINT short CHECK (length(message) < 4)")
    events = numbered(500)
    for index in (0, 123, 499):
        events[index]["message"] = "too long"
    answer = send(client, events, key)
    assert answer.status_code == 400
    assert set(answer.json()["events"]) == {"0", "123", "499"}
    [reason] = answer.json()["events"]["123"]
    assert "short" in reason
    assert not stored()
    assert not EventReceipt.objects.exists()
    assert len(ids(send(client, numbered(500), key))) == 500


def test_rows_that_go_not_together_are_refused_from_the_second_on(client: Client) -> None:
    run("CREATE UNIQUE INDEX one_message ON system_events (message)")
    answer = send(client, [*numbered(5), EVENT, *numbered(2)])
    assert answer.status_code == 400
    assert set(answer.json()["events"]) == {"6", "7"}
    assert not stored()


def test_a_row_too_large_for_an_index_is_refused_not_tried_again(client: Client) -> None:
    run("CREATE INDEX by_message ON system_events (message)")
    message = "".join(str(uuid.uuid4()) for _ in range(200))
    answer = send(client, [EVENT, EVENT | {"message": message}])
    assert (answer.status_code, set(answer.json()["events"])) == (400, {"1"})


def test_a_trigger_that_refuses_is_told(client: Client) -> None:
    run(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$"
        " BEGIN IF NEW.message = '2' THEN RAISE EXCEPTION 'not two'; END IF; RETURN NEW; END $$;"
        " CREATE TRIGGER refuse BEFORE INSERT ON system_events"
        " FOR EACH ROW EXECUTE FUNCTION refuse()"
    )
    answer = send(client, numbered(4))
    assert answer.json()["events"] == {"2": ["PostgreSQL refuses it: not two"]}


def test_producers_send_and_neither_read_nor_resolve(client: Client) -> None:
    [event_id] = ids(send(client, EVENT))
    assert client.get("/api/events").status_code == 403
    assert client.post(f"/api/events/{event_id}/resolve").status_code == 403


def test_responders_may_not_send() -> None:
    user = a_producer()
    user.groups.set([Group.objects.get(name="Event responders")])
    answer = send(a_client(user), EVENT)
    assert answer.status_code == 403
    assert answer.json() == {"detail": "This needs the permission events.add_systemevent."}
    assert send(Client(), EVENT).status_code == 401


def test_a_session_sends_with_the_csrf_token() -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(a_producer())
    assert send(client, EVENT).status_code == 403
    token = client.get("/api/docs?script=").cookies["csrftoken"].value
    answer = client.post(
        "/api/events", EVENT, content_type="application/json", headers={"x-csrftoken": token}
    )
    assert ids(answer) == stored()


@pytest.mark.django_db(transaction=True)
def test_a_database_that_takes_no_events_is_503(client: Client) -> None:
    run("SET default_transaction_read_only = on")
    try:
        answer = send(client, EVENT)
    finally:
        run("RESET default_transaction_read_only")
    assert answer.status_code == 503
    assert answer.json() == {"detail": "The database can't answer at the moment. Try again later."}


# -- The database's state -------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "key"])
def test_ids_that_a_restore_brought_are_passed_by(client: Client, key: str | None) -> None:
    run(
        "INSERT INTO system_events (id, category, severity, event_type, message)"
        " SELECT n, 'a', 'info', 'b', '' FROM generate_series(1, 9) AS n;"
        "ALTER SEQUENCE system_events_id_seq RESTART"
    )
    assert ids(send(client, EVENT, key)) == [10]
    assert ids(send(client, numbered(3))) == [11, 12, 13]


@pytest.mark.parametrize(
    "state",
    [
        "ALTER SEQUENCE system_events_id_seq MAXVALUE 2 RESTART WITH 2;"
        "SELECT nextval('system_events_id_seq')",
        "ALTER TABLE system_events ALTER id DROP DEFAULT",
        "ALTER TABLE system_events ADD host text; UPDATE system_events SET host = '';"
        "ALTER TABLE system_events ALTER host SET NOT NULL",
        "ALTER TABLE system_events RENAME context TO contexts",
        *(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
            f" $$ BEGIN RAISE 'It fails' USING ERRCODE = '{sqlstate}'; END $$;"
            " CREATE TRIGGER fail BEFORE INSERT ON system_events"
            " FOR EACH ROW EXECUTE FUNCTION fail()"
            for sqlstate in ("42501", "53100", "55P03", "XX001")
        ),
    ],
)
@pytest.mark.parametrize("sent", [EVENT, numbered(2)], ids=["one", "two"])
def test_a_state_of_the_database_is_503_and_blames_no_event(
    client: Client, state: str, sent: Any
) -> None:
    run(state)
    answer = send(client, sent, "key")
    assert (answer.status_code, list(answer.json())) == (503, ["detail"])
    assert not stored()


def test_what_one_event_meets_and_what_another_is_refused_for_is_503(client: Client) -> None:
    run(
        "ALTER TABLE system_events ADD CONSTRAINT short CHECK (length(message) < 9);"
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE 'It fails' USING ERRCODE = 'XX001'; END $$;"
        " CREATE TRIGGER fail BEFORE INSERT ON system_events"
        " FOR EACH ROW WHEN (NEW.message = 'damaged') EXECUTE FUNCTION fail()"
    )
    bad = [EVENT | {"message": message} for message in ("much too long", "damaged")]
    assert send(client, bad).status_code == 503
    assert send(client, bad[:1]).status_code == 400
