"""The API's description: OpenAPI, and pages to try it from."""

from typing import Any

from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from events.filters.query_string import refuse_parameters


class SchemaView(SpectacularAPIView):
    """OpenAPI as JSON, or as YAML for `Accept: application/yaml`."""

    renderer_classes = SpectacularAPIView.renderer_classes[::-1]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        # The base class takes a language and a version from here, and fails on hostile ones.
        refuse_parameters(request.query_params)
