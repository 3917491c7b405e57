"""Reading and resolving events over REST."""

from collections.abc import Callable

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.filters import read_query, refuse_parameters
from events.models import SystemEvent
from events.models.event import SystemEventQuerySet
from events.time_limit import time_limit
from sovi_events import catalog

from . import schema
from .authentication import actor_of
from .body import read_object
from .pagination import PageQuerySerializer, PageRequest
from .permissions import RESOLVE, VIEW
from .serializers import (
    ActionSerializer,
    CatalogSerializer,
    EventPageSerializer,
    EventSerializer,
)


def get_event(event_id: int) -> SystemEvent:
    """Raises `Http404`, `TookTooLong`."""
    with time_limit():
        event = SystemEvent.objects.filter(pk=event_id).first()
    if event is None:
        raise Http404(f"There is no event {event_id}.")
    return event


# No docstrings on views: drf-spectacular would publish them.
class EventView(APIView):
    http_method_names = ["get", "head", "post"]
    permissions_of: dict[str, tuple[str, ...]] = {"GET": (VIEW,)}


class EventListView(EventView):
    without: tuple[str, ...] = ()

    @property
    def events(self) -> SystemEventQuerySet:
        return SystemEvent.objects.all()

    @extend_schema(
        operation_id="list_events",
        summary="List events, the newest first",
        tags=["events"],
        parameters=[*schema.filter_parameters(), PageQuerySerializer],
        responses={200: EventPageSerializer, **schema.READING_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        query = request.query_params
        filters = read_query(
            query, self.events, also=PageQuerySerializer.names(), without=self.without
        )
        page = PageRequest.parse(query)
        with time_limit():
            return Response(page.read(filters.qs, request._request))


class UnresolvedEventListView(EventListView):
    without = ("resolved",)

    @property
    def events(self) -> SystemEventQuerySet:
        return SystemEvent.objects.unresolved()

    @extend_schema(
        operation_id="list_unresolved_events",
        summary="List unresolved events, the newest first",
        tags=["events"],
        parameters=[*schema.filter_parameters(without=without), PageQuerySerializer],
        responses={200: EventPageSerializer, **schema.READING_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        return super().get(request)


class CatalogView(EventView):
    @extend_schema(
        operation_id="get_catalog",
        summary="Get the known categories, severities, resolvers and event types",
        tags=["events"],
        responses={200: CatalogSerializer, **schema.READING_REFUSALS},
    )
    def get(self, request: Request) -> Response:
        refuse_parameters(request.query_params)
        return Response(CatalogSerializer(catalog).data)


class EventDetailView(EventView):
    @extend_schema(
        operation_id="get_event",
        summary="Get one event",
        tags=["events"],
        parameters=[schema.EVENT_ID],
        responses={200: EventSerializer, **schema.READING_REFUSALS, **schema.NOT_FOUND},
    )
    def get(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        return Response(EventSerializer(get_event(id)).data)


class ActionView(EventView):
    permissions_of = {"POST": (VIEW, RESOLVE)}  # it answers the event

    def act(self, request: Request, id: int, action: Callable[..., int]) -> Response:
        refuse_parameters(request.query_params)
        actor = actor_of(request)
        reason = ActionSerializer(data=read_object(request)).reason_given_by(actor)
        with time_limit(advice="Nothing was changed: try again."):
            action(SystemEvent.objects.filter(pk=id), by=actor, reason=reason)
        return Response(EventSerializer(get_event(id)).data)


class ResolveView(ActionView):
    @extend_schema(
        operation_id="resolve_event",
        summary="Resolve an event",
        description="Doing it again changes nothing: the first resolver is kept.",
        request=ActionSerializer,
        parameters=[schema.EVENT_ID],
        responses={200: EventSerializer, **schema.ACTION_REFUSALS},
        tags=["events"],
    )
    def post(self, request: Request, id: int) -> Response:
        return self.act(request, id, SystemEventQuerySet.resolve)


class ReopenView(ActionView):
    @extend_schema(
        operation_id="reopen_event",
        summary="Reopen an event",
        description="Doing it again changes nothing.",
        request=ActionSerializer,
        parameters=[schema.EVENT_ID],
        responses={200: EventSerializer, **schema.ACTION_REFUSALS},
        tags=["events"],
    )
    def post(self, request: Request, id: int) -> Response:
        return self.act(request, id, SystemEventQuerySet.reopen)
