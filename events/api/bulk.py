"""Resolving and reopening many events over REST: by ids, or by filters, previewed and confirmed."""

import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.db import transaction
from django.http import Http404
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from events.actor import Actor
from events.bulk.confirmation import InvalidToken, confirm, token_of
from events.bulk.frozen import freeze
from events.bulk.preview import Preview, preview
from events.bulk.workers import notice, workers
from events.filters import refuse_parameters
from events.models import BulkJob, EventAction, SystemEvent
from events.models.event import CHUNK_ROWS
from events.representation import instant, represent
from events.time_limit import time_limit
from sovi_events.statements import COLUMNS

from . import bulk_schema, schema
from .authentication import actor_of
from .body import read_object
from .bulk_body import BulkActionSerializer
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
                return Response({"changed": changed, "count": len(changed)})
            case {"filters": query}:
                seen = preview(self.action, freeze(query))
                return Response(represent_preview(seen, user_id=request.user.pk))
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
        return Response(represent_job(job), status=202, headers={"Location": address})


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
            200: bulk_schema.JobSerializer,
            **schema.READING_REFUSALS,
            **bulk_schema.NO_JOB,
        },
    )
    def get(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        job = get_job(id)
        notice(job)
        return Response(represent_job(job))


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
            200: bulk_schema.JobSerializer,
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
        return Response(represent_job(job))


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


def represent_job(job: BulkJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "action": job.action,
        "state": job.state,
        "filters": job.filters,
        "actor": job.actor,
        "actor_kind": job.actor_kind,
        "face": job.face,
        "reason": job.reason,
        "operation": str(job.operation),
        "previewed_at": instant(job.previewed_at),
        "created_at": instant(job.created_at),
        "finished_at": instant(job.finished_at),
        "expected": job.expected,
        "expected_is_exact": job.expected_is_exact,
        "changed": job.changed,
        "left_alone": job.left_alone,
        "progress": round(job.share, 4),
        "error": job.error,
    }


def represent_preview(seen: Preview, *, user_id: Any) -> dict[str, Any]:
    return {
        "action": seen.action,
        "filters": seen.filters,
        "previewed_at": instant(seen.moment),
        "count": seen.extent.rows,
        "exact": seen.extent.exact,
        "by_severity": seen.extent.by_severity,
        "oldest": seen.oldest and _event(seen.oldest),
        "newest": seen.newest and _event(seen.newest),
        "sample": [_event(event) for event in seen.sample or []],
        "complete": seen.complete,
        "token": token_of(seen, user_id=user_id),
    }


def _event(event: SystemEvent) -> dict[str, Any]:
    return represent({column: getattr(event, column) for column in COLUMNS})
