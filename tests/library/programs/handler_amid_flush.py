"""A signal handler that emits while flush and emit_many are running."""

import handling
from noting import note

from sovi import events

given = {"category": "auth", "severity": "info", "event_type": "captcha_failed"}
handling.start(0.001)
number = 0
while handling.handled < 500:
    number += 1
    messages = [f"many {number}/{it}" for it in range(2)]
    ids = events.emit_many({**given, "message": message} for message in messages)
    for message, event_id in zip(messages, ids, strict=True):
        note(message, event_id)
    for _ in range(50):
        events.flush(timeout=0.0005)
handling.stop()
