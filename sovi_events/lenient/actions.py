"""Resolving and reopening by anybody: a kind of resolver, or the name of a person."""

from typing import cast

from .. import catalog
from ..catalog import Resolver
from ..storable import as_text, shown
from .mistakes import Mistakes, is_blank

Who = dict[str, str | None]
"""The arguments of the strict calls that say who acts, and why: `actor` and `reason`."""


def action_of(
    call: str, event_id: object, argument: str, by: object, actor: object, reason: object
) -> tuple[int, Resolver, Who]:
    """Return the event's id, the kind of resolver, and who it is; log what was wrong with them."""
    mistakes = Mistakes(call)
    number = mistakes.whole("event_id", event_id, 0)
    kind, who = _kind_and_who(mistakes, argument, by, actor, reason)
    mistakes.log()
    return number, kind, who


def _kind_and_who(
    mistakes: Mistakes, argument: str, by: object, actor: object, reason: object
) -> tuple[Resolver, Who]:
    """A text that is no kind of resolver names a person."""
    who: Who = {
        "actor": _text(mistakes, "actor", actor),
        "reason": _text(mistakes, "reason", reason),
    }
    if is_blank(by):
        return "auto", who
    if not isinstance(by, str):
        # It may be anything that a program goes by, not only a person.
        mistakes.add(argument, by, f"{argument} must be text, not {shown(by)}")
        return "auto", {**who, "actor": who["actor"] or as_text(by)}
    kind = str.strip(by).lower()
    if kind in catalog.RESOLVERS:
        return cast(Resolver, kind), who
    return "human", {**who, "actor": who["actor"] or str(by)}


def _text(mistakes: Mistakes, argument: str, value: object) -> str | None:
    if is_blank(value):
        return None
    if not isinstance(value, str):
        mistakes.add(argument, value, f"{argument} must be text or None, not {shown(value)}")
    return as_text(value)
