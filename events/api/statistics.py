"""`GET /api/events/stats`: how many events there were, over time."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request

from events.filters.event_filter import EventFilter
from events.filters.query_string import InvalidQuery
from events.models import Device, SystemEvent
from events.reading.time_limit import TookTooLong
from events.statistics.buckets import MAX_BUCKETS, Buckets, cover, parse_length
from events.statistics.counting import (
    COLUMNS,
    MAX_GROUPS,
    TIMEOUT_SECONDS,
    Group,
    Question,
    Statistics,
    count,
)
from events.web.permissions import VIEW_DEVICE

from .errors import ServiceUnavailable
from .query import OneOfField, ParsedField, QuerySerializer

DEFAULT_BUCKETS = 24
NARROW_THE_RANGE = (
    f"This can't be counted in {TIMEOUT_SECONDS} seconds: narrow the range, or ask with no other "
    "filters than severity, category and event_type (or severity and device_id), which is answered "
    "for any range once manage.py roll_up_events has run."
)
DESCRIPTION = f"""Counts the events that are there now, at most {MAX_BUCKETS} buckets. `since` and
`until` are widened to whole buckets; by default they are the last {DEFAULT_BUCKETS} up to now."""


def _zone(text: str) -> ZoneInfo:
    try:
        return ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"{text[:40]!r} is not a time zone, such as Europe/Berlin.") from None


class StatisticsQuerySerializer(QuerySerializer):
    bucket = ParsedField(
        parse_length,
        default="1h",
        help_text="Length of a bucket: minutes that divide a day (15m, 6h), days or weeks "
        "(1d, 1w). Days begin at midnight of the time zone, weeks on Monday.",
    )
    by = OneOfField(list(COLUMNS), default="severity", help_text="What is counted separately.")
    tz = ParsedField(
        _zone, default="UTC", help_text="IANA time zone of the buckets, such as Europe/Berlin."
    )


class GroupSerializer(serializers.Serializer[Any]):
    value = serializers.CharField(allow_null=True, help_text="Null: events of no device.")
    name = serializers.SerializerMethodField(help_text="A device's name, to who may view devices.")
    total = serializers.IntegerField()
    counts = serializers.ListField(child=serializers.IntegerField())

    def get_name(self, group: Group) -> str | None:
        names: dict[str | None, str] = self.context["names"]
        return names.get(group.value)


class OtherSerializer(serializers.Serializer[Any]):
    values = serializers.IntegerField(
        source="other_values", help_text="How many groups were put together here."
    )
    total = serializers.IntegerField(source="others.total")
    counts = serializers.ListField(source="others.counts", child=serializers.IntegerField())


class StatisticsSerializer(serializers.Serializer[Any]):
    bucket = serializers.CharField()
    by = serializers.ChoiceField([*COLUMNS])
    tz = serializers.CharField()
    since = serializers.DateTimeField(help_text="Where the first bucket begins.")
    until = serializers.DateTimeField(help_text="Where the last one ends.")
    starts = serializers.ListField(
        child=serializers.DateTimeField(), help_text="Where each bucket begins, in the time zone."
    )
    groups = GroupSerializer(many=True, help_text=f"The {MAX_GROUPS} largest, the largest first.")
    other = OtherSerializer(allow_null=True, help_text="All other groups together.")
    total = serializers.IntegerField()


def count_events(request: Request, event_filter: EventFilter) -> Mapping[str, Any]:
    """Return the answer to a request that asks for these events.

    Raises `ValidationError`, `InvalidQuery` and `ServiceUnavailable`.
    """
    query = request.query_params
    asked = StatisticsQuerySerializer.read(query)
    by, zone = asked["by"], asked["tz"]
    times, others = event_filter.split("timestamp")
    since, until = (times.get(operator) for operator in ("gte", "lt"))
    buckets = _buckets(since, until, asked["bucket"], zone)
    try:
        counted = count(Question(SystemEvent.objects.matching(others), by, buckets))
    except TookTooLong:
        raise ServiceUnavailable(NARROW_THE_RANGE) from None
    answer = {
        "bucket": query.get("bucket", "1h"),
        "by": by,
        "tz": zone.key,
        "since": buckets.since,
        "until": buckets.end,
        "starts": buckets.starts,
        "groups": counted.groups,
        "other": counted if counted.others else None,
        "total": counted.total,
    }
    names = _names(counted, request) if by == "device" else {}
    with timezone.override(zone):  # the serializer's
        return StatisticsSerializer(answer, context={"names": names}).data


def _names(counted: Statistics, request: Request) -> dict[str, str]:
    """Return the devices' names by id, to who may see devices."""
    if not request.user.has_perm(VIEW_DEVICE):
        return {}
    devices = Device.objects.in_bulk([group.value for group in counted.groups if group.value])
    return {str(pk): device.name for pk, device in devices.items()}


def _buckets(
    since: datetime | None, until: datetime | None, length: timedelta, zone: ZoneInfo
) -> Buckets:
    end = until or timezone.now()
    try:
        return cover(since or end - (DEFAULT_BUCKETS - 1) * length, end, length, zone)
    except (ValueError, OverflowError) as error:
        raise InvalidQuery({"since": [str(error)]}) from None
