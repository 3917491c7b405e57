"""Query parameters that are no filters: of pages, statistics and exports."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Self

from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from sovi_events.whole_number import whole_number


class QuerySerializer(serializers.Serializer[Any]):
    """Validates such parameters, and describes them to OpenAPI."""

    @classmethod
    @cache
    def _shared(cls) -> Self:
        # Made anew it would copy its fields, for each request.
        return cls()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(cls._shared().fields)

    @classmethod
    def read(cls, query: QueryDict) -> dict[str, Any]:
        """Return the parameters' values. Raises `ValidationError`."""
        # In a QueryDict an empty value would count as none.
        values: dict[str, Any] = cls._shared().run_validation(query.dict())
        return values


class WholeNumberField(serializers.IntegerField):
    """Decimal digits, from the smallest number to the largest."""

    def __init__(self, smallest: int, largest: int, **kwargs: Any) -> None:
        super().__init__(min_value=smallest, max_value=largest, **kwargs)
        self.smallest, self.largest = smallest, largest

    def to_internal_value(self, data: Any) -> int:
        number = whole_number(data, self.smallest, self.largest)
        if number is None:
            reason = f"This must be a whole number from {self.smallest} to {self.largest}."
            raise ValidationError(reason)
        return number


class OneOfField(serializers.ChoiceField):
    def __init__(self, choices: Sequence[str], **kwargs: Any) -> None:
        reason = f"This must be one of {', '.join(choices)}."
        super().__init__(choices, error_messages={"invalid_choice": reason}, **kwargs)


@extend_schema_field({"type": "string"})
class ParsedField(serializers.Field[Any, Any, Any, Any]):
    """Text that `parse` makes a value of, the default too; it raises ValueError with the reason."""

    def __init__(self, parse: Callable[[str], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.parse = parse

    def get_default(self) -> Any:
        return self.parse(str(super().get_default()))

    def to_internal_value(self, data: Any) -> Any:
        try:
            return self.parse(data)
        except ValueError as error:
            raise ValidationError(str(error)) from None
