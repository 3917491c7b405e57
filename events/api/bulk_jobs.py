"""`/api/events/jobs`: the jobs that resolve or reopen all that matched."""

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from events.bulk.workers import ensure_running
from events.models import BulkJob
from events.web.permissions import RESOLVE, VIEW

from .authentication import actor_of
from .base import ApiViewSet, Operation
from .body import read_object
from .bulk_serializers import JobSerializer


class BulkJobViewSet(ApiViewSet[BulkJob]):
    queryset = BulkJob.objects.all()
    serializer_class = JobSerializer
    operations = {
        "retrieve": Operation("get_bulk_job", (VIEW,)),
        "stop": Operation("stop_bulk_job", (VIEW, RESOLVE)),
    }

    def get_object(self) -> BulkJob:
        """Return the job of the address, after seeing that it runs. Raises `Http404`."""
        job = self.get_queryset().filter(pk=self.kwargs["id"]).first()
        if job is None:
            raise Http404(f"There is no job {self.kwargs['id']}.")
        ensure_running(job)
        return job

    def retrieve(self, request: Request, id: int) -> Response:
        """See how far a bulk job is."""
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: int) -> Response:
        """Stop a bulk job.

        After the events it is at. One that has ended stays as it is.
        """
        if read_object(request):
            raise ValidationError({"detail": "Nothing is to be sent here."})
        BulkJob.objects.filter(pk=id).stop(by=actor_of(request))
        return self.retrieve(request, id)
