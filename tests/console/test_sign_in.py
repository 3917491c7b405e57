"""Signing in with wrong passwords: slower and slower, for whom, and what is said of it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.db.models import F
from django.db.models.functions import Now
from django.test import Client

from events.models import SignIn
from events.web import sign_in as sign_in_module
from events.web.sign_in import (
    FREE_OF_NETWORK,
    FREE_OF_USER,
    LONGEST_SECONDS,
    MAX_HASHING,
    TooManyAttempts,
    attempt,
    network_of,
)

pytestmark = pytest.mark.django_db

LOGIN = "/admin/login/"
HOME, ELSEWHERE = "192.0.2.7", "198.51.100.9"
PASSWORD = "correct horse"


@pytest.fixture
def ada() -> User:
    return User.objects.create_superuser("ada", password=PASSWORD)


def sign_in(
    password: str, *, username: str = "ada", address: str = HOME, client: Client | None = None
) -> Any:
    form = {"username": username, "password": password, "next": "/admin/"}
    return (client or Client()).post(LOGIN, form, REMOTE_ADDR=address)


def fail(times: int, **where: Any) -> None:
    for _ in range(times):
        assert sign_in("wrong", **where).status_code == 200


def let_time_pass(seconds: float) -> None:
    SignIn.objects.update(blocked_until=F("blocked_until") - timedelta(seconds=seconds))


def test_after_some_failures_the_next_attempt_waits_longer_each_time(ada: User) -> None:
    fail(FREE_OF_USER)
    waits = []
    for _ in range(9):
        fail(1)
        refused = sign_in(PASSWORD)  # not even the right one is looked at
        assert refused.status_code == 429
        waits.append(int(refused.headers["Retry-After"]))
        let_time_pass(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, LONGEST_SECONDS, LONGEST_SECONDS, LONGEST_SECONDS]
    assert sign_in(PASSWORD).status_code == 302


def test_a_refused_attempt_says_when_to_try_again_and_makes_the_wait_no_longer(ada: User) -> None:
    fail(FREE_OF_USER + 1)
    let_time_pass(1)
    fail(1)
    for _ in range(5):
        refused = sign_in(PASSWORD)
        assert refused.headers["Retry-After"] == "2"
    page = refused.content.decode()
    assert "Too many attempts. Try again in 2 seconds." in page
    assert 'name="next" value="/admin/"' in page
    let_time_pass(2)
    assert sign_in(PASSWORD).status_code == 302


def test_a_right_password_begins_the_count_anew(ada: User) -> None:
    fail(FREE_OF_USER)
    assert sign_in(PASSWORD).status_code == 302
    fail(FREE_OF_USER)
    assert sign_in(PASSWORD).status_code == 302


def test_names_that_nobody_has_wait_likewise_and_are_answered_the_same(ada: User) -> None:
    pages = {
        name: [sign_in("wrong", username=name, address=address) for _ in range(FREE_OF_USER + 2)]
        for name, address in (("ada", HOME), ("nobody", ELSEWHERE))
    }
    told = {
        name: [(it.status_code, "Please enter the correct" in it.content.decode()) for it in found]
        for name, found in pages.items()
    }
    assert told["ada"] == told["nobody"] == [(200, True)] * (FREE_OF_USER + 1) + [(429, False)]


def test_one_network_trying_many_names_waits_and_others_do_not(ada: User) -> None:
    for number in range(FREE_OF_NETWORK + 1):
        fail(1, username=f"name {number}", address=f"198.51.100.{number}")
    assert sign_in(PASSWORD, address="198.51.100.200").status_code == 429
    assert sign_in(PASSWORD, address=HOME).status_code == 302


def test_many_networks_trying_one_name_wait_and_keep_its_owner_out_of_none_they_know(
    ada: User,
) -> None:
    assert sign_in(PASSWORD, address=HOME).status_code == 302
    for number in range(FREE_OF_USER + 1):
        fail(1, address=f"198.51.{number}.1")
    assert sign_in(PASSWORD, address=ELSEWHERE).status_code == 429
    assert sign_in(PASSWORD, address=HOME).status_code == 302
    # Nor do others in her network, whatever names they try.
    for number in range(FREE_OF_NETWORK + 1):
        fail(1, username=f"name {number}", address=HOME)
    assert sign_in("wrong", username="name x", address=HOME).status_code == 429
    assert sign_in(PASSWORD, address=HOME).status_code == 302


def test_failures_are_forgotten_after_an_hour(ada: User) -> None:
    fail(FREE_OF_USER + 1)
    let_time_pass(3700)
    fail(FREE_OF_USER)
    assert sign_in(PASSWORD).status_code == 302


def test_a_failure_is_logged_with_the_address_and_with_the_name_where_a_user_has_it(
    ada: User, caplog: Any
) -> None:
    sign_in("wrong")
    sign_in("wrong", username="hunter2\nSign-in as 'x'")
    said = [it.getMessage() for it in caplog.records if it.name == "events.web.sign_in"]
    assert said == [f"Sign-in as {name} from {HOME} failed" for name in ("'ada'", "nobody")]
    assert "wrong" not in caplog.text and "hunter2" not in caplog.text


def test_who_has_anothers_session_does_not_guess_the_password_by_it(ada: User, caplog: Any) -> None:
    client = Client()
    client.force_login(ada)

    def change(old: str) -> Any:
        new = "staple battery 9"
        form = {"old_password": old, "new_password1": new, "new_password2": new}
        return client.post("/admin/password_change/", form, REMOTE_ADDR=HOME)

    for _ in range(FREE_OF_USER + 1):
        answer = change("guessed-it")
        assert "Your old password was entered incorrectly" in answer.content.decode()
    refused = change(PASSWORD)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "1")
    assert "Too many attempts. Try again in 1 second." in refused.content.decode()
    assert caplog.text.count(f"Old password of 'ada' from {HOME} was wrong") == FREE_OF_USER + 1
    assert "guessed-it" not in caplog.text
    let_time_pass(1)
    assert change(PASSWORD).headers["Location"] == "/admin/password_change/done/"


def test_a_proxy_that_is_not_believed_is_warned_of_once(ada: User, caplog: Any) -> None:
    form = {"username": "ada", "password": "wrong"}
    for forwarded, peer in ((HOME, HOME), (f"1.2.3.4, {HOME}", HOME), (HOME, "10.0.0.1")):
        for _ in range(2):
            Client().post(LOGIN, form, REMOTE_ADDR=peer, headers={"X-Forwarded-For": forwarded})
    assert caplog.text.count("X-Forwarded-For came from") == 1
    assert "X-Forwarded-For came from 10.0.0.1" in caplog.text


def test_what_is_kept_is_neither_name_nor_address(ada: User) -> None:
    fail(1)
    kept = str(list(SignIn.objects.values_list("key", flat=True)))
    assert "ada" not in kept and "192.0.2" not in kept


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_networks(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.django_db(transaction=True)
def test_passwords_sent_at_once_are_looked_at_a_few_at_a_time_and_each_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sign_in_module, "WAIT_SECONDS", 0.05)
    inside, let_go = threading.Barrier(MAX_HASHING + 1), threading.Event()

    def check_slowly() -> None:
        with attempt("ada", HOME):
            inside.wait(30)
            let_go.wait(30)
        connections.close_all()

    came = []

    def check_soon() -> None:
        with attempt("alan", ELSEWHERE):
            came.append("alan")
        connections.close_all()

    threads = [threading.Thread(target=check_slowly) for _ in range(MAX_HASHING)]
    for thread in threads:
        thread.start()
    inside.wait(30)
    try:
        assert sorted(SignIn.objects.values_list("failures", flat=True)) == [
            MAX_HASHING - FREE_OF_NETWORK,
            *[MAX_HASHING - FREE_OF_USER] * 2,
        ]
        with pytest.raises(TooManyAttempts) as refused, attempt("grace", ELSEWHERE):
            pass
        assert refused.value.seconds == 1
        # Not looked at, it was no failure; and who waits for a delay takes no turn.
        assert SignIn.objects.filter(failures=-FREE_OF_USER).count() == 2
        for _ in range(2 * FREE_OF_USER):
            with pytest.raises(TooManyAttempts), attempt("grace", ELSEWHERE):
                pass
        SignIn.objects.update(blocked_until=Now() + timedelta(seconds=40))
        monkeypatch.setattr(sign_in_module, "WAIT_SECONDS", 600)
        with pytest.raises(TooManyAttempts) as refused, attempt("grace", ELSEWHERE):
            pass
        assert refused.value.seconds == 40
        SignIn.objects.update(blocked_until=Now())
        waiting = threading.Thread(target=check_soon)
        waiting.start()
    finally:
        let_go.set()
        for thread in threads:
            thread.join()
    waiting.join()
    assert came == ["alan"]
