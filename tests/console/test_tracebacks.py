"""A traceback in an event is a panel of its own: the last call first, libraries folded."""

import logging
import traceback as standard
from html import unescape

import pytest
from admin_rows import LIST, add, text_of
from django.test import Client

from events.admin.traceback import parse
from sovi_events.handler import EventHandler

TEXT = """Traceback (most recent call last):
  File "/srv/sovi/run.py", line 10, in main
    poll(phone)
    ~~~~^^^^^^^
  File "/venv/lib/python3.12/site-packages/httpx/_client.py", line 5, in get
    return send()
  File "/venv/lib/python3.12/site-packages/httpx/_api.py", line 6, in send
    raise Error
httpx.ConnectError: refused
in two lines

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "C:\\\\sovi\\\\fleet.py", line 7, in poll
    raise Lost("phone") from error
  [Previous line repeated 3 more times]
fleet.Lost: phone"""


def test_it_is_read_from_its_end() -> None:
    lost, refused = parse(TEXT)
    assert lost.text == "fleet.Lost: phone"
    assert lost.before == "The above exception was the direct cause of the following exception"
    assert [frame.where for frame in lost.frames] == ["C:\\\\sovi\\\\fleet.py:7 in poll"]
    assert lost.frames[0].code[1] == "[Previous line repeated 3 more times]"
    assert refused.text == "httpx.ConnectError: refused\nin two lines"
    assert [(library, len(frames)) for library, frames in refused.runs] == [(True, 2), (False, 1)]
    [(_, [send, get]), (_, [main])] = refused.runs
    assert (send.where[-4:], get.where[-3:], main.code) == (
        "send",
        "get",
        ["poll(phone)", "~~~~^^^^^^^"],
    )


@pytest.mark.parametrize(
    "text, errors",
    [
        ("no traceback", []),
        ("Traceback (most recent call last):", [""]),
        ("Traceback (most recent call last):\nKeyError: 'x'", ["KeyError: 'x'"]),
        (f"failed\n{TEXT}", ["fleet.Lost: phone", "httpx.ConnectError: refused\nin two lines"]),
        (
            TEXT.replace("\n", "\r\n"),
            ["fleet.Lost: phone", "httpx.ConnectError: refused\nin two lines"],
        ),
        (
            f"\x1b[35m{TEXT}\x1b[0m",
            ["fleet.Lost: phone", "httpx.ConnectError: refused\nin two lines"],
        ),
        ('Stack (most recent call last):\n  File "a.py", line 1, in b\n    c()', [""]),
    ],
)
def test_what_surrounds_it_does_no_harm(text: str, errors: list[str]) -> None:
    assert [raised.text for raised in parse(text)] == errors


def test_one_of_pythons_own_loses_no_line() -> None:
    def raised(error: BaseException) -> str:
        try:
            raise error
        except BaseException as caught:
            return "".join(standard.format_exception(caught))

    texts = [raised(SyntaxError("bad", ("x.py", 3, 2, "a b")))]
    several = ExceptionGroup("several", [ValueError("one"), KeyError("two")])
    texts.append(raised(several))
    for text in texts:
        shown = str(parse(text))
        for word in ("several", "ValueError: one", "SyntaxError: bad"):
            assert (word in shown) == (word in text)


@pytest.mark.django_db(transaction=True)
def test_the_librarys_own_handler_is_shown_in_a_panel(admin_client: Client) -> None:
    logger = logging.Logger("fleet")
    logger.addHandler(EventHandler(category="device", event_type="failed"))
    try:
        raise ValueError("no <phone>")
    except ValueError:
        logger.exception("It failed")
    page = text_of(admin_client.get(LIST))
    address = page.partition('<th class="field-message_text"><a href="')[2].partition('"')[0]
    page = unescape(text_of(admin_client.get(unescape(address))))
    panel = page.partition('aria-labelledby="traceback-title"')[2].partition("</section>")[0]
    assert "<strong>ValueError: no <phone></strong>" in panel
    assert "in test_the_librarys_own_handler_is_shown_in_a_panel" in panel
    assert '<pre id="traceback" hidden>Traceback (most recent call last):\n  File "' in panel


@pytest.mark.django_db
@pytest.mark.parametrize(
    "columns",
    [
        {"context": {"exception": TEXT}},
        {"context": {"deep": {"list": [{"trace": f"\x1b[1m{TEXT}"}]}}},
        {"message": f"It failed\n{TEXT}"},
    ],
)
def test_it_is_found_wherever_it_stands(admin_client: Client, columns: dict[str, str]) -> None:
    event = add(**{"message": "m", **columns})
    page = text_of(admin_client.get(f"{LIST}{event.pk}/change/"))
    assert '<pre class="raised"><strong>fleet.Lost: phone</strong></pre>' in page
    assert "2 frames of libraries" in page
    assert "<code>/srv/sovi/run.py:10 in main</code><pre>poll(phone)\n~~~~^^^^^^^</pre>" in page
    assert "traceback-title" not in text_of(admin_client.get(f"{LIST}{add('m').pk}/change/"))
