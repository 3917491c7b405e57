"""OpenAPI of what REST framework doesn't serve: the stream, and the probes."""

from typing import Any

from .pagination import PageQuerySerializer
from .stream import MAX_BACKLOG

STREAM = """Each event as it is committed, as the same JSON object as in the list, and what was
resolved and reopened. A message's id is a token: a client that comes back with it misses nothing.

The first block is `retry` and `id`; keep-alives are comments; now and then an `id` comes alone."""
TOKEN = "Where to go on: the id of the last message. The header is heeded before the parameter."  # noqa: S105 - a description
_STATUS = {
    "type": "object",
    "properties": {"status": {"type": "string"}},
    "required": ["status"],
    "additionalProperties": True,
}


def add_others(result: dict[str, Any], **others: Any) -> dict[str, Any]:
    """Add them to a document that is made, as drf-spectacular's hook."""
    listing = result["paths"]["/api/events"]["get"]
    result["paths"]["/api/logs/stream"] = {"get": _stream(listing)}
    result["paths"]["/healthz"] = {"get": _probe("healthz", "Does the process answer?", "200")}
    result["paths"]["/readyz"] = {"get": _probe("readyz", "Is it ready?", "200", "503")}
    return result


def _stream(listing: dict[str, Any]) -> dict[str, Any]:
    filters = [it for it in listing["parameters"] if it["name"] not in PageQuerySerializer.names()]
    refusals = {status: it for status, it in listing["responses"].items() if status != "200"}
    token = {"schema": {"type": "string"}, "description": TOKEN}
    backlog = {"type": "integer", "minimum": 0, "maximum": MAX_BACKLOG, "default": 0}
    return {
        "operationId": "stream_events",
        "summary": "Follow events",
        "description": STREAM,
        "tags": listing["tags"],
        "security": listing["security"],
        "parameters": [
            *filters,
            {"in": "query", "name": "last_event_id", **token},
            {"in": "header", "name": "Last-Event-ID", **token},
            {
                "in": "query",
                "name": "backlog",
                "schema": backlog,
                "description": "Begin with so many of the newest events.",
            },
        ],
        "responses": {
            "200": {
                "description": "Server-Sent Events, without an end.",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            **refusals,
            "429": {**refusals["403"], "description": "Too many open streams."},
        },
    }


def _probe(name: str, summary: str, *statuses: str) -> dict[str, Any]:
    descriptions = {"200": "It does.", "503": "It is not: ask again."}
    return {
        "operationId": name,
        "summary": summary,
        "description": "For load balancers and supervisors.",
        "tags": ["health"],
        "security": [],
        "responses": {
            status: {
                "description": descriptions[status],
                "content": {"application/json": {"schema": _STATUS}},
            }
            for status in statuses
        },
    }
