"""`GET /api/events/export`: the events that match, as a file."""

from codecs import BOM_UTF8
from dataclasses import replace

from django.conf import settings
from django.db.models import Min
from django.http import HttpResponseBase, StreamingHttpResponse
from django.utils import timezone
from rest_framework.exceptions import Throttled
from rest_framework.request import Request

from events.export.formats import FORMATS
from events.export.pages import IdRange, read
from events.export.slots import counted, has_room
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.prerequisites import why_not_settled
from events.reading.raw_sql import read_rows
from sovi_events.following import settled
from sovi_events.following.position import MAX_ID, MIN_ID

from .query import OneOfField, QuerySerializer, WholeNumberField

SWITCH = ["true", "false"]
AGAIN_SECONDS = 30
FILE_TYPES = [it.content_type.partition(";")[0] for it in FORMATS.values()]


class ExportQuerySerializer(QuerySerializer):
    format = OneOfField(list(FORMATS), default="csv", help_text="Format.")
    bom = OneOfField(
        SWITCH, default="false", help_text="Begin a CSV with a byte order mark, for Excel."
    )
    large_integers = OneOfField(
        ["number", "text"],
        default="number",
        help_text="How to write integers beyond 64 bits, which a context may hold.",
    )
    after_id = WholeNumberField(
        MIN_ID,
        MAX_ID,
        required=False,
        help_text="Only events with a higher id: where another file ended.",
    )
    max_id = WholeNumberField(
        MIN_ID, MAX_ID, required=False, help_text="Only events up to this id."
    )
    limit = WholeNumberField(
        1,
        MAX_ID,
        required=False,
        help_text="Rows at most, as far as the server's own bound, which is the default.",
    )


def export_file(request: Request, events: SystemEventQuerySet) -> HttpResponseBase:
    """Answer the events as a file, its head alone to HEAD. Raises `ValidationError` and
    `Throttled`.
    """
    asked = ExportQuerySerializer.read(request.query_params)
    if not has_room(request.user.pk):
        raise Throttled(AGAIN_SECONDS, "You have too many exports open at once.")
    name = asked["format"]
    file_format = FORMATS[name](large_integers_as_text=asked["large_integers"] == "text")
    mark = BOM_UTF8 if name == "csv" and asked["bom"] == "true" else b""
    horizon = settled.read_horizon(read_rows)
    first_id = SystemEvent.objects.aggregate(first=Min("pk"))["first"]
    extent = IdRange(
        asked.get("after_id", max(first_id or 1, MIN_ID + 1) - 1),
        min(asked.get("max_id", MAX_ID), horizon.id),
        min(asked.get("limit", MAX_ID), settings.SOVI_EXPORT_MAX_ROWS),
    )
    now = timezone.now()
    headers = {
        "Content-Disposition": f'attachment; filename="events-{now:%Y%m%dT%H%M%SZ}.{name}"',
        "Content-Type": file_format.content_type,
        "X-Through-Id": str(extent.through_id),
        "X-Max-Rows": str(extent.max_rows),
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    if not horizon.complete and horizon.id < asked.get("max_id", MAX_ID):
        headers["X-Left-Out"] = why_not_settled(read_rows)
    nothing = replace(extent, through_id=extent.after_id)
    extent = nothing if request.method == "HEAD" else extent
    content = read(events, extent, file_format, mark + file_format.head)
    content = counted(content, request.user.pk)
    return StreamingHttpResponse(content, headers=headers)
