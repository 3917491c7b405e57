"""The ledger of what programs that emit were answered."""

from pathlib import Path

from machine import Machine


def noted(path: Path) -> dict[str, int | None]:
    """Read a ledger: message to id, None for what was spooled."""
    lines = [line.rsplit(maxsplit=2) for line in path.read_text().splitlines()]
    found = {message: None if event_id == "-" else int(event_id) for message, event_id, _ in lines}
    assert len(found) == len(lines)
    return found


def assert_stored(machine: Machine, answered: dict[str, int | None]) -> None:
    """Each event is in the table once, under the id that emit returned."""
    machine.await_exactly(list(answered))
    stored = dict(machine.rows("message, id"))
    assert {message: stored[message] for message in answered} == {
        message: event_id or stored[message] for message, event_id in answered.items()
    }


def flushed(machine: Machine) -> None:
    machine.producer().flush()
