"""What is wrong with a search, and where."""

from sovi_events.storable import storable_text

_EXCERPT_BEFORE = 20
_EXCERPT_AFTER = 10


class SearchError(ValueError):
    """A search that can't be read: `position` is the character's index in `text`, from 0.

    `reason` says what to change; `str` adds where, counted from 1.
    """

    def __init__(self, reason: str, text: str, position: int) -> None:
        super().__init__(reason, text, position)
        self.reason = reason
        self.text = text
        self.position = position

    @property
    def excerpt(self) -> str:
        """The text around the character, which a ▸ points at, fit to be sent and shown."""
        start, end = self.position - _EXCERPT_BEFORE, self.position + _EXCERPT_AFTER
        before = ("…" if start > 0 else "") + self.text[max(start, 0) : self.position]
        after = self.text[self.position : end] + ("…" if end < len(self.text) else "")
        return storable_text(f"{before}▸{after}")

    def __str__(self) -> str:
        return f"At character {self.position + 1}, {self.excerpt} – {self.reason}"
