"""What resolve and reopen refuse, and what they record of who acted."""

import socket
import sys
from typing import Any

import pytest

from events.models import EventAction
from sovi_events import InvalidEvent
from sovi_events.storable import MESSAGE_BYTES


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("not telling")


@pytest.mark.parametrize("verb", ["resolve", "reopen"])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        *(
            ({"event_id": value}, "event_id must be a whole number")
            for value in ("42", None, 4.0, True, Shy(), [1])
        ),
        *(
            ({"event_id": 1, "by": value}, "_by must be one of human, llm_agent, auto; not")
            for value in ("robot", "", None, 1, Shy())
        ),
        ({"event_id": 1, "actor": 7}, "actor must be text or None, not 7"),
        ({"event_id": 1, "reason": ["why"]}, "reason must be text or None"),
    ],
)
def test_a_mistake_is_refused_naming_the_argument(
    library: Any, verb: str, arguments: dict[str, Any], said: str
) -> None:
    past = {"resolve": "resolved_by", "reopen": "reopened_by"}[verb]
    given = {past if name == "by" else name: value for name, value in arguments.items()}
    with pytest.raises(InvalidEvent, match=said):
        getattr(library, verb)(**given)


@pytest.mark.django_db(transaction=True)
def test_the_record_names_this_program_unless_told_who_acts(
    library: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/sovi/scheduler.py", "--verbose"])
    event_id = library.emit("auth", "info", "x", "x")
    assert library.resolve(event_id)
    assert library.reopen(event_id, "human", actor="Ada", reason="It came\x00 back")
    assert library.resolve(event_id=event_id, resolved_by="llm_agent", reason="x" * 10_000)
    actions = EventAction.objects.order_by("pk")
    this = f"scheduler.py@{socket.gethostname()}"
    assert [(it.action, it.actor, it.actor_kind, it.face) for it in actions] == [
        ("resolve", this, "auto", "library"),
        ("reopen", "Ada", "human", "library"),
        ("resolve", this, "llm_agent", "library"),
    ]
    assert [it.reason for it in actions][:2] == [None, "It came␀ back"]
    assert len(str(actions[2].reason).encode()) == MESSAGE_BYTES
    assert len({it.operation for it in actions}) == 3


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "event_id",
    [0, -1, 2**31, 2**63 - 1, 2**63, pytest.param(10**5000, id="of 5,001 digits")],
)
def test_an_id_that_no_event_has_is_answered_with_false(library: Any, event_id: int) -> None:
    assert library.resolve(event_id) is False
    assert library.reopen(event_id) is False
    assert not EventAction.objects.exists()
