"""A stored filter as an operator knows it: with the names of the devices and accounts."""

import re
from collections.abc import Collection

from events.filters.stored_filter import StoredFilter
from events.models import Account, Device

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
MODELS: dict[str, type[Device] | type[Account]] = {"device": Device, "account": Account}


def filter_summary(stored: StoredFilter, named: Collection[str]) -> list[tuple[str, str]]:
    """Return each parameter with its values as text, with names for ids of the subjects `named`.

    Ids of what is gone stay ids.
    """
    texts = {name: ", ".join(values) for name, values in stored.items()}
    ids = {found for text in texts.values() for found in _UUID.findall(text)}
    names: dict[str, str] = {}
    if ids:
        for subject in named:
            model = MODELS[subject]
            names |= {str(row.pk): str(row) for row in model._default_manager.filter(pk__in=ids)}
    return [
        (name, _UUID.sub(lambda found: names.get(found[0], found[0]), text))
        for name, text in texts.items()
    ]
