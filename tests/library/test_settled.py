"""The tracker against a model: transactions draw ids, and commit or roll back later."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sovi_events import statements
from sovi_events.following.position import MAX_GAPS
from sovi_events.following.settled import Memory, Tracker, read_horizon


@dataclass
class Table:
    """What readers see of it: visible ids, and open transactions with the ids they drew."""

    sequence: int = 0
    visible: set[int] = field(default_factory=set)
    rolled_back: set[int] = field(default_factory=set)
    open: dict[str, list[int]] = field(default_factory=dict)

    def draw(self, transaction: str) -> None:
        self.sequence += 1
        self.open.setdefault(transaction, []).append(self.sequence)

    def end(self, transaction: str, *, commit: bool) -> None:
        ids = self.open.pop(transaction, [])
        (self.visible if commit else self.rolled_back).update(ids)

    def new_for(self, tracker: Tracker, limit: int) -> list[int]:
        gaps = tracker.gaps_to_read
        late = {i for gap in gaps for i in range(gap.first, gap.last + 1)} & self.visible
        above = {i for i in self.visible if i > tracker.high}
        return sorted(above)[:limit] + sorted(late)[:limit]


NAMES = st.sampled_from("abcd")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("draw"), NAMES),
        st.tuples(st.just("commit"), NAMES),
        st.tuples(st.just("roll back"), NAMES),
        st.tuples(st.just("capture"), st.none()),
        st.tuples(st.just("read"), st.none()),
        st.tuples(st.just("reconnect"), st.none()),
    ),
    max_size=60,
)


def poll(tracker: Tracker, holders: Iterable[str], ids: Iterable[int]) -> list[int]:
    """Let a tracker see the ids, whatever it asked for; return those it delivers."""
    if tracker.waits:
        tracker.capture(holders)
    return [event_id for event_id, _ in tracker.observe(ids, 500)]


@settings(max_examples=1000, deadline=None)
@given(STEPS, st.integers(1, 5), st.integers(1, 4))
def test_each_committed_event_is_delivered_once_under_any_interleaving(
    steps: list[tuple[str, str]], limit: int, max_gaps: int
) -> None:
    table, tracker = Table(), Tracker(0, max_gaps=max_gaps)
    captured = False
    delivered: list[int] = []
    for step, name in steps:
        if step == "draw":
            table.draw(name)
        elif step in ("commit", "roll back"):
            table.end(name, commit=step == "commit")
        elif step == "reconnect":
            tracker.reconnected()
            captured = False
        elif step == "capture":
            tracker.capture(table.open)
            captured = True
        elif captured or not tracker.waits:  # writers come and go between capture and read
            seen = tracker.observe(table.new_for(tracker, limit), limit)
            delivered += [event_id for event_id, _ in seen]
            captured = False
        assert len(tracker.gaps) <= max_gaps

    for name in list(table.open):
        table.end(name, commit=True)
    for _ in range(len(table.visible) + 3):
        tracker.capture(())
        seen = tracker.observe(table.new_for(tracker, limit), limit)
        delivered += [event_id for event_id, _ in seen]

    assert sorted(delivered) == sorted(table.visible)
    assert not any(gap.holders for gap in tracker.gaps)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 4))
def test_the_position_with_an_event_says_exactly_what_was_delivered_so_far(
    steps: list[tuple[str, str]], max_gaps: int
) -> None:
    table, tracker, delivered = Table(), Tracker(0, max_gaps=max_gaps), set()
    for step, name in steps:
        if step == "draw":
            table.draw(name)
        elif step in ("commit", "roll back"):
            table.end(name, commit=step == "commit")
        elif step == "read":
            tracker.capture(table.open)
            for event_id, position in tracker.observe(table.new_for(tracker, 100), 100):
                delivered.add(event_id)
                had = {i for i in range(1, table.sequence + 1) if position.has(i)}
                assert delivered <= had
                assert had - delivered <= table.rolled_back
                assert len(position.gaps) <= max_gaps


def test_an_id_below_the_newest_waits_for_the_writer_that_drew_it() -> None:
    tracker = Tracker(0)
    assert poll(tracker, {"slow"}, [2]) == [2]
    poll(tracker, {"slow"}, [])
    poll(tracker, {"slow", "later"}, [])
    assert tracker.position.gaps == ((1, 1),)
    assert poll(tracker, {"later"}, [1]) == [1]
    assert tracker.position.gaps == ()


def test_a_rolled_back_id_closes_when_those_captured_after_it_have_ended() -> None:
    tracker = Tracker(0)
    poll(tracker, {"a"}, [2])
    poll(tracker, {"a", "b"}, [])
    poll(tracker, {"b"}, [])
    assert tracker.position.gaps == ((1, 1),)  # b was captured too: it may hold id 1
    poll(tracker, {"c"}, [])
    assert tracker.position.gaps == ()


def test_a_snapshot_that_ends_below_an_open_transaction_loses_nothing() -> None:
    # One draws 1 and stays open under the higher transaction id; the other draws 2 and commits.
    tracker = Tracker(0)
    assert poll(tracker, {"lower", "higher"}, []) == []
    assert poll(tracker, {"higher"}, [2]) == [2]
    poll(tracker, {"higher"}, [])
    assert poll(tracker, (), [1]) == [1]


def test_a_set_captured_before_a_reconnect_closes_nothing() -> None:
    tracker = Tracker(0)
    poll(tracker, {"5/2"}, [2])
    poll(tracker, {"5/2"}, [])
    tracker.reconnected()
    poll(tracker, {"-1/737"}, [])  # the prepared transaction, under its new name
    assert tracker.position.gaps == ((1, 1),)
    assert poll(tracker, (), [1]) == [1]


def test_a_gap_is_not_read_again_before_one_of_its_holders_has_ended() -> None:
    tracker = Tracker(0)
    poll(tracker, {"slow", "other"}, [1_000_001])

    def gaps_read(holders: set[str]) -> list[int]:
        tracker.capture(holders)
        firsts = [gap.first for gap in tracker.gaps_to_read]
        tracker.observe((), 500)
        return firsts

    assert gaps_read({"slow", "other"}) == [1]  # what came between the read and the capture
    assert gaps_read({"slow", "other", "new"}) == []
    assert gaps_read({"slow", "new"}) == [1]
    assert gaps_read({"slow"}) == []
    assert gaps_read(set()) == [1]
    assert tracker.gaps == []


def test_the_high_id_waits_where_a_token_would_grow_too_long() -> None:
    tracker = Tracker(0)
    odd = range(2, 2 * MAX_GAPS + 10, 2)
    delivered = poll(tracker, {"a"}, odd)
    assert len(tracker.gaps) == MAX_GAPS
    assert delivered == list(odd)[:MAX_GAPS]
    poll(tracker, {"b"}, [])  # the capture after the gaps were seen
    rest = [i for i in odd if i > tracker.high]
    assert poll(tracker, (), rest) == rest


def test_late_rows_wait_where_the_gaps_between_them_would_be_too_many() -> None:
    tracker = Tracker(0, max_gaps=2)
    poll(tracker, {"a", "b"}, [10])
    poll(tracker, {"a", "b"}, [])
    assert poll(tracker, {"b"}, [2, 4, 6, 8]) == [2]
    assert str(tracker.position) == "10~1~3-9"
    assert poll(tracker, (), [4, 6, 8]) == [4, 6, 8]
    assert str(tracker.position) == "10"


class Connection:
    """Answers the horizon's two statements from scripted captures of holders."""

    def __init__(self, newest: int, *captures: set[str], numbering: int = 1) -> None:
        self.newest, self.numbering, self.captures = newest, numbering, list(captures)

    def __call__(self, statement: str) -> list[tuple[object, ...]]:
        if statement == statements.NEWEST_ID:
            return [(self.newest, self.newest, self.numbering)]
        held = self.captures.pop(0) if len(self.captures) > 1 else self.captures[0]
        return [(holder,) for holder in held]


def test_the_horizon_waits_for_exactly_the_writers_captured_first() -> None:
    run = Connection(7, {"a", "b"}, {"b", "c"}, {"c"})
    assert read_horizon(run, memory=Memory(), wait_seconds=60) == (7, True)


def test_a_writer_that_stays_open_leaves_what_was_known_to_be_settled() -> None:
    memory = Memory()
    assert read_horizon(Connection(5, set()), memory=memory) == (5, True)
    assert read_horizon(Connection(9, {"a"}), memory=memory, wait_seconds=0.02) == (5, False)


def test_a_database_that_went_back_voids_what_was_known() -> None:
    memory = Memory()
    read_horizon(Connection(500, set()), memory=memory)
    assert read_horizon(Connection(9, {"a"}), memory=memory, wait_seconds=0.02) == (0, False)


def test_ids_given_out_anew_void_what_was_known_of_the_former_ones() -> None:
    memory = Memory()
    read_horizon(Connection(60, set()), memory=memory)
    anew = Connection(200, {"a"}, numbering=2)
    assert read_horizon(anew, memory=memory, wait_seconds=0.02) == (0, False)
    assert read_horizon(Connection(200, set(), numbering=2), memory=memory) == (200, True)
