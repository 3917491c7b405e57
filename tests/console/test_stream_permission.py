"""Who loses the right to read the stream while it is open is cut, and told why on coming back."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db.models import F
from django.test import Client as Browser
from django.test import RequestFactory
from patience import eventually
from streaming import Stream, a_hub, collecting, insert, run_server, until, writer

from events.api.stream import stream
from events.models import ApiToken
from events.web.authentication import key_of

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/api/logs/stream"
OPEN = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
CUT_READERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'sovi stream reader'
"""
CHECKS = """
SELECT query_start FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'sovi stream reader'
  AND query LIKE '%auth_user%'
"""
User = get_user_model()


@pytest.fixture(scope="module")
def url(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log = tmp_path_factory.mktemp("server") / "server.log"
    with run_server(log, SOVI_STREAM_RECHECK_SECONDS="0.2") as (url, _):
        yield url


@pytest.fixture
def user(transactional_db: None) -> Any:
    user = User.objects.create_user("ada", password="secret")
    user.groups.add(Group.objects.get(name="Event viewers"))
    return user


def by_token(user: Any) -> dict[str, str]:
    return {"Authorization": f"Token {ApiToken.objects.create(user=user, kind='person')[1]}"}


def by_session(user: Any) -> dict[str, str]:
    browser = Browser()
    browser.force_login(user)
    return {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}


def change_password(user: Any) -> None:
    user.set_password("other")
    user.save()


LOSSES = {
    "the account was deactivated": (
        lambda user: User.objects.filter(pk=user.pk).update(is_active=False),
        401,
    ),
    "the user is gone": (lambda user: user.delete(), 401),
    "the group was left": (lambda user: user.groups.clear(), 403),
    "the permission was removed": (
        lambda user: user.groups.get().permissions.clear(),
        403,
    ),
    "the token was revoked": (lambda user: ApiToken.objects.filter(user=user).delete(), 401),
    "the token expired": (
        lambda user: user.auth_token_set.update(expiry=F("created") - timedelta(seconds=1)),
        401,
    ),
    "the session ended": (lambda user: Session.objects.all().delete(), 401),
    "the session expired": (
        lambda user: Session.objects.update(expire_date=F("expire_date") - timedelta(days=99)),
        401,
    ),
    "the password was changed": (change_password, 401),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_who_lost_it_is_cut_and_refused_while_others_read_on(
    url: str, user: Any, loss: str
) -> None:
    lose: Callable[[Any], object]
    lose, status = LOSSES[loss]
    shown = by_session(user) if "session" in loss or "password" in loss else by_token(user)
    other = by_token(User.objects.create_superuser("bob"))
    with (
        httpx.stream("GET", url + PATH, headers=shown, timeout=15) as answer,
        httpx.stream("GET", url + PATH, headers=other, timeout=15) as others,
    ):
        assert (answer.status_code, others.status_code) == (200, 200)
        others_stream = Stream(others)
        lose(user)
        Stream(answer).rest()  # ends, and cleanly
        with writer(autocommit=True) as connection:
            event_id = insert(connection)
        assert others_stream.event().json["id"] == event_id
    assert httpx.get(url + PATH, headers=shown).status_code == status


@pytest.mark.parametrize("show", [by_token, by_session])
def test_who_may_still_read_it_reads_on_over_many_checks(
    url: str, user: Any, show: Callable[[Any], dict[str, str]]
) -> None:
    with httpx.stream("GET", url + PATH, headers=show(user), timeout=15) as answer:
        lines = Stream(answer)
        checked = set()
        with writer(autocommit=True) as connection:

            def checked_often() -> bool:
                checked.update(connection.execute(CHECKS).fetchall())
                return len(checked) > 3

            eventually(checked_often)
            event_id = insert(connection)
        assert lines.event().json["id"] == event_id


@pytest.mark.parametrize("show", [by_token, by_session])
def test_to_begin_it_takes_no_thread_and_no_connection_of_djangos(
    user: Any, show: Callable[[Any], dict[str, str]]
) -> None:
    async def scenario() -> None:
        for query, status in {
            "": 200,
            "q=lost+severity:error": 200,
            "severity=errors": 400,
        }.items():
            request = RequestFactory().get(f"{PATH}?{query}", headers=shown)
            assert (await stream(request)).status_code == status
        assert threading.active_count() == threads
        await until(lambda: opened() <= before)  # one that was closed takes a while to end

    def opened() -> Any:
        with writer() as connection:
            return connection.execute(OPEN).fetchone()

    shown, threads, before = show(user), threading.active_count(), opened()
    asyncio.run(scenario())


@pytest.mark.parametrize("show", [by_token, by_session])
def test_a_connection_that_was_cut_meanwhile_is_not_asked(
    user: Any, show: Callable[[Any], dict[str, str]]
) -> None:
    async def scenario() -> None:
        async with a_hub() as hub, collecting(hub):
            for _ in range(2):
                assert await hub.find_credentials([key])
                with writer(autocommit=True) as connection:
                    connection.execute(CUT_READERS)

    request = RequestFactory().get(PATH, headers=show(user))
    key = key_of(request)
    assert key is not None
    asyncio.run(scenario())
