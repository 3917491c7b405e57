"""Pages of the event list: by keyset on the id, never by offset.

A `cursor` walks newest first, in both directions, and stays in place while rows arrive. `after_id`
walks upwards through settled rows only, so that a loop over pages misses nothing.
"""

import base64
import binascii
from dataclasses import dataclass
from functools import partial
from typing import Any, Self

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.models.event import SystemEventQuerySet
from events.reading import page
from events.reading.raw_sql import read_rows
from events.reading.time_limit import statement_limit
from events.web import event_json
from sovi_events.following import settled
from sovi_events.following.position import MAX_ID, MIN_ID

from .query import ParsedField, QuerySerializer, WholeNumberField
from .serializers import EventSerializer

LIMIT = 50
MAX_LIMIT = 500

Row = dict[str, Any]


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


class PageQuerySerializer(QuerySerializer):
    after_id = WholeNumberField(
        MIN_ID,
        MAX_ID,
        required=False,
        help_text="Ascending from this id, settled events only: a loop misses nothing.",
    )
    limit = WholeNumberField(
        1, MAX_LIMIT, default=LIMIT, help_text="Events on a page, fewer where they are large."
    )
    cursor = ParsedField(
        Cursor.parse,
        required=False,
        help_text="A place in the list, as `next` and `previous` hold it. Excludes `after_id`.",
    )

    def validate(self, attrs: Any) -> Any:
        if "cursor" in attrs and "after_id" in attrs:
            raise ValidationError({"cursor": ["This can't be combined with after_id."]})
        return attrs


# drf-spectacular takes it for the page itself, not for what a page lists.
@extend_schema_serializer(many=False)
class EventPageSerializer(serializers.Serializer[Any]):
    next = serializers.URLField(allow_null=True, help_text="The next page, null on the last.")
    previous = serializers.URLField(allow_null=True, help_text="The page before this one.")
    results = EventSerializer(many=True)
    next_after_id = serializers.IntegerField(
        required=False, help_text="With `after_id`: where to go on, also after an empty page."
    )
    complete = serializers.BooleanField(
        required=False,
        help_text="With `after_id`: false while later rows are still settling, or where "
        "`/api/status` says what keeps them from it.",
    )


class EventPagination(BasePagination):
    """One page per request; the addresses of those beside it keep all other parameters."""

    def paginate_queryset(
        self, queryset: Any, request: Request, view: APIView | None = None
    ) -> list[Any]:
        """Return the page's rows. Raises `ValidationError`, `TookTooLong`."""
        self.request = request
        self.next: str | None = None
        self.previous: str | None = None
        self.position: dict[str, Any] = {}
        asked = PageQuerySerializer.read(request.query_params)
        with statement_limit():
            if "after_id" in asked:
                return self._read_after(queryset, asked["after_id"], asked["limit"])
            return self._read_at(queryset, asked.get("cursor"), asked["limit"])

    def get_paginated_response(self, data: Any) -> Response:
        page = {"next": self.next, "previous": self.previous, "results": data}
        return Response(page | self.position)

    def _read_at(self, events: SystemEventQuerySet, cursor: Cursor | None, limit: int) -> list[Row]:
        is_upwards = cursor is not None and not cursor.older
        if cursor is not None:
            beyond = {"id__gt" if is_upwards else "id__lt": cursor.id}
            events = events.filter(**beyond)
        # One row beyond the page tells whether there is another.
        rows, found = _read(events, limit + 1, ascending=is_upwards)
        is_last, rows = found == len(rows) <= limit, rows[:limit]
        if is_upwards:
            rows.reverse()
        # Nothing beyond the place itself: turning round meets the row it was made from.
        place = cursor.id if cursor is not None else 0
        newest, oldest = (rows[0]["id"], rows[-1]["id"]) if rows else (place - 1, place + 1)
        if is_upwards or not is_last:
            self.next = self._address(cursor=Cursor(True, oldest))
        if cursor is not None and not (is_upwards and is_last):
            self.previous = self._address(cursor=Cursor(False, newest))
        return rows

    def _read_after(self, events: SystemEventQuerySet, after_id: int, limit: int) -> list[Row]:
        horizon = settled.read_horizon(partial(read_rows, using=events.db))
        settled_ones = events.filter(id__gt=after_id, id__lte=horizon.id)
        rows, found = _read(settled_ones, limit, ascending=True)
        is_full = found == limit or len(rows) < found
        next_after_id = rows[-1]["id"] if is_full else max(after_id, horizon.id)
        if is_full:
            self.next = self._address(after_id=next_after_id)
        self.position = {"next_after_id": next_after_id, "complete": horizon.complete}
        return rows

    def _address(self, **parameters: object) -> str:
        query = self.request.query_params.copy()
        for name, value in parameters.items():
            query[name] = str(value)
        return self.request.build_absolute_uri(f"?{query.urlencode()}")


def _read(events: SystemEventQuerySet, limit: int, *, ascending: bool) -> event_json.EventPage:
    return event_json.read(page.read(events, limit, ascending=ascending), ascending=ascending)
