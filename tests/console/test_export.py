"""`GET /api/events/export` on a real server, and its links in the admin."""

import asyncio
import csv
import io
import json
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import crowd
import httpx
import psutil
import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from patience import eventually
from streaming import insert, make_token, run_server, writer

from events.export.formats import CSV, NDJSON
from events.export.pages import MOST_BYTES, IdRange, read
from events.models import ApiToken, Device, SystemEvent
from events.web.event_json import represent
from sovi_events.statements import COLUMNS

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

MANY = 200_000
READERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
EXPORTING = f"{READERS} AND application_name = 'sovi export reader'"


@pytest.fixture
def token() -> str:
    return make_token()


def export(url: str, token: str, method: str = "GET", **parameters: Any) -> httpx.Response:
    return httpx.request(
        method,
        f"{url}/api/events/export",
        params=parameters,
        headers={"Authorization": f"Token {token}"},
        timeout=60,
    )


@contextmanager
def exporting(url: str, token: str, **parameters: Any) -> Iterator[httpx.Response]:
    with httpx.stream(
        "GET",
        f"{url}/api/events/export",
        params=parameters,
        headers={"Authorization": f"Token {token}"},
        timeout=60,
    ) as response:
        assert response.status_code == 200
        yield response


def ids(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [json.loads(line)["id"] for line in answer.text.splitlines()]


def add_many(count: int, context: str = "{}") -> None:
    crowd.rows(
        "INSERT INTO system_events (category, severity, event_type, message, context)"
        " SELECT 'auth', CASE WHEN i %% 1000 = 0 THEN 'critical' ELSE 'info' END, 'x',"
        " 'one of many, ' || repeat('x', 100), %s::jsonb FROM generate_series(1, %s) AS i",
        context,
        count,
    )


# -- What is in the file --------------------------------------------------------------------------


def test_ndjson_holds_each_event_as_rest_answers_it(server, token: str) -> None:
    phone = Device.objects.create(name="iPhone-A")
    for number in range(250):
        SystemEvent.objects.create(
            category="proxy",
            severity="error",
            event_type="x",
            message=f"=1+1\n{number} ü\u2028",
            context={"n": [number, None, "\u2028"]},
            device=phone,
        )
    answer = export(server.url, token, format="ndjson")
    rows = SystemEvent.objects.order_by("id").values(*COLUMNS)
    assert [json.loads(line) for line in answer.text.strip().split("\n")] == [
        represent(row) for row in rows
    ]
    assert answer.headers["Content-Type"] == "application/x-ndjson"


def test_csv_is_read_back_as_it_was(server, token: str) -> None:
    SystemEvent.objects.create(
        category="proxy",
        severity="error",
        event_type="x",
        message='He said "no",\r\nthen left; ü',
        context={"a": ["1,2", None]},
        resolved=None,
    )
    answer = export(server.url, token)
    assert answer.content.startswith((",".join(COLUMNS) + "\r\n").encode())
    assert answer.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    [row] = csv.DictReader(io.StringIO(answer.content.decode(), newline=""))
    [event] = map(represent, SystemEvent.objects.values(*COLUMNS))
    assert row["message"] == event["message"]
    assert json.loads(row["context"]) == event["context"]
    assert (row["id"], row["resolved"], row["device_id"]) == (str(event["id"]), "false", "")
    assert row["timestamp"] == event["timestamp"]


@pytest.mark.parametrize(
    "begin",
    [
        *("=", "+", "-", "@", "\t", "\r", "\n", " =", "\n=", "\t@", "\xa0+", "\u200b=", "\ufeff-"),
        *("\uff1d", "\uff0b", "\uff0d", "\uff20", "\u3000\uff1d", "\ufe66", "\x00="),
        *("\u3164=", "\u2800=", "\u034f=", "\ufe00=", "\U000e0020=", "\x7f=", "\u061c=", " \n-"),
    ],
)
def test_no_cell_is_run_by_a_spreadsheet(begin: str) -> None:
    text = f'{begin}HYPERLINK("http://x","y")'
    event = represent(
        dict.fromkeys(COLUMNS)
        | {"id": -1, "timestamp": timezone.now(), "message": text, "category": text}
    )
    for context in (-1, text, [1], None):
        line = CSV().lines([event | {"context": context}]).decode()
        [cells] = csv.reader(io.StringIO(line, newline=""))
        row = dict(zip(COLUMNS, cells, strict=True))
        assert row["message"] == row["category"] == f"'{text}"
        assert row["id"] == "-1"
        assert not row["context"].startswith(("=", "+", "-", "@", "\t", "\r"))
        assert json.loads(NDJSON().lines([event]))["message"] == text


def test_no_cell_is_run_that_begins_elsewhere_for_another_locale() -> None:
    event = represent(dict.fromkeys(COLUMNS) | {"id": 1, "timestamp": timezone.now()})
    for text, neutral in (
        (";=1+1", ";'=1+1"),
        ("a; =1;b\n@c", "a;' =1;b\n'@c"),
        ("a;-cmd|'/C calc'!A0", "a;'-cmd|'/C calc'!A0"),
        ("a \n \n\u3164+SUM(A1)\n=", "a \n \n'\u3164+SUM(A1)\n'="),
        ("\n;=1", "'\n;'=1"),
        # What only looks like one.
        ("a=1; b-2 @c\nd", "a=1; b-2 @c\nd"),
        ("Lost:\n- phone\n- laptop; -5 C\n---\n+ e", "Lost:\n- phone\n- laptop; -5 C\n---\n+ e"),
    ):
        line = CSV().lines([event | {"message": text}]).decode()
        [cells] = csv.reader(io.StringIO(line, newline=""))
        assert cells[COLUMNS.index("message")] == neutral


@pytest.mark.parametrize(
    "piece", ["\n", " ", " \n", ";", "\n;", ";-", "\n-a", "-", "\u3164", "a\n "]
)
def test_a_cell_takes_as_long_as_it_is(piece: str) -> None:
    """Were each character's time that of all after it, this would never end."""
    event = represent(dict.fromkeys(COLUMNS) | {"id": 1, "timestamp": timezone.now()})
    text = "x" + piece * (1_000_000 // len(piece))
    assert text in CSV().lines([event | {"message": text}]).decode()


def test_a_byte_order_mark_is_there_for_who_asks(server, token: str) -> None:
    plain, marked = export(server.url, token), export(server.url, token, bom="true")
    assert marked.content == b"\xef\xbb\xbf" + plain.content
    assert export(server.url, token, bom="true", format="ndjson").content == b""


def test_integers_beyond_64_bits_can_be_had_as_text(server, token: str) -> None:
    context = {"n": [2**63 - 1, 2**63, -(2**63) - 1, {"deep": 10**30}], "is": True, "r": 0.5}
    with writer(autocommit=True) as connection:
        insert(connection, context=json.dumps(context))
    exact = export(server.url, token, format="ndjson")
    assert json.loads(exact.text)["context"] == context
    narrow = json.loads(export(server.url, token, format="ndjson", large_integers="text").text)
    numbers = [2**63 - 1, str(2**63), str(-(2**63) - 1), {"deep": str(10**30)}]
    assert narrow["context"] == context | {"n": numbers}
    [row] = csv.DictReader(io.StringIO(export(server.url, token, large_integers="text").text))
    assert json.loads(row["context"]) == narrow["context"]


def test_what_python_can_not_read_is_in_the_file_all_the_same(server, token: str) -> None:
    crowd.rows(
        "INSERT INTO system_events (category, severity, event_type, message, timestamp, context)"
        " VALUES ('a', 'info', 'x', 'x', 'infinity', (repeat('[', 3000)::text || repeat(']', 3000))"
        "::jsonb), ('a', 'info', 'x', 'x', '-infinity', NULL)"
    )
    assert len(ids(export(server.url, token, format="ndjson"))) == 2
    assert export(server.url, token).text.count("\r\n") == 3


def test_filters_are_those_of_the_list(server, token: str) -> None:
    add_many(3000)
    critical = list(
        SystemEvent.objects.filter(severity="critical").order_by("id").values_list("id", flat=True)
    )
    assert ids(export(server.url, token, format="ndjson", severity="critical")) == critical
    assert ids(export(server.url, token, format="ndjson", q="nowhere to be found")) == []
    assert export(server.url, token, q="nowhere").text == ",".join(COLUMNS) + "\r\n"
    past = (timezone.now() - timedelta(days=1)).isoformat()
    assert ids(export(server.url, token, format="ndjson", until=past)) == []


def test_what_is_not_settled_is_left_for_the_next_file(server, token: str) -> None:
    with writer(autocommit=True) as other, writer() as slow:
        first = insert(other)
        export(server.url, token)
        open_one = insert(slow)
        later = insert(other)
        answer = export(server.url, token, format="ndjson")
        assert ids(answer) == [first]
        through = int(answer.headers["X-Through-Id"])
        assert through < open_one
        slow.commit()
    rest = export(server.url, token, format="ndjson", after_id=through)
    assert ids(rest) == [open_one, later]


def test_a_file_cut_at_the_limit_is_gone_on_with(
    django_db_setup: None, tmp_path: Path, token: str
) -> None:
    add_many(2500)
    with run_server(tmp_path / "log", SOVI_EXPORT_MAX_ROWS="1000") as (url, _):
        found: list[int] = []
        while True:
            answer = export(url, token, format="ndjson", after_id=found[-1] if found else 0)
            assert answer.headers["X-Max-Rows"] == "1000"
            page = ids(answer)
            found += page
            if len(page) < 1000:
                break
        few = export(url, token, format="ndjson", limit=3, after_id=found[4], max_id=found[6])
        assert ids(few) == found[5:7]
        assert few.headers["X-Max-Rows"] == "3"
    assert found == list(SystemEvent.objects.order_by("id").values_list("id", flat=True))


def test_ids_far_apart_cost_few_queries(server, token: str) -> None:
    for event_id in (1, 10**12, 10**15):
        SystemEvent.objects.create(
            pk=event_id, category="a", severity="info", event_type="x", message="x"
        )
    crowd.rows("SELECT setval(pg_get_serial_sequence('system_events', 'id'), %s)", 10**15)
    try:
        assert ids(export(server.url, token, format="ndjson")) == [1, 10**12, 10**15]
    finally:
        crowd.rows("SELECT setval(pg_get_serial_sequence('system_events', 'id'), 1)")


# -- Refusals, names, HEAD ------------------------------------------------------------------------


def test_what_is_not_understood_is_refused(server, token: str) -> None:
    for parameters in (
        {"format": "xlsx"},
        {"after_id": "1.5"},
        {"max_id": "x"},
        {"limit": "0"},
        {"colour": "red"},
        {"severity": "errors"},
        {"resolved": "bad"},
        {"cursor": "x"},
        {"format": ["csv", "csv"]},
    ):
        answer = export(server.url, token, **parameters)
        assert answer.status_code == 400, parameters
        assert list(answer.json()) == list(parameters)


def test_who_may_not_view_events_gets_none(server) -> None:
    user = get_user_model().objects.create_user("ada")
    token = ApiToken.objects.create(user=user, kind="person")[1]
    assert export(server.url, token).status_code == 403
    assert export(server.url, "nonsense").status_code == 401
    user.groups.add(Group.objects.get(name="Event viewers"))
    assert export(server.url, token).status_code == 200


def test_the_file_has_a_name_with_its_time(server, token: str) -> None:
    answer = export(server.url, token, format="ndjson")
    name = re.fullmatch(
        r'attachment; filename="events-(\d{8}T\d{6})Z\.ndjson"',
        answer.headers["Content-Disposition"],
    )
    assert name
    made = datetime.strptime(name[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC)
    assert abs(made - timezone.now()) < timedelta(minutes=1)


def test_head_answers_the_same_without_reading_an_event(server, token: str) -> None:
    add_many(10)
    get, head = export(server.url, token), export(server.url, token, "HEAD")
    assert head.status_code == 200 and head.content == b""
    for name in ("Content-Type", "X-Through-Id", "X-Max-Rows"):
        assert head.headers[name] == get.headers[name]
    assert "Content-Length" not in head.headers
    assert export(server.url, token, "HEAD", colour="red").status_code == 400


def test_an_accept_header_for_csv_is_no_hindrance(server, token: str) -> None:
    headers = {"Authorization": f"Token {token}", "Accept": "text/csv"}
    answer = httpx.get(f"{server.url}/api/events/export", headers=headers)
    assert answer.status_code == 200
    refused = httpx.get(f"{server.url}/api/events/export?x=1", headers=headers)
    assert refused.status_code == 400
    assert "x" in refused.json()


# -- What it costs --------------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_file(
    django_db_setup: None, tmp_path: Path, token: str
) -> None:
    add_many(MANY, json.dumps({"text": "y" * 200}))
    with run_server(tmp_path / "log") as (url, server):
        process = psutil.Process(server.pid)
        export(url, token, limit=5000)  # what is imported and cached once
        before = highest = process.memory_info().rss
        size = lines = 0
        with exporting(url, token, format="ndjson") as response:
            for number, chunk in enumerate(response.iter_bytes()):
                size, lines = size + len(chunk), lines + chunk.count(b"\n")
                if number % 20 == 0:
                    highest = max(highest, process.memory_info().rss)
    assert lines == MANY
    assert size > 90 * 1024**2
    assert highest - before < 25 * 1024**2


def test_rows_that_grow_make_pages_of_fewer(server, token: str) -> None:
    add_many(800)
    crowd.rows(
        "INSERT INTO system_events (category, severity, event_type, message, context)"
        " SELECT 'auth', 'info', 'x', 'large', jsonb_build_object('x', repeat('x', %s))"
        " FROM generate_series(1, %s)",
        3_000_000,
        5,
    )
    wanted = list(SystemEvent.objects.order_by("pk").values_list("pk", flat=True))
    with exporting(server.url, token, format="ndjson") as answer:
        assert [json.loads(line)["id"] for line in answer.iter_lines()] == wanted
    extent = IdRange(wanted[0] - 1, wanted[-1], len(wanted))

    async def sizes() -> list[int]:
        return [len(it) async for it in read(SystemEvent.objects.all(), extent, NDJSON(), b"")]

    assert max(asyncio.run(sizes())) < MOST_BYTES + 4_000_000


def test_a_client_that_does_not_read_holds_no_connection_and_no_more_than_a_page(
    server, token: str
) -> None:
    add_many(30_000, json.dumps({"text": "y" * 2000}))
    with exporting(server.url, token) as response:
        chunks = response.iter_bytes()
        next(chunks)
        eventually(lambda: crowd.rows(f"{EXPORTING} AND state <> 'idle'") == [(0,)])
        [(connections,)] = crowd.rows(EXPORTING)
        assert connections <= 1
        assert sum(chunk.count(b"\r\n") for chunk in chunks) >= 29_000
    eventually(lambda: crowd.rows(EXPORTING) == [(0,)])


def test_a_client_that_goes_away_ends_the_query(server, token: str) -> None:
    crowd.rows(
        "CREATE FUNCTION slow(text) RETURNS text LANGUAGE sql STABLE"
        " AS $$SELECT $1 FROM pg_sleep(30)$$"
    )
    crowd.rows("ALTER TABLE system_events RENAME TO all_events")
    crowd.rows(
        "CREATE VIEW system_events AS SELECT id, timestamp, category, severity, event_type,"
        " device_id, account_id, slow(message) AS message, context, resolved, resolved_by,"
        " resolved_at FROM all_events"
    )
    try:
        crowd.rows(
            "INSERT INTO all_events (category, severity, event_type, message)"
            " VALUES ('a', 'info', 'x', 'x')"
        )
        busy = f"{EXPORTING} AND state = 'active'"
        with exporting(server.url, token):
            eventually(lambda: crowd.rows(busy) == [(1,)])
        eventually(lambda: crowd.rows(EXPORTING) == [(0,)])
    finally:
        crowd.rows("DROP VIEW system_events")
        crowd.rows("ALTER TABLE all_events RENAME TO system_events")
        crowd.rows("DROP FUNCTION slow")


def test_a_lost_connection_to_postgresql_is_a_broken_transfer(server, token: str) -> None:
    add_many(60_000, json.dumps({"text": "y" * 1000}))
    received = 0
    with (
        pytest.raises(httpx.RemoteProtocolError),
        exporting(server.url, token, format="ndjson") as response,
    ):
        for chunk in response.iter_bytes():
            received += chunk.count(b"\n")
            crowd.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'sovi export reader'"
            )
    assert received < 60_000
    assert len(ids(export(server.url, token, format="ndjson", limit=10))) == 10


def test_many_exports_at_once_share_few_connections(server, token: str) -> None:
    add_many(30_000, json.dumps({"text": "y" * 1000}))
    open_ones = [exporting(server.url, token) for _ in range(8)]
    answers = [opened.__enter__() for opened in open_ones]
    pieces = [answer.iter_raw(1024) for answer in answers]  # let go, one closes its connection
    for piece in pieces:
        next(piece)
    [(connections,)] = crowd.rows(EXPORTING)
    assert connections <= 4
    # No more of one user's, and those of another.
    refused = export(server.url, token, limit=1)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "30")
    assert export(server.url, make_token("grace"), limit=1).status_code == 200
    for opened in open_ones:
        opened.__exit__(None, None, None)
    eventually(lambda: export(server.url, token, limit=1).status_code == 200)
    eventually(lambda: crowd.rows(EXPORTING) == [(0,)])


# -- The admin ------------------------------------------------------------------------------------


def links(page: str) -> dict[str, dict[str, list[str]]]:
    found = re.findall(r'<a href="(/api/events/export\?[^"]*)" download>(\w+)</a>', page)
    return {
        name: parse_qs(urlsplit(address.replace("&amp;", "&")).query) for address, name in found
    }


def test_the_list_links_to_a_file_of_what_it_shows(admin_client: Client) -> None:
    phone = Device.objects.create(id=uuid.uuid4(), name="iPhone-A")
    event = SystemEvent.objects.create(
        category="a", severity="error", event_type="x", message="needle", device=phone
    )
    page = admin_client.get(
        "/admin/events/systemevent/?severity=error&resolved=false&device=iphone-a&q=needle"
        f"&since=2h&until=2100-01-01T00:00:00&max_id={event.pk}"
    ).content.decode()
    shown = links(page)
    assert set(shown) == {"CSV", "NDJSON"}
    since = datetime.fromisoformat(shown["CSV"].pop("since")[0])
    assert abs(timezone.now() - timedelta(hours=2) - since) < timedelta(minutes=1)
    assert shown["CSV"] == {
        "format": ["csv"],
        "bom": ["true"],
        "severity": ["error"],
        "resolved": ["false"],
        "device_id": [str(phone.pk)],
        "q": ["needle"],
        "until": ["2100-01-01T00:00:00+00:00"],
        "max_id": [str(event.pk)],
    }


def test_following_the_link_gives_the_listed_events(server, admin_user) -> None:
    phone = Device.objects.create(name="iPhone-A")
    for device, message in ((phone, "listed"), (None, "not listed")):
        SystemEvent.objects.create(
            category="a", severity="error", event_type="x", message=message, device=device
        )
    client = Client()
    client.force_login(admin_user)
    page = client.get("/admin/events/systemevent/?device=iphone&since=1h").content.decode()
    [address] = re.findall(r'href="(/api/events/export\?[^"]*format=ndjson[^"]*)"', page)
    answer = httpx.get(
        server.url + address.replace("&amp;", "&"),
        cookies={"sessionid": client.cookies["sessionid"].value},
    )
    assert [json.loads(line)["message"] for line in answer.text.splitlines()] == ["listed"]


def test_a_list_that_could_not_read_its_address_links_to_no_file(admin_client: Client) -> None:
    SystemEvent.objects.create(category="a", severity="info", event_type="x", message="x")
    assert links(admin_client.get("/admin/events/systemevent/").content.decode())
    page = admin_client.get("/admin/events/systemevent/?colour=red").content.decode()
    assert not links(page)
    assert not links(admin_client.get("/admin/events/device/").content.decode())
