"""What both viewsets have in common: a table of their operations, and no parameters but its own."""

from typing import Any, ClassVar, NamedTuple, TypeVar

from django.db.models import Model
from rest_framework.request import Request
from rest_framework.viewsets import GenericViewSet

from events.filters.query_string import refuse_parameters

from .query import QuerySerializer
from .renderer import JSONRenderer

AnyModel = TypeVar("AnyModel", bound=Model)


class Operation(NamedTuple):
    """What an action is in OpenAPI, and asks for. Its docstring is published, too."""

    id: str
    permissions: tuple[str, ...]
    parameters: type[QuerySerializer] | None = None
    """Those beside the list's filters; None where there are no parameters at all."""
    needs_body: bool = False


class ApiViewSet(GenericViewSet[AnyModel]):
    renderer_classes = [JSONRenderer]
    http_method_names = ["get", "head", "post"]
    lookup_url_kwarg = "id"
    lookup_value_converter = "int"
    operations: ClassVar[dict[str, Operation]]
    """By the name of the action, which is denied to everyone where it isn't named here."""

    @property
    def operation(self) -> Operation | None:
        """The request's; None where its method is not allowed."""
        return self.operations.get(self.action or "")

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self.operation and not self.operation.parameters:
            refuse_parameters(request.query_params)
