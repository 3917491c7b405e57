"""Emit from what emit_many calls while it reads its events; print the id."""

from noting import emit

from sovi import events


class Emitting:
    def __str__(self) -> str:
        print(emit("from within"))
        return "said"


given = {"category": "auth", "severity": "info", "event_type": "captcha_failed"}
many = [{**given, "message": f"{number}"} for number in range(600)]
many[-1]["context"] = {"object": Emitting()}
assert all(events.emit_many(many))
assert events.flush()
