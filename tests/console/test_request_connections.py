"""Requests borrow their connections from a pool that is bounded, checked, and closed at the end."""

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
from patience import PATIENCE_SECONDS, eventually
from streaming import insert, make_token, open_stream, run_server, writer

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

LIST = "/api/events"
CANT_ANSWER = {"detail": "The database can't answer at the moment. Try again later."}

WAITING = "SELECT 1 FROM pg_locks WHERE NOT granted AND relation = 'system_events'::regclass"


@pytest.fixture
def token() -> str:
    return make_token()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


def get(url: str, token: str, path: str = LIST) -> httpx.Response:
    headers = {"Authorization": f"Token {token}"}
    return httpx.get(url + path, headers=headers, timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module")
def narrow_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("narrow") / "server.log"


@pytest.fixture(scope="module")
def narrow_server(narrow_log: Path) -> Iterator[str]:
    """Yield the URL of a server with one connection, which a request has for as long as it likes.

    Who waits for it gives up after two seconds.
    """
    settings = {"SOVI_DATABASE_CONNECTIONS": "1", "SOVI_DATABASE_WAIT_SECONDS": "2"}
    with run_server(narrow_log, **settings, SOVI_QUERY_TIMEOUT_SECONDS="600") as (url, _):
        yield url


@pytest.fixture
def others() -> set[int]:
    """The sessions of servers other than the test's own, which don't count."""
    return sessions()


def sessions() -> set[int]:
    """Return the process ids of the pools' sessions in the test database."""
    with writer() as connection:
        rows = connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'sovi requests'"
        ).fetchall()
    return {pid for (pid,) in rows}


def test_requests_share_few_connections_which_are_closed_with_the_process(
    log: Path, token: str, others: set[int]
) -> None:
    with (
        run_server(log, SOVI_DATABASE_CONNECTIONS="2") as (url, process),
        ThreadPoolExecutor(8) as threads,
    ):
        answers = list(threads.map(lambda _: get(url, token), range(40)))
        assert {answer.status_code for answer in answers} == {200}
        lent = sessions() - others
        assert 1 <= len(lent) <= 2
        get(url, token)
        assert sessions() - others <= lent
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) in (0, -signal.SIGTERM)
        eventually(lambda: not sessions() & lent)
    assert "psycopg" not in log.read_text()


def test_a_row_with_a_time_that_python_lacks_is_shown_by_a_connection_used_before(
    narrow_server: str, token: str
) -> None:
    with writer() as connection:
        connection.execute(
            "INSERT INTO system_events (timestamp, category, severity, event_type, message)"
            " VALUES ('infinity', 'device', 'info', 'odd', 'for ever')"
        )
    lent = []
    for _ in range(2):
        assert get(narrow_server, token).json()["results"][0]["message"] == "for ever"
        lent.append(sessions())
    assert lent[0] == lent[1]


def test_who_waits_too_long_for_a_connection_is_answered_503(
    narrow_server: str, narrow_log: Path, token: str
) -> None:
    url = narrow_server
    with ThreadPoolExecutor(1) as threads, writer() as blocking:
        blocking.execute("LOCK TABLE system_events")
        blocked = threads.submit(get, url, token)
        eventually(lambda: blocking.execute(WAITING).fetchone())
        answer = get(url, token)
        assert (answer.status_code, answer.json()) == (503, CANT_ANSWER)
        assert get(url, token, "/admin/login/").status_code == 200  # it needs no connection
        page = httpx.get(f"{url}/admin/", cookies={"sessionid": "some-session-key"})
        assert page.status_code == 503
        assert "<h1>The database can&#x27;t answer</h1>" in page.text
        ready = httpx.get(f"{url}/readyz")
        assert ready.status_code == 503
        assert ready.json() == {"status": "unavailable"}
        assert "all 1 were in use (SOVI_DATABASE_CONNECTIONS)" in narrow_log.read_text()
        assert httpx.get(f"{url}/healthz").is_success
        blocking.rollback()
        assert blocked.result().status_code == 200


def test_one_that_postgresql_has_closed_is_not_lent(narrow_server: str, token: str) -> None:
    get(narrow_server, token)
    with writer() as connection:
        closed = sessions()
        assert closed
        for pid in closed:
            connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    assert get(narrow_server, token).status_code == 200
    assert not sessions() & closed


def test_without_a_server_nobody_waits_for_a_connection(
    log: Path, token: str, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"postgresql://127.0.0.1:{port}/none"
    with run_server(log, DATABASE_URL=nowhere, SOVI_DATABASE_WAIT_SECONDS="600") as (url, _):
        for _ in range(3):
            ready = httpx.get(f"{url}/readyz", timeout=PATIENCE_SECONDS)
            assert ready.status_code == 503
            assert ready.json() == {"status": "unavailable"}
    assert "Not ready: " in log.read_text()


def test_there_may_be_no_pool(log: Path, token: str, others: set[int]) -> None:
    with run_server(log, SOVI_DATABASE_CONNECTIONS="0") as (url, _):
        assert get(url, token).status_code == 200
        assert sessions() <= others


def test_neither_streams_nor_exports_hold_one(narrow_server: str, token: str) -> None:
    with writer() as connection:
        for number in range(300):
            insert(connection, f"{number} " + 100_000 * "x")
    with ExitStack() as stack:
        for _ in range(5):
            stack.enter_context(open_stream(narrow_server, token))
        export = stack.enter_context(
            httpx.stream(
                "GET",
                f"{narrow_server}/api/events/export?format=ndjson",
                headers={"Authorization": f"Token {token}"},
            )
        )
        assert export.status_code == 200
        assert get(narrow_server, token).status_code == 200
