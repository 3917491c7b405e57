"""`/api/events/jobs`: the jobs that resolve or reopen all that matched."""

from django.http import Http404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from events.bulk.workers import notice
from events.filters.query_string import refuse_parameters
from events.models import BulkJob

from .body import read_object
from .bulk_serializers import JobSerializer
from .permissions import RESOLVE, VIEW
from .schema import ACTION_REFUSALS, DETAIL, READING_REFUSALS

NO_JOB = {404: OpenApiResponse(DETAIL, "There is no such job.")}


class BulkJobViewSet(GenericViewSet[BulkJob]):
    http_method_names = ["get", "head", "post"]
    queryset = BulkJob.objects.all()
    serializer_class = JobSerializer
    lookup_url_kwarg = "id"
    lookup_value_converter = "int"
    permissions_by_action = {"retrieve": (VIEW,), "stop": (VIEW, RESOLVE)}

    def get_object(self) -> BulkJob:
        """Return the job of the address, after seeing that it runs. Raises `Http404`."""
        job = self.get_queryset().filter(pk=self.kwargs["id"]).first()
        if job is None:
            raise Http404(f"There is no job {self.kwargs['id']}.")
        notice(job)
        return job

    @extend_schema(
        operation_id="get_bulk_job",
        summary="See how far a bulk job is",
        responses={200: JobSerializer, **READING_REFUSALS, **NO_JOB},
    )
    def retrieve(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="stop_bulk_job",
        summary="Stop a bulk job",
        description="After the events it is at. One that has ended stays as it is.",
        request=None,
        responses={200: JobSerializer, **ACTION_REFUSALS, **NO_JOB},
    )
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: int) -> Response:
        refuse_parameters(request.query_params)
        if read_object(request):
            raise ValidationError({"detail": "Nothing is to be sent here."})
        BulkJob.objects.filter(pk=id).stop()
        return Response(self.get_serializer(self.get_object()).data)
