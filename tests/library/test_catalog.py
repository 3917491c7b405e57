"""The catalogue against the specification's own tables."""

import json
import re
from pathlib import Path

from sovi_events import catalog

SPECIFICATION = (Path(__file__).parents[2] / "docs" / "event-system.md").read_text()


def section(title: str) -> str:
    """What stands under a heading of the specification, up to the next of its level."""
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", SPECIFICATION, re.M | re.S)
    assert found, f"The specification has no section {title!r}"
    return found[1]


def tables() -> list[tuple[str, str, str, str]]:
    rows = []
    for category, text in re.findall(
        r"^### (\w+)\n(.*?)(?=^### |\Z)", section("Event Categories"), re.M | re.S
    ):
        cells = [line.strip("| ").split(" | ") for line in text.splitlines() if "|" in line]
        assert cells[0] == ["Event Type", "Severity", "When"]
        rows += [(category, name, severity, when) for name, severity, when in cells[2:]]
    return rows


def conventions() -> dict[str, tuple[str, ...]]:
    text = section("Context Field Conventions")
    return {
        name: tuple(json.loads(fields))
        for name, fields in re.findall(r"^// (\w+)\n(\{.*?^\})", text, re.M | re.S)
    }


def test_the_catalogue_is_the_specifications_tables_in_their_order() -> None:
    known = [(it.category, it.name, it.severity, it.when) for it in catalog.EVENT_TYPES]
    assert known == tables()
    assert len(known) == 23
    assert len({name for _, name, _, _ in known}) == 21


def test_the_context_fields_are_those_of_the_conventions() -> None:
    expected = conventions()
    assert len(expected) == 4
    for event_type in catalog.EVENT_TYPES:
        assert event_type.context_fields == expected.get(event_type.name, ()), event_type
    assert set(expected) <= {event_type.name for event_type in catalog.EVENT_TYPES}


def test_categories_severities_and_resolvers_are_those_of_the_tables_comments() -> None:
    def of(column: str) -> tuple[str, ...]:
        found = re.search(rf"^    {column} .*-- (.+)$", section("Event Structure"), re.M)
        assert found
        return tuple(found[1].split(", "))

    assert set(catalog.CATEGORIES) == set(of("category"))
    assert of("severity") == catalog.SEVERITIES
    assert of("resolved_by") == catalog.RESOLVERS


def test_what_recovers_a_failure_is_a_known_event_that_tells_of_no_failure() -> None:
    mild = {it.name for it in catalog.EVENT_TYPES if it.severity == "info"}
    for event_type in catalog.EVENT_TYPES:
        assert set(event_type.recovered_by) <= mild
        assert event_type.severity != "info" or not event_type.recovered_by
