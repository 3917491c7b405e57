"""Every code block of the specification, run as it stands there against a live server.

A block whose heading and language has no proof here fails, and so does a proof without a block.
"""

import ast
import asyncio
import inspect
import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from live import PASSWORD, PATIENCE_SECONDS, Live

from sovi import events
from sovi_events import catalog

pytestmark = pytest.mark.django_db(transaction=True)

SPECIFICATION = (Path(__file__).parents[2] / "docs" / "event-system.md").read_text()
BLOCK = re.compile(
    r"^#+ (?P<heading>[^\n]+)$|^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.M | re.S
)


def code_blocks() -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each block's text, named by the heading it stands under and its language."""
    heading = ""
    for found in BLOCK.finditer(SPECIFICATION):
        if found["heading"]:
            heading = found["heading"]
        else:
            yield (heading, found["language"] or "text"), found["text"]


def run(text: str, names: dict[str, Any]) -> Iterator[Any]:
    """Run a block statement by statement, `await` allowed; yield what each is or assigns."""
    for statement in ast.parse(text).body:
        is_expression = isinstance(statement, ast.Expr)
        tree = ast.Expression(statement.value) if is_expression else ast.Module([statement], [])
        flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
        code = compile(tree, "event-system.md", "eval" if is_expression else "exec", flags)
        value = eval(code, names)  # noqa: S307 - the specification is ours
        if inspect.iscoroutine(value):
            value = asyncio.run(value)
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            value = names[statement.targets[0].id]
        yield value


def ids(rows: list[dict[str, Any]]) -> list[int]:
    return [row["id"] for row in rows]


def proves_the_table(text: str, live: Live) -> None:
    """The DDL runs, and makes the table that the system has."""
    columns = (
        "SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute"
        " WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
    )
    with live.session.transaction(force_rollback=True):
        live.session.execute("CREATE SCHEMA specified; SET LOCAL search_path TO specified, public")
        live.session.execute(text)
        specified = live.session.execute(columns, ["specified.system_events"]).fetchall()
        assert specified == live.session.execute(columns, ["public.system_events"]).fetchall()
        assert len(specified) == 12
        live.session.execute(
            "INSERT INTO system_events (category, severity, event_type, device_id, message)"
            " VALUES ('auth', 'warning', 'captcha_failed', %s, 'As specified')",
            [live.device_id],
        )


def proves_sync_emitting(text: str, live: Live) -> None:
    [_, event_id] = run(text, {"device_id": live.device_id, "account_id": live.account_id})
    row = live.row(event_id)
    age = datetime.now(UTC) - row.pop("timestamp")
    assert abs(age.total_seconds()) < 60
    assert row == {
        "id": event_id,
        "category": "scheduler",
        "severity": "info",
        "event_type": "warming_complete",
        "message": "Warmed tiktok/grind4829: 45 videos",
        "device_id": live.device_id,
        "account_id": live.account_id,
        "context": {
            "platform": "tiktok",
            "videos_watched": 45,
            "likes": 3,
            "duration_min": 30.2,
            "phase": "LIGHT",
            "warming_day": 5,
        },
        "resolved": False,
        "resolved_by": None,
        "resolved_at": None,
    }


def proves_async_emitting(text: str, live: Live) -> None:
    names = {"events": events, "device_id": live.device_id, "account_id": live.account_id}
    [event_id] = run(text, names)
    row = live.row(event_id)
    assert (row["category"], row["severity"], row["event_type"]) == (
        *("account", "error", "login_failed"),
    )
    assert row["message"] == "Instagram login failed for user@example.com"
    assert (row["device_id"], row["account_id"]) == (live.device_id, live.account_id)
    assert row["context"] == {"platform": "instagram", "step": "login"}


def proves_unresolved(text: str, live: Live) -> None:
    wanted = [events.emit("scheduler", "error", "warming_failed", str(n)) for n in range(51)]
    other = events.emit("device", "error", "install_failed", "Another category")
    events.emit("scheduler", "info", "warming_started", "Another severity")
    events.resolve(events.emit("scheduler", "error", "login_failed", "Resolved"))
    by_threads, by_loops = run(text, {"events": events})
    assert ids(by_threads) == wanted[::-1][:50]
    assert ids(by_loops) == [other, *wanted[::-1][:49]]


def proves_querying(text: str, live: Live) -> None:
    # The block's id of a device is a placeholder: it stands for one of the fleet's.
    assert text.count('"uuid-here"') == 1
    live.continue_ids_at(12345)
    about: dict[str, Any] = {"device_id": live.device_id}
    first = events.emit("scheduler", "error", "warming_failed", "The one before", **about)
    wanted = [
        events.emit("scheduler", "error", "warming_failed", str(n), **about) for n in range(101)
    ]
    events.emit("scheduler", "error", "warming_failed", "Another device")
    events.emit("device", "error", "install_failed", "Another category", **about)
    events.emit("scheduler", "info", "warming_started", "Another severity", **about)
    text = text.replace("uuid-here", str(live.device_id)).replace("12345", str(first))
    [found] = run(text, {"events": events})
    assert ids(found) == wanted[:100]


def proves_resolving(text: str, live: Live) -> None:
    live.insert(42, "scheduler", "error")
    results = run(text, {"events": events})
    for resolver in ("human", "llm_agent"):
        assert next(results) is True
        row = live.row(42)
        assert (row["resolved"], row["resolved_by"]) == (True, resolver)
        assert row["resolved_at"] is not None
        events.reopen(42)
    assert list(results) == []


def proves_rest(text: str, live: Live) -> None:
    live.insert(42, "scheduler", "error")
    live.insert(43, "scheduler", "error")
    live.insert(44, "device", "critical")
    events.resolve(43)
    expected: dict[str, Callable[[Any], bool]] = {
        "GET /api/events?severity=error&category=scheduler&resolved=false": (
            lambda body: ids(body["results"]) == [42]
        ),
        "GET /api/events/unresolved": lambda body: ids(body["results"]) == [44, 42],
        "POST /api/events/42/resolve": (
            lambda body: (body["id"], body["resolved"], body["resolved_by"]) == (42, True, "human")
        ),
    }
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines == list(expected)
    with live.rest as client:
        for line in lines:
            answer = client.request(*line.split())
            assert answer.status_code == 200, line
            assert expected[line](answer.json()), answer.text
    assert live.row(42)["resolved_by"] == "human"


def proves_the_streams_address(text: str, live: Live) -> None:
    method, path = text.split()
    with live.rest as client, client.stream(method, path) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = answer.iter_lines()
        assert next(line for line in lines if line.startswith("id: "))
        live.session.execute(
            "INSERT INTO system_events (category, severity, event_type, message)"
            " VALUES ('auth', 'warning', 'captcha_failed', 'Live')"
        )
        data = next(line for line in lines if line.startswith("data: "))
        assert json.loads(data.removeprefix("data: "))["message"] == "Live"


def proves_the_streams_data(text: str, live: Live) -> None:
    blocks = text.strip().split("\n\n")
    shown = [json.loads(block.removeprefix("data: ").replace(", ...}", "}")) for block in blocks]
    assert [event["id"] for event in shown] == [42, 43]
    for event in shown:
        live.insert(event["id"], event["category"], event["severity"])
    live.continue_ids_at(44)
    events.emit("scheduler", "info", "scheduler_started", "The sequence has passed the examples")
    # From 41 on, so that the ids are the examples' whatever ran before.
    with live.rest as client, client.stream("GET", "/api/logs/stream?last_event_id=41") as answer:
        lines = (line for line in answer.iter_lines() if line.startswith("data:"))
        sent = list(islice(lines, len(shown)))
    for event, line in zip(shown, sent, strict=True):
        data = json.loads(line.removeprefix("data: "))
        assert list(data)[:4] == list(event)
        expected = event | {"timestamp": data["timestamp"]}  # an ellipsis in the example
        assert {name: data[name] for name in event} == expected
        assert datetime.fromisoformat(data["timestamp"])


def proves_javascript(text: str, live: Live) -> None:
    with live.chromium.lent() as browser:
        context = browser.new_context(base_url=live.url)
        page = context.new_page()
        page.goto("/admin/")
        page.get_by_label("Username").fill("operator")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        page.wait_for_url("**/admin/")
        logged: list[Any] = []
        page.on("console", lambda message: logged.append(message.args[0].json_value()))
        # Not page.evaluate: it would call the function that is the block's last value.
        context.new_cdp_session(page).send("Runtime.evaluate", {"expression": text})
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not logged:  # a page isn't told from when on its stream is live
            assert time.monotonic() < deadline
            events.emit("account", "error", "login_failed", "Shown in a browser")
            page.wait_for_timeout(50)
    with live.rest as client:
        assert logged[0] == client.get(f"/api/events/{logged[0]['id']}").json()


def proves_the_contexts(text: str, live: Live) -> None:
    examples = re.findall(r"^// (\w+)\n(.*?)(?=^//|\Z)", text, re.M | re.S)
    assert len(examples) == text.count("//")
    with live.rest as client:
        for name, context in examples:
            known = next(it for it in catalog.EVENT_TYPES if it.name == name)
            event_id = events.emit(
                known.category, known.severity, name, "An example", context=json.loads(context)
            )
            assert live.row(event_id)["context"] == json.loads(context)
            shown = client.get("/api/events", params={"context": context}).json()["results"]
            assert ids(shown) == [event_id]
            assert shown[0]["context"] == json.loads(context)


BLOCKS = list(code_blocks())
PROOFS: dict[tuple[str, str], Callable[[str, Live], None]] = {
    ("Event Structure", "sql"): proves_the_table,
    ("Sync (for scheduler threads)", "python"): proves_sync_emitting,
    ("Async (for dashboard)", "python"): proves_async_emitting,
    ("Unresolved Events", "python"): proves_unresolved,
    ("Flexible Query", "python"): proves_querying,
    ("Resolving Events", "python"): proves_resolving,
    ("REST API", "bash"): proves_rest,
    ("SSE Stream", "bash"): proves_the_streams_address,
    ("SSE Stream", "text"): proves_the_streams_data,
    ("SSE Stream", "javascript"): proves_javascript,
    ("Context Field Conventions", "json"): proves_the_contexts,
}


@pytest.mark.parametrize(("name", "text"), BLOCKS, ids=[" ".join(name) for name, _ in BLOCKS])
def test_a_code_block_does_what_it_says(name: tuple[str, str], text: str, live: Live) -> None:
    assert name in PROOFS, "nothing here proves this block"
    PROOFS[name](text, live)


def test_every_proof_has_its_one_block() -> None:
    assert sorted(name for name, _ in BLOCKS) == sorted(PROOFS)
    assert SPECIFICATION.count("```") == 2 * len(BLOCKS)


def test_the_catalogues_tables_are_served_row_by_row(live: Live) -> None:
    rows = re.findall(r"^\| (\w+) \| (\w+) \| (.+) \|$", SPECIFICATION, re.M)
    with live.rest as client:
        served = client.get("/api/events/catalog").json()["event_types"]
    assert [(it["event_type"], it["severity"], it["when"]) for it in served] == rows
    assert len(rows) == 23
