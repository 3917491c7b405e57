"""Emit from a finalizer that runs while the interpreter ends."""

from collections.abc import Callable

from noting import noted


class Last:
    def __init__(self, noted: Callable[[str], None]) -> None:
        self.noted = noted

    def __del__(self) -> None:
        self.noted("finalizer")


last = Last(noted)
noted("before")
