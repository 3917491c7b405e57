"""`sovi_events.lenient`: any arguments, and what becomes of them."""

import enum
import inspect
import itertools
import json
import logging
import uuid
from typing import Any
from uuid import UUID

import pytest
from machine import Machine

import sovi_events
from events.models import EventAction, SystemEvent
from sovi_events import lenient as face
from sovi_events.storable import CONTEXT_BYTES

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = ("scheduler", "error", "warming_failed", "No answer")
LOGGER = "sovi_events.lenient"


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("not telling")


class Gravity(enum.Enum):
    BAD = "critical"


ODD: list[Any] = [
    *(None, "", " \t", "x", "nul\x00\ud800", "y" * 300, "ERROR", "fatal", "42", "-1"),
    *(0, -1, 7, 2**70, 10**5000, 1.5, float("nan"), float("inf"), True, False),
    *(
        b"bytes",
        [],
        ["x", None, 3],
        {"a": Shy()},
        {3},
        Gravity.BAD,
        Shy(),
        ValueError("no"),
        object(),
    ),
]


def the_event(event_id: int | None = None) -> SystemEvent:
    found = SystemEvent.objects
    return found.get() if event_id is None else found.get(pk=event_id)


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


# -- Nothing raises -------------------------------------------------------------------------------


def odd_calls(call: Any) -> list[dict[str, Any]]:
    """Each odd value for each argument alone, and each for all of them."""
    names = list(inspect.signature(call).parameters)
    return [
        *({name: value} for name, value in itertools.product(names, ODD)),
        *(dict.fromkeys(names, value) for value in ODD),
    ]


def test_every_odd_event_is_stored(lenient: Any) -> None:
    names = list(inspect.signature(face.emit).parameters)
    plain = dict(zip(names, GOOD, strict=False))
    returned = [lenient.emit(**{**plain, **odd}) for odd in odd_calls(face.emit)]
    assert all(returned)
    assert len(set(returned)) == len(ODD) * (len(names) + 1)
    assert SystemEvent.objects.count() == len(returned)
    severities = set(SystemEvent.objects.values_list("severity", flat=True))
    assert severities == {"error", "warning"}


def test_every_odd_event_of_several_is_stored(lenient: Any) -> None:
    names = list(inspect.signature(face.emit).parameters)
    plain = dict(zip(names, GOOD, strict=False))
    given = [*ODD, *({**plain, **odd} for odd in odd_calls(face.emit)), {"mesage": "x"}, {7: 8}]
    returned = lenient.emit_many(given)
    assert all(returned)
    assert returned == sorted(set(returned))
    assert SystemEvent.objects.count() == len(returned) == len(given)
    for odd in ODD:
        lenient.emit_many(odd)


@pytest.mark.parametrize("name", ["get_events", "get_unresolved"])
def test_every_odd_filter_is_answered(lenient: Any, name: str) -> None:
    lenient.emit(*GOOD)
    for odd in odd_calls(getattr(face, name)):
        assert isinstance(getattr(lenient, name)(**odd), list)


@pytest.mark.parametrize("name", ["resolve", "reopen"])
def test_every_odd_action_is_answered(lenient: Any, name: str) -> None:
    event_id = lenient.emit(*GOOD)
    for odd in odd_calls(getattr(face, name)):
        assert getattr(lenient, name)(**{"event_id": event_id, **odd}) is ("event_id" not in odd)


def test_every_odd_timeout_is_waited_for(lenient: Any) -> None:
    for odd in ODD:
        assert lenient.flush(odd) is True


# -- Events ---------------------------------------------------------------------------------------


def test_what_is_right_is_stored_as_by_the_strict_call_positionally_too(
    lenient: Any, device_id: UUID, account_id: UUID, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    event = the_event(lenient.emit(*GOOD, device_id, str(account_id), {"step": "login"}))
    assert (event.category, event.severity, event.event_type, event.message) == GOOD
    assert (event.device_id, event.account_id) == (device_id, account_id)
    assert event.context == {"step": "login"}
    assert [(it.levelname, it.getMessage()) for it in caplog.records] == [
        ("INFO", "[event] scheduler/warming_failed: No answer")
    ]


@pytest.mark.parametrize(
    ("given", "columns", "kept"),
    [
        ({"severity": "fatal"}, {"severity": "warning"}, {"severity": "fatal"}),
        ({"severity": None}, {"severity": "warning"}, {"severity": None}),
        ({"severity": " Critical"}, {"severity": "critical"}, None),
        ({"category": ""}, {"category": "unknown"}, {"category": ""}),
        ({"category": 7}, {"category": "unknown"}, {"category": 7}),
        ({"event_type": "t" * 300}, {"event_type": "t" * 200}, {"event_type": "t" * 300}),
        ({"message": None}, {"message": "(no message)"}, {"message": None}),
        ({"message": " "}, {"message": "(no message)"}, {"message": " "}),
        (
            {"message": ValueError("no answer")},
            {"message": "no answer"},
            {"message": {"type": "ValueError", "message": "no answer"}},
        ),
        ({"context": "step: login"}, {}, {"context": "step: login"}),
        ({"context": [1, 2]}, {}, {"context": [1, 2]}),
        ({"context": ""}, {}, None),
        ({"device_id": "", "account_id": " "}, {"device_id": None, "account_id": None}, None),
    ],
)
def test_what_was_wrong_is_kept_and_logged_once(
    lenient: Any,
    caplog: pytest.LogCaptureFixture,
    given: dict[str, Any],
    columns: dict[str, Any],
    kept: dict[str, Any] | None,
) -> None:
    plain = dict(zip(("category", "severity", "event_type", "message"), GOOD, strict=True))
    lenient.emit(**{**plain, **given})
    event = the_event()
    for column, value in {**plain, **given, **columns}.items():
        if column != "context":
            assert getattr(event, column) == value
    assert event.context == ({} if kept is None else {"invalid_arguments": kept})
    warnings = [it.getMessage() for it in caplog.records if it.levelname == "WARNING"]
    assert len(warnings) == (kept is not None)
    for name in kept or ():
        assert warnings[0].startswith(f"emit: {name} must ")


def test_all_that_was_wrong_with_a_call_is_said_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    face.emit("", "fatal", None, "", 7, "iPhone-A", "step")
    [said] = [it.getMessage() for it in caplog.records if it.levelname == "WARNING"]
    for name in ("category", "severity", "event_type", "message", "device_id", "context"):
        assert f"{name} must " in said
    assert set(the_event().context) == {
        *("invalid_arguments", "unknown_device_id", "unknown_account_id")
    }


def test_an_id_that_is_no_uuid_is_that_of_an_unknown_subject(lenient: Any) -> None:
    unknown = uuid.uuid4()
    first = lenient.emit(*GOOD, "iPhone-A", unknown, {"n": 1})
    second = lenient.emit(*GOOD, 7)
    assert the_event(first).context == {
        "n": 1,
        "unknown_device_id": "iPhone-A",
        "unknown_account_id": str(unknown),
    }
    assert the_event(second).context == {
        "unknown_device_id": "7",
        "invalid_arguments": {"device_id": 7},
    }


def test_what_was_wrong_has_room_beside_a_context_that_has_none() -> None:
    face.emit("scheduler", "fatal", "x", "x", context={"log": "y" * 100_000, "more": 1})
    context = the_event().context
    assert context["invalid_arguments"] == {"severity": "fatal"}
    assert context["log"].endswith("y … [cut, 100000 bytes]")
    assert len(json.dumps(context).encode()) < CONTEXT_BYTES


def test_several_events_are_each_as_good_as_they_can_be(lenient: Any) -> None:
    good = {"category": "auth", "severity": "info", "event_type": "x", "message": "good"}

    def given() -> Any:
        yield good
        yield {**good, "severity": "bad", "mesage": "typed wrong"}
        yield "not a mapping"
        raise ValueError("no more")

    returned = lenient.emit_many(given())
    assert len(returned) == 3
    first, second, third = (the_event(event_id) for event_id in returned)
    assert first.context == {}
    assert second.context == {"invalid_arguments": {"severity": "bad", "mesage": "typed wrong"}}
    assert (third.category, third.message) == ("unknown", "not a mapping")
    assert lenient.emit_many([]) == lenient.emit_many(None) == []
    assert len(lenient.emit_many(good)) == 1


# -- Filters --------------------------------------------------------------------------------------


def test_filters_are_positional_in_the_order_of_the_strict_names(
    lenient: Any, device_id: UUID, account_id: UUID
) -> None:
    wanted = lenient.emit(*GOOD, device_id, account_id)
    lenient.emit(*GOOD)
    given = ("scheduler", "error", "warming_failed", device_id, str(account_id), False, 5, 0)
    assert ids(lenient.get_events(*given)) == [wanted]
    assert len(lenient.get_unresolved("error", "scheduler", 5)) == 2
    strict = list(inspect.signature(sovi_events.get_events).parameters)
    assert list(inspect.signature(face.get_events).parameters) == strict


def test_a_blank_filter_is_none(lenient: Any, device_id: UUID) -> None:
    wanted = lenient.emit(*GOOD, device_id)
    blank = {"category": "", "severity": [], "event_type": [""], "device_id": "", "account_id": " "}
    for none in ({}, blank, {**blank, "resolved": "", "limit": "", "after_id": ""}):
        assert ids(lenient.get_events(**none)) == [wanted]


def test_an_unknown_severity_finds_what_other_programs_stored(lenient: Any) -> None:
    foreign = SystemEvent.objects.create(
        category="auth", severity="fatal", event_type="x", message="x"
    ).pk
    lenient.emit(*GOOD)
    assert ids(lenient.get_events(severity="fatal")) == [foreign]
    assert ids(lenient.get_unresolved("fatal")) == [foreign]
    assert ids(lenient.get_unresolved(["fatal", 7])) == [foreign]
    assert lenient.get_events(severity="nobody has this") == []


@pytest.mark.parametrize(
    "filters",
    [
        *({"device_id": value} for value in ("iPhone-A", 7, ["x"])),
        *({"category": value} for value in (7, [7], b"auth")),
        *({"limit": value} for value in (0, -1, "-5")),
        *({"after_id": value} for value in ("newest", 1.5, 2**63, "9" * 30)),
    ],
)
def test_a_filter_that_nothing_can_match_finds_nothing(
    lenient: Any, filters: dict[str, Any]
) -> None:
    lenient.emit(*GOOD)
    assert lenient.get_events(**filters) == []


def test_limits_are_clipped_and_what_is_no_number_is_the_default(lenient: Any) -> None:
    SystemEvent.objects.bulk_create(
        SystemEvent(category="auth", severity="info", event_type="x", message="x")
        for _ in range(120)
    )
    assert len(lenient.get_events(limit=10**9)) == 120
    assert len(lenient.get_events(limit="110")) == 110
    assert len(lenient.get_events(limit="many")) == 100
    assert len(lenient.get_events(limit=None)) == 100
    assert len(lenient.get_unresolved(limit="many")) == 50
    assert len(lenient.get_events(after_id=-7)) == 100


@pytest.mark.parametrize(
    ("value", "found"),
    [*((it, [True]) for it in (True, "true", "True", 1)), *((it, [False]) for it in (False, "0"))],
)
def test_resolved_is_taken_as_a_dashboard_gets_it(lenient: Any, value: Any, found: Any) -> None:
    lenient.resolve(lenient.emit(*GOOD))
    lenient.emit(*GOOD)
    assert [row["resolved"] for row in lenient.get_events(resolved=value)] == found
    assert len(lenient.get_events(resolved="maybe")) == 2


# -- Actions --------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["resolve", "reopen"])
@pytest.mark.parametrize(
    ("by", "kind", "actor"),
    [
        ("ada", "human", "ada"),
        ("human", "human", None),
        ("LLM_agent", "llm_agent", None),
        ("", "auto", None),
        (None, "auto", None),
        (7, "auto", "7"),
    ],
)
def test_a_text_that_is_no_kind_of_resolver_is_a_person(
    lenient: Any, verb: str, by: Any, kind: str, actor: str | None
) -> None:
    event_id = lenient.emit(*GOOD)
    if verb == "reopen":
        lenient.resolve(event_id)
        EventAction.objects.all().delete()
    assert getattr(lenient, verb)(str(event_id), by) is True
    action = EventAction.objects.get()
    assert (action.action, action.actor_kind) == (verb, kind)
    assert actor is None or action.actor == actor
    assert the_event().resolved_by == (kind if verb == "resolve" else None)


def test_an_actor_that_is_named_stays(lenient: Any) -> None:
    lenient.resolve(lenient.emit(*GOOD), "ada", "Ada Lovelace", 5)
    action = EventAction.objects.get()
    assert (action.actor_kind, action.actor, action.reason) == ("human", "Ada Lovelace", "5")


@pytest.mark.parametrize("event_id", ["x", None, "", 4.5, True, [1], 0, -1, 2**63, "9" * 5000])
def test_an_id_that_no_event_has_is_answered_with_false(lenient: Any, event_id: Any) -> None:
    lenient.emit(*GOOD)
    assert lenient.resolve(event_id, "ada") is False
    assert lenient.reopen(event_id, "ada") is False
    assert not EventAction.objects.exists()


def test_the_first_resolver_stays(lenient: Any) -> None:
    event_id = lenient.emit(*GOOD)
    assert lenient.resolve(event_id, "ada") is True
    assert lenient.resolve(event_id, "llm_agent") is True
    assert the_event().resolved_by == "human"


# -- Beyond arguments -----------------------------------------------------------------------------


def test_it_offers_the_names_of_the_strict_face() -> None:
    assert face.__all__ == sovi_events.__all__
    for name in face.__all__:
        assert getattr(face, name)


def test_without_a_configuration_that_can_be_events_stand_on_stderr(machine: Machine) -> None:
    machine.variables |= {"DATABASE_URL": "mysql://x/y"}
    said = machine.run("""
import asyncio, logging
from sovi_events import lenient as events

logging.basicConfig(filename="log", level="ERROR")
print(events.emit("auth", "fatal", "x", "one", "iPhone-A"))
print(events.emit_many([{"message": "two"}, "three"]))
print(asyncio.run(events.async_emit("auth", "info", "x", "four")))
print(events.flush())
""")
    assert said.splitlines() == ["None", "[None, None]", "None", "False"]
    lines = [json.loads(line) for line in machine.errors().splitlines()]
    assert [line["message"] for line in lines] == ["one", "two", "three", "four"]
    assert {line["not_stored"].partition(" ")[0] for line in lines} == {"DATABASE_URL"}
    assert lines[0]["context"] == {
        "invalid_arguments": {"severity": "fatal"},
        "unknown_device_id": "iPhone-A",
    }
    assert "DATABASE_URL must begin with" in (machine.folder / "log").read_text()


def test_what_it_logs_becomes_no_event() -> None:
    root = logging.getLogger()
    handler = sovi_events.EventHandler(logging.INFO)
    root.addHandler(handler)
    try:
        face.emit("", "fatal", "x", "x")
    finally:
        root.removeHandler(handler)
    assert SystemEvent.objects.count() == 1
