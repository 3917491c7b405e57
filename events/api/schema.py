"""OpenAPI, generated: what drf-spectacular can't know by itself of our serializers and refusals."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import get_doc
from drf_spectacular.utils import PolymorphicProxySerializer

from .emission_serializers import MAX_EVENTS, EmissionSerializer, EventInputSerializer
from .filter_backend import filter_parameters
from .serializers import (
    ReasonsSerializer,
    RefusalSerializer,
    RefusedEventsSerializer,
    StrictSerializer,
)

BAD_REQUEST = PolymorphicProxySerializer(
    "BadRequest", [RefusalSerializer, ReasonsSerializer, RefusedEventsSerializer], None
)
REFUSALS = {
    400: "A malformed body, header or parameter, or one that nobody knows.",
    401: "No valid credential.",
    403: "A permission is missing, or the CSRF token, or another kind is claimed.",
    503: "The database can't answer, or not in time.",
}
REFUSALS_OF_ONE = {404: "There is nothing with this id."}
REFUSALS_OF_BODIES = {
    411: "The body comes without a Content-Length.",
    413: "The body is too large.",
    415: "The body isn't `application/json`.",
}


class ApiSchema(AutoSchema):
    """Reads an `ApiViewSet`: the table of its operations, and its actions' docstrings."""

    view: Any  # an `ApiViewSet`

    def get_operation_id(self) -> str:
        return str(self.view.operation.id)

    def get_summary(self) -> str:
        return self._docstring()[0].removesuffix(".")

    def get_description(self) -> str:  # type: ignore[override]  # as the base class has it
        return self._docstring()[1].strip()

    def _docstring(self) -> tuple[str, str]:
        summary, _, description = get_doc(getattr(self.view, self.view.action)).partition("\n")
        return summary, description

    def get_override_parameters(self) -> list[Any]:
        parameters = self.view.operation.parameters
        return [*filter_parameters(self.view.excluded_filters), parameters] if parameters else []

    def get_filter_backends(self) -> list[Any]:
        return []  # their parameters stand above

    def get_operation(self, *args: Any) -> dict[str, Any] | None:
        operation: dict[str, Any] | None = super().get_operation(*args)
        if operation is None:
            return None
        if "requestBody" in operation:
            operation["requestBody"]["required"] = self.view.operation.needs_body
        for parameter in operation.get("parameters", ()):
            if parameter["schema"].get("type") == "boolean":
                parameter["allowEmptyValue"] = True  # then it does not filter
        refusals = dict(REFUSALS)
        if self.view.detail:
            refusals |= REFUSALS_OF_ONE
        if self.view.action == "export":
            refusals[429] = "The user has too many exports open at once."
        if self.method == "POST":
            refusals |= REFUSALS_OF_BODIES
        for status, description in refusals.items():
            refusal = BAD_REQUEST if status == 400 else RefusalSerializer
            schema = self.resolve_serializer(refusal, "response").ref
            content = {"application/json": {"schema": schema}}
            operation["responses"][str(status)] = {"content": content, "description": description}
        return operation


class StrictExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = StrictSerializer
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        fields = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**fields, **self.target.schema}


class EmissionExtension(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]
    target_class = EmissionSerializer

    def map_serializer(self, auto_schema: Any, direction: Any) -> dict[str, Any]:
        event = auto_schema.resolve_serializer(EventInputSerializer, direction).ref
        several = {"type": "array", "items": event, "minItems": 1, "maxItems": MAX_EVENTS}
        return {"oneOf": [event, several]}
