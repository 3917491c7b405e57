"""Secrets are taken out of what is collected, and nothing else is."""

from typing import Any

import pytest

from sovi_events.redaction import REDACTED, redact, redact_text


@pytest.mark.parametrize(
    "key",
    "password userPassword DB_PASSWORD new-password passwordHash passwd client_secret secrets "  # noqa: SIM905
    "token accessToken csrftoken refresh_tokens cookie Set-Cookie sessionCookies Authorization "
    "Proxy-Authorization otp otp_code smsOTP verification_code authCode codes api_key apikey "
    "X-API-Key apiKey pwd sessionid credentials private_key totp secretkey".split(),
)
def test_a_value_under_a_telling_key_is_redacted_whatever_it_is(key: str) -> None:
    for value in ("x", "", 123456, ["x"], {"a": "x"}):
        assert redact({"n": {"list": [{key: value}]}}) == {"n": {"list": [{key: REDACTED}]}}
    assert redact({key: None, "n": {key: False}}) == {key: None, "n": {key: False}}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("status_code", 403),
        ("exitCode", "1"),
        ("country_code", "DE"),
        ("footprint", "x"),
        ("encoding", "utf-8"),
        ("max_tokens", 512),
        ("token_count", 9),
        ("decoder", "h264"),
        ("author", "ada"),
        ("secretary", "ada"),
        ("code", 42),
        ("code", "E1234"),
        ("fields", ["password", "username"]),
        ("keys", "x"),
        ("passed", True),
    ],
)
def test_what_only_looks_like_one_stays(key: str, value: Any) -> None:
    assert redact({key: value}) == {key: value}


def test_names_beside_their_values_are_keys_too() -> None:
    pairs = [["Host", "h"], ("Cookie", "a=b"), ["X-Api-Key", "x"]]
    assert redact({"headers": pairs}) == {
        "headers": [["Host", "h"], ["Cookie", REDACTED], ["X-Api-Key", REDACTED]]
    }
    field = {"name": "password", "value": "x"}
    assert redact([field, {"name": "user", "value": "x"}]) == [
        field | {"value": REDACTED},
        {"name": "user", "value": "x"},
    ]
    assert redact({"code": "123456"}) == {"code": REDACTED}


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Authorization: Bearer abc", "Authorization: [redacted]"),
        ("got bearer a1b2c3d4e5.f-6 back", "got bearer [redacted] back"),
        ("postgresql://ada:p@ss:w0rd@db:5432/sovi", "postgresql://ada:[redacted]@db:5432/sovi"),
        (
            "redis://:hunter2@h/0 or amqp://u:x@h",
            "redis://:[redacted]@h/0 or amqp://u:[redacted]@h",
        ),
        ("GET /?a=1&access_token=x%20y&b=2", "GET /?a=1&access_token=[redacted]&b=2"),
        ("{'password': 'hunter 2', 'n': 1}", "{'password': '[redacted]', 'n': 1}"),
        ('{"apiKey":"x","n":1}', '{"apiKey":"[redacted]","n":1}'),
        ("host=db password=hunter2 user=ada", "host=db password=[redacted] user=ada"),
        ("Cookie: a=b; sessionid=c\nHost: h", "Cookie: [redacted]\nHost: h"),
        ("{'Authorization': 'Token abc'}", "{'Authorization': '[redacted]'}"),
        ("jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIx.SflKxw", "jwt [redacted]"),
        ("client_secret = s3cret.", "client_secret = [redacted]"),
        ("password: hunter2", "password: [redacted]"),
        ("token: ghp_0123456789abcdefghij", "token: [redacted]"),
        ("clone with ghp_0123456789abcdefghij", "clone with [redacted]"),
        ("psql --password hunter --quiet", "psql --password [redacted] --quiet"),
        (
            "<user>ada</user><password>x y</password>",
            "<user>ada</user><password>[redacted]</password>",
        ),
        ("[(b'authorization', b'Bearer abc')]", "[(b'authorization', b'[redacted]')]"),
        ("[('cookie', 'a=b; c=d'), ('x', 'y')]", "[('cookie', '[redacted]'), ('x', 'y')]"),
        (r'"{\"password\": \"hunter\", \"n\": 1}"', r'"{\"password\": \"[redacted]\", \"n\": 1}"'),
        ("postgres://u:pa/ss@h/db", "postgres://u:[redacted]@h/db"),
        ("https://ghp_0123456789abcdef@github.com/x", "https://[redacted]@github.com/x"),
        ("sent Basic dXNlcjpwYXNz", "sent Basic [redacted]"),
        (r"password='it\'s secret' n=1", "password='[redacted]' n=1"),
        ("x --token=abc", "x --token=[redacted]"),
        ("cut password='hunter 2", "cut password='[redacted]'"),
        ("your code=123456", "your code=[redacted]"),
        ('private_key: "-----BEGIN x"', 'private_key: "[redacted]"'),
    ],
)
def test_credentials_within_a_text_are_redacted(text: str, redacted: str) -> None:
    assert redact_text(text) == redacted
    assert redact([text]) == [redacted]
    assert redact_text(redacted) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:8100/status?mail=a@b.c",
        "http://host:8000, written by ada@example.org",
        "Bearer authentication required",
        "status code=403, code=404",
        "Invalid token: expired. The password was wrong.",
        "exit_code=1000 encode=utf-8",
        "a://b:c/" * 8_000,  # read in the time of its length
        "authorization: " * 4_000,
        "rpc error: code = Unavailable desc = connection refused",
        "error code=E1234",
        "Authorization: denied for user bob, order 17",
        "http://host:8000/users/ada@example.org",
        "Basic authentication and Basic settings",
        "File “/x/token.py”, line 3, in code",
    ],
)
def test_an_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_other_keys_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOVI_REDACT_KEYS", "pin, Serial Number")
    given = {"pin": 1234, "serialNumber": "F2L", "pinned": "x", "code": "E42"}
    assert redact(given) == given | {"pin": REDACTED, "serialNumber": REDACTED}
