"""The API's description: OpenAPI, and pages to try it from."""

from typing import Any

from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from events.filters.query_string import refuse_parameters


class SchemaView(SpectacularAPIView):
    """OpenAPI as JSON, or as YAML for `Accept: application/yaml`."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer2,
        OpenApiYamlRenderer,
    ]

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        # The base class takes a language and a version from here, and fails on hostile ones.
        refuse_parameters(request.query_params)
        response: Response = super().get(request, *args, **kwargs)  # type: ignore[no-untyped-call]
        return response


class DocsView(SpectacularSwaggerSplitView):
    """Swagger UI from local files; its start-up script has an address of its own (`?script=`), so
    that the site's Content-Security-Policy stands as it is."""

    url_name = "api-schema"
    template_name = "events/api_docs.html"
