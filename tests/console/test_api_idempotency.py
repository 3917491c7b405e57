"""What is sent again under the same Idempotency-Key is stored once."""

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from emission import EVENT, a_client, a_producer, ids, numbered, run, send, stored
from patience import eventually

from events.models import EventReceipt
from sovi_events import database

pytestmark = pytest.mark.django_db

WAITING = "SELECT pid FROM pg_locks WHERE relation = 'event_receipts'::regclass AND NOT granted"


@pytest.fixture
def client() -> Client:
    return a_client(a_producer())


@contextmanager
def held_at_the_receipt(client: Client, *bodies: Any) -> Iterator[list[Future[Any]]]:
    """Send the bodies at once, under one key; in the block each has stored its events, and waits.

    Reading goes on, so none of them finds a receipt before.
    """

    def request(body: Any) -> Any:
        try:
            return send(client, body, "key")
        finally:
            connection.close()

    dsn = database.connection_string(connection.settings_dict["NAME"])
    with (
        ThreadPoolExecutor(len(bodies)) as pool,
        psycopg.connect(dsn, autocommit=True) as session,
        session.transaction(),
    ):
        session.execute("LOCK TABLE event_receipts IN EXCLUSIVE MODE")
        requests = [pool.submit(request, body) for body in bodies]
        eventually(lambda: len(session.execute(WAITING).fetchall()) == len(bodies))
        yield requests


def test_the_same_under_the_same_key_is_stored_once(client: Client) -> None:
    first = send(client, numbered(3), "a key")
    again = send(client, numbered(3), "a key")
    assert ids(first) == ids(again) == stored()
    assert ids(send(client, numbered(3), "another key")) == stored()[3:]
    assert len(ids(send(client, numbered(3)))) == 3
    assert EventReceipt.objects.count() == 2


def test_spaces_and_the_order_of_names_are_not_another_body(client: Client) -> None:
    first = ids(send(client, json.dumps(EVENT | {"context": {"a": 1, "b": 2}}), "key"))
    turned = dict(reversed((EVENT | {"context": {"b": 2, "a": 1}}).items()))
    assert ids(send(client, json.dumps([turned], indent=4), "key")) == first


def test_another_body_under_the_same_key_is_422(client: Client) -> None:
    first = ids(send(client, numbered(2), "key"))
    for other in (numbered(3), numbered(2)[::-1], EVENT):
        answer = send(client, other, "key")
        assert answer.status_code == 422
        assert list(answer.json()) == ["detail"]
    assert stored() == first


def test_a_key_belongs_to_its_token_or_to_the_user_of_sessions(client: Client) -> None:
    user = User.objects.get()
    sessions = [Client(), Client()]
    for session in sessions:
        session.force_login(user)
    other = User.objects.create_superuser("eve")
    first, second = (ids(send(session, EVENT, "key")) for session in sessions)
    assert first == second
    for another in (client, a_client(user), a_client(other)):
        assert ids(send(another, EVENT, "key")) == stored()[-1:]
    assert len(stored()) == 4


def test_after_a_day_a_key_is_free_again(client: Client) -> None:
    [first] = ids(send(client, EVENT, "key"))
    run("UPDATE event_receipts SET created_at = now() - interval '23 hours 59 minutes'")
    assert ids(send(client, EVENT, "key")) == [first]
    run("UPDATE event_receipts SET created_at = now() - interval '24 hours'")
    [second] = ids(send(client, numbered(1), "key"))
    assert stored() == [first, second]
    assert ids(send(client, numbered(1), "key")) == [second]
    assert EventReceipt.objects.count() == 1


@pytest.mark.parametrize("key", ["", " ", "k" * 256, "kéy", "a\tb", "a\x7f", "a\x00"])
def test_a_key_that_is_none_is_400(client: Client, key: str) -> None:
    answer = send(client, EVENT, key)
    assert answer.status_code == 400
    assert list(answer.json()) == ["Idempotency-Key"]
    assert not stored()


def test_a_key_may_be_any_printable_ascii(client: Client) -> None:
    for key in ("k" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "a b~!"):
        assert ids(send(client, EVENT, key)) == ids(send(client, EVENT, key)) == stored()[-1:]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("is_expired", [False, True])
def test_of_requests_at_once_under_one_key_one_stores_and_all_answer_its_ids(
    client: Client, is_expired: bool
) -> None:
    before = ids(send(client, EVENT, "key")) if is_expired else []
    run("UPDATE event_receipts SET created_at = now() - interval '25 hours'")
    with held_at_the_receipt(client, *[numbered(3)] * 4) as requests:
        pass
    answers = [ids(request.result()) for request in requests]
    assert answers == [stored()[len(before) :]] * 4
    assert len(answers[0]) == 3


@pytest.mark.django_db(transaction=True)
def test_of_two_bodies_at_once_under_one_key_one_is_422(client: Client) -> None:
    with held_at_the_receipt(client, numbered(1), numbered(2)) as requests:
        pass
    first, second = sorted((it.result() for it in requests), key=lambda it: int(it.status_code))
    assert ids(first) == stored()
    assert second.status_code == 422


@pytest.mark.django_db(transaction=True)
def test_a_request_cut_off_stores_nothing_and_can_be_sent_again(client: Client) -> None:
    with held_at_the_receipt(client, numbered(3)) as [request]:
        run(f"SELECT pg_terminate_backend(pid) FROM ({WAITING}) AS cut")
        answer = request.result()
    assert answer.status_code == 503
    assert not stored()
    assert ids(send(client, numbered(3), "key")) == stored()
