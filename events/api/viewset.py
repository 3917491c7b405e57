"""`/api/events`: events are read, emitted, resolved, counted and exported."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponseBase
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.mixins import ListModelMixin
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from events.bulk.preview import preview
from events.filters.filterset import EventFilterSet
from events.filters.query_string import refuse_parameters
from events.filters.stored_filter import serialise
from events.models import EventAction, SystemEvent
from events.models.event import SystemEventQuerySet
from events.reading.time_limit import time_limit
from sovi_events import catalog

from .authentication import actor_of
from .body import read_object
from .bulk import BULK_BYTES, act_on, bulk_schema, confirm_preview
from .bulk_serializers import (
    BulkActionSerializer,
    ChangedSerializer,
    JobSerializer,
    PreviewSerializer,
)
from .emission import NOTHING_STORED, check, read_events, store
from .emission_schema import emission_schema
from .export import ExportQuerySerializer, export_file, export_schema
from .filter_backend import EventFilterBackend
from .idempotency import IdempotencyKey
from .pagination import EventPagination, PageQuerySerializer
from .permissions import ADD, RESOLVE, VIEW
from .query import QuerySerializer
from .schema import NOT_FOUND, READING_REFUSALS, action_schema
from .serializers import ActionSerializer, CatalogSerializer, EventSerializer
from .statistics import StatisticsQuerySerializer, count_events, statistics_schema


# No docstrings on the class and its actions: drf-spectacular would publish them.
class EventViewSet(ListModelMixin, GenericViewSet[SystemEvent]):
    http_method_names = ["get", "head", "post"]
    serializer_class = EventSerializer
    lookup_url_kwarg = "id"
    lookup_value_converter = "int"
    filter_backends = [EventFilterBackend]
    filterset_class = EventFilterSet
    excluded_filters: tuple[str, ...] = ()
    pagination_class = EventPagination
    query_serializer_class: type[QuerySerializer] = PageQuerySerializer
    permissions_by_action = {
        "list": (VIEW,),
        "unresolved": (VIEW,),
        "retrieve": (VIEW,),
        "catalog": (VIEW,),
        "statistics": (VIEW,),
        "export": (VIEW,),
        "create": (ADD,),
        # Their answers hold events.
        "resolve": (VIEW, RESOLVE),
        "reopen": (VIEW, RESOLVE),
        "resolve_many": (VIEW, RESOLVE),
        "reopen_many": (VIEW, RESOLVE),
    }

    def perform_content_negotiation(self, request: Request, force: bool = False) -> Any:
        # A parameter chooses an export's format, not `Accept`; refusals are JSON in any case.
        return super().perform_content_negotiation(request, force or self.action == "export")

    def get_queryset(self) -> SystemEventQuerySet:
        events = SystemEvent.objects.all()
        return events.unresolved() if self.action == "unresolved" else events

    def get_object(self) -> SystemEvent:
        """Return the event of the address. Raises `Http404`, `TookTooLong`."""
        event_id = self.kwargs["id"]
        with time_limit():
            event = self.get_queryset().filter(pk=event_id).first()
        if event is None:
            raise Http404(f"There is no event {event_id}.")
        return event

    @extend_schema(
        operation_id="list_events",
        summary="List events, the newest first",
        parameters=[PageQuerySerializer],
        responses={200: EventSerializer(many=True), **READING_REFUSALS},
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(
        operation_id="list_unresolved_events",
        summary="List unresolved events, the newest first",
        parameters=[PageQuerySerializer],
        responses={200: EventSerializer(many=True), **READING_REFUSALS},
    )
    @action(detail=False, excluded_filters=("resolved",))
    def unresolved(self, request: Request) -> Response:
        return self.list(request)

    @extend_schema(
        operation_id="get_event",
        summary="Get one event",
        responses={200: EventSerializer, **READING_REFUSALS, **NOT_FOUND},
    )
    def retrieve(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="get_catalog",
        summary="Get the known categories, severities, resolvers and event types",
        responses={200: CatalogSerializer, **READING_REFUSALS},
    )
    @action(detail=False)
    def catalog(self, request: Request) -> Response:
        refuse_parameters(request.query_params)
        return Response(CatalogSerializer(catalog).data)

    @statistics_schema
    @action(detail=False, url_path="stats", query_serializer_class=StatisticsQuerySerializer)
    def statistics(self, request: Request) -> Response:
        filterset = EventFilterBackend().get_filterset(request, self.get_queryset(), self)
        return Response(count_events(request, filterset.event_filter))

    @export_schema
    @action(detail=False, query_serializer_class=ExportQuerySerializer)
    def export(self, request: Request) -> HttpResponseBase:
        events: Any = self.filter_queryset(self.get_queryset())
        return export_file(request, events)

    @emission_schema
    def create(self, request: Request) -> Response:
        refuse_parameters(request.query_params)
        key = IdempotencyKey.of(request)
        events = read_events(request)
        records = check(events)
        with time_limit(advice=NOTHING_STORED):
            ids = store(records) if key is None else key.once(events, lambda: store(records))
        return Response({"ids": ids}, status=201)

    @action_schema("resolve", "Doing it again changes nothing: the first resolver is kept.")
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, id: int) -> Response:
        return self._act(request, SystemEventQuerySet.resolve)

    @action_schema("reopen", "Doing it again changes nothing.")
    @action(detail=True, methods=["post"])
    def reopen(self, request: Request, id: int) -> Response:
        return self._act(request, SystemEventQuerySet.reopen)

    @bulk_schema("resolve")
    @action(detail=False, methods=["post"], url_path="resolve")
    def resolve_many(self, request: Request) -> Response:
        return self._act_on_many(request, EventAction.Action.RESOLVE)

    @bulk_schema("reopen")
    @action(detail=False, methods=["post"], url_path="reopen")
    def reopen_many(self, request: Request) -> Response:
        return self._act_on_many(request, EventAction.Action.REOPEN)

    def _act(self, request: Request, act: Callable[..., int]) -> Response:
        refuse_parameters(request.query_params)
        by = actor_of(request)
        reason = ActionSerializer(data=read_object(request)).reason_given_by(by)
        with time_limit(advice="Nothing was changed: try again."):
            act(self.get_queryset().filter(pk=self.kwargs["id"]), by=by, reason=reason)
        return Response(self.get_serializer(self.get_object()).data)

    def _act_on_many(self, request: Request, action: str) -> Response:
        refuse_parameters(request.query_params)
        by = actor_of(request)
        body = BulkActionSerializer(data=read_object(request, BULK_BYTES))
        reason = body.reason_given_by(by)
        match body.validated_data:
            case {"ids": ids}:
                changed = act_on(action, ids, by=by, reason=reason)
                return Response(ChangedSerializer({"changed": changed, "count": len(changed)}).data)
            case {"filters": query}:
                seen = preview(action, serialise(query))
                return Response(PreviewSerializer(seen, context={"request": request}).data)
            case {"token": token}:
                job = confirm_preview(token, action, user_id=request.user.pk, by=by, reason=reason)
                address = reverse("api-job-detail", args=[job.pk])
                return Response(JobSerializer(job).data, 202, headers={"Location": address})
        raise AssertionError(body.validated_data)  # the serializer knows these three
