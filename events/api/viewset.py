"""`/api/events`: events are read, emitted, resolved, counted and exported."""

import uuid
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponseBase
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from events.bulk.confirmation import confirm
from events.bulk.preview import preview
from events.bulk.workers import workers
from events.filters.filterset import EventFilterSet
from events.filters.search.normalise import named_subjects
from events.filters.stored_filter import serialise
from events.models import EventAction, SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading.time_limit import statement_limit
from events.web import event_json
from events.web.names import refuse_names, shown_to
from events.web.permissions import ADD, RESOLVE, VIEW
from sovi_events import catalog
from sovi_events.following.position import MAX_ID, MIN_ID

from .authentication import actor_of
from .base import ApiViewSet, Operation
from .body import read_object
from .body_sizes import BULK_BYTES
from .bulk import act_on, bulk_schema
from .bulk_serializers import BulkActionSerializer, JobSerializer, PreviewSerializer
from .emission import emission_schema, read_events, store
from .emission_serializers import EmissionSerializer
from .export import FILE_TYPES, ExportQuerySerializer, export_file
from .filter_backend import EventFilterBackend
from .idempotency import IdempotencyKey
from .pagination import EventPageSerializer, EventPagination, PageQuerySerializer
from .serializers import ActionSerializer, CatalogSerializer, EventSerializer
from .statistics import DESCRIPTION as STATISTICS
from .statistics import StatisticsQuerySerializer, StatisticsSerializer, count_events


class EventViewSet(ListModelMixin, ApiViewSet[SystemEvent]):
    serializer_class = EventSerializer
    filter_backends = [EventFilterBackend]
    filterset_class = EventFilterSet
    lookup_value_converter = "event_id"
    excluded_filters: tuple[str, ...] = ()
    pagination_class = EventPagination
    operations = {
        "list": Operation("list_events", (VIEW,), PageQuerySerializer),
        "unresolved": Operation("list_unresolved_events", (VIEW,), PageQuerySerializer),
        "retrieve": Operation("get_event", (VIEW,)),
        "catalog": Operation("get_catalog", (VIEW,)),
        "statistics": Operation("count_events", (VIEW,), StatisticsQuerySerializer),
        "export": Operation("export_events", (VIEW,), ExportQuerySerializer),
        "create": Operation("emit_events", (ADD,), needs_body=True),
        # Their answers hold events.
        "resolve": Operation("resolve_event", (VIEW, RESOLVE)),
        "reopen": Operation("reopen_event", (VIEW, RESOLVE)),
        "resolve_many": Operation("resolve_events", (VIEW, RESOLVE), needs_body=True),
        "reopen_many": Operation("reopen_events", (VIEW, RESOLVE), needs_body=True),
    }

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # A parameter chooses an export's format, not `Accept`; refusals are JSON in any case.
        return super().perform_content_negotiation(request, force or self.action == "export")

    def get_queryset(self) -> SystemEventQuerySet:
        events = SystemEvent.objects.all()
        return events.unresolved() if self.action == "unresolved" else events

    def get_object(self) -> Any:
        """Return the event of the address, as it is shown. Raises `Http404`, `TookTooLong`."""
        event_id = self.kwargs["id"]
        with statement_limit():
            event = event_json.read_one(event_id)
        if event is None:
            raise Http404(f"There is no event {event_id}.")
        return event

    @extend_schema(responses=EventPageSerializer)
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List events, the newest first."""
        return super().list(request)

    @extend_schema(responses=EventPageSerializer)
    @action(detail=False, excluded_filters=("resolved",))
    def unresolved(self, request: Request) -> Response:
        """List unresolved events, the newest first."""
        return super().list(request)

    def retrieve(self, request: Request, id: int) -> Response:
        """Get one event."""
        return Response(self.get_serializer(self.get_object()).data)

    @action(detail=False, serializer_class=CatalogSerializer)
    def catalog(self, request: Request) -> Response:
        """Get the known categories, severities, resolvers and event types."""
        return Response(self.get_serializer(catalog).data)

    @extend_schema(description=STATISTICS)
    @action(detail=False, url_path="stats", serializer_class=StatisticsSerializer)
    def statistics(self, request: Request) -> Response:
        """Count events over time."""
        events: Any = self.filter_queryset(self.get_queryset())
        return Response(count_events(request, events.event_filter))

    @extend_schema(responses={(200, *FILE_TYPES): OpenApiTypes.STR})
    @action(detail=False)
    def export(self, request: Request) -> HttpResponseBase:
        """Export events to a file.

        Ascending by id, settled events only. The file holds every event that matches up to the id
        in the header `X-Through-Id`, unless it has as many rows as the header `X-Max-Rows` says:
        then go on with `after_id`, the id of its last row. Where newer ones are not settled yet,
        the header `X-Left-Out` says why. In CSV a text that a spreadsheet would run has an
        apostrophe before it; NDJSON is exact. A transfer that ends without its last chunk has
        failed; go on likewise.
        """
        events: Any = self.filter_queryset(self.get_queryset())
        return export_file(request, events)

    @emission_schema
    def create(self, request: Request) -> Response:
        """Store one event or several."""
        key = IdempotencyKey.of(request)
        events = read_events(request)
        records = EmissionSerializer().to_internal_value(events)
        emit = partial(SystemEvent.objects.emit, records)
        once = emit if key is None else partial(key.once, events, emit)
        return Response({"ids": store(once, records)}, status=201)

    @extend_schema(request=ActionSerializer)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, id: int) -> Response:
        """Resolve an event.

        Doing it again changes nothing: the first resolver is kept.
        """
        return self._act(request, EventAction.Action.RESOLVE)

    @extend_schema(request=ActionSerializer)
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, id: int) -> Response:
        """Reopen an event.

        Doing it again changes nothing.
        """
        return self._act(request, EventAction.Action.REOPEN)

    @bulk_schema
    @action(detail=False, methods=["post"], url_path="resolve")
    def resolve_many(self, request: Request) -> Response:
        """Resolve many events, or all that match."""
        return self._act_on_many(request, EventAction.Action.RESOLVE)

    @bulk_schema
    @action(detail=False, methods=["post"], url_path="reopen")
    def reopen_many(self, request: Request) -> Response:
        """Reopen many events, or all that match."""
        return self._act_on_many(request, EventAction.Action.REOPEN)

    def _act(self, request: Request, action: str) -> Response:
        by = actor_of(request)
        reason = ActionSerializer(data=read_object(request)).reason_given_by(by)
        event_id, operation = self.kwargs["id"], uuid.uuid4()
        if MIN_ID <= event_id <= MAX_ID:  # beyond it there is none
            with statement_limit(advice="Nothing was changed: try again."):
                SystemEvent.objects.act(
                    action, [event_id], by=by, reason=reason, operation=operation
                )
        return self.retrieve(request, event_id)

    def _act_on_many(self, request: Request, action: str) -> Response:
        by = actor_of(request)
        body = BulkActionSerializer(data=read_object(request, BULK_BYTES))
        reason = body.reason_given_by(by)
        match body.validated_data:
            case {"ids": ids}:
                changed = act_on(action, ids, by=by, reason=reason)
                return Response({"changed": changed, "count": len(changed)})
            case {"filters": query}:
                refuse_names(query, shown_to(request.user))
                looks_up = any(map(named_subjects, query.getlist("q")))
                with statement_limit() if looks_up else nullcontext():
                    filters = serialise(query)
                return Response(self._told(PreviewSerializer, preview(action, filters)))
            case {"token": token}:
                job = confirm(token, action, user_id=request.user.pk, by=by, reason=reason)
                transaction.on_commit(workers.run_pending)
                address = reverse("api-job-detail", args=[job.pk])
                return Response(self._told(JobSerializer, job), 202, headers={"Location": address})
        raise AssertionError(body.validated_data)  # the serializer knows these three

    def _told(self, serializer: type[Serializer[Any]], found: Any) -> Any:
        return serializer(found, context=self.get_serializer_context()).data
