"""What `emit` and `emit_many` refuse, and what they say about it; no database is asked."""

import enum
import json
import sys
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sovi_events import InvalidEvent, catalog
from sovi_events.record import MANY, Record, Records
from sovi_events.storable import CONTEXT_BYTES, TRUNCATED_KEY

GOOD = {
    "category": "scheduler",
    "severity": "info",
    "event_type": "warming_complete",
    "message": "Warmed",
}


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("not telling")


class Gravity(enum.StrEnum):
    BAD = "critical"


class DriversUUID(uuid.UUID):
    pass


EMPTY = ["", " \t\n"]
NO_TEXT = [None, 7, b"bytes", ["list"], Shy(), 10**5000]

REFUSED = [
    *(("category", value, "must not be empty") for value in EMPTY),
    *(("event_type", value, "must not be empty") for value in EMPTY),
    *(("message", value, "must not be empty") for value in EMPTY),
    *(("category", value, "must be text") for value in NO_TEXT),
    *(("event_type", value, "must be text") for value in NO_TEXT),
    *(("message", value, "must be text") for value in NO_TEXT),
    ("category", "c" * 201, "at most 200 characters, not 201"),
    ("event_type", "t" * 201, "at most 200 characters, not 201"),
    *(
        ("severity", value, "one of info, warning, error, critical")
        for value in ("debug", "ERROR", "", "info ", None, 3, Shy())
    ),
    *(
        (argument, value, "must be a UUID or None")
        for argument in ("device_id", "account_id")
        for value in (12, 0, False, b"\x00" * 16, ["iphone-7"], Shy())
    ),
    *(
        ("context", value, "must be a mapping or None")
        for value in ("text", 5, ["list"], [("key", "value")], {"set"}, Shy())
    ),
]


@pytest.mark.parametrize(
    ("argument", "value", "allowed"),
    REFUSED,
    ids=[f"{argument} {place}" for place, (argument, _, _) in enumerate(REFUSED)],
)
def test_a_mistake_is_refused_naming_the_argument_and_what_is_allowed(
    library: Any, argument: str, value: Any, allowed: str
) -> None:
    arguments = {**GOOD, argument: value}
    with pytest.raises(InvalidEvent, match=allowed) as refused:
        library.emit(**arguments)
    assert str(refused.value).startswith(f"{argument} must ")
    assert isinstance(refused.value, ValueError)
    assert len(str(refused.value)) < 200

    with pytest.raises(InvalidEvent, match=allowed) as refused:
        library.emit_many([GOOD, arguments])
    assert str(refused.value).startswith(f"events[1]: {argument} must ")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: [GOOD, "text"], r"events\[1\]: must be a mapping"),
        (lambda: [GOOD, None], r"events\[1\]: must be a mapping"),
        (lambda: [{**GOOD, "mesage": "x"}], r"events\[0\]: 'mesage' is no parameter; allowed: c"),
        (lambda: [{**GOOD, 7: "x"}], r"events\[0\]: 7 is no parameter"),
        (lambda: [{**GOOD, Shy(): "x"}], r"events\[0\]: .*Shy.* is no parameter"),
        (lambda: [{**GOOD, "id": 7}], r"events\[0\]: 'id' is no parameter"),
        (lambda: iter([{"category": "auth"}]), r"events\[0\]: severity is missing"),
        (lambda: dict(GOOD), "events must be an iterable of mappings, not {'category"),
        (lambda: "text", "events must be an iterable of mappings, not 'text'"),
        (lambda: None, "events must be an iterable of mappings, not None"),
    ],
)
def test_emit_many_says_which_event_is_wrong(
    library: Any, given: Callable[[], Any], said: str
) -> None:
    with pytest.raises(InvalidEvent, match=f"^{said}"):
        library.emit_many(given())


def test_subclasses_of_text_and_uuids_become_what_they_are() -> None:
    given = uuid.uuid4()
    record = Record.of(
        **{**GOOD, "severity": Gravity.BAD},
        device_id=DriversUUID(int=given.int),
        account_id=f"{{{given}}}",
    )
    assert record.severity == "critical"
    assert type(record.severity) is str
    assert (type(record.device_id), record.device_id) == (uuid.UUID, given)
    assert record.account_id == given


@pytest.mark.parametrize("name", ["device_id", "account_id"])
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("iphone-7", "iphone-7"),
        ("1234", "1234"),
        ("g" * 32, "g" * 32),
        ("nul\x00and\ud800", "nul␀and\ufffd"),
        ("x" * 201, "x" * 200),
    ],
)
def test_an_id_that_is_no_uuid_is_that_of_an_unknown_subject(
    name: str, given: str, kept: str
) -> None:
    subject: dict[str, Any] = {name: given}
    record = Record.of(**GOOD, **subject, context={"n": 1, f"unknown_{name}": "of the caller"})
    assert (record.device_id, record.account_id) == (None, None)
    assert json.loads(record.context) == {"n": 1, f"unknown_{name}": kept}


def test_an_unknown_subject_is_kept_where_the_context_has_no_room() -> None:
    context = {"log": "y" * 100_000, "more": "z"}
    record = Record.of(**GOOD, device_id="a", account_id="b", context=context)
    found = json.loads(record.context)
    assert (found["unknown_device_id"], found["unknown_account_id"]) == ("a", "b")
    assert set(found) == {*context, "unknown_device_id", "unknown_account_id", TRUNCATED_KEY}
    assert len(record.context.encode()) <= CONTEXT_BYTES


@pytest.mark.parametrize("blank", ["", " \t\n", None])
def test_a_blank_id_is_none(blank: str | None) -> None:
    record = Record.of(**GOOD, device_id=blank, account_id=blank)
    assert record[4:] == (None, None, "{}")


def test_unknown_categories_and_event_types_are_no_mistake() -> None:
    record = Record.of("proxy", "info", "rotated\x00", "x" * 9000)
    assert (record.category, record.event_type) == ("proxy", "rotated␀")
    assert record.message.endswith(" … [cut, 9000 bytes]")
    assert record.context == "{}"


def test_every_type_of_the_catalogue_is_accepted_in_one_call() -> None:
    given = [
        {**GOOD, "category": it.category, "severity": it.severity, "event_type": it.name}
        for it in catalog.EVENT_TYPES
    ]
    assert [record.event_type for record in Records(event for event in given)] == [
        it.name for it in catalog.EVENT_TYPES
    ]


def test_many_events_are_checked_when_they_are_read_each_once() -> None:
    given = Records([GOOD] * MANY + [{**GOOD, "severity": "bad"}])
    assert len(given) == MANY + 1
    assert given[3] is given[3]
    assert list(given[-3:-1]) == [given[MANY - 2], given[MANY - 1]]
    with pytest.raises(InvalidEvent, match=rf"events\[{MANY}\]: severity"):
        list(given)
    with pytest.raises(IndexError):
        given[MANY + 1]


def test_threads_that_read_events_at_once_read_each_in_its_place() -> None:
    events = [{**GOOD, "message": str(number)} for number in range(3000)]
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(5):
            records = Records(events)
            with ThreadPoolExecutor(4) as threads:
                read = list(threads.map(lambda _, them=records: list(them), range(4)))
            for one in read:
                assert [record.message for record in one] == [str(n) for n in range(3000)]
    finally:
        sys.setswitchinterval(interval)
