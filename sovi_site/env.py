"""What the environment sets, typed; a malformed value is refused with its name and the reason."""

import os
import secrets
from pathlib import Path
from zoneinfo import ZoneInfo

from django.core.exceptions import ImproperlyConfigured
from environs import Env, EnvError, ValidationError, validate

from events.retention.policy import Policy
from sovi_events.embedded import home as embedded_home

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = embedded_home.data_dir()


def secret_key(env: Env) -> str:
    """Return `DJANGO_SECRET_KEY`, else a key made once and kept in the data folder."""
    if key := env.str("DJANGO_SECRET_KEY", ""):
        return key
    path = DATA_DIR / "secret_key"
    try:
        embedded_home.make_folder(DATA_DIR)
        # O_EXCL, then a link: of several processes that start at once, all end up with one key.
        draft = DATA_DIR / f".secret_key.{os.getpid()}"
        if not path.exists():
            with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(50))
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return path.read_text()
    except OSError as error:
        raise ImproperlyConfigured(
            f"DJANGO_SECRET_KEY is not set and no key can be kept in {path} ({error.strerror}): "
            "set DJANGO_SECRET_KEY, or SOVI_DATA_DIR to a folder that can be written."
        ) from error


_env = Env()


def _count(name: str, default: int, *, least: int = 1) -> int:
    return _env.int(name, default, validate=validate.Range(min=least))


def _seconds(name: str, default: float, *, longest: float) -> float:
    return _env.float(name, default, validate=validate.Range(min=0.1, max=longest))


def _is_time_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValidationError(f"{name!r} is not a time zone, such as Europe/Berlin.") from error


def _is_policy(text: str) -> None:
    try:
        Policy.parse(text)
    except ValueError as error:
        raise ValidationError(str(error)) from error


try:
    DEBUG = _env.bool("DJANGO_DEBUG", False)
    SECRET_KEY = secret_key(_env)
    ALLOWED_HOSTS = _env.list("DJANGO_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
    CSRF_TRUSTED_ORIGINS: list[str] = _env.list("DJANGO_CSRF_TRUSTED_ORIGINS", [])
    # Behind a proxy that ends TLS and sets X-Forwarded-Proto.
    HTTPS = _env.bool("DJANGO_HTTPS", False)
    TIME_ZONE = _env.str("SOVI_TIME_ZONE", "UTC", validate=_is_time_zone)
    TOKEN_DAYS = _count("SOVI_TOKEN_DAYS", 365)
    SOVI_DATABASE_CONNECTIONS = _count("SOVI_DATABASE_CONNECTIONS", 10, least=0)
    SOVI_DATABASE_WAIT_SECONDS = _seconds("SOVI_DATABASE_WAIT_SECONDS", 5.0, longest=600)
    SOVI_QUERY_TIMEOUT_SECONDS = _seconds("SOVI_QUERY_TIMEOUT_SECONDS", 5.0, longest=600)
    SOVI_STREAM_KEEPALIVE_SECONDS = _seconds("SOVI_STREAM_KEEPALIVE_SECONDS", 15.0, longest=60)
    SOVI_STREAM_RECHECK_SECONDS = _seconds("SOVI_STREAM_RECHECK_SECONDS", 30.0, longest=60)
    SOVI_STREAM_CLIENTS_PER_USER = _count("SOVI_STREAM_CLIENTS_PER_USER", 20)
    SOVI_STREAM_CLIENTS_PER_PROCESS = _count("SOVI_STREAM_CLIENTS_PER_PROCESS", 2000)
    SOVI_RETENTION = Policy.parse(
        _env.str("SOVI_RETENTION", "", validate=_is_policy),
        keep_unresolved=_env.bool("SOVI_RETENTION_KEEP_UNRESOLVED", False),
    )
    SOVI_EXPORT_MAX_ROWS = _count("SOVI_EXPORT_MAX_ROWS", 1_000_000)
    SOVI_BODY_SECONDS = _seconds("SOVI_BODY_SECONDS", 30.0, longest=600)
    SOVI_STALL_SECONDS = _seconds("SOVI_STALL_SECONDS", 60.0, longest=600)
    SOVI_BULK_WATCH_SECONDS = _seconds("SOVI_BULK_WATCH_SECONDS", 10.0, longest=3600)
except EnvError as error:
    raise ImproperlyConfigured(str(error)) from error
