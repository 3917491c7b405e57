"""The least an ASGI application can do with `bench.http`'s requests: SQL, a pool, `json.dumps`.

It asks for no credential, checks nothing, links to no other page. Its SQL is written by hand: the
plain statement for each answer, not ours, which also keeps pages flat as the table grows (filtered
list), looks devices up (POST) and records who acted (resolve). The counts come from the rollups,
as ours do.
"""

import json
import os
from typing import Any
from urllib.parse import parse_qsl

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb
from psycopg_pool import AsyncConnectionPool

from sovi_events.statements import COLUMNS

CONNECTIONS = 8

ONE = f"SELECT {', '.join(COLUMNS)} FROM system_events WHERE id = %(id)s"
LIST = f"SELECT {', '.join(COLUMNS)} FROM system_events ORDER BY id DESC LIMIT 50"
FILTERED = f"""
SELECT {", ".join(COLUMNS)} FROM system_events
WHERE device_id = %(device_id)s AND severity = %(severity)s ORDER BY id DESC LIMIT 50
"""
COUNTS = """
SELECT severity, slot, sum(events)::bigint AS events FROM event_rollups
WHERE grain = 60 AND NOT by_device
  AND slot >= date_trunc('hour', now(), 'UTC') - interval '23 hours'
GROUP BY severity, slot ORDER BY severity, slot
"""
INSERT = """
INSERT INTO system_events (category, severity, event_type, device_id, message, context)
SELECT * FROM jsonb_to_recordset(%s) AS event
    (category text, severity text, event_type text, device_id uuid, message text, context jsonb)
RETURNING id
"""
RESOLVE = f"""
UPDATE system_events SET resolved = true, resolved_by = 'human', resolved_at = now()
WHERE id = %(id)s AND resolved IS NOT TRUE RETURNING {", ".join(COLUMNS)}
"""

pool = AsyncConnectionPool(
    os.environ["DATABASE_URL"],
    min_size=CONNECTIONS,
    max_size=CONNECTIONS,
    kwargs={"autocommit": True, "row_factory": dict_row},
    open=False,
)


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
        return
    body = await _read(receive)
    answer = await _answer(scope["method"], scope["path"], scope["query_string"].decode(), body)
    written = json.dumps(answer, default=str).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(written)).encode()),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": written})


async def _lifespan(receive: Any, send: Any) -> None:
    await receive()
    await pool.open(wait=True)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def _read(receive: Any) -> bytes:
    message = await receive()
    body: bytes = message["body"]
    while message["more_body"]:
        message = await receive()
        body += message["body"]
    return body


async def _answer(method: str, path: str, query: str, body: bytes) -> Any:
    match method, path.removeprefix("/").split("/"):
        case "GET", ["healthz"]:
            return {"status": "ok"}
        case "GET", ["api", "events"]:
            if not query:
                return {"results": await _rows(LIST)}
            # Prepared, it would be planned for no severity in particular: a hundred times as slow.
            return {"results": await _rows(FILTERED, dict(parse_qsl(query)), prepare=False)}
        case "GET", ["api", "events", "stats"]:
            counts = await _rows(COUNTS)
            return {"groups": counts, "total": sum(row["events"] for row in counts)}
        case "GET", ["api", "events", event_id]:
            return (await _rows(ONE, {"id": event_id}))[0]
        case "POST", ["api", "events"]:
            sent = json.loads(body)
            events = sent if isinstance(sent, list) else [sent]
            return {"ids": [row["id"] for row in await _rows(INSERT, [Jsonb(events)])]}
        case "POST", ["api", "events", event_id, "resolve"]:
            return (await _rows(RESOLVE, {"id": event_id}))[0]
    raise LookupError(path)


async def _rows(
    statement: str, params: Any = (), *, prepare: bool | None = None
) -> list[dict[str, Any]]:
    async with pool.connection() as connection:
        return await (await connection.execute(statement, params, prepare=prepare)).fetchall()
