"""The library's settings: what `configure` was given, else what the environment says."""

import os
from collections import ChainMap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from .errors import ConfigurationError


@dataclass(frozen=True)
class Settings:
    """`timeout_seconds` bounds how long `emit` takes, `spool_bytes` what waits on disk."""

    timeout_seconds: float
    prepared_statements: bool
    spool_folder: Path
    spool_bytes: int

    @classmethod
    def read(cls, variables: Mapping[str, str] | None = None) -> Self:
        """Read the variables as they are now; raises `ConfigurationError` naming the one to change.

        By default those in effect.
        """
        given = in_effect() if variables is None else variables
        return cls(
            _number(given, "SOVI_EMIT_TIMEOUT_SECONDS", 2.0, 0.05, 3600),
            switch(given, "SOVI_PREPARED_STATEMENTS", default=True),
            spool_folder(given),
            int(_number(given, "SOVI_SPOOL_MAX_MB", 256, 1, 1024 * 1024) * 1024 * 1024),
        )


_variables: ChainMap[str, str] = ChainMap({}, os.environ)
"""What `configure` was given, by the variable that it stands for, over the environment."""
_is_in_use = False


def in_effect() -> Mapping[str, str]:
    """Return the variables that are in effect; from the first reading on they can't be changed."""
    global _is_in_use
    _is_in_use = True
    return _variables


def give(given: Mapping[str, str]) -> None:
    """Put these variables over the environment, in place of those given before.

    Raises `ConfigurationError` where that changes one after the library's first use.
    """
    global _variables
    before, after = _variables, ChainMap(dict(given), os.environ)
    names = sorted({*before.maps[0], *given})
    changed = [name for name in names if before.get(name) != after.get(name)]
    if changed and _is_in_use:
        raise ConfigurationError(
            f"configure comes too late to change {', '.join(changed)}: "
            "call it before the library's first use in this process"
        )
    _variables = after


def spool_folder(variables: Mapping[str, str] | None = None) -> Path:
    """SOVI_SPOOL_DIR, or where the system keeps the state of root or of this user.

    Raises `ConfigurationError` for a user without a home.
    """
    given = in_effect() if variables is None else variables
    try:
        if chosen := given.get("SOVI_SPOOL_DIR"):
            return Path(chosen).expanduser().absolute()  # links are the folder's to judge
        if os.geteuid() == 0:
            return Path("/var/lib/sovi/spool")
        state = given.get("XDG_STATE_HOME") or "~/.local/state"
        return Path(state).expanduser() / "sovi" / "spool"
    except RuntimeError as error:
        raise ConfigurationError(
            "SOVI_SPOOL_DIR must be set to a folder: where events wait by default is in the home "
            "of the user, who has none"
        ) from error


def _number(
    variables: Mapping[str, str], variable: str, default: float, lowest: float, highest: float
) -> float:
    text = variables.get(variable, "").strip()
    try:
        number = float(text) if text else default
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:
        raise ConfigurationError(
            f"{variable} must be a number from {lowest:g} to {highest:g}, not {text!r}"
        )
    return number


def switch(variables: Mapping[str, str], variable: str, *, default: bool) -> bool:
    """Read 1 or 0; raises `ConfigurationError` for anything else."""
    text = variables.get(variable, "").strip()
    if text not in ("", "0", "1"):
        raise ConfigurationError(f"{variable} must be 1 or 0, not {text!r}")
    return text == "1" if text else default
