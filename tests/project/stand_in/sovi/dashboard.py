"""What SOVI's dashboard asks and does; prints the answers by name as JSON."""

import asyncio
import json

from sovi import events


def messages(rows):
    return [row["message"] for row in rows]


async def answers():
    stored = await events.async_emit("auth", "info", "login_success", "From the dashboard")
    walked, after_id = [], 0
    while page := await events.async_get_events(after_id=after_id, limit=3):
        walked += messages(page)
        after_id = page[-1]["id"]
    return {
        "list": messages(events.get_events(limit=1_000_000)),
        "walked": walked,
        "blank filters": len(events.get_unresolved("", "")),
        "positional": messages(events.get_unresolved("error", "account", 5)),
        "unknown severity": events.get_unresolved(severity="fatal"),
        "unknown device": await events.async_get_events(device_id="test-device"),
        "no rows": events.get_events(limit=0),
        "resolved": events.resolve(str(stored), "ada"),
        "again": await events.async_resolve(stored, "llm_agent"),
        "reopened": events.reopen(stored, "human"),
        "nobody's": events.resolve("new", "ada"),
        "unknown": events.resolve(2**40),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(answers())))
