"""Who sees the names of devices and of accounts, and may ask for events by them."""

from collections.abc import Collection
from typing import Any

from django.http import QueryDict

from events.filters.query_string import InvalidQuery
from events.filters.search.normalise import named_subjects

from .permissions import VIEW_ACCOUNT, VIEW_DEVICE

PERMISSION = {"device": VIEW_DEVICE, "account": VIEW_ACCOUNT}
"""By the relation of the events whose names it shows."""


def shown_to(user: Any) -> list[str]:
    """The subjects whose names a user sees; the others go by their ids."""
    return [subject for subject, permission in PERMISSION.items() if user.has_perm(permission)]


def refusal(subject: str) -> str:
    return f"To ask by a name needs the permission {PERMISSION[subject]}: give the id."


def refuse_names(query: QueryDict, shown: Collection[str]) -> None:
    """Raise `InvalidQuery` where a search names what is not shown.

    Before the name is looked up: to be told that there is none would tell those there are.
    """
    named = {subject for text in query.getlist("q") for subject in named_subjects(text)}
    if refused := sorted(named.difference(shown)):
        raise InvalidQuery({"q": [refusal(subject) for subject in refused]})
