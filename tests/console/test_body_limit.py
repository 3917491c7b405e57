"""What a request may send, on a real server: bounded before anything is kept of it."""

import socket
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from events.api.body_sizes import BODY_BYTES, BULK_BYTES, EMISSION_BYTES
from sovi_site.body_limit import LIMITS, STRAY_BYTES, limit_of

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

CHUNK = b"1000\r\n" + 0x1000 * b"x" + b"\r\n"  # what is not read may cost the answer


def _send_without_end(
    url: str, method: str, path: str, most_bytes: int, headers: dict[str, str]
) -> bytes:
    """Send a chunked body of so many bytes that never ends; return the answer up to its end."""
    address = urlsplit(url)
    head = f"{method} {path} HTTP/1.1\r\nHost: {address.hostname}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        try:
            for _ in range(0, most_bytes + 1, 0x1000):
                connection.sendall(CHUNK)
        except ConnectionError:
            pass  # it has answered and closed
        return b"".join(iter(lambda: connection.recv(4096), b""))


@pytest.mark.parametrize("headers", [{}, {"authorization": "Token x"}, {"cookie": "sessionid=x"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/events"),
        ("POST", "/api/events/1/resolve"),
        ("POST", "/api/logs/stream"),
        ("POST", "/admin/login/"),
        ("POST", "/static/x"),
        ("GET", "/api/events"),
        ("PUT", "/nowhere"),
    ],
)
def test_a_body_without_end_is_refused_of_anyone_before_it_ends(
    server, method: str, path: str, headers: dict[str, str]
) -> None:
    limit = limit_of(scope_of(method, path, headers))
    assert headers or limit <= BODY_BYTES
    answer = _send_without_end(server.url, method, path, limit, headers)
    if path == "/readyz":  # it looks at no body
        assert answer.startswith(b"HTTP/1.1 405 ")
        return
    assert answer.startswith(b"HTTP/1.1 413 "), answer[:200]
    assert (b'{"detail": "The request' in answer) is path.startswith("/api/")


def test_one_that_says_how_long_it_is_is_refused_before_it_is_sent(server) -> None:
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        connection.sendall(
            b"POST /api/events HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
            b"Content-Length: %d\r\n\r\n" % (EMISSION_BYTES + 1)
        )
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 413 ")


def test_what_is_within_the_limit_is_for_the_view(server) -> None:
    body = b" " * (EMISSION_BYTES - 2) + b"{}"
    headers = {"Authorization": "Token x"}
    answer = httpx.post(f"{server.url}/api/events", content=body, headers=headers)
    assert answer.status_code == 401
    stray = httpx.request("GET", f"{server.url}/api/schema", content=b"{}")
    assert stray.status_code == 200


def test_a_large_body_is_for_who_shows_a_credential_at_the_address_that_takes_it() -> None:
    shown = {"cookie": "csrftoken=y; sessionid=x"}
    for path, limit in (
        ("/api/events", EMISSION_BYTES),
        ("/api/events/resolve", BULK_BYTES),
        ("/api/eventsx", STRAY_BYTES),
        ("/admin/login/", BODY_BYTES),
        ("/admin/events/systemevent/", LIMITS["/admin/"]),
    ):
        assert limit_of(scope_of("POST", path, shown)) == limit
        anonymous = limit_of(scope_of("POST", path, {"cookie": "csrftoken=y"}))
        assert anonymous == min(limit, BODY_BYTES)


def scope_of(method: str, path: str, headers: dict[str, str]) -> dict[str, Any]:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    return {"method": method, "path": path, "headers": raw}


def test_no_limit_lets_a_body_onto_the_disk(settings) -> None:
    assert max(*LIMITS.values(), STRAY_BYTES) <= settings.FILE_UPLOAD_MAX_MEMORY_SIZE
