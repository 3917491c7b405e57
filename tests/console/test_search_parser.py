"""The search language: what is read from a text, and what is said of one that can't be read."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from events.filters.search.error import SearchError
from events.filters.search.guide import EXAMPLES
from events.filters.search.keys import KEYS
from events.filters.search.parser import MAX_PATH, MAX_TERMS, is_number, parse
from events.filters.search.query import (
    BARE_SEGMENT,
    BARE_VALUE,
    Column,
    Context,
    Search,
    SearchTerm,
    Value,
    Words,
    quoted,
)
from sovi_events.storable import storable_text

# Of what the language is made of, so that chance finds its corners, and of anything else.
PIECES = st.sampled_from(
    [*KEYS, "context", "error", "yes", "2h", "42", "human", "é", "x.y", " ", "\u3000", "\n"]
    + [*'"“”„\\-:<>=,.#', "\\\\", '\\"', '"a b"', "context.a", "\0", "\ud800"]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))
STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
COLUMN_VALUES: dict[str, Any] = {
    "severity": st.sampled_from(["info", "warning", "error", "critical"]),
    "resolved": st.sampled_from(["yes", "no"]),
    "resolved_by": st.sampled_from(["human", "llm_agent", "auto"]),
    "id": st.integers(0, 2**63 - 1).map(str),
    "since": st.sampled_from(["2h", "7d", "2026-11-25", "2026-11-25T08:00:00+02:00"]),
    "until": st.sampled_from(["0s", "2026-11-25 08:00"]),
}


@st.composite
def columns(draw: st.DrawFn) -> Column:
    key = draw(st.sampled_from(sorted(KEYS)))
    most = 3 if KEYS[key].several else 1
    values = st.lists(COLUMN_VALUES.get(key, STORABLE).map(Value), min_size=1, max_size=most)
    return Column(key, tuple(draw(values)))


def context_value(text: str, is_text: bool) -> Value:
    return Value(text, is_text=is_text or not BARE_VALUE.fullmatch(text))


PATHS = st.lists(STORABLE, min_size=1, max_size=4).map(tuple)
CONTEXTS = st.one_of(
    st.builds(
        Context,
        PATHS,
        st.just(":"),
        st.lists(st.builds(context_value, STORABLE, st.booleans()), min_size=1, max_size=3).map(
            tuple
        ),
    ),
    st.builds(
        Context,
        PATHS,
        st.sampled_from([">", ">=", "<", "<="]),
        st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
        .map(str)
        .filter(is_number)
        .map(lambda text: (Value(text),)),
    ),
)
QUERIES = st.lists(
    st.builds(SearchTerm, st.one_of(STORABLE.map(Words), columns(), CONTEXTS), st.booleans()),
    max_size=6,
).map(lambda terms: Search(tuple(terms)))


def only(text: str) -> Words | Column | Context:
    [term] = parse(text).terms
    return term.what


def column(key: str, *values: str) -> Column:
    return Column(key, tuple(map(Value, values)))


@given(TEXTS)
@example("-")
@example('context."')
@example("context.a")
@example("severity:")
def test_a_text_is_read_or_refused_at_one_of_its_characters(text: str) -> None:
    try:
        parse(text)
    except SearchError as error:
        assert 0 <= error.position < len(text)
        assert error.reason.endswith((".", "<="))
        assert f"At character {error.position + 1}, " in str(error)
        assert f"▸{storable_text(text[error.position])}" in error.excerpt
        str(error).encode()


@given(QUERIES)
def test_a_query_printed_reads_as_itself(query: Search) -> None:
    assert parse(str(query)) == query


@given(TEXTS)
def test_what_was_read_once_reads_the_same_when_printed(text: str) -> None:
    try:
        query = parse(text)
    except SearchError:
        return
    assert parse(str(query)) == query


@given(STORABLE)
def test_any_text_between_quotes_is_a_phrase_and_a_value(text: str) -> None:
    assert only(quoted(text)) == Words(text)
    assert only(f"category:{quoted(text)}") == column("category", text)
    assert only(f"context.{quoted(text)}:{quoted(text)}") == Context(
        (text,), ":", (Value(text, is_text=True),)
    )


@given(STORABLE.filter(BARE_SEGMENT.fullmatch), STORABLE.filter(BARE_VALUE.fullmatch))
def test_what_needs_no_quotes_is_taken_as_it_stands(key: str, value: str) -> None:
    assert only(f"context.{key}:{value}") == Context((key,), ":", (Value(value),))
    assert only(f"type:{value}") == column("type", value)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("failed", Words("failed")),
        ("tiktok/grind4829:", Words("tiktok/grind4829:")),
        ("12:30", Words("12:30")),
        ("a>b", Words("a>b")),
        ("100%", Words("100%")),
        (r"C/\new", Words("C/\\new")),
        ('"login failed"', Words("login failed")),
        (r'"say \"no\" in C:\new\\"', Words('say "no" in C:\\new\\')),
        ("severity:error,Critical", column("severity", "error", "critical")),
        ("SEVERITY:info", column("severity", "info")),
        ('category:"a,b",c', column("category", "a,b", "c")),
        ("resolved:true", column("resolved", "yes")),
        ("id:007,8", column("id", "7", "8")),
        ("severity:ERROR,debug", column("severity", "error", "debug")),
        ("resolved_by:Admin", column("resolved_by", "Admin")),
        ("Android", Words("Android")),
        ("#42", column("id", "42")),
        ("#42nd", Words("#42nd")),
        ("id:-5,8", column("id", "-5", "8")),
        ("#-5", column("id", "-5")),
        ("since:2026-11-25T08:00:00+02:00", column("since", "2026-11-25T08:00:00+02:00")),
        ("context.a.b:1", Context(("a", "b"), ":", (Value("1"),))),
        ('context."a.b".c:"1",x', Context(("a.b", "c"), ":", (Value("1", True), Value("x")))),
        ("context.likes>=-3.5e2", Context(("likes",), ">=", (Value("-3.5e2"),))),
    ],
)
def test_each_form_of_a_term_is_read(text: str, what: Any) -> None:
    assert parse(text) == Search((SearchTerm(what),))
    assert parse(f" -{text}\t") == Search((SearchTerm(what, negated=True),))


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("a - b", 2, "After - comes, without a space"),
        ("a --b", 3, "One - is enough"),
        ('a "b', 2, "The quote that closes this one is missing"),
        (r'"C:\"', 0, "The quote that closes this one is missing"),
        ('""', 0, "There is nothing between these quotes"),
        ('a"b"', 1, "A quote begins a phrase at the start of a word only"),
        ('"a"b', 3, "Put a space here"),
        ("x severty:error", 2, "There is no key “severty”. Known ones: severity, category, type"),
        ("http://x", 0, "Put quotes around text that holds a colon"),
        ("severity>error", 8, "After severity comes a colon"),
        ("severity:eror", 9, "“eror” is not one of info, warning, error, critical"),
        ("severity:error,eror", 15, "“eror” is not one of"),
        ("severity: error", 8, "After this comes a value"),
        ("severity:error,", 14, "After this comes a value"),
        ('severity:error"', 14, "Put a space here"),
        ("device:“iPhone", 7, "The quote that closes this one is missing"),
        ("resolved:maybe", 9, "“maybe” is neither yes nor no"),
        ("resolved:yes,no", 12, "This takes a single value"),
        ("resolved_by:humans", 12, "“humans” is not one of human, llm_agent, auto"),
        ("id:--1", 3, "“--1” is not an event's id"),
        ("id:-9223372036854775809", 3, "is not an event's id"),
        ("id:٣", 3, "is not an event's id"),
        ("#9223372036854775808", 0, "is not an event's id"),
        ("since:yesterday", 6, "“yesterday” is not a time such as 2h, 7d"),
        ("since:999999999w", 6, "is not a time"),
        ("context:x", 0, "Name a key of the context"),
        ("context.:x", 7, "After this dot comes a key"),
        ("context.a", 8, "comes one of : > >= < <="),
        ("context.a=1", 9, "comes one of : > >= < <="),
        ("context.a>b", 10, "This must be a number"),
        ('context.a>"1"', 10, "This must be a number"),
        ("context.a>1,2", 11, "This takes a single value"),
        ("context.a>1e999", 10, "This must be a number"),
        (f"context{'.a' * 21}:1", 47, f"At most {MAX_PATH} levels"),
        ("a " * 51, 100, f"A search has at most {MAX_TERMS} terms"),
        ("captcha OR login", 8, "one of several values is type:a,b"),
        ("captcha AND login", 8, "A search has no AND: all terms must hold"),
        ("captcha NOT login", 8, "and -type:a what must not be"),
        ("NOT type:login_failed", 0, 'Put quotes around "NOT"'),
        ("a\0", 1, "NUL characters are not allowed"),
        ("a\ud800", 1, "Unpaired surrogates are not allowed"),
    ],
)
def test_what_is_malformed_is_pointed_at(text: str, position: int, reason: str) -> None:
    with pytest.raises(SearchError) as refused:
        parse(text)
    assert reason in refused.value.reason
    assert refused.value.position == position


@pytest.mark.parametrize(
    "text",
    ["NOT FOUND", "404 NOT FOUND", "OR", "AND x", "x OR", "-NOT x", "a & b", "a | b", "a || b"]
    + ["login or captcha", "ORDER x", "-a -OR b"],
)
def test_what_may_be_a_word_is_one(text: str) -> None:
    words = [Words(it.removeprefix("-")) for it in text.split()]
    assert [term.what for term in parse(text).terms] == words
    assert parse(str(parse(text))) == parse(text)


def test_every_example_of_the_guide_can_be_read() -> None:
    for text, _ in EXAMPLES:
        assert parse(text).terms, text
    named = " ".join(f"{text} {meaning}" for text, meaning in EXAMPLES)
    assert [key for key in KEYS if f"{key}:" not in named] == []


@pytest.mark.parametrize(
    "typed, meant",
    [
        ("device:“Ana’s iPhone”", 'device:"Ana’s iPhone"'),
        ("-device:„a b“,c x", '-device:"a b",c x'),
        ("“two words” type:x", '"two words" type:x'),
        ("context.a:“3”", 'context.a:"3"'),
        ("“unclosed", '"“unclosed"'),
        ("say“x”", '"say“x”"'),
    ],
)
def test_quotes_as_phones_type_them_are_quotes(typed: str, meant: str) -> None:
    assert parse(typed) == parse(meant)
    assert parse(str(parse(typed))) == parse(typed)
