"""How long events are kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from events.times import parse_duration
from sovi_events import catalog


@dataclass(frozen=True)
class Policy:
    """The age from which events are deleted, by severity; what it doesn't name is kept for ever.

    A severity of None is every one, also those that aren't the catalogue's.
    """

    ages: Mapping[str | None, timedelta]
    keep_unresolved: bool = False

    @classmethod
    def parse(cls, text: str, *, keep_unresolved: bool = False) -> Self:
        """Read "info=30d,warning=90d,critical=never". Raises ValueError."""
        ages: dict[str | None, timedelta] = {}
        named = set()
        for part in filter(None, (part.strip() for part in text.split(","))):
            severity, equals, age = (piece.strip() for piece in part.partition("="))
            if not equals or severity not in catalog.SEVERITIES:
                known = ", ".join(catalog.SEVERITIES)
                raise ValueError(f"{part!r} is not severity=duration; severities are {known}.")
            if severity in named:
                raise ValueError(f"{severity} is named twice.")
            named.add(severity)
            if age != "never":
                ages[severity] = parse_age(age)
        return cls(ages, keep_unresolved)

    def due(self, now: datetime) -> tuple[str, dict[str, Any]]:
        """Return the SQL condition of the events to be deleted, and its parameters."""
        params: dict[str, Any] = {}
        kinds = []
        for number, (severity, age) in enumerate(self.ages.items()):
            params |= {f"severity_{number}": severity, f"older_than_{number}": now - age}
            kind = f"timestamp < %(older_than_{number})s"
            if severity is not None:
                kind += f" AND severity = %(severity_{number})s"
            kinds.append(f"({kind})")
        condition = f"({' OR '.join(kinds) or 'false'})"
        return condition + (" AND resolved IS TRUE" if self.keep_unresolved else ""), params

    def longest(self) -> timedelta | None:
        """Return the age from which no event is kept, whatever it is; None where some are."""
        is_for_all = None in self.ages or self.ages.keys() >= set(catalog.SEVERITIES)
        return max(self.ages.values()) if is_for_all else None

    def until(self, now: datetime) -> datetime:
        """Return the time at and after which nothing is due. Raises ValueError without an age."""
        return now - min(self.ages.values())


def parse_age(text: str) -> timedelta:
    """Read a duration that reaches back from now into the calendar. Raises ValueError."""
    age = parse_duration(text)
    if not timedelta(0) < age <= timedelta(days=36500):
        raise ValueError(f"{text!r} is not from 1s to 36500d.")
    return age
