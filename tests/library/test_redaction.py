"""Secrets are taken out of what is collected, and nothing else is."""

from typing import Any

import pytest

from sovi_events.redaction import REDACTED, redact, redact_text


@pytest.mark.parametrize(
    "key",
    "password userPassword DB_PASSWORD new-password passwordHash passwd client_secret secrets "  # noqa: SIM905
    "token accessToken csrftoken refresh_tokens cookie Set-Cookie sessionCookies Authorization "
    "Proxy-Authorization otp otp_code smsOTP code verification_code authCode codes api_key apikey "
    "X-API-Key apiKey".split(),
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
        ("keys", "x"),
        ("passed", True),
    ],
)
def test_what_only_looks_like_one_stays(key: str, value: Any) -> None:
    assert redact({key: value}) == {key: value}


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
        "File “/x/token.py”, line 3, in code",
    ],
)
def test_an_ordinary_text_stays(text: str) -> None:
    assert redact_text(text) == text


def test_other_keys_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOVI_REDACT_KEYS", "pin, Serial Number")
    given = {"pin": 1234, "serialNumber": "F2L", "pinned": "x", "code": "E42"}
    assert redact(given) == given | {"pin": REDACTED, "serialNumber": REDACTED}
