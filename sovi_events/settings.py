"""The library's settings, from the environment."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import ConfigurationError

TIMEOUT_SECONDS = 2.0
SPOOL_MEGABYTES = 256


@dataclass(frozen=True)
class Settings:
    """`timeout_seconds` bounds how long `emit` takes, `spool_bytes` what waits on disk."""

    timeout_seconds: float
    prepared_statements: bool
    spool_folder: Path
    spool_bytes: int

    @classmethod
    def read(cls) -> Self:
        """Read the environment as it is now; raises `ConfigurationError` naming the variable."""
        return cls(
            _number("SOVI_EMIT_TIMEOUT_SECONDS", TIMEOUT_SECONDS, 0.05, 3600),
            _switch("SOVI_PREPARED_STATEMENTS", default=True),
            spool_folder(),
            int(_number("SOVI_SPOOL_MAX_MB", SPOOL_MEGABYTES, 1, 1024 * 1024) * 1024 * 1024),
        )


def spool_folder() -> Path:
    """SOVI_SPOOL_DIR, or where the system keeps the state of root or of this user.

    Raises `ConfigurationError` for a user without a home.
    """
    try:
        if chosen := os.environ.get("SOVI_SPOOL_DIR"):
            return Path(chosen).expanduser().resolve()
        if hasattr(os, "geteuid") and os.geteuid() == 0:
            return Path("/var/lib/sovi/spool")
        state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state).expanduser() / "sovi" / "spool"
    except RuntimeError as error:
        raise ConfigurationError(
            "SOVI_SPOOL_DIR must be set to a folder: where events wait by default is in the home "
            "of the user, who has none"
        ) from error


def _number(variable: str, default: float, lowest: float, highest: float) -> float:
    text = os.environ.get(variable, "").strip()
    try:
        number = float(text) if text else default
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:
        raise ConfigurationError(
            f"{variable} must be a number from {lowest:g} to {highest:g}, not {text!r}"
        )
    return number


def _switch(variable: str, *, default: bool) -> bool:
    text = os.environ.get(variable, "").strip()
    if text not in ("", "0", "1"):
        raise ConfigurationError(f"{variable} must be 1 or 0, not {text!r}")
    return text == "1" if text else default
