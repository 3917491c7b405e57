"""The list of events: what its filters and its search box find, and what they say to nonsense."""

import re
import uuid
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import unquote_plus

import pytest
from admin_rows import LIST, add, ids_shown, text_of
from django.db import connection
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from events.filters.search.guide import EXAMPLES
from events.models import Account, Device

pytestmark = pytest.mark.django_db


def test_the_newest_id_stands_first(admin_client: Client) -> None:
    first, second = add(), add()
    assert ids_shown(admin_client) == [second.pk, first.pk]
    assert ids_shown(admin_client, "?o=1") == [first.pk, second.pk]


def test_several_severities_may_be_chosen_repeated_or_between_commas(admin_client: Client) -> None:
    critical, error = add(severity="critical"), add(severity="error")
    add(severity="info")
    for query in ("?severity=error&severity=critical", "?severity=critical,error"):
        assert ids_shown(admin_client, query) == [error.pk, critical.pk]


def test_a_value_the_catalogue_does_not_know_works_and_is_shown(admin_client: Client) -> None:
    strange = add(category="proxy", event_type="ip rotated", severity="fatal")
    add()
    query = "?category=proxy&event_type=ip+rotated&severity=fatal"
    assert ids_shown(admin_client, query) == [strange.pk]
    page = text_of(admin_client.get(f"{LIST}{query}"))
    for value in ("proxy", "ip rotated", "fatal"):
        assert f'aria-current="true">{value}</a>' in page


def test_a_null_resolved_is_unresolved(admin_client: Client) -> None:
    resolved = add(resolved=True, resolved_by="auto", resolved_at=timezone.now())
    null, false = add(resolved=None, context=None), add()
    assert ids_shown(admin_client, "?resolved=false") == [false.pk, null.pk]
    assert ids_shown(admin_client, "?resolved=true") == [resolved.pk]
    assert ids_shown(admin_client, "?resolved_by=auto") == [resolved.pk]
    assert ids_shown(admin_client, "?resolved_by=human") == []


def test_a_device_is_found_by_name_and_by_id(admin_client: Client) -> None:
    one, ten = Device.objects.create(name="iPhone-1"), Device.objects.create(name="iPhone-10")
    of_one, of_ten = add(device=one), add(device=ten)
    add()
    assert ids_shown(admin_client, "?device=iphone-1") == [of_one.pk]  # in full, so not iPhone-10
    assert ids_shown(admin_client, "?device=phone") == [of_ten.pk, of_one.pk]
    assert ids_shown(admin_client, f"?device={ten.pk}") == [of_ten.pk]


def test_an_account_is_found_by_username_by_id_and_as_the_list_shows_it(
    admin_client: Client,
) -> None:
    here = Account.objects.create(platform="tiktok", username="grind4829")
    there = Account.objects.create(platform="instagram", username="grind4829")
    of_here, of_there = add(account=here), add(account=there)
    assert ids_shown(admin_client, "?account=GRIND") == [of_there.pk, of_here.pk]
    assert ids_shown(admin_client, "?account=tiktok/grind4829") == [of_here.pk]
    assert ids_shown(admin_client, f"?account={there.pk}") == [of_there.pk]


def test_the_platform_may_be_of_an_enum_type(admin_client: Client) -> None:
    account = Account.objects.create(platform="tiktok", username="grind4829")
    event = add(account=account)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TYPE platform AS ENUM ('tiktok', 'instagram')")
        cursor.execute("ALTER TABLE accounts ALTER platform TYPE platform USING platform::platform")
    assert ids_shown(admin_client, "?account=tiktok/grind") == [event.pk]
    assert ids_shown(admin_client, "?account=nowhere/grind") == []
    assert "grind4829" in text_of(admin_client.get("/admin/events/account/?q=tik"))
    assert "tiktok/grind4829" in text_of(
        admin_client.get(f"/admin/events/account/{account.pk}/change/")
    )


def test_a_name_that_stands_for_too_many_is_refused(admin_client: Client) -> None:
    Device.objects.bulk_create(Device(name=f"iPhone-{number}") for number in range(201))
    page = text_of(admin_client.get(f"{LIST}?device=iphone"))
    assert "stands for more than 200 names" in page


def test_time_is_given_as_a_duration_or_from_and_until(admin_client: Client) -> None:
    now = timezone.now()
    old = add(timestamp=now - timedelta(hours=3))
    new = add(timestamp=now - timedelta(minutes=2))
    assert ids_shown(admin_client, "?since=15m") == [new.pk]
    assert ids_shown(admin_client, "?since=7d") == [new.pk, old.pk]
    hour_ago = (now - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
    assert ids_shown(admin_client, f"?since={hour_ago}") == [new.pk]
    assert ids_shown(admin_client, f"?until={hour_ago}") == [old.pk]
    assert ids_shown(admin_client, f"?max_id={old.pk}") == [old.pk]


def test_an_empty_field_does_not_filter(admin_client: Client) -> None:
    event = add()
    query = "?device=&account=&since=&until=&q="
    assert ids_shown(admin_client, query) == [event.pk]
    assert "Clear all" not in text_of(admin_client.get(f"{LIST}{query}"))


def test_a_preset_stays_beside_an_empty_field_and_yields_to_a_typed_time(
    admin_client: Client,
) -> None:
    old = add(timestamp=timezone.now() - timedelta(days=2))
    new = add()
    assert ids_shown(admin_client, "?since=1h&since=") == [new.pk]
    assert ids_shown(admin_client, "?since=1h&since=2020-01-01T00:00") == [new.pk, old.pk]


def test_the_search_speaks_the_languages_terms(admin_client: Client) -> None:
    one = add("Login FAILED at step 1", severity="critical", context={"likes": 4})
    other = add(f"Nothing but the number {one.pk}")
    assert ids_shown(admin_client, "?q=failed+login") == [one.pk]
    assert ids_shown(admin_client, "?q=%22failed+login%22") == []
    assert ids_shown(admin_client, "?q=severity:critical+context.likes%3E3+since:2h") == [one.pk]
    assert ids_shown(admin_client, "?q=-login&severity=info") == [other.pk]
    assert ids_shown(admin_client, f"?q=number+{one.pk}") == [other.pk]
    assert ids_shown(admin_client, f"?q=%23{other.pk}") == [other.pk]
    assert ids_shown(admin_client, f"?q={'9' * 40}") == []
    assert ids_shown(admin_client, "?q=100%25") == []  # a percent sign is itself
    assert ids_shown(admin_client, "?q=%C2%B2") == []  # a digit that is no number


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("since=yesterday", "“yesterday” is not a time"),
        ("since=2026-13-45T00:00", "“2026-13-45T00:00” is not a time"),
        ("since=0001-01-01T00:00%2B14:00", "is not a time"),
        ("until=999999999d", "“999999999d” is not a time"),
        ("since=2026-02-01&until=2026-01-01", "“from” is later than “until”"),
        ("device=no-such-phone", "No device has the name or id “no-such-phone”"),
        (f"device={uuid.UUID(int=7)}", f"No device has the name or id “{uuid.UUID(int=7)}”"),
        ("device=1234-not-a-uuid", "No device has the name or id “1234-not-a-uuid”"),
        ("account=x%00y", "Account: the text holds a NUL character"),
        ("severity=%00", "Severity: the text holds a NUL character"),
        ("since=%00", "Time: the text holds a NUL character"),
        ("q=%00", "Null characters are not allowed"),
        ("q=x+severity:eror", "Search: At character 12, x severity:▸eror – “eror” is not one of"),
        ("q=device:nobody", "There is no device of the name or id “nobody”"),
        ("q=%3Cb%3E+%22", '▸" – The quote that closes this one is missing'),
        ("resolved=perhaps", "“perhaps” is neither true nor false"),
        ("max_id=-1", "“-1” is not an event's id"),
        ("max_id=99999999999999999999", "is not an event's id"),
        ("device__name__contains=x", "This page has no filter “device__name__contains”"),
        ("%00=1", "This page has no filter “␀”"),
        ("max_id=%D9%A1", "is not an event's id"),
    ],
)
def test_what_cannot_be_read_is_said_and_shows_no_row(
    admin_client: Client, query: str, says: str
) -> None:
    add()
    page = text_of(admin_client.get(f"{LIST}?{query}"))
    assert escape(says) in page
    assert ids_shown(admin_client, f"?{query}") == []


@pytest.mark.parametrize(
    "query",
    ["p=0", "p=-3", "p=99999", "p=abc", "o=99", "o=x.-y", "all=", "e=1", "max_id=" + "9" * 18],
)
def test_a_strange_page_or_order_still_shows_the_list(admin_client: Client, query: str) -> None:
    event = add()
    assert ids_shown(admin_client, f"?{query}") == [event.pk]


def test_the_search_is_explained_beside_its_box(admin_client: Client) -> None:
    page = text_of(admin_client.get(LIST))
    for example, meaning in EXAMPLES:
        assert f"<dt><code>{escape(example)}</code></dt><dd>{escape(meaning)}</dd>" in page
    assert "search-guide" not in text_of(admin_client.get("/admin/events/device/"))


def test_a_search_for_what_cannot_arrive_opens_no_stream(admin_client: Client) -> None:
    for search, opens in (("since:1h", True), ("-until:1h", True), ("until:1h", False)):
        page = text_of(admin_client.get(f"{LIST}?q={search}"))
        assert ("data-stream=" in page) is opens, search
    assert "data-stream=" not in text_of(admin_client.get(f"{LIST}?q=%2342"))


def test_every_chip_takes_its_own_filter_away(admin_client: Client) -> None:
    add()
    page = text_of(admin_client.get(f"{LIST}?severity=info&severity=error&resolved=false&q=x"))
    for rest in (
        "resolved=false&severity=info&severity=error",
        "q=x&severity=info&severity=error",
        "q=x&resolved=false&severity=info",
        "q=x&resolved=false&severity=error",
    ):
        assert f'class="chip" href="?{escape(rest)}"' in page


@pytest.fixture
def berlin(settings: Any) -> None:
    settings.TIME_ZONE = "Europe/Berlin"


def test_several_devices_and_none_may_be_asked_for_at_once(admin_client: Client) -> None:
    one, ten = Device.objects.create(name="iPhone-1"), Device.objects.create(name="iPhone-10")
    of_one, of_ten, of_none = add(device=one), add(device=ten), add()
    add(device=Device.objects.create(name="Pixel"))
    assert ids_shown(admin_client, "?device=iphone-1,iphone-10") == [of_ten.pk, of_one.pk]
    assert ids_shown(admin_client, f"?device={one.pk}&device={ten.pk}") == [of_ten.pk, of_one.pk]
    assert ids_shown(admin_client, "?device=-,iphone-1") == [of_none.pk, of_one.pk]
    page = text_of(admin_client.get(f"{LIST}?device=-,iphone-1,phone&severity=info"))
    for shown, rest in (
        ("no device", "device=iphone-1&amp;device=phone&amp;severity=info"),
        ("iPhone-1", "device=-&amp;device=phone&amp;severity=info"),
        ("phone (2 names)", "device=-&amp;device=iphone-1&amp;severity=info"),
    ):
        assert re.search(
            rf'class="chip" href="\?{re.escape(rest)}"[^>]*>.*Device:</span> {re.escape(shown)} <',
            page,
        )
    assert 'name="device" id="filter-device" value="-,iphone-1,phone"' in page
    assert f"device_id={one.pk}&amp;device_id={ten.pk}" in page  # of the stream and the files
    accounts = [Account.objects.create(platform="tiktok", username=name) for name in "ab"]
    events = [add(account=account) for account in accounts]
    assert ids_shown(admin_client, "?account=tiktok/a,tiktok/b") == [it.pk for it in events[::-1]]


@pytest.mark.parametrize("query", ["device=rack", "device=rack,-&q=x&since=2h", "q=x+device:rack"])
def test_addresses_are_short_whatever_a_name_stands_for(admin_client: Client, query: str) -> None:
    racks = Device.objects.bulk_create(Device(name=f"Rack iPhone-{n}") for n in range(180))
    wanted = [add(device=device, message="x") for device in (racks[0], racks[-1])]
    add(device=Device.objects.create(name="Pixel"), message="x")
    page = unescape(text_of(admin_client.get(f"{LIST}?{query}")))
    addresses = re.findall(r'(?:href|data-\w+)="([^"]*\?[^"]*)"', page)
    assert max(map(len, addresses)) < 500
    shown = [it for it in addresses if "/api/" in it]
    assert len(shown) == 3  # the stream and two files
    for address in shown:
        asked = re.sub("(format|bom)=", "_=", address.partition("?")[2])
        found = admin_client.get(f"/api/events?{asked}").json()["results"]
        assert [it["id"] for it in found] == [it.pk for it in wanted[::-1]], address


def test_names_to_look_up_are_bounded(admin_client: Client) -> None:
    page = text_of(admin_client.get(f"{LIST}?device={','.join(map(str, range(21)))}"))
    assert "At most 20 names or ids can be looked up." in page


@pytest.mark.usefixtures("berlin")
def test_a_time_typed_without_an_offset_has_one_in_every_link(admin_client: Client) -> None:
    inside = add(timestamp="2026-01-31T17:30:00Z")
    add(timestamp="2026-01-31T17:29:59Z")
    query = "?since=2026-01-31T18:30&severity=info&q=-since:%222026-02-01 00:00%22"
    assert ids_shown(admin_client, query) == [inside.pk]
    page = unescape(text_of(admin_client.get(f"{LIST}{query}")))
    links = [unquote_plus(it) for it in re.findall(r'="([^"]*\?[^"]*)"', page)]
    # An event's page gets the list's address in its own.
    links = [unquote_plus(it) if "_changelist_filters" in it else it for it in links]
    times = {it for link in links for it in re.findall(r"since[=:](\d{4}[^& ]*)", link)}
    assert times == {
        "2026-01-31T18:30:00+01:00",  # of the list itself
        "2026-02-01T00:00:00+01:00",
        "2026-01-31T17:30:00+00:00",  # of files, streams and bulk actions
        "2026-01-31T23:00:00Z",
    }
    assert 'name="since" value="2026-01-31T18:30:00+01:00"' in page  # handed on by the search form
    assert 'id="filter-since" value="2026-01-31T18:30:00"' in page
    assert "From:</span> 2026-01-31 18:30:00 <" in page


def test_how_long_ago_stays_so_in_the_lists_own_links(admin_client: Client) -> None:
    add()
    page = text_of(admin_client.get(f"{LIST}?since=2w&until=90m&severity=info"))
    assert 'href="?severity=info&amp;since=2w"' in page
    assert ">From:</span> 2w ago <" in page
    assert not re.search(r"api/events/export[^\"]*2w", page)


def test_a_search_that_names_many_is_handed_on_as_it_was_typed(admin_client: Client) -> None:
    devices = Device.objects.bulk_create(Device(name=f"iPhone-{number}") for number in range(100))
    add(device=devices[0])
    page = unescape(text_of(admin_client.get(f"{LIST}?q=device:iphone&severity=info")))
    for start in ("/api/logs/stream?", "/api/events/export?", "/admin/events/bulkjob/preview/?"):
        [address, *_] = re.findall(rf'"({re.escape(start)}[^"]*)"', page)
        assert "q=device%3Aiphone" in address and "severity=info" in address


@pytest.mark.parametrize("time", ["0001-01-01T00:00Z", "9999-12-31T23:59:59Z"])
@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
def test_a_time_at_an_end_of_the_calendar_is_shown(
    admin_client: Client, settings: Any, zone: str, time: str
) -> None:
    settings.TIME_ZONE = zone
    assert time[:4] in text_of(admin_client.get(f"{LIST}?since={time}&until={time}"))
