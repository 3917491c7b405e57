"""Whole numbers as they are typed: digits, and nothing that `int` would take besides."""

import pytest

from sovi_events.whole_number import whole_number


def test_digits_in_the_range_are_read() -> None:
    assert [whole_number(text, 0, 99) for text in ("0", "007", "99")] == [0, 7, 99]


def test_a_minus_is_read_where_the_range_has_such_numbers() -> None:
    smallest, largest = -(2**63), 2**63 - 1
    assert whole_number(str(smallest), smallest, largest) == smallest
    assert whole_number("-0", smallest, largest) == 0
    for text in ("--1", "-", "1-", "- 1", "−1", str(smallest - 1)):
        assert whole_number(text, smallest, largest) is None


@pytest.mark.parametrize(
    "text",
    ["", " 1", "+1", "-1", "1_0", "1.0", "1e1", "٣", "²", "0", "100", "1" * 5000, "1\n", "\0"],
)
def test_all_else_is_none(text: str) -> None:
    assert whole_number(text, 1, 99) is None
