"""What OpenAPI says of refusals and actions."""

from collections.abc import Callable

from drf_spectacular.utils import F, OpenApiResponse, extend_schema

from .body import BODY_BYTES
from .serializers import ActionSerializer, EventSerializer

DETAIL = {
    "type": "object",
    "properties": {"detail": {"type": "string"}},
    "required": ["detail"],
    "additionalProperties": False,
}
REASONS = {
    "type": "object",
    "additionalProperties": {"type": "array", "items": {"type": "string"}},
    "description": "Reasons by parameter or field.",
}

NOT_FOUND = {404: OpenApiResponse(DETAIL, "There is no such event.")}
READING_REFUSALS = {
    400: OpenApiResponse(REASONS, "An unknown parameter or a malformed value."),
    401: OpenApiResponse(DETAIL, "No valid credential."),
    403: OpenApiResponse(DETAIL, "The permission to view events is missing."),
}
ACTION_REFUSALS = {
    400: OpenApiResponse({"oneOf": [DETAIL, REASONS]}, "A malformed body or parameter."),
    401: OpenApiResponse(DETAIL, "No valid credential."),
    403: OpenApiResponse(
        DETAIL, "The permission to resolve is missing, or the CSRF token, or another kind claimed."
    ),
    **NOT_FOUND,
    411: OpenApiResponse(DETAIL, "The body comes without a Content-Length."),
    413: OpenApiResponse(DETAIL, f"The body is larger than {BODY_BYTES} bytes."),
    415: OpenApiResponse(DETAIL, "The body isn't `application/json`."),
}


def action_schema(action: str, description: str) -> Callable[[F], F]:
    """Describe what resolves or reopens one event."""
    return extend_schema(
        operation_id=f"{action}_event",
        summary=f"{action.capitalize()} an event",
        description=description,
        request=ActionSerializer,
        responses={200: EventSerializer, **ACTION_REFUSALS},
    )
