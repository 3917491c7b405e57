"""A JSON column that also reads what other programs have written."""

from typing import Any

from django.db import models

from sovi_events.loaders import read_json


class TolerantJSONField(models.JSONField):
    """A JSONField that reads whatever jsonb holds, also what Python's parser refuses."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        # A key transform's value is Django's affair.
        return read_json(value) if isinstance(value, str) else value

    def deconstruct(self) -> Any:
        # To migrations it is Django's own: nothing of it is in the database.
        name, _, arguments, keywords = super().deconstruct()
        return name, "django.db.models.JSONField", arguments, keywords
