import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovi_events.following.position import MAX_GAPS, Position


@given(st.sets(st.integers(1, 60)))
def test_a_position_knows_exactly_what_was_taken(taken: set[int]) -> None:
    position = Position(0)
    for event_id in sorted(taken):
        position = position.take(event_id)
    assert {event_id for event_id in range(1, 61) if position.has(event_id)} == taken


@given(st.permutations(range(1, 20)))
def test_any_order_of_taking_everything_leaves_no_gap(order: list[int]) -> None:
    position = Position(0)
    for event_id in order:
        position = position.take(event_id)
    assert position == Position(19)


@given(st.sets(st.integers(1, 60)))
def test_a_token_reads_back_as_its_position(taken: set[int]) -> None:
    position = Position(0)
    for event_id in sorted(taken):
        position = position.take(event_id)
    assert Position.parse(str(position)) == position


def test_a_plain_event_id_is_a_position() -> None:
    assert Position.parse("42") == Position(42)


@pytest.mark.parametrize(
    "text",
    ["", "x", "-1", "+1", "1_0", "٣", "5~7", "9~3-2", "9~5~4", "9~2-4~4", "5~", "9" * 19, "1\n"]
    + ["2000~" + "~".join(str(2 * n) for n in range(1, 2 * MAX_GAPS + 2))],
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="event"):
        Position.parse(text)
