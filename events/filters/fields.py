"""Form fields of the filters: what one query parameter may hold, cleaned to a Python value."""

import json
import math
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from events.filters.search.keys import Key
from events.filters.search.normalise import read_search
from events.filters.search.query import Search
from events.times import read_time

from .event_filter import NONE as NONE

CONTEXT_DEPTH = 20


def check_storable(text: str) -> None:
    """Raise `ValidationError` for text that PostgreSQL can't be asked for."""
    if "\x00" in text:
        raise ValidationError("NUL characters are not allowed.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValidationError("Unpaired surrogates are not allowed.") from None


class ManyValues(forms.Widget):
    """`?name=a&name=b` and `?name=a,b` are the same list."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> list[str]:
        given = data.getlist(name) if hasattr(data, "getlist") else data.get(name, [])
        texts: Iterable[str] = [given] if isinstance(given, str) else given
        values = (value.strip() for text in texts for value in text.split(","))
        return list(dict.fromkeys(value for value in values if value))


class ValuesField(forms.Field):
    """One or more texts."""

    widget = ManyValues

    def to_python(self, value: list[str] | None) -> list[Any]:
        return [self.parse(text) for text in value or []]

    def parse(self, text: str) -> Any:
        check_storable(text)
        return text


class KnownField(ValuesField):
    """One or more texts, checked as the search's key of the same column is."""

    def __init__(self, *, key: Key, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.key = key

    def parse(self, text: str) -> str:
        try:
            return self.key.check(super().parse(text))
        except ValueError as error:
            raise ValidationError(str(error)) from None


class UUIDsField(ValuesField):
    """One or more UUIDs, or `NONE` for those without."""

    def parse(self, text: str) -> uuid.UUID | str:
        if text == NONE:
            return NONE
        try:
            return uuid.UUID(text)
        except ValueError:
            raise ValidationError(f"{text!r} is not a UUID.") from None


class ParsedTextField(forms.Field):
    """A single text, parsed; None when not given."""

    widget = forms.TextInput
    default_error_messages = {"invalid": "%(error)s"}

    def to_python(self, value: str | None) -> Any:
        if not value:
            return None
        try:
            return self.parse(value)
        except ValueError as error:
            params = {"error": error, "text": value}
            raise ValidationError(self.error_messages["invalid"], params=params) from None

    def parse(self, text: str) -> Any:
        """Return the value, or raise ValueError with the reason."""
        raise NotImplementedError


class SearchField(ParsedTextField):
    """The search language, read and normalised; None when nothing is asked for."""

    def parse(self, text: str) -> Search | None:
        query = read_search(text)
        return query if query.terms else None


class TrueFalseField(ParsedTextField):
    """`true` or `false`."""

    def parse(self, text: str) -> bool:
        try:
            return {"true": True, "false": False}[text.lower()]
        except KeyError:
            raise ValueError(f"{text!r} is neither true nor false.") from None


class InstantField(ParsedTextField):
    """A time, or how long ago it is: see `events.times`."""

    def parse(self, text: str) -> datetime:
        return read_time(text)


class JSONObjectField(ParsedTextField):
    """A JSON object that PostgreSQL's jsonb can hold."""

    def parse(self, text: str) -> dict[str, Any]:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            parsed = None
        if not isinstance(parsed, dict):
            raise ValueError('This must be a JSON object, such as {"platform": "tiktok"}.')
        _check_json(parsed, depth=1)
        return parsed


def _check_json(value: Any, *, depth: int) -> None:
    if depth > CONTEXT_DEPTH:
        raise ValidationError(f"At most {CONTEXT_DEPTH} levels of nesting are allowed.")
    if isinstance(value, str):
        check_storable(value)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValidationError("NaN and infinite numbers are not allowed.")
    elif isinstance(value, dict):
        for key, item in value.items():
            check_storable(key)
            _check_json(item, depth=depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_json(item, depth=depth + 1)
