"""Resolving and reopening many events over REST: by ids, or by filters, previewed and confirmed."""

import uuid
from collections.abc import Callable
from typing import TypeVar

from django.db import transaction
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.actor import Actor
from events.bulk.confirmation import InvalidToken, confirm
from events.bulk.frozen import freeze
from events.bulk.preview import preview
from events.bulk.workers import notice, workers
from events.filters import refuse_parameters
from events.models import BulkJob, EventAction, SystemEvent
from events.models.event import CHUNK_ROWS
from events.time_limit import time_limit

from . import bulk_schema, schema
from .authentication import actor_of
from .body import read_object
from .bulk_serializers import (
    BulkActionSerializer,
    ChangedSerializer,
    JobSerializer,
    PreviewSerializer,
)
from .permissions import RESOLVE, VIEW

_Post = TypeVar("_Post", bound=Callable[..., Response])

REPEAT = "Send the same ids again: what was done already is not done twice."


class BulkActionView(APIView):
    http_method_names = ["post"]
    permissions_of = {"POST": (VIEW, RESOLVE)}
    action: str

    def act(self, request: Request) -> Response:
        refuse_parameters(request.query_params)
        by = actor_of(request)
        body = BulkActionSerializer(data=read_object(request, bulk_schema.BULK_BYTES))
        reason = body.reason_given_by(by)
        match body.validated_data:
            case {"ids": ids}:
                changed = act_on(self.action, ids, by=by, reason=reason)
                return Response(ChangedSerializer({"changed": changed, "count": len(changed)}).data)
            case {"filters": query}:
                seen = preview(self.action, freeze(query))
                return Response(PreviewSerializer(seen, context={"request": request}).data)
            case {"token": token}:
                return self._confirmed(request, token, by, reason)
        raise AssertionError(body.validated_data)  # the serializer knows these three

    def _confirmed(self, request: Request, token: str, by: Actor, reason: str | None) -> Response:
        try:
            job = confirm(token, self.action, user_id=request.user.pk, by=by, reason=reason)
        except InvalidToken as error:
            raise ValidationError({"token": [str(error)]}) from None
        transaction.on_commit(workers.wake)
        address = reverse("api-bulk-job", args=[job.pk])
        return Response(JobSerializer(job).data, status=202, headers={"Location": address})


def _describe_action(operation_id: str, summary: str) -> Callable[[_Post], _Post]:
    described: Callable[[_Post], _Post] = extend_schema(
        operation_id=operation_id,
        summary=summary,
        description=bulk_schema.DESCRIPTION,
        tags=["events"],
        request={"application/json": bulk_schema.BODY},
        responses={
            200: bulk_schema.ANSWERED,
            202: bulk_schema.ACCEPTED,
            **bulk_schema.ACTION_REFUSALS,
        },
    )
    return described


class BulkResolveView(BulkActionView):
    action = EventAction.Action.RESOLVE

    @_describe_action("resolve_events", "Resolve many events, or all that match")
    def post(self, request: Request) -> Response:
        return self.act(request)


class BulkReopenView(BulkActionView):
    action = EventAction.Action.REOPEN

    @_describe_action("reopen_events", "Reopen many events, or all that match")
    def post(self, request: Request) -> Response:
        return self.act(request)


class BulkJobView(APIView):
    http_method_names = ["get", "head"]
    permissions_of = {"GET": (VIEW,)}

    @extend_schema(
        operation_id="get_bulk_job",
        summary="See how far a bulk job is",
        tags=["events"],
        parameters=[bulk_schema.JOB_ID],
        responses={
            200: JobSerializer,
            **schema.READING_REFUSALS,
            **bulk_schema.NO_JOB,
        },
    )
    def get(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        job = get_job(id)
        notice(job)
        return Response(JobSerializer(job).data)


class BulkJobStopView(APIView):
    http_method_names = ["post"]
    permissions_of = {"POST": (VIEW, RESOLVE)}

    @extend_schema(
        operation_id="stop_bulk_job",
        summary="Stop a bulk job",
        description="After the events it is at. One that has ended stays as it is.",
        tags=["events"],
        request=None,
        parameters=[bulk_schema.JOB_ID],
        responses={
            200: JobSerializer,
            **bulk_schema.ACTION_REFUSALS,
            **bulk_schema.NO_JOB,
        },
    )
    def post(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        if read_object(request):
            raise ValidationError({"detail": "Nothing is to be sent here."})
        BulkJob.objects.filter(pk=id).stop()
        job = get_job(id)
        notice(job)
        return Response(JobSerializer(job).data)


def act_on(action: str, ids: list[int], *, by: Actor, reason: str | None) -> list[int]:
    """Resolve or reopen these events in chunks, each committed; return those changed, ascending.

    Raises `TookTooLong`; what was changed before stays so.
    """
    operation = uuid.uuid4()
    changed: list[int] = []
    for start in range(0, len(ids), CHUNK_ROWS):
        chunk = ids[start : start + CHUNK_ROWS]
        with time_limit(advice=REPEAT):
            changed += SystemEvent.objects.act(
                action, chunk, by=by, reason=reason, operation=operation
            )
    return sorted(changed)


def get_job(job_id: int) -> BulkJob:
    """Return the job. Raises `Http404`."""
    job = BulkJob.objects.filter(pk=job_id).first()
    if job is None:
        raise Http404(f"There is no job {job_id}.")
    return job
