"""Run each line of stdin, Python source as a JSON string; answer its last expression in JSON."""

import ast
import asyncio
import json
import sys
import threading
import time
from typing import Any

import sovi_events
import sovi_events.client
from sovi import events


def emit(message: str, severity: str = "info", **options: Any) -> int | None:
    return events.emit("scheduler", severity, "warming_complete", message, **options)


def timed(message: str, severity: str = "info") -> tuple[int | None, float]:
    began = time.monotonic()
    return emit(message, severity), time.monotonic() - began


def emit_all(prefix: str, count: int) -> list[int | None]:
    return [emit(f"{prefix}{number}") for number in range(count)]


def run(source: str, names: dict[str, Any]) -> Any:
    module = ast.parse(source)
    last = module.body[-1]
    value = ast.Expression(last.value) if isinstance(last, ast.Expr) else None
    body = module.body[:-1] if value else module.body
    exec(compile(ast.Module(body, []), "<test>", "exec"), names)  # noqa: S102
    return eval(compile(value, "<test>", "eval"), names) if value else None  # noqa: S307


if __name__ == "__main__":
    names = {
        **{function.__name__: function for function in (emit, timed, emit_all)},
        **{module.__name__.rpartition(".")[2]: module for module in (asyncio, threading, time)},
        "events": events,
        "sovi_events": sovi_events,
    }
    for line in sys.stdin:
        try:
            answer = {"value": run(json.loads(line), names)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)
