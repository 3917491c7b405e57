"""`configure`: the library's settings for a program that doesn't keep them in its environment."""

import os

from . import database, settings
from .errors import ConfigurationError
from .storable import shown


def configure(
    *,
    database_url: str | None = None,
    spool_dir: str | os.PathLike[str] | None = None,
    emit_timeout_seconds: float | None = None,
    spool_max_mb: float | None = None,
    prepared_statements: bool | None = None,
    embedded: bool | None = None,
) -> None:
    """Set what the environment would say, before the library's first use; connects to nothing.

    Each argument stands for the variable of its name (DATABASE_URL; SOVI_SPOOL_DIR and so on) and
    wins over it; None leaves it to the environment. `embedded` asks for a PostgreSQL of this
    program's own where no database is named, as a checkout does by itself. A call describes the
    whole configuration: it replaces an earlier one. Children of a fork inherit it.

    Raises `ConfigurationError` for a value that can't be, and, once the library was used, unless
    nothing changes.
    """
    values: dict[str, object] = {
        database.VARIABLE: _is(database_url, str, "database_url", "text"),
        "SOVI_SPOOL_DIR": _is(spool_dir, (str, os.PathLike), "spool_dir", "a path"),
        "SOVI_EMIT_TIMEOUT_SECONDS": _number("emit_timeout_seconds", emit_timeout_seconds),
        "SOVI_SPOOL_MAX_MB": _number("spool_max_mb", spool_max_mb),
        "SOVI_PREPARED_STATEMENTS": _switch("prepared_statements", prepared_statements),
        database.EMBEDDED: _switch("embedded", embedded),
    }
    given = {
        variable: os.fspath(value) if isinstance(value, os.PathLike) else str(value)
        for variable, value in values.items()
        if value is not None
    }
    settings.Settings.read({**os.environ, **given})
    if database_url is not None:
        try:
            database.parsed(database_url)
        except database.DatabaseConfigurationError as error:
            raise ConfigurationError(str(error)) from error
    settings.give(given)


def _is(value: object, kind: type | tuple[type, ...], argument: str, expected: str) -> object:
    if value is not None and not isinstance(value, kind):
        raise ConfigurationError(f"{argument} must be {expected} or None, not {shown(value)}")
    return value


def _number(argument: str, value: object) -> object:
    if isinstance(value, bool):
        raise ConfigurationError(f"{argument} must be a number or None, not {shown(value)}")
    return _is(value, (int, float), argument, "a number")


def _switch(argument: str, value: object) -> str | None:
    _is(value, bool, argument, "True, False")
    return None if value is None else str(int(bool(value)))
