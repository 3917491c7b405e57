"""A message that is longer than a heading: its beginning, and all of it to be opened."""

from typing import NamedTuple

from sovi_events.readable import readable

HEAD_LINES = 3
HEAD_CHARACTERS = 280
LENGTH_BOUND = 100_000
"""Characters shown at most."""


class FoldedText(NamedTuple):
    """`whole` is "" where `head` is all there is; both are "" where nothing would be seen."""

    head: str
    whole: str
    lines: int
    is_cut: bool


def fold(text: str) -> FoldedText:
    whole = readable(text[:LENGTH_BOUND]).strip()
    lines = whole.split("\n")
    head = "\n".join(lines[:HEAD_LINES])[:HEAD_CHARACTERS].rstrip()
    is_cut = len(text) > LENGTH_BOUND
    if head == whole and not is_cut:
        return FoldedText(head, "", len(lines), is_cut)
    return FoldedText(f"{head} …", whole, len(lines), is_cut)
