"""`EventHandler` under structlog and loguru, the real packages, as the README sets them up."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import loguru
import pytest
import structlog

from events.models import SystemEvent
from sovi_events import EventHandler, emit

pytestmark = [pytest.mark.once, pytest.mark.django_db(transaction=True)]

README = Path(__file__).resolve().parent.parent.parent / "README.md"


def only_event() -> SystemEvent:
    return SystemEvent.objects.get()


@pytest.fixture
def handler() -> EventHandler:
    return EventHandler(category="scheduler", event_type="scheduler_log")


@pytest.fixture
def structured(handler: EventHandler) -> Iterator[Any]:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.add_log_level,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )
    logger = logging.getLogger("sovi.structured")
    logger.addHandler(handler)
    yield structlog.get_logger("sovi.structured")
    logger.removeHandler(handler)
    structlog.reset_defaults()


@pytest.fixture
def fluent(handler: EventHandler) -> Iterator[Any]:
    number = loguru.logger.add(handler, level="INFO")
    yield loguru.logger
    loguru.logger.remove(number)


def check(event: SystemEvent, device_id: UUID) -> None:
    assert (event.category, event.event_type) == ("scheduler", "warming_failed")
    assert (event.severity, event.message) == ("error", "Warming {grind4829} 100% failed")
    assert event.device_id == device_id
    assert event.context["phase"] == "LIGHT"
    assert event.context["exception"]["message"] == "WDA not responding"
    assert event.context["exception"]["traceback"].startswith("Traceback")
    assert set(event.context) == {"logger", "level", "source", "exception", "phase"}
    assert event.context["level"] == "ERROR"


def test_structlog(structured: Any, device_id: UUID) -> None:
    about = structured.bind(device_id=str(device_id), event_type="warming_failed")
    try:
        raise TimeoutError("WDA not responding")
    except TimeoutError:
        about.exception("Warming {grind4829} 100% failed", phase="LIGHT")
    check(only_event(), device_id)
    assert only_event().context["logger"] == "sovi.structured"


def test_structlog_that_rendered_the_exception_before(structured: Any) -> None:
    structured.error("Failed", exception="Traceback …\nTimeoutError: WDA", event_type=5)
    context = only_event().context
    assert context["exception"] == {"traceback": "Traceback …\nTimeoutError: WDA"}
    assert context["event_type"] == 5
    structured.error("Failed", exc_info=TimeoutError("WDA"))
    assert SystemEvent.objects.latest("pk").context["exception"]["type"] == "TimeoutError"
    structured.error("Nothing is handled", exc_info=True)
    assert "exception" not in SystemEvent.objects.latest("pk").context


def test_loguru(fluent: Any, device_id: UUID) -> None:
    about = fluent.bind(device_id=device_id, event_type="warming_failed", phase="LIGHT")
    try:
        raise TimeoutError("WDA not responding")
    except TimeoutError:
        about.exception("Warming {{{}}} 100% failed", "grind4829")
    check(only_event(), device_id)


def test_loguru_with_names_of_its_own_and_a_level_of_the_handlers(
    fluent: Any, handler: EventHandler
) -> None:
    handler.setLevel(logging.WARNING)
    fluent.success("Too mild")
    fluent.bind(name="iPhone", args=(1,), event_type=5).warning("Hello")
    event = only_event()
    assert (event.message, event.event_type) == ("Hello", "scheduler_log")
    assert (event.context["name"], event.context["args"]) == ("iPhone", [1])


class Session:
    def __repr__(self) -> str:
        return "Session(token='abc')"


def test_secrets_are_not_collected(structured: Any) -> None:
    try:
        raise ConnectionError("postgresql://ada:hunter2@db/sovi refused")
    except ConnectionError:
        structured.exception("Bearer a1b2c3d4e5 failed", api_key="k3y", it=[Session()], code=403123)
    event = only_event()
    assert event.message == "Bearer [redacted] failed"
    whole = repr(event.context)
    for secret in ("hunter2", "a1b2c3", "k3y", "abc", "403123"):
        assert secret not in whole
    assert event.context["exception"]["message"] == "postgresql://ada:[redacted]@db/sovi refused"


def test_what_a_producer_passes_itself_is_stored_as_given() -> None:
    context = {"token": "abc", "url": "http://a:b@c"}
    emit("auth", "info", "x", "Bearer a1b2c3d4e5", context=context)
    event = only_event()
    assert (event.message, event.context) == ("Bearer a1b2c3d4e5", context)


@pytest.mark.parametrize("package", ["structlog", "loguru"])
def test_the_readme_sets_it_up_so(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    [example] = [block for block in blocks if re.search(rf"(import|from) {package}\b", block)]
    monkeypatch.setattr(logging.root, "handlers", [])
    monkeypatch.setattr(logging.root, "level", logging.INFO)
    exec(example, {})  # noqa: S102 - the README's
    event = only_event()
    assert (event.event_type, event.message) == ("warming_failed", "Warming failed")
    assert event.context["phase"] == "LIGHT"
    structlog.reset_defaults()
    loguru.logger.remove()
