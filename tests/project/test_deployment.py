"""What a server that others reach is checked for, and the proxy before it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.test import Client

ROOT = Path(__file__).resolve().parents[2]
NGINX = (ROOT / "deploy" / "nginx" / "sovi-events.conf").read_text()
SECRET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def check_deploy(**environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "INFO"],
        cwd=ROOT,
        env=os.environ | {"DJANGO_HTTPS": "1", "DJANGO_SECRET_KEY": SECRET} | environment,
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.parametrize(
    ("hosts", "found"), [("events.example.com", []), ("events.example.com,*", ["events.W005"])]
)
def test_production_settings_pass_djangos_check_but_for_any_host(
    hosts: str, found: list[str]
) -> None:
    checked = check_deploy(DJANGO_ALLOWED_HOSTS=hosts)
    assert re.findall(r"\((\w+\.[WE]\d+)\)", checked.stderr) == found, checked.stderr
    assert checked.returncode == bool(found)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/admin/login/", "/api/events", "/api/logs/stream", "/nothing"])
def test_every_answer_refuses_the_devices_senses(path: str) -> None:
    policy = Client().get(path).headers["Permissions-Policy"]
    for feature in ("camera", "microphone", "geolocation"):
        assert f"{feature}=()" in policy


def test_the_proxy_replaces_what_a_client_says_of_itself() -> None:
    settings = dict(re.findall(r"^    proxy_set_header (\S+) (\S+);$", NGINX, re.MULTILINE))
    assert settings["X-Forwarded-Proto"] == "$scheme"
    assert settings["X-Forwarded-For"] == "$remote_addr"
    assert settings["X-Forwarded-Host"] == settings["Forwarded"] == '""'
    # nginx forgets them in a location that sets one of its own.
    assert not re.search(r"^     +proxy_set_header", NGINX, re.MULTILINE)


def test_the_proxy_has_an_end_for_half_sent_requests_and_a_bound_for_bodies() -> None:
    for directive in ("client_header_timeout", "client_body_timeout", "client_max_body_size"):
        assert re.search(rf"^    {directive} \d+[sm];$", NGINX, re.MULTILINE), directive
    assert "limit_conn " in NGINX
