"""`GET /api/logs/stream` on a real server: who may read it, and what comes over the wire."""

import re
import select
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client as Browser
from patience import PATIENCE_SECONDS, SLACK_SECONDS, eventually
from streaming import (
    Message,
    Stream,
    insert,
    make_token,
    open_stream,
    run_server,
    writer,
)

from events.models import ApiToken, Device, SystemEvent
from events.web.connection_pool import MAX_READERS
from events.web.event_json import represent
from sovi_events.statements import COLUMNS

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

PATH = "/api/logs/stream"
CAP = 3


@pytest.fixture(scope="module")
def small_server(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, psutil.Process]]:
    """A second server, with frequent keep-alives and room for few streams."""
    log = tmp_path_factory.mktemp("server") / "server.log"
    settings = {
        "SOVI_STREAM_KEEPALIVE_SECONDS": "0.3",
        "SOVI_STREAM_CLIENTS_PER_USER": str(CAP),
    }
    with run_server(log, **settings) as (url, process):
        yield url, psutil.Process(process.pid)


@pytest.fixture
def token() -> str:
    return make_token()


# -- Who may -------------------------------------------------------------------------------------


def test_without_valid_credentials_the_answer_is_401_in_json(server) -> None:
    user = get_user_model().objects.create_superuser("ada")
    expired = ApiToken.objects.create(user=user, kind="person", expiry=timedelta(seconds=-1))[1]
    for headers in (
        {},
        {"Authorization": "Token"},
        {"Authorization": "Token nonsense"},
        {"Authorization": "Basic YTpi"},
        {"Authorization": f"Token {expired}"},
        {"Cookie": "sessionid=nonsense"},
        {"Cookie": r'sessionid="\000nonsense"'},
    ):
        answer = httpx.get(server.url + PATH, headers=headers)
        assert answer.status_code == 401, headers
        assert answer.headers["WWW-Authenticate"] == "Token"
        assert list(answer.json()) == ["detail"]


def test_a_user_who_was_deactivated_is_refused(server, token: str) -> None:
    get_user_model().objects.update(is_active=False)
    answer = httpx.get(server.url + PATH, headers={"Authorization": f"Token {token}"})
    assert answer.status_code == 401


def test_a_user_who_may_not_view_events_is_refused(server) -> None:
    user = get_user_model().objects.create_user("bob")
    headers = {"Authorization": f"Token {ApiToken.objects.create(user=user, kind='agent')[1]}"}
    answer = httpx.get(server.url + PATH, headers=headers)
    assert (answer.status_code, list(answer.json())) == (403, ["detail"])

    user.groups.add(Group.objects.get(name="Event viewers"))
    with open_stream(server.url, headers["Authorization"].removeprefix("Token ")) as stream:
        assert stream.first.id


def test_a_session_will_do(server) -> None:
    browser = Browser()
    browser.force_login(get_user_model().objects.create_superuser("ada"))
    headers = {"Cookie": f"sessionid={browser.cookies['sessionid'].value}"}
    with httpx.stream("GET", server.url + PATH, headers=headers) as answer:
        assert answer.status_code == 200
        assert next(answer.iter_raw()).startswith(b"retry: 3000\n")


def test_other_methods_are_refused(server, token: str) -> None:
    for method in ("POST", "HEAD", "DELETE"):
        headers = {"Authorization": f"Token {token}"}
        answer = httpx.request(method, server.url + PATH, headers=headers)
        assert answer.status_code == 405
        assert answer.headers["Allow"] == "GET"
    assert "POST" in httpx.post(server.url + PATH).json()["detail"]


def test_a_query_is_refused_as_the_list_refuses_it(server, token: str) -> None:
    headers = {"Authorization": f"Token {token}"}
    for query in ({"resolved": "bad"}, {"nobody": "1"}, {"context": "["}, {"limit": "5"}):
        answer = httpx.get(server.url + PATH, params=query, headers=headers)
        assert answer.status_code == 400
        assert list(answer.json()) == list(query)


def test_too_many_streams_of_one_user_are_refused_until_one_ends(small_server, token: str) -> None:
    url, _ = small_server
    with ExitStack() as streams:
        for _ in range(CAP):
            streams.enter_context(open_stream(url, token))
        answer = httpx.get(url + PATH, headers={"Authorization": f"Token {token}"})
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert list(answer.json()) == ["detail"]
        with writer() as other:  # nor are names looked up for it
            other.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
            answer = httpx.get(
                url + PATH,
                params={"q": "device:phone"},
                headers={"Authorization": f"Token {token}"},
                timeout=PATIENCE_SECONDS,
            )
            assert answer.status_code == 429
        with open_stream(url, make_token("bob")) as stream:
            assert stream.first.id

    def has_room() -> bool:
        with httpx.stream(
            "GET", url + PATH, headers={"Authorization": f"Token {token}"}
        ) as response:
            return response.status_code == 200

    eventually(has_room)


# -- What comes ----------------------------------------------------------------------------------


def test_the_first_bytes_and_the_headers_let_it_pass_through_proxies(server, token: str) -> None:
    with open_stream(server.url, token) as stream:
        headers = stream.response.headers
        assert headers["Content-Type"] == "text/event-stream"
        assert headers["Cache-Control"] == "no-cache, no-transform"
        assert headers["X-Accel-Buffering"] == "no"
        assert headers["Content-Encoding"] == "identity"
        assert stream.first == Message(retry="3000", id=stream.first.id)


def test_an_event_is_the_same_object_as_everywhere(server, token: str) -> None:
    device = Device.objects.create(name="iPhone-A")
    with open_stream(server.url, token) as stream:
        SystemEvent.objects.create(
            category="scheduler",
            severity="info",
            event_type="warming_complete",
            message="Größe\r\nline \u2028 <b>\x1b[31m",
            device=device,
            context={"likes": 3, "rate": 0.5, "names": ["é", None], "deep": {"a": {}}},
            resolved=None,
            timestamp=datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        )
        row = SystemEvent.objects.values(*COLUMNS).get()
        got = stream.event()
        assert got.event is None
        assert got.json == represent(row)
        assert list(got.json) == list(COLUMNS)
        assert got.data is not None and got.data.splitlines() == [got.data]
        assert got.id is not None and re.match(rf"{row['id']}[~.]", got.id)


@pytest.mark.parametrize(
    "parameters",
    [
        {"severity": "error,critical"},
        {"category": "device", "resolved": "false"},
        {"q": "LOST"},
        {"q": "lost -severity:error since:2h context.platform:tiktok resolved:no"},
        {"context": '{"platform": "tiktok"}'},
        {"q": "100%", "context": '{"n": [1]}', "severity": "error"},
        {"since": "2020-01-01T00:00:00Z", "severity": "error"},
    ],
)
def test_a_filter_gives_what_the_list_gives(server, token: str, parameters: dict[str, str]) -> None:
    rows = [
        {"message": "lost it", "category": "device", "severity": "error"},
        {"message": "100% lost", "context": '{"platform": "tiktok", "n": [1, 2]}'},
        {"message": "100% here", "context": '{"n": [1]}', "severity": "error"},
        {"message": "plain"},
    ]
    with (
        open_stream(server.url, token, **parameters) as stream,
        writer(autocommit=True) as connection,
    ):
        start = stream.first.id
        ids = [insert(connection, **row) for row in rows]
        answer = httpx.get(
            f"{server.url}/api/events",
            params=parameters,
            headers={"Authorization": f"Token {token}"},
        )
        wanted = sorted(event["id"] for event in answer.json()["results"])
        assert wanted and len(wanted) < len(ids)
        assert sorted(stream.event().json["id"] for _ in wanted) == wanted
        with open_stream(server.url, token, last_event_id=str(start), **parameters) as again:
            assert [again.event().json["id"] for _ in wanted] == wanted


def test_a_search_may_name_a_device_and_is_refused_where_there_is_none(server, token: str) -> None:
    device = Device.objects.create(name="iPhone-A")
    with open_stream(server.url, token, q="device:iphone-a") as stream:
        SystemEvent.objects.create(category="device", severity="info", event_type="x", message="no")
        wanted = SystemEvent.objects.create(
            category="device", severity="info", event_type="x", message="yes", device=device
        )
        assert stream.event().json["id"] == wanted.pk
    refused = httpx.get(
        f"{server.url}/api/logs/stream",
        params={"q": "x device:iPhone-B"},
        headers={"Authorization": f"Token {token}"},
    )
    assert refused.status_code == 400
    [reason] = refused.json()["q"]
    assert reason.startswith("At character 10, x device:▸iPhone-B – There is no device")


def test_a_keep_alive_comes_when_nothing_happens_and_is_no_event_to_any_client(
    small_server, token: str
) -> None:
    with open_stream(small_server[0], token, q="wanted") as stream:
        assert [stream.next() for _ in range(3)] == [Message(comment="keep-alive")] * 3
        with writer(autocommit=True) as connection:
            insert(connection, "not this one")
            assert [stream.next() for _ in range(3)] == [Message(comment="keep-alive")] * 3
            insert(connection, "wanted")
        assert stream.next(lambda message: message.comment is None).json["message"] == "wanted"


# -- Where it goes on ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["header", "parameter"])
def test_a_stream_goes_on_after_the_last_event_id_also_on_another_server(
    server, small_server, token: str, place: str
) -> None:
    with open_stream(server.url, token) as stream, writer(autocommit=True) as connection:
        ids = [insert(connection) for _ in range(3)]
        tokens = [stream.event().id for _ in ids]
        insert_later = insert(connection)
        for at, last in enumerate(tokens):
            for url in (server.url, small_server[0]):
                given = (
                    {"headers": {"Last-Event-ID": last}, "last_event_id": tokens[-1]}
                    if place == "header"
                    else {"last_event_id": last}
                )
                rest = [*ids[at + 1 :], insert_later]
                with open_stream(url, token, **given) as again:
                    assert again.first.id == last
                    assert [again.event().json["id"] for _ in rest] == rest


def test_a_polyfill_goes_on_where_it_was(server, token: str) -> None:
    headers = {"Authorization": f"Token {token}"}
    with writer(autocommit=True) as connection:
        ids = [insert(connection) for _ in range(3)]
    for name in ("lastEventId", "lastEventID", "Last-Event-ID", "evs_last_event_id"):
        query = {"last_event_id": ids[0], name: f"{ids[1]}.0", "r": "0.5", "evs_preamble": "2056"}
        with httpx.stream("GET", server.url + PATH, params=query, headers=headers) as answer:
            stream = Stream(answer)
            assert str(stream.first.id).startswith(f"{ids[1]}.0")
            assert stream.event().json["id"] == ids[2]
    with open_stream(server.url, token, lastEventId="", _="123", r="1") as stream:
        assert str(stream.first.id).partition(".")[0] == str(ids[2])


@pytest.mark.parametrize("bad", ["nonsense", "-1", "5~9", "9" * 18, "7\x00"])
def test_a_token_that_is_none_is_answered_by_a_reset_and_the_stream_is_live(
    server, token: str, bad: str
) -> None:
    with writer(autocommit=True) as connection:
        insert(connection)
        with open_stream(server.url, token, last_event_id=bad) as stream:
            assert stream.first.event == "reset"
            assert stream.first.json["reason"]
            event_id = insert(connection)
            assert stream.event().json["id"] == event_id


# -- What it holds, and how it ends --------------------------------------------------------------


def test_coming_and_going_leaves_the_server_as_it_was(server, token: str) -> None:
    process = psutil.Process(server.process.pid)

    def held() -> tuple[int, int]:
        with writer() as connection:
            backends = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchone()
        return process.num_fds(), backends[0]

    with open_stream(server.url, token):
        pass
    eventually(lambda: process.num_threads() < 40)
    before = held()
    for number in range(1000):
        with socket.socket() as connection:
            _send_request(connection, server.url, token)
            if number % 2:  # the others leave before the first byte
                connection.recv(1)
    eventually(lambda: held() <= before)


def test_clients_that_all_come_at_once_take_few_database_connections(server, token: str) -> None:
    with ExitStack() as stack, writer(autocommit=True) as connection:

        def connected() -> int:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchone()
            return row[0]

        before = connected()
        sockets = [stack.enter_context(socket.socket()) for _ in range(80)]
        for one in sockets:
            _send_request(one, server.url, token)
        most = 0
        for one in sockets:
            one.setblocking(False)
            while not select.select([one], [], [], 0.01)[0]:
                most = max(most, connected())
        # A closed one is counted until its process has ended: beside other work that takes a while.
        assert most - before <= 3 * MAX_READERS < len(sockets) / 2


def test_open_streams_hold_no_database_connection_and_no_thread(server) -> None:
    process = psutil.Process(server.process.pid)
    tokens = [make_token(f"user{n}") for n in range(2)]

    def connections() -> int:
        with writer() as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            ).fetchone()
        return row[0]

    with ExitStack() as streams:
        streams.enter_context(open_stream(server.url, tokens[0]))
        eventually(lambda: process.num_threads() < 20)
        threads, connected = process.num_threads(), connections()
        for n in range(30):
            streams.enter_context(open_stream(server.url, tokens[n % 2]))
        eventually(lambda: connections() <= connected)
        eventually(lambda: process.num_threads() <= threads + 2)


def test_a_client_that_does_not_read_delays_nobody_and_costs_little(server, token: str) -> None:
    process = psutil.Process(server.process.pid)
    with socket.socket() as stuck, open_stream(server.url, make_token("bob")) as stream:
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        _send_request(stuck, server.url, token)
        stuck.recv(100)
        with writer(autocommit=True) as connection:
            memory = []
            for _ in range(6):
                connection.execute(
                    "INSERT INTO system_events (category, severity, event_type, message)"
                    " SELECT 'a', 'info', 'b', repeat('x', 8000) FROM generate_series(1, 1000)"
                )
                for _ in range(1000):
                    stream.event()
                memory.append(process.memory_info().rss)
                committed = time.monotonic()
                event_id = insert(connection)
                assert stream.event().json["id"] == event_id
                assert time.monotonic() - committed < 2 + SLACK_SECONDS
        assert memory[-1] - memory[1] < 24 * 2**20


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_when_the_server_stops_each_stream_ends_cleanly_and_goes_on_elsewhere(
    server, token: str, tmp_path: Path, signal_name: str
) -> None:
    # Grace beyond all patience: what ends in time was not ended by uvicorn.
    running = run_server(tmp_path / "log", grace_seconds=600)
    with running as (url, process), ExitStack() as stack:
        streams = [stack.enter_context(open_stream(url, token)) for _ in range(10)]
        connection = stack.enter_context(writer(autocommit=True))
        insert(connection)
        last = streams[0].event().id
        stuck = stack.enter_context(_stuck(url, token, connection))
        process.send_signal(getattr(signal, signal_name))
        for stream in streams:
            stream.rest()  # raises where the body is cut short
        process.wait(timeout=PATIENCE_SECONDS)
        assert stuck.fileno() > 0
        missed = insert(connection)
        with open_stream(server.url, token, last_event_id=str(last)) as again:
            assert again.next(lambda m: m.data and m.json["id"] == missed)
    log = (tmp_path / "log").read_text()
    assert "Traceback" not in log and "ERROR" not in log, log


def _send_request(connection: socket.socket, url: str, token: str) -> None:
    parts = urlsplit(url)
    connection.connect((parts.hostname, parts.port))
    head = (f"GET {PATH} HTTP/1.1", f"Host: {parts.netloc}", f"Authorization: Token {token}")
    connection.sendall("\r\n".join((*head, "", "")).encode())


def _stuck(url: str, token: str, connection) -> socket.socket:
    """Return a socket whose stream is blocked in sending."""
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    _send_request(stuck, url, token)
    stuck.recv(100)
    connection.execute(
        "INSERT INTO system_events (category, severity, event_type, message)"
        " SELECT 'a', 'info', 'b', repeat('x', 8000) FROM generate_series(1, 1000)"
    )
    return stuck
