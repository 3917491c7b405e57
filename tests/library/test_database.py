"""Where the database is: DATABASE_URL parsed, refused, put together again and explained."""

import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from sovi_events import database
from sovi_events.database import DatabaseConfigurationError

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "postgresql://sovi:pw@db.example:5433/events",
            {
                "user": "sovi",
                "password": "pw",
                "host": "db.example",
                "port": "5433",
                "dbname": "events",
            },
        ),
        ("postgres://db.example/events", {"host": "db.example", "dbname": "events"}),
        (
            "postgresql://s%40vi:p%2Fw%3A%40%25%20@db/ev%20%C3%A9nts",
            {"user": "s@vi", "password": "p/w:@% ", "host": "db", "dbname": "ev énts"},
        ),
        (
            "postgresql://one:1,two:2/events?target_session_attrs=read-write&connect_timeout=3",
            {
                "host": "one,two",
                "port": "1,2",
                "dbname": "events",
                "target_session_attrs": "read-write",
                "connect_timeout": "3",
            },
        ),
        ("postgresql://[::1]:5432/events", {"host": "::1", "port": "5432", "dbname": "events"}),
        (
            "postgresql:///events?host=%2Fa%20folder%2Fpg&user=sovi",
            {"host": "/a folder/pg", "user": "sovi", "dbname": "events"},
        ),
        ("postgresql://%2Fvar%2Frun/events", {"host": "/var/run", "dbname": "events"}),
        ("postgresql://db/?dbname=events", {"host": "db", "dbname": "events"}),
        ("postgresql://u:p?w@db/events", None),
    ],
)
def test_url_becomes_libpq_keywords(
    monkeypatch: pytest.MonkeyPatch, url: str, expected: dict[str, str] | None
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    assert database.parameters() == (expected or conninfo_to_dict(url))
    assert database.configured_name() == database.parameters()["dbname"]
    assert not database.is_embedded()


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("", "is empty"),
        ("  ", "is empty"),
        (f"mysql://u:{SECRET}@db/events", "must begin with postgresql://"),
        (f"postgresql+psycopg://u:{SECRET}@db/events", "must begin with postgresql://"),
        (f"'postgresql://u:{SECRET}@db/events'", "must begin with postgresql://"),
        (f"host=db password={SECRET} dbname=events", "must begin with postgresql://"),
        (f"u:{SECRET}@db/events", "must begin with postgresql://"),
        (f"postgresql://u:{SECRET}@db", "names no database"),
        (f"postgresql://u:{SECRET}@db/", "names no database"),
        (f"postgresql://u:{SECRET}@db:port/events", "has a port"),
        (f"postgresql://u:{SECRET}@db:0/events", "has a port"),
        (f"postgresql://u:{SECRET}@db:1,db:65536/events", "has a port"),
        (f"postgresql://u:{SECRET}", "has a port"),
        (f"postgresql://u:{SECRET}/x@db/events", "has an @ too many"),
        (f"postgresql://u:{SECRET}@x@db/events", "has an @ too many"),
        (f"postgresql://u:{SECRET}%@db/events", "has a % that begins no escape"),
        (f"postgresql://u:{SECRET}%zz@db/events", "has a % that begins no escape"),
        (f"postgresql://u:{SECRET}@db/events%00", "has a % that begins no escape"),
        (f"postgresql://u:{SECRET}@[::1/events", "is no PostgreSQL URL"),
        (f"postgresql://u:{SECRET}@db/events?sslmode", "is no PostgreSQL URL"),
        (f"postgresql://u:{SECRET}@db/events?schema=public", "does not know: schema"),
        (f"postgresql://u?{SECRET}/@db/events", "has an @ too many"),
    ],
)
def test_malformed_url_is_refused_without_its_password(
    monkeypatch: pytest.MonkeyPatch, url: str, complaint: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)

    with pytest.raises(DatabaseConfigurationError) as caught:
        database.parameters()

    assert str(caught.value).startswith("DATABASE_URL ")
    assert complaint in str(caught.value)
    for error in (caught.value, caught.value.__cause__):
        assert SECRET not in str(error)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_another_database_on_the_same_server_can_be_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://sovi:pw@db:5433/events")

    assert database.parameters("test_events") == database.parameters() | {"dbname": "test_events"}
    assert database.configured_name() == "events"


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://s%40vi:p%2Fw%3A%40%25%20@db:5433/ev%20ents",
        "postgresql://one:1,two:2/events?target_session_attrs=read-write",
        "postgresql:///events?host=%2Fa%20folder%2Fpg,other&user=sovi",
        "postgresql://[::1]/events?options=-c%20search_path%3Da%26b",
        "postgresql://db/events?password=pw",
    ],
)
def test_connection_string_says_what_the_parameters_say(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("DATABASE_URL", url)
    wanted = database.parameters("test @ / ? events")

    monkeypatch.setenv("DATABASE_URL", database.connection_string("test @ / ? events"))

    assert database.parameters() == wanted


def test_unreachable_database_is_explained_without_its_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://sovi:{SECRET}@127.0.0.1:1/events")

    with pytest.raises(psycopg.OperationalError) as caught:
        psycopg.connect(database.connection_string())
    explained = database.unreachable(caught.value)

    for part in ("DATABASE_URL", "host 127.0.0.1", "port 1", "database events", "refused"):
        assert part in explained
    assert SECRET not in explained
    assert "\n" not in explained


def test_url_quoted_by_a_cause_loses_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", f"postgresql://sovi:{SECRET}@db/events")
    error = psycopg.OperationalError(f'bad "postgresql://sovi:{SECRET}@db/events"')

    assert SECRET not in database.unreachable(error)


def test_unreachable_embedded_database_says_that_no_url_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SOVI_DATA_DIR", str(tmp_path / "data"))

    explained = database.unreachable(psycopg.OperationalError("connection\nrefused"))

    assert "DATABASE_URL is not set" in explained
    assert "/postgres/data/log" in explained or "/sovi-postgres/" in explained
    assert "connection refused" in explained
    assert not (tmp_path / "data").exists()


def test_embedded_database_is_named_without_starting_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("SOVI_DATA_DIR", str(tmp_path / "data"))

    assert database.is_embedded()
    assert database.configured_name() == "sovi"
    assert not (tmp_path / "data").exists()


def test_import_starts_nothing_and_takes_no_django(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    script = (
        "import sys, sovi_events.database; print('django' in sys.modules, 'psutil' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment | {"SOVI_DATA_DIR": str(tmp_path / "data"), "PYTHONPATH": _project()},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == ["False", "False"]
    assert not (tmp_path / "data").exists()


def _project() -> str:
    project = str(Path(database.__file__).parents[1])
    return os.pathsep.join(filter(None, [project, os.environ.get("PYTHONPATH")]))
