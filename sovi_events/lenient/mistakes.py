"""What was wrong with the arguments of one call."""

import logging
import math
import operator
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..errors import InvalidEvent
from ..storable import shown, storable_message

logger = logging.getLogger(__package__)

Value = TypeVar("Value")


class Mistakes:
    """Arguments that the strict call refuses: `values` by name, and why."""

    def __init__(self, call: str) -> None:
        self.values: dict[str, Any] = {}
        self._call = call
        self._reasons: list[str] = []

    def checked(
        self,
        argument: str,
        value: object,
        check: Callable[[str, object], Value],
        otherwise: Callable[[object], Value],
    ) -> Value:
        """Return what the strict check makes of the value, or what `otherwise` does."""
        try:
            return check(argument, value)
        except InvalidEvent as error:
            self.add(argument, value, str(error))
            return otherwise(value)

    def add(self, argument: str, value: object, reason: str) -> None:
        self.values[argument] = storable_message(value) if isinstance(value, str) else value
        self._reasons.append(reason)

    def whole(self, argument: str, value: object, otherwise: Value) -> int | Value:
        """Return a whole number, be it written as text; `otherwise` for blank text and None."""
        if is_blank(value):
            return otherwise
        found = _whole(value)
        if found is None:
            self.add(argument, value, f"{argument} must be a whole number, not {shown(value)}")
            return otherwise
        return found

    def seconds(self, argument: str, value: object, otherwise: float) -> float:
        """Return a time that a lock can be waited for, be it written as text."""
        if is_blank(value):
            return otherwise
        try:
            given = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            given = math.nan
        if math.isnan(given):
            self.add(argument, value, f"{argument} must be a number, not {shown(value)}")
            return otherwise
        return min(max(0.0, given), threading.TIMEOUT_MAX)

    def log(self) -> None:
        """Log the mistakes of the call in one line, if there are any."""
        if self._reasons:
            logger.warning("%s: %s", self._call, "; ".join(self._reasons))


def is_blank(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        if isinstance(value, float):
            return int(value) if value.is_integer() else None
        return int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        return None
