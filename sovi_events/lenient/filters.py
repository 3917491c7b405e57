"""Filters of any values, made a query; one that no event can match makes none."""

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any

from ..errors import InvalidEvent
from ..following.position import MAX_ID
from ..query import MAX_LIMIT, EventQuery
from ..record import subject
from ..storable import as_text, shown, storable_text
from .mistakes import Mistakes, is_blank

STATES = {"true": True, "1": True, "false": False, "0": False}
"""What REST takes for `resolved`, too."""


def query_of(call: str, filters: Mapping[str, object], default_limit: int) -> EventQuery | None:
    """Make a query of what `get_events` was given, and log what was wrong with it.

    A filter that is missing counts as None. Returns None where no event can match: for a value that
    no column can hold, or a limit below 1.
    """
    mistakes, given = Mistakes(call), filters.get
    equal = {
        **{name: _texts(mistakes, name, given(name)) for name in _TEXTS},
        **{name: _ids(mistakes, name, given(name)) for name in _IDS},
    }
    wanted = min(mistakes.whole("limit", given("limit"), default_limit), MAX_LIMIT)
    after_id = mistakes.whole("after_id", given("after_id"), None)
    resolved = _state(mistakes, given("resolved"))
    mistakes.log()
    # Without its `after_id` a loop over pages would begin anew, and never end.
    is_lost = "after_id" in mistakes.values or (after_id or 0) > MAX_ID
    if wanted < 1 or is_lost or None in equal.values():
        return None
    return EventQuery(
        {column: values for column, values in equal.items() if values},
        resolved,
        wanted,
        None if after_id is None else max(0, after_id),
    )


_TEXTS = ("category", "severity", "event_type")
_IDS = ("device_id", "account_id")


def _texts(mistakes: Mistakes, argument: str, value: object) -> Sequence[Any] | None:
    """Return the texts that are asked for, empty for all; None where none can match.

    Any text is passed on: rows of other programs may hold it.
    """
    several = isinstance(value, Sequence | Set) and not isinstance(value, str | bytes)
    given: Iterable[object] = value if several else [value]  # type: ignore[assignment]
    wanted = [it for it in given if not is_blank(it)]
    texts = [storable_text(it) for it in wanted if isinstance(it, str)]
    if len(texts) < len(wanted):
        mistakes.add(argument, value, f"{argument} must be text, not {shown(value)}")
    return texts if texts or not wanted else None


def _ids(mistakes: Mistakes, argument: str, value: object) -> Sequence[Any] | None:
    try:
        found = subject(argument, value)
    except InvalidEvent as error:
        mistakes.add(argument, value, str(error))
        return None
    if isinstance(found, str):
        mistakes.add(argument, value, f"{argument} must be a UUID, not {shown(value)}")
        return None
    return [] if found is None else [found]


def _state(mistakes: Mistakes, value: object) -> bool | None:
    if is_blank(value) or isinstance(value, bool):
        return value if isinstance(value, bool) else None
    text = as_text(value).strip().lower()
    if text not in STATES:
        reason = f"resolved must be True, False or None, not {shown(value)}"
        mistakes.add("resolved", value, reason)
    return STATES.get(text)
