"""Whose turn it is to store: no event is in two pairs of hands."""

import pytest

from sovi_events.record import Record
from sovi_events.writing.batch import Batch
from sovi_events.writing.call import GRACE_SECONDS, Call
from sovi_events.writing.turns import Turns, Verdict


@pytest.fixture
def turns() -> Turns:
    return Turns()


def late(message: str) -> Call:
    """A call whose leader must be lost by now."""
    return Call([Record.of("auth", "info", "x", message)], -2 * GRACE_SECONDS)


def gathered(turns: Turns, *calls: Call) -> tuple[list[Call], list[Batch]]:
    """What the first of the calls leads, the others having queued behind it."""
    assert [turns.enter(call) for call in calls] == [True] + [False] * (len(calls) - 1)
    together, parts = [calls[0]], list[Batch]()
    turns.gather(together, parts)
    return together, parts


def test_a_leader_stores_those_who_wait_as_one_batch(turns: Turns) -> None:
    first, second = late("1"), late("2")
    together, [batch] = gathered(turns, first, second)
    assert together == [first, second]
    assert [record.message for record in batch.records] == ["1", "2"]


def test_who_gives_a_leader_up_keeps_what_that_holds_not_an_event_of_its_own(turns: Turns) -> None:
    first, second = late("1"), late("2")
    together, [batch] = gathered(turns, first, second)
    assert turns.take_over(second) is Verdict.KEEP
    assert second.together is batch
    assert turns.part(together, batch) == [batch]


def test_who_still_queues_leads_in_place_of_a_leader_it_gives_up(turns: Turns) -> None:
    first, second, third = late("1"), late("2"), late("3")
    for call in (first, second, third):
        turns.enter(call)
    assert turns.take_over(second) is Verdict.LEAD_ANEW
    together, parts = [second], list[Batch]()
    turns.gather(together, parts)
    assert together == [second, third]
    assert turns.take_over(third) is Verdict.KEEP


def test_who_is_led_already_is_not_led_again(turns: Turns) -> None:
    first, second = late("1"), late("2")
    gathered(turns, first, second)
    parts = list[Batch]()
    assert not turns.gather([first], parts)
    assert not parts


def test_who_leaves_before_it_was_led_leaves_the_lead_to_the_next(turns: Turns) -> None:
    first, second = late("1"), late("2")
    turns.enter(first)
    turns.enter(second)
    assert turns.leave(first) is second
    assert turns.leave(first) is second  # again, if need be
    assert not turns.gather([first], [])
    assert turns.gather([second], [])


def test_who_leaves_while_it_is_led_leaves_the_lead_where_it_is(turns: Turns) -> None:
    first, second = late("1"), late("2")
    gathered(turns, first)
    turns.enter(second)
    assert turns.leave(first) is None
    assert turns.leader is first
