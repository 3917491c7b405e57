"""Whatever a producer sends becomes text and JSON that PostgreSQL takes, within bounds."""

import dataclasses
import decimal
import enum
import json
import math
import os
import pathlib
import uuid
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sovi_events import storable
from sovi_events.storable import CONTEXT_BYTES, MESSAGE_BYTES, TRUNCATED_KEY


def made(value: Any) -> Any:
    """The value after a way through the context's JSON."""
    return json.loads(storable.storable_context({"value": value}))["value"]


class Shy:
    def __repr__(self) -> str:
        raise RuntimeError("not telling")


class Talkative:
    def __str__(self) -> str:
        return "in its own words"


class Mute:
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class Unbound:
    """A proxy to nothing, as web frameworks have them: it can't even be asked what it is."""

    @property
    def __class__(self) -> type:
        raise RuntimeError("working outside of a request")


class Broken(Mapping[str, int]):
    def __getitem__(self, key: str) -> int:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        yield "first"
        raise RuntimeError("dictionary changed size during iteration")

    def __len__(self) -> int:
        return 2


class Loud(str):
    def __str__(self) -> str:
        return "LOUD"

    def encode(self, *_: Any, **__: Any) -> bytes:
        raise AssertionError("a subclass's own method was asked")


class Phase(enum.Enum):
    LIGHT = "light"


class Level(enum.IntEnum):
    LOW = 1


class Mood(enum.StrEnum):
    CALM = "calm"


@dataclasses.dataclass
class Step:
    name: str
    took: timedelta


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    name: str
    at: datetime


NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
ID = uuid.UUID("0b6f7a52-93ad-4b3b-8c0e-4b1f2f9f2d11")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (3, 3),
        (1.5, 1.5),
        ("plain", "plain"),
        ("nul\x00inside", "nul␀inside"),
        ("lone \ud83d surrogate", "lone \ufffd surrogate"),
        ("😀 whole", "😀 whole"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (NOON, "2026-01-02T12:00:00+00:00"),
        (date(2026, 1, 2), "2026-01-02"),
        (time(1, 2), "01:02:00"),
        (timedelta(minutes=1.5), 90.0),
        (ID, str(ID)),
        (pathlib.PurePosixPath("/var/a"), "/var/a"),
        (pathlib.PurePosixPath(os.fsdecode(b"/var/\xff")), "/var/\ufffd"),
        (decimal.Decimal("1.10"), "1.10"),
        (decimal.Decimal("NaN"), "NaN"),
        (b"raw\xff\x00", "raw\ufffd␀"),
        (bytearray(b"raw"), "raw"),
        (memoryview(b"rraaww")[::2], "raw"),
        (ValueError("no\x00"), {"type": "ValueError", "message": "no␀"}),
        ({3, 1, 2}, [1, 2, 3]),
        ({1, "a"}, None),
        (frozenset({"x"}), ["x"]),
        ((1, [2]), [1, [2]]),
        (OrderedDict(a=1), {"a": 1}),
        (Phase.LIGHT, "light"),
        (Level.LOW, 1),
        (Mood.CALM, "calm"),
        (Step("login", timedelta(seconds=2)), {"name": "login", "took": 2.0}),
        (Slotted("login", NOON), {"name": "login", "at": "2026-01-02T12:00:00+00:00"}),
        (Loud("quiet"), "quiet"),
        (Talkative(), "in its own words"),
        (Shy(), "<Shy: RuntimeError in repr()>"),
        (Mute(), "<Mute: TypeError in str()>"),
        (Unbound(), "<Unbound: RuntimeError>"),
        (Broken(), {"…": "<Broken: KeyError>"}),
        (2**4000, 2**4000),
        (-(10**5000), None),
        (int, "<class 'int'>"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_kept_as_json_has_it(value: Any, expected: Any) -> None:
    kept = made(value)
    if expected is not None or value is None:
        assert kept == expected
        assert type(kept) is type(expected)


def test_an_object_without_words_of_its_own_is_its_repr() -> None:
    assert made(object()).startswith("<object object at 0x")


def test_a_set_of_several_kinds_and_an_integer_beyond_printing_are_kept_too() -> None:
    assert sorted(made({1, "a"}), key=str) == [1, "a"]
    assert made(-(10**5000)).startswith("-0x")
    assert made({"deep": 10**5000})["deep"].endswith("…")


def test_keys_of_any_type_stay_apart() -> None:
    other = uuid.uuid4()
    kept = json.loads(
        storable.storable_context(
            {ID: 1, other: 2, (1, "a"): 3, (2, "b"): 4, None: 5, True: 6, 7: 7, NOON: 8, Shy(): 9}
        )
    )
    assert kept == {
        str(ID): 1,
        str(other): 2,
        '[1,"a"]': 3,
        '[2,"b"]': 4,
        "null": 5,
        "true": 6,
        "7": 7,
        "2026-01-02T12:00:00+00:00": 8,
        "<Shy: RuntimeError in repr()>": 9,
    }


def test_what_contains_itself_or_is_deep_ends_with_a_mark() -> None:
    cyclic: dict[str, Any] = {"name": "loop"}
    cyclic["self"] = cyclic
    ring: list[Any] = []
    ring.append(ring)
    deep: Any = "bottom"
    for _ in range(100_000):
        deep = [deep]
    for value in (cyclic, ring, deep):
        encoded = storable.storable_context({"value": value})
        assert "…" in encoded
        assert len(encoded) < 1000


def test_a_mapping_that_changes_meanwhile_keeps_what_was_read() -> None:
    shared = {"first": 1, "second": 2}

    class Meddler:
        def __str__(self) -> str:
            shared["third"] = 3
            return "meddled"

    shared["first"] = Meddler()  # type: ignore[assignment]
    kept = made(shared)
    assert kept["first"] == "meddled"
    assert kept["…"] == "<dict: RuntimeError>"


def test_a_message_is_cut_at_its_bytes_with_a_mark_and_between_characters() -> None:
    assert storable.storable_message("é" * 4096) == "é" * 4096
    cut = storable.storable_message("é" * 4097)
    assert cut.startswith("ééé")
    assert cut.endswith("é … [cut, 8194 bytes]")
    assert MESSAGE_BYTES - 2 <= len(cut.encode()) <= MESSAGE_BYTES


def test_a_context_that_just_fits_is_left_whole() -> None:
    text = "x" * (CONTEXT_BYTES - len('{"log":""}'))
    assert json.loads(storable.storable_context({"log": text})) == {"log": text}
    assert TRUNCATED_KEY in json.loads(storable.storable_context({"log": text + "x"}))


def test_a_long_text_in_a_context_is_cut_and_what_follows_is_kept() -> None:
    encoded = storable.storable_context({"log": "x" * 100_000, "n": 1, "end": "y" * 90_000, "m": 2})
    kept = json.loads(encoded)
    assert len(encoded.encode()) <= CONTEXT_BYTES
    assert (kept["n"], kept["m"]) == (1, 2)
    assert kept["log"].endswith("x … [cut, 100000 bytes]")
    assert kept["end"].endswith("y … [cut, 90000 bytes]")
    assert kept[TRUNCATED_KEY].startswith("190")
    assert kept[TRUNCATED_KEY].endswith(f"bytes, more than {CONTEXT_BYTES}; cut: log, end")


@pytest.mark.parametrize(
    "rows",
    [list(range(30_000)), [[0] * 300] * 3_000, ["y" * 1_000_000] * 30_000, [{"a": [1]}] * 50_000],
    ids=["just too large", "nested", "one text often", "many small"],
)
def test_what_is_too_large_and_no_text_is_left_out_and_named(rows: list[Any]) -> None:
    kept = json.loads(storable.storable_context({"rows": rows, "n": 1, "step": "login"}))
    assert (kept["n"], kept["step"]) == (1, "login")
    assert set(kept) == {"n", "step", TRUNCATED_KEY}
    assert kept[TRUNCATED_KEY].endswith("cut: rows")


@pytest.mark.parametrize(
    "context",
    [
        {"\x01" * 60 + str(number): "x" * 70_000 for number in range(30)},
        {f"{number}" * 300: "\x02" * 70_000 for number in range(30)},
        {"k" * 100_000: 1, "small": 2},
        {str(number): "ä" * 50 for number in range(50_000)},
    ],
    ids=["control keys", "control values", "a long key", "many keys"],
)
def test_however_it_is_built_a_context_stays_within_its_bytes(context: dict[Any, Any]) -> None:
    encoded = storable.storable_context(context)
    assert len(encoded.encode()) <= CONTEXT_BYTES
    assert TRUNCATED_KEY in json.loads(encoded)


TEXT = st.text(st.characters(codec=None), max_size=40)  # with NUL and surrogates
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    TEXT,
    st.binary(max_size=40),
    st.decimals(),
    st.datetimes(timezones=st.none() | st.just(UTC)),
    st.dates(),
    st.timedeltas(),
    st.uuids(),
    st.complex_numbers(),
    st.fractions(),
    st.integers(0, 6000).map(lambda digits: 10**digits),
    st.builds(ValueError, TEXT),
    st.builds(pathlib.PurePosixPath, TEXT.filter(lambda text: "\x00" not in text)),
    st.builds(Loud, TEXT),
    st.sampled_from([Shy, Mute, Broken, Talkative, object]).map(lambda kind: kind()),
    st.sampled_from([Phase.LIGHT, Level.LOW, Mood.CALM, Slotted("a", NOON), Shy]),
)
KEYS = st.one_of(TEXT, st.integers(), st.floats(), st.none(), st.uuids(), st.tuples(TEXT, TEXT))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=5),
        st.tuples(inner, inner),
        st.dictionaries(KEYS, inner, max_size=5),
        LEAVES.map(lambda value: [value] * 300),
    ),
    max_leaves=15,
)


@pytest.fixture
def session(transactional_db: None) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        yield connection


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(context=st.dictionaries(KEYS, VALUES, max_size=6), message=TEXT)
def test_postgresql_takes_any_mapping_of_anything(
    session: psycopg.Connection[Any], context: dict[Any, Any], message: str
) -> None:
    encoded = storable.storable_context(context)
    text = storable.storable_message(message)
    assert len(encoded.encode()) <= CONTEXT_BYTES
    row = session.execute("SELECT %s::jsonb::text, %s::text", [encoded, text]).fetchone()
    assert row is not None
    # jsonb writes 1e16 as a whole number; as numbers of JSON they are the same.
    stored, sent = (json.loads(it, parse_int=float) for it in (row[0], encoded))
    assert (stored, row[1]) == (sent, text)
