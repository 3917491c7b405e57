"""The tracker against a model: transactions draw ids, and commit or roll back later."""

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from sovi.events import statements
from sovi.events.position import MAX_GAPS
from sovi.events.settled import Memory, Tracker, read_horizon


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
        params = tracker.read_params(limit)
        gaps = zip(params["firsts"], params["lasts"], strict=True)
        late = {i for first, last in gaps for i in range(first, last + 1)} & self.visible
        above = {i for i in self.visible if i > params["high"]}
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


@settings(max_examples=500, deadline=None)
@given(STEPS, st.integers(1, 5))
def test_each_committed_event_is_delivered_once_under_any_interleaving(
    steps: list[tuple[str, str]], limit: int
) -> None:
    table, tracker = Table(), Tracker(0)
    holders: frozenset[str] | None = None
    delivered: list[int] = []

    for step, name in steps:
        if step == "draw":
            table.draw(name)
        elif step in ("commit", "roll back"):
            table.end(name, commit=step == "commit")
        elif step == "reconnect":
            tracker.reconnected()
            holders = None
        elif step == "capture":
            holders = frozenset(table.open)
        elif holders is not None:  # writers may come and go between the capture and the read
            seen = tracker.observe(holders, table.new_for(tracker, limit), limit=limit)
            delivered += [event_id for event_id, _ in seen]
            holders = None

    for name in list(table.open):
        table.end(name, commit=True)
    for _ in range(len(table.visible) + 3):
        seen = tracker.observe(frozenset(), table.new_for(tracker, limit), limit=limit)
        delivered += [event_id for event_id, _ in seen]

    assert sorted(delivered) == sorted(table.visible)
    assert all(not gap.holders for gap in tracker.gaps)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_the_position_with_an_event_says_exactly_what_was_delivered_so_far(
    steps: list[tuple[str, str]],
) -> None:
    table, tracker, delivered = Table(), Tracker(0), set()
    for step, name in steps:
        if step == "draw":
            table.draw(name)
        elif step in ("commit", "roll back"):
            table.end(name, commit=step == "commit")
        elif step == "read":
            ids = table.new_for(tracker, 100)
            for event_id, position in tracker.observe(table.open, ids, limit=100):
                delivered.add(event_id)
                had = {i for i in range(1, table.sequence + 1) if position.has(i)}
                assert delivered <= had
                assert had - delivered <= table.rolled_back


def test_an_id_below_the_newest_waits_for_the_writer_that_drew_it() -> None:
    tracker = Tracker(0)
    assert [i for i, _ in tracker.observe({"slow"}, [2], limit=500)] == [2]
    tracker.observe({"slow"}, [], limit=500)
    tracker.observe({"slow", "later"}, [], limit=500)
    assert tracker.position.gaps == ((1, 1),)
    assert [i for i, _ in tracker.observe({"later"}, [1], limit=500)] == [1]
    assert tracker.position.gaps == ()


def test_a_rolled_back_id_closes_when_those_captured_after_it_have_ended() -> None:
    tracker = Tracker(0)
    tracker.observe({"a"}, [2], limit=500)
    tracker.observe({"a", "b"}, [], limit=500)
    tracker.observe({"b"}, [], limit=500)
    assert tracker.position.gaps == ((1, 1),)  # b was captured too: it may hold id 1
    tracker.observe({"c"}, [], limit=500)
    assert tracker.position.gaps == ()


def test_a_set_captured_before_a_reconnect_closes_nothing() -> None:
    tracker = Tracker(0)
    tracker.observe({"5/2"}, [2], limit=500)
    tracker.observe({"5/2"}, [], limit=500)
    tracker.reconnected()
    tracker.observe({"-1/737"}, [], limit=500)  # the prepared transaction, under its new name
    assert tracker.position.gaps == ((1, 1),)
    assert [i for i, _ in tracker.observe(set(), [1], limit=500)] == [1]


def test_the_high_id_waits_where_a_token_would_grow_too_long() -> None:
    tracker = Tracker(0)
    odd = range(2, 2 * MAX_GAPS + 10, 2)
    delivered = [i for i, _ in tracker.observe({"a"}, odd, limit=500)]
    assert len(tracker.gaps) == MAX_GAPS
    assert delivered == list(odd)[:MAX_GAPS]
    tracker.observe({"b"}, [], limit=500)  # the capture after the gaps were seen
    rest = [i for i in odd if i > tracker.high]
    assert [i for i, _ in tracker.observe(set(), rest, limit=500)] == rest


class Connection:
    """Answers the horizon's two statements from scripted captures of holders."""

    def __init__(self, newest: int, *captures: set[str]) -> None:
        self.newest, self.captures = newest, list(captures)

    def __call__(self, statement: str) -> list[tuple[object]]:
        if statement == statements.NEWEST_ID:
            return [(self.newest,)]
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
