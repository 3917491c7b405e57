"""Server-sent events on the wire (WHATWG HTML, section 9.2): pure framing.

Data is JSON on one line, so it needs no splitting; ids are positions, which hold no line break.
"""

import json
from typing import Any

# A line, not a block: many clients make an event, with empty data, of every block there is.
KEEP_ALIVE = b": keep-alive\n"


def retry(milliseconds: int) -> bytes:
    """Tell the client how long to wait before it reconnects: a line of the block that follows."""
    return b"retry: %d\n" % milliseconds


def identify(position: object) -> bytes:
    """Move the client's Last-Event-ID; by the standard a block without data dispatches nothing."""
    return f"id: {position}\n\n".encode()


def message(position: object, data: bytes, event: str = "") -> bytes:
    """Send `data`; `onmessage` gets what is on an unnamed event."""
    name = f"event: {event}\n" if event else ""
    return b"%bid: %b\ndata: %b\n\n" % (name.encode(), str(position).encode(), data)


def reset(position: object, reason: str) -> bytes:
    """Say that the stream could not go on from the client's token, and where it goes on instead."""
    return message(position, dump({"reason": reason}), "reset")


def dump(value: Any) -> bytes:
    """Return compact JSON on one line, also for readers that split lines as Unicode has them."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for character in "\x85\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode()
