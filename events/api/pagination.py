"""Pages of the event list: by keyset on the id, never by offset.

A `cursor` walks newest first, in both directions, and stays in place while rows arrive. `after_id`
walks upwards through settled rows only, so that a loop over pages misses nothing.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from django.http import HttpRequest, QueryDict
from rest_framework.exceptions import ValidationError

from events import page
from events.models.event import SystemEventQuerySet
from events.representation import represent
from events.rows import read_rows
from sovi_events.following import settled
from sovi_events.following.position import MAX_ID
from sovi_events.statements import COLUMNS

from .query import ParsedField, QuerySerializer, WholeNumberField

LIMIT = 50
MAX_LIMIT = 500

Page = dict[str, Any]


@dataclass(frozen=True)
class Cursor:
    """A place between two ids: `older` pages lie below `id`, newer ones above it."""

    older: bool
    id: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises ValueError for what `str` did not make."""
        try:
            direction, _, number = base64.urlsafe_b64decode(text.encode()).decode().partition(" ")
            cursor = cls(direction == "older", int(number[:20]))
        except (ValueError, binascii.Error):
            raise ValueError("Invalid cursor.") from None
        if str(cursor) != text:
            raise ValueError("Invalid cursor.")
        return cursor

    def __str__(self) -> str:
        place = f"{'older' if self.older else 'newer'} {self.id}"
        return base64.urlsafe_b64encode(place.encode()).decode()


class CursorField(ParsedField):
    def to_internal_value(self, data: Any) -> Cursor:
        if "after_id" in self.parent.initial_data:
            raise ValidationError("This can't be combined with after_id.")
        cursor: Cursor = super().to_internal_value(data)
        return cursor


class PageQuerySerializer(QuerySerializer):
    after_id = WholeNumberField(
        0,
        MAX_ID,
        required=False,
        help_text="Ascending from this id, settled events only: a loop misses nothing.",
    )
    limit = WholeNumberField(1, MAX_LIMIT, default=LIMIT, help_text="Events on a page.")
    cursor = CursorField(
        Cursor.parse,
        required=False,
        help_text="A place in the list, as `next` and `previous` hold it. Excludes `after_id`.",
    )


@dataclass(frozen=True)
class PageRequest:
    """Which page of a list is asked for."""

    limit: int = LIMIT
    cursor: Cursor | None = None
    after_id: int | None = None

    @classmethod
    def parse(cls, query: QueryDict) -> Self:
        """Raises `ValidationError`."""
        return cls(**PageQuerySerializer.read(query))

    def read(self, events: SystemEventQuerySet, request: HttpRequest) -> Page:
        """Return the page of `events`; `request` gives the address of the pages beside it."""
        if self.after_id is not None:
            return self._read_after(self.after_id, events, request)
        return self._read_at(self.cursor, events, request)

    def _read_at(
        self, cursor: Cursor | None, events: SystemEventQuerySet, request: HttpRequest
    ) -> Page:
        # One row beyond the page tells whether there is another.
        if cursor is not None and not cursor.older:
            rows = _rows(events.filter(id__gt=cursor.id), self.limit + 1, ascending=True)
            has_newer, has_older = len(rows) > self.limit, True
            rows = rows[: self.limit][::-1]
        else:
            older = events if cursor is None else events.filter(id__lt=cursor.id)
            rows = _rows(older, self.limit + 1)
            has_newer, has_older = cursor is not None, len(rows) > self.limit
            rows = rows[: self.limit]
        if rows:
            newest, oldest = rows[0]["id"], rows[-1]["id"]
        else:
            # Nothing beyond the place itself: turning round meets the row it was made from.
            place = cursor.id if cursor is not None else 0
            newest, oldest = place - 1, place + 1
        return {
            "next": _address(request, cursor=Cursor(True, oldest)) if has_older else None,
            "previous": _address(request, cursor=Cursor(False, newest)) if has_newer else None,
            "results": [represent(row) for row in rows],
        }

    def _read_after(self, after_id: int, events: SystemEventQuerySet, request: HttpRequest) -> Page:
        horizon = settled.read_horizon(partial(read_rows, using=events.db))
        found = events.filter(id__gt=after_id, id__lte=horizon.id)
        rows = _rows(found, self.limit, ascending=True)
        is_full = len(rows) == self.limit
        next_after_id = rows[-1]["id"] if is_full else max(after_id, horizon.id)
        return {
            "next": _address(request, after_id=next_after_id) if is_full else None,
            "previous": None,
            "results": [represent(row) for row in rows],
            "next_after_id": next_after_id,
            "complete": horizon.complete,
        }


def _rows(
    events: SystemEventQuerySet, limit: int, *, ascending: bool = False
) -> list[dict[str, Any]]:
    return list(page.read(events, limit, ascending=ascending).values(*COLUMNS))


def _address(request: HttpRequest, **parameters: object) -> str:
    query = request.GET.copy()
    for name, value in parameters.items():
        query[name] = str(value)
    return request.build_absolute_uri(f"?{query.urlencode()}")
