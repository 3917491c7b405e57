"""Positions as sets: each function against the plain set arithmetic that it stands for."""

from hypothesis import given
from hypothesis import strategies as st

from events.stream.position_sets import CatchUpPlan, above, before, missing, truncate, union, up_to
from sovi_events.following.position import Position

TOP = 30


def position_of(read: set[int]) -> Position:
    position = Position(0)
    for event_id in sorted(read):
        position = position.take(event_id)
    return position


def read_of(position: Position) -> set[int]:
    return {i for i in range(1, TOP + 1) if position.has(i)}


SETS = st.sets(st.integers(1, TOP))


@given(SETS, SETS)
def test_lacking_is_what_the_source_has_read_and_the_reader_has_not(
    reader: set[int], source: set[int]
) -> None:
    ranges = missing(position_of(reader), position_of(source))
    ids = [i for first, last in ranges for i in range(first, last + 1) if i]
    assert ids == sorted(source - reader)


@given(SETS, SETS)
def test_united_is_what_either_has_read(one: set[int], other: set[int]) -> None:
    both = union(position_of(one), position_of(other))
    assert read_of(both) == one | other
    assert Position.parse(str(both)) == both


@given(SETS.filter(bool), st.data())
def test_up_to_is_the_source_cut_off(source: set[int], data: st.DataObject) -> None:
    event_id = data.draw(st.sampled_from(sorted(source)))
    cut = up_to(position_of(source), event_id)
    assert read_of(cut) == {i for i in source if i <= event_id}


@given(SETS, st.integers(0, TOP))
def test_above_leaves_the_ids_greater_than_one(ids: set[int], event_id: int) -> None:
    ranges = tuple((i, i) for i in sorted(ids))
    assert above(ranges, event_id) == tuple((i, i) for i in sorted(ids) if i > event_id)
    assert above(((1, TOP),), event_id) == (((event_id + 1, TOP),) if event_id < TOP else ())


@given(SETS, SETS)
def test_a_course_is_where_a_reader_stands_that_goes_along(
    start: set[int], source: set[int]
) -> None:
    course = CatchUpPlan(position_of(start), position_of(source))
    for event_id in sorted(source - start):
        reached = course.at(event_id)
        assert read_of(reached) == start | {i for i in source if i <= event_id}
        assert Position.parse(str(reached)) == reached


@given(SETS, st.integers(1, TOP + 1))
def test_before_is_the_source_below_an_id(source: set[int], event_id: int) -> None:
    position = before(position_of(source), event_id)
    assert read_of(position) == {i for i in source if i < event_id}
    assert Position.parse(str(position)) == position


@given(SETS, st.integers(1, TOP))
def test_narrowed_leaves_the_lowest_ids(ids: set[int], count: int) -> None:
    ranges = missing(Position(0), position_of(ids))
    left = [i for first, last in truncate(ranges, count) for i in range(first, last + 1)]
    assert left == sorted(ids)[:count]
