"""`manage.py serve`: migrate, make a first user, and serve."""

import contextlib
import os
import secrets
import shlex
import signal
import socket
import sys
from argparse import ArgumentParser
from typing import Any

import uvicorn
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.core.management.base import BaseCommand
from django.utils.module_loading import import_string

from sovi_events.whole_number import whole_number

READY = """
SOVI Events is running.

  Admin    {url}/admin/
  Log in   {login}
  API      {url}/api/docs

Try it from another terminal, in this folder{same}:

  TOKEN=$(.venv/bin/python manage.py create_api_token {username})
  ID=$(.venv/bin/python -c 'from sovi import events; print(events.emit("scheduler", "error", "login_failed", "Hello from the terminal"))')
  curl -H "Authorization: Token $TOKEN" "{url}/api/events?severity=error&resolved=false"
  curl -H "Authorization: Token $TOKEN" -X POST "{url}/api/events/$ID/resolve"
  curl -N -H "Authorization: Token $TOKEN" "{url}/api/logs/stream"
  make demo

Ctrl-C stops it.
"""  # noqa: E501 - lines to paste


LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - shown, not listened on


class Command(BaseCommand):
    """Prepare the database and the first user, then serve until stopped."""

    help = "Migrate the database, make the first superuser where there is none, and serve."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=os.environ.get("HOST") or "127.0.0.1")
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000")

    def handle(self, *args: Any, host: str, port: str, **options: Any) -> None:
        port_number = _port(port)
        # uvicorn raises the signal that stopped it again; leave in order, not by it, so that the
        # embedded server is stopped by its last user.
        signal.signal(signal.SIGTERM, lambda number, frame: sys.exit())
        _require_free(host, port_number)
        call_command("migrate", interactive=False, verbosity=0)
        username, login = self._first_user()
        shown = LOOPBACK.get(host, host)  # of an address that means all, no URL can be made
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port_number}"
        config = uvicorn.Config(
            str(settings.ASGI_APPLICATION).replace(".application", ":application"),
            http=import_string(settings.HTTP_PROTOCOL),
            host=host,
            port=port_number,
            log_config=None,
            access_log=settings.DEBUG,
            timeout_graceful_shutdown=5,
        )
        ready = READY.format(
            url=url, login=login, username=shlex.quote(username), same=_same_place()
        )
        server = _Server(config, ready)
        with contextlib.suppress(KeyboardInterrupt):
            server.run()

    def _first_user(self) -> tuple[str, str]:
        """Make the superuser asked for, or the first one; return a username and how to log in."""
        users = get_user_model().objects
        wanted = os.environ.get("DJANGO_SUPERUSER_USERNAME")
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
        first = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
        username = wanted or (first.get_username() if first else "admin")
        user = users.filter(username=username).first()
        if user and user.is_superuser and user.is_active:
            known = "its password" if wanted else "the password it was given"
            return username, f"{username}, with {known}"
        if user:
            raise CommandError(
                f"DJANGO_SUPERUSER_USERNAME names {wanted!r}, who is no active superuser: name "
                "another, or make that one a superuser."
                if wanted
                else f"There is no superuser, and {username!r} is taken: set "
                "DJANGO_SUPERUSER_USERNAME to another name."
            )
        shown = "the password in DJANGO_SUPERUSER_PASSWORD"
        if not password:
            password = secrets.token_urlsafe(12)
            shown = f"{password}   (shown this once)"
        else:
            self._warn_of(password, users.model(username=username))
        users.create_superuser(username=username, email="", password=password)
        return username, f"{username} / {shown}"

    def _warn_of(self, password: str, user: Any) -> None:
        try:
            validate_password(password, user)
        except ValidationError as error:
            self.stderr.write(
                f"Warning: DJANGO_SUPERUSER_PASSWORD is easily guessed. {' '.join(error.messages)} "
                "Change it at /admin/password_change/ before others can reach this server."
            )


class _Server(uvicorn.Server):
    """Says where it is once it really listens."""

    def __init__(self, config: uvicorn.Config, ready: str) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(self._ready, flush=True)


def _same_place() -> str:
    names = [name for name in ("DATABASE_URL", "SOVI_DATA_DIR") if name in os.environ]
    return f", with the same {' and '.join(names)}" if names else ""


def _port(text: str) -> int:
    port = whole_number(text, 1, 65535)
    if port is None:
        raise CommandError(f"PORT must be a number from 1 to 65535, not {text!r}")
    return port


def _require_free(host: str, port: int) -> None:
    """Find out that the address is taken before the database is touched."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise CommandError(
            f"Cannot listen on {host}:{port} ({error.strerror}): set PORT or HOST to another."
        ) from error
