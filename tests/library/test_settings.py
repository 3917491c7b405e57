"""What the environment may say to the library."""

from pathlib import Path

import pytest

from sovi_events import ConfigurationError, client, emit
from sovi_events.settings import Settings, spool_folder


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SOVI_EMIT_TIMEOUT_SECONDS", "soon"),
        ("SOVI_EMIT_TIMEOUT_SECONDS", "0"),
        ("SOVI_EMIT_TIMEOUT_SECONDS", "nan"),
        ("SOVI_SPOOL_MAX_MB", "0.5"),
        ("SOVI_SPOOL_MAX_MB", "256MB"),
        ("SOVI_PREPARED_STATEMENTS", "yes"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_the_variables_name(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=f"{variable} must be .*'{value}'"):
        Settings.read()
    client.close()
    with pytest.raises(ConfigurationError, match=variable):
        emit("auth", "info", "x", "x")


def test_empty_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("EMIT_TIMEOUT_SECONDS", "SPOOL_MAX_MB", "PREPARED_STATEMENTS"):
        monkeypatch.setenv(f"SOVI_{variable}", "")
    found = Settings.read()
    assert (found.timeout_seconds, found.spool_bytes) == (2.0, 256 * 1024 * 1024)
    assert found.prepared_statements


def test_the_spool_lies_where_the_system_keeps_state(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOVI_SPOOL_DIR", "~/spool")
    assert spool_folder() == Path.home() / "spool"
    monkeypatch.delenv("SOVI_SPOOL_DIR")
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert spool_folder() == Path("/var/lib/sovi/spool")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert spool_folder() == Path("/state/sovi/spool")


def test_a_user_without_a_home_is_told_which_variable_to_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nobodys_uid = 54_321
    monkeypatch.delenv("SOVI_SPOOL_DIR", raising=False)
    for variable in ("HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("os.geteuid", lambda: nobodys_uid)
    monkeypatch.setattr("os.getuid", lambda: nobodys_uid)
    with pytest.raises(ConfigurationError, match="SOVI_SPOOL_DIR must be set"):
        spool_folder()
