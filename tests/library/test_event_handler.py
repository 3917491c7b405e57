"""Log records as events: what they say, and that logging never suffers from it."""

import asyncio
import logging
import logging.handlers
import os
import queue
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from events.models import SystemEvent
from sovi_events import EventHandler, InvalidEvent

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def handler() -> EventHandler:
    return EventHandler(category="scheduler", event_type="scheduler_log")


@pytest.fixture
def log(handler: EventHandler) -> Iterator[logging.Logger]:
    """A logger whose records become events; so do its children's."""
    logger = logging.getLogger("sovi.scheduler")
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield logger
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def root(handler: EventHandler) -> Iterator[logging.Logger]:
    """The root logger, with the handler: the records of every library come by."""
    logger = logging.getLogger()
    logger.addHandler(handler)
    yield logger
    logger.removeHandler(handler)


def only_event() -> SystemEvent:
    return SystemEvent.objects.get()


def fail(error: BaseException) -> None:
    raise error


def test_a_record_becomes_an_event(log: logging.Logger) -> None:
    log.getChild("warming").warning("Warmed %s: %d videos", "grind4829", 45)
    event = only_event()
    assert event.message == "Warmed grind4829: 45 videos"
    assert (event.category, event.severity) == ("scheduler", "warning")
    assert (event.event_type, event.device, event.account) == ("scheduler_log", None, None)
    source = event.context.pop("source")
    assert re.fullmatch(rf"{re.escape(__file__)}:\d+", source)
    assert event.context == {"logger": "sovi.scheduler.warming", "level": "WARNING"}


@pytest.mark.parametrize(
    ("level", "severity"),
    [
        (logging.DEBUG, "info"),
        (logging.INFO, "info"),
        (25, "info"),
        (logging.WARNING, "warning"),
        (logging.ERROR, "error"),
        (logging.CRITICAL, "critical"),
        (60, "critical"),
    ],
)
def test_the_level_decides_the_severity(log: logging.Logger, level: int, severity: str) -> None:
    log.log(level, "Hello")
    assert only_event().severity == severity
    assert only_event().context["level"] == logging.getLevelName(level)


def test_the_extra_is_kept_and_may_say_what_the_event_is(
    log: logging.Logger, device_id: UUID, account_id: UUID
) -> None:
    known = {"category": "account", "event_type": "login_failed"}
    subject = {"device_id": str(device_id), "account_id": account_id}
    log.error("No login", extra={**known, **subject, "platform": "tiktok", "at": Path("/x")})
    event = only_event()
    assert (event.category, event.event_type) == ("account", "login_failed")
    assert (event.device_id, event.account_id) == (device_id, account_id)
    assert set(event.context) == {"logger", "level", "source", "platform", "at"}
    assert (event.context["platform"], event.context["at"]) == ("tiktok", "/x")


def test_an_extra_that_emit_would_refuse_stays_in_the_context(log: logging.Logger) -> None:
    extra: dict[str, Any] = {"category": "", "event_type": 5, "device_id": 7}
    log.error("Hello", extra=extra)
    event = only_event()
    assert (event.category, event.event_type) == ("scheduler", "scheduler_log")
    assert event.context | extra == event.context


def test_a_device_that_is_unknown_is_kept_as_emit_keeps_it(log: logging.Logger) -> None:
    unknown = uuid.uuid4()
    log.error("Hello", extra={"device_id": unknown, "account_id": None})
    log.error("Hello", extra={"device_id": "iPhone-A", "account_id": ""})
    contexts = [event.context for event in SystemEvent.objects.order_by("pk")]
    assert [it["unknown_device_id"] for it in contexts] == [str(unknown), "iPhone-A"]
    for context in contexts:
        assert not {"device_id", "account_id", "unknown_account_id"} & set(context)


def test_an_extra_hides_nothing_of_the_record(log: logging.Logger) -> None:
    log.error("Hello", extra={"logger": "mine", "level": 3, "phase": "LIGHT"})
    context = only_event().context
    assert (context["logger"], context["level"]) == ("sovi.scheduler", "ERROR")
    assert (context["extra"], context["phase"]) == ({"logger": "mine", "level": 3}, "LIGHT")


def test_an_exception_is_kept_with_its_traceback(log: logging.Logger) -> None:
    try:
        fail(TimeoutError("WDA not responding"))
    except TimeoutError:
        log.exception("Warming failed", stack_info=True)
    context = only_event().context
    exception = context["exception"]
    assert (exception["type"], exception["message"]) == ("TimeoutError", "WDA not responding")
    assert exception["traceback"].startswith("Traceback (most recent call last):")
    assert "in fail\n" in exception["traceback"]
    assert exception["traceback"].endswith("TimeoutError: WDA not responding")
    assert context["stack"].startswith("Stack (most recent call last):")


def test_of_a_huge_exception_both_ends_are_kept(log: logging.Logger) -> None:
    try:
        fail(ValueError("a" * 100_000 + "the end"))
    except ValueError:
        log.exception("Too much", extra={"n": 1})
    context = only_event().context
    assert context["exception"]["message"].endswith("the end")
    assert context["exception"]["traceback"].startswith("Traceback")
    assert context["exception"]["traceback"].endswith("the end")
    assert context["n"] == 1
    assert "_truncated" not in context


@pytest.mark.parametrize("nothing", ["", " \n"])
def test_a_record_without_a_message_is_an_event_too(log: logging.Logger, nothing: str) -> None:
    log.error(nothing)
    assert only_event().message == "(no message)"
    try:
        fail(KeyError("username"))
    except KeyError:
        log.exception(nothing)
    assert SystemEvent.objects.latest("pk").message == "'username'"


def test_a_record_that_came_through_a_socket_keeps_its_traceback(handler: EventHandler) -> None:
    sender = logging.handlers.SocketHandler("127.0.0.1", 1)
    try:
        fail(TimeoutError("far away"))
    except TimeoutError as error:
        sent = logging.LogRecord("far", 40, "far.py", 7, "Far", (), (type(error), error, None))
    pickled = sender.makePickle(sent)
    received = logging.makeLogRecord(logging.handlers.pickle.loads(pickled[4:]))  # noqa: S301
    handler.handle(received)
    assert only_event().context["exception"] == {"traceback": "TimeoutError: far away"}


def test_filters_and_levels_are_heeded(log: logging.Logger, handler: EventHandler) -> None:
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    handler.setLevel(logging.ERROR)
    log.error("a secret")
    log.warning("too mild")
    log.error("Hello")
    assert only_event().message == "Hello"


@pytest.mark.parametrize("argument", ["category", "event_type"])
def test_a_name_that_is_none_is_refused_when_the_handler_is_made(argument: str) -> None:
    with pytest.raises(InvalidEvent, match=argument):
        EventHandler(**{argument: " "})


@pytest.mark.parametrize(
    "name", ["sovi_events", "sovi_events.client", "sovi_events.spool.drain", "psycopg.pool"]
)
def test_what_the_library_and_its_driver_log_is_no_event(root: logging.Logger, name: str) -> None:
    logging.getLogger(name).error("About an event")
    assert not SystemEvent.objects.exists()
    logging.getLogger(f"my.{name}").error("About something else")
    assert only_event().message == "About something else"


class Talkative:
    """Logs whenever it is asked what it is."""

    def __repr__(self) -> str:
        logging.getLogger("talkative").error("I am asked")
        return "talkative"


def test_what_is_logged_while_an_event_is_emitted_is_no_event(root: logging.Logger) -> None:
    root.error("Look", extra={"it": Talkative()})
    assert only_event().context["it"] == "talkative"
    root.error("And then")
    assert SystemEvent.objects.latest("pk").message == "And then"


def test_what_goes_wrong_is_told_on_stderr_and_not_raised(
    handler: EventHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    handler.handle(logging.LogRecord("x", 40, "x.py", 1, "%d videos", ("many",), None))
    told = capsys.readouterr().err
    assert "--- Logging error ---" in told
    assert "%d format" in told
    handler.handle(logging.LogRecord("x", 40, "x.py", 1, "Hello", (), None))
    assert only_event().message == "Hello"


def test_an_exception_that_cannot_say_what_it_is_is_an_event(log: logging.Logger) -> None:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    try:
        fail(Mute())
    except Mute:
        log.exception("Failed")
    assert only_event().context["exception"]["message"] == "<RuntimeError in str()>"


def test_without_a_database_the_program_goes_on(tmp_path: Path) -> None:
    program = """
import logging
from sovi.events import EventHandler
logging.basicConfig(handlers=[EventHandler()])
logging.error("Nobody there")
print("went on")
"""
    nowhere = {
        "DATABASE_URL": "postgresql://sovi@127.0.0.1:1/sovi",
        "SOVI_SPOOL_DIR": str(tmp_path),
    }
    done = python(program, **nowhere)
    assert (done.returncode, done.stdout) == (0, "went on\n")


def test_threads_log_at_once(log: logging.Logger) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.info("%d", n), range(80)))
    found = SystemEvent.objects.values_list("message", flat=True)
    assert sorted(map(int, found)) == list(range(80))


def test_a_thread_that_waits_for_the_database_keeps_no_other_waiting(
    log: logging.Logger, handler: EventHandler
) -> None:
    own = logging.LogRecord("sovi_events.client", 40, "x.py", 1, "Slow", (), None)
    with ThreadPoolExecutor(2) as pool, psycopg.connect(os.environ["DATABASE_URL"]) as other:
        other.execute("LOCK TABLE system_events")
        waiting = pool.submit(log.error, "Hello")
        assert pool.submit(handler.handle, own).result(timeout=10)
        assert not waiting.done()
        other.rollback()
        waiting.result()
    assert only_event().message == "Hello"


def test_in_a_running_event_loop_the_event_is_stored(log: logging.Logger) -> None:
    async def main() -> None:
        log.error("Hello")

    asyncio.run(main())
    assert only_event().message == "Hello"


def test_behind_a_queue_the_event_is_stored_by_another_thread(handler: EventHandler) -> None:
    records: queue.Queue[logging.LogRecord] = queue.Queue()
    listener = logging.handlers.QueueListener(records, handler)
    before = logging.handlers.QueueHandler(records)
    listener.start()
    try:
        fail(TimeoutError("WDA"))
    except TimeoutError:
        record = logging.LogRecord("queued", 40, "x.py", 1, "No %s", ("answer",), sys.exc_info())
        record.__dict__["platform"] = "tiktok"
        before.handle(record)
    listener.stop()
    event = only_event()
    assert event.message.startswith("No answer\nTraceback")
    assert (event.context["logger"], event.context["platform"]) == ("queued", "tiktok")


def python(program: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_example_of_the_readme_does_what_it_says() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    [example] = [block for block in blocks if "dictConfig" in block]
    done = python(example)
    assert done.returncode == 0, done.stderr
    assert "Warming grind4829 failed" in done.stderr
    event = only_event()
    assert (event.category, event.severity) == ("scheduler", "error")
    assert (event.event_type, event.message) == ("warming_failed", "Warming grind4829 failed")
    assert event.context["logger"] == "scheduler.warming"
    assert (event.context["platform"], event.context["phase"]) == ("tiktok", "LIGHT")
    assert event.context["exception"]["message"] == "WDA not responding"
