"""A whole number as it is typed or sent."""

MAX_DIGITS = 20
"""As many as the largest id has, and one; of some thousands `int` makes an error."""


def whole_number(text: str, smallest: int, largest: int) -> int | None:
    """Read decimal digits; None for all else, and for a number out of the range.

    With a minus before them where the range has such numbers. `int` alone would take "+1", "1_000"
    and digits of other scripts.
    """
    digits = text.removeprefix("-") if smallest < 0 else text
    if not (digits.isascii() and digits.isdecimal()) or len(text) > MAX_DIGITS:
        return None
    number = int(text)
    return number if smallest <= number <= largest else None
