"""What of a text is drawn, the same on every face: the live page's script takes this list too."""

import io
import json
from pathlib import Path

import pytest

from sovi_events.readable import readable
from sovi_events.tail.printer import Printer

TEXTS = json.loads(Path(__file__).with_name("readable_texts.json").read_text())


@pytest.mark.parametrize("text, shown", [pytest.param(a, b, id=why) for a, b, why in TEXTS])
def test_a_text_is_shown_without_what_only_a_terminal_obeys(text: str, shown: str) -> None:
    assert readable(text) == shown


@pytest.mark.parametrize("part", ["\x1b]", "\x90", "\x9b0", "\x1b[0", "\x1b ", "a\r", "\u200b"])
def test_a_hostile_text_takes_no_longer_than_it_is_long(part: str) -> None:
    readable(part * 200_000)  # by its square it would be hours


def test_the_tail_prints_the_same_on_one_line() -> None:
    lines = io.StringIO()
    printer = Printer(lines, as_json=False)
    event = {"timestamp": "2026-01-31T12:00:00.000000Z", "severity": "error", "id": 7}
    event |= {"category": "build", "event_type": "failed", "resolved": False}
    for message in ("\x1b[31mfailed\x1b[0m\nagain", "\u200b"):
        printer.event({**event, "message": message})
    first, second = lines.getvalue().splitlines()
    assert "  failed\\nagain  #7" in first
    assert "  (no message)  #7" in second
