"""`GET /api/status`: what an operator must know or mend, as the page Health shows it."""

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_serializer
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from events.health.status import read_status
from events.models import SystemEvent
from events.web.permissions import VIEW

from .base import ApiViewSet, Operation
from .serializers import TimestampField


class ObstacleSerializer(serializers.Serializer[Any]):
    id = serializers.CharField(help_text="As `manage.py check` calls it.")
    message = serializers.CharField()
    advice = serializers.CharField(help_text="What to do about it.")


class IdsSerializer(serializers.Serializer[Any]):
    sequence = serializers.CharField(allow_null=True)
    last_id = serializers.IntegerField(
        allow_null=True, help_text="The last that the sequence gave out."
    )
    highest_id = serializers.IntegerField(allow_null=True, help_text="Of an event.")


class GrowthSerializer(serializers.Serializer[Any]):
    rows = serializers.IntegerField(help_text="About how many events there are.")
    per_month = serializers.IntegerField(help_text="About how many came in 30 days.")
    next = serializers.IntegerField(help_text="The next ten million.")
    reached_at = TimestampField(allow_null=True, help_text="When there will be so many. UTC.")


class StreamsSerializer(serializers.Serializer[Any]):
    """Of the process that answers."""

    open = serializers.IntegerField()
    lag_seconds = serializers.FloatField(
        allow_null=True, help_text="How long ago the tables were read; null without a stream."
    )
    open_gaps = serializers.IntegerField(
        help_text="Ranges of ids below those read that may still be committed."
    )


class SpoolSerializer(serializers.Serializer[Any]):
    """What waits for the database on the host that answers, in the spool of its user."""

    folder = serializers.CharField()
    events = serializers.IntegerField()
    since = TimestampField(allow_null=True, help_text="When the oldest that waits came. UTC.")
    dead_letters = serializers.IntegerField(help_text="Refused for what they hold.")
    used_bytes = serializers.IntegerField()
    limit_bytes = serializers.IntegerField()
    problem = serializers.CharField(help_text="Why it can't be read; else empty.")


@extend_schema_serializer(many=False)
class StatusSerializer(serializers.Serializer[Any]):
    as_of = TimestampField(help_text="UTC.")
    problem = serializers.CharField(
        help_text="Why the database doesn't say obstacles, ids and growth; else empty."
    )
    obstacles = ObstacleSerializer(many=True, help_text="What keeps events from being followed.")
    ids = IdsSerializer(allow_null=True)
    growth = GrowthSerializer(allow_null=True)
    streams = StreamsSerializer()
    spool = SpoolSerializer()


class StatusViewSet(ApiViewSet[SystemEvent]):
    queryset = SystemEvent.objects.none()
    serializer_class = StatusSerializer
    pagination_class = None
    operations = {"list": Operation("get_status", (VIEW,))}

    @extend_schema(responses=StatusSerializer)
    def list(self, request: Request) -> Response:
        """Get what an operator must know or mend."""
        return Response(self.get_serializer(read_status()).data)
