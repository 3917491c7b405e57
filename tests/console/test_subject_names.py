"""Devices and accounts are found by their names as people type them, on every face."""

import re
import unicodedata
from typing import Any

import pytest
from admin_rows import add, ids_shown, text_of
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.filters.name_folding import folded
from events.filters.subject_lookup import accounts_named, devices_named
from events.models import Account, Device

pytestmark = pytest.mark.django_db

DOTLESS, FINAL = "\N{LATIN SMALL LETTER DOTLESS I}", "\N{GREEK SMALL LETTER FINAL SIGMA}"
SAME = {
    "the phone's apostrophe": ["Ana’s iPhone", "Ana's iPhone", "ANA‘S IPHONE", "Anaʼs iPhone"],
    "other apostrophes": ["Ana`s iPhone", "Ana´s iPhone", "Ana′s iPhone", "Ana＇s iPhone"],
    "accents": ["Zoë’s Pixel", unicodedata.normalize("NFD", "Zoë's Pixel"), "ZOË'S PIXEL"],
    "several accents": ["Nguyễn", unicodedata.normalize("NFD", "Nguyễn"), "NGUYÊ\u0303N"],
    "spaces": [
        "Rack 7",
        "Rack\u00a07",
        "Rack\u202f7",
        "rack  7",
        " Rack 7 ",
        "Rack\u30007",
        "Rack\t7",
    ],
    "German": ["Große Straße", "GROSSE STRASSE", "Große STRAẞE"],
    "Turkish": ["Işıl İpek", f"i{'ş'}{DOTLESS}l ipek", "IŞIL İPEK", "ışıl i\u0307pek"],
    "Greek": ["Οδυσσεύς", "ΟΔΥΣΣΕΎΣ", f"οδυσσεύ{FINAL}", "οδυσσεύσ"],
    "Cyrillic": ["Ёлка", "ЁЛКА", unicodedata.normalize("NFD", "ёлка")],
    "width and ligatures": ["ｉＰｈｏｎｅ 12", "iPhone 12", "IPHONE １２"],
    "dashes": ["Rack–7", "Rack-7", "Rack\u20117"],
    "quotes": ["“Best” phone", '"Best" phone', "„Best“ phone"],
    "what draws nothing": [
        "iPhone\u200b X",
        "\ufeffiPhone X",
        "\u202aiPhone X\u202c",
        "iPho\u00adne X",
    ],
    "emoji": ["❤\ufe0f phone", "❤ phone"],
    "wildcards": ["100%_a\\b", "100%_A\\B"],
}
PAIRS = [pair for one, *others in SAME.values() for it in others for pair in ((one, it), (it, one))]


@pytest.mark.parametrize("names", SAME.values(), ids=SAME)
def test_what_people_take_for_the_same_name_is_folded_to_the_same_text(names: list[str]) -> None:
    assert len(set(map(folded, names))) == 1


def test_a_device_is_found_by_each_way_to_type_its_name() -> None:
    others = [Device.objects.create(name=name) for name in ("Bob's iPhone", "Ana", "", "é")]
    for stored, typed in PAIRS:
        device = Device.objects.create(name=stored)
        assert devices_named(typed) == [device], (stored, typed)
        middle = folded(typed)[1:-1]
        assert device in devices_named(middle), (stored, middle)
        device.delete()
    assert devices_named("nobody’s") == []
    assert devices_named(" \u200b") == []
    assert {device.pk for device in devices_named("a")} == {others[1].pk}


def test_an_account_is_found_by_its_username_or_with_its_platform() -> None:
    for stored, typed in PAIRS:
        account = Account.objects.create(platform="tiktok", username=stored)
        Account.objects.create(platform="reels", username=f"{stored}-2")
        assert accounts_named(typed) == [account], (stored, typed)
        assert accounts_named(f"TikTok/{typed}") == [account], (stored, typed)
        assert account in accounts_named(f"tiktok/{folded(typed)[:2]}"), (stored, typed)
        Account.objects.all().delete()
    assert accounts_named("tiktok") == []


def test_names_that_differ_are_not_taken_for_each_other() -> None:
    named = [Device.objects.create(name=name) for name in ("Jose", "José", "Ana's 1", "Anas 1")]
    for device in named:
        assert devices_named(device.name) == [device]


@pytest.mark.parametrize("typed", ["Ana's iPhone", "ana’s iphone", "ANA'S"])
def test_every_face_that_takes_a_name_finds_it(admin_client: Client, typed: str) -> None:
    device = Device.objects.create(name="Ana’s iPhone")
    account = Account.objects.create(platform="tiktok", username="Ana’s iPhone")
    event, _ = add(device=device, account=account), add()
    for name in ("device", "account"):
        assert ids_shown(admin_client, f"?{name}={typed}") == [event.pk]
        query = {"q": f'{name}:"{typed}"'}
        assert ids_of(admin_client.get("/api/events", query)) == [event.pk]
        assert ids_of(admin_client.get("/api/events/unresolved", query)) == [event.pk]
        page = text_of(admin_client.get("/admin/events/timeline/", {name: typed}))
        assert "Ana’s iPhone</h1>" in page
        listed = text_of(admin_client.get(f"/admin/events/{name}/", {"q": typed}))
        assert f"/admin/events/{name}/{getattr(event, name).pk}/change/" in listed
        none = text_of(admin_client.get(f"/admin/events/{name}/", {"q": "Bob"}))
        assert not re.search(rf"/admin/events/{name}/[0-9a-f-]+/change/", none)
    assert ids_shown(admin_client, f'?q=device:"{typed}"') == [event.pk]


def test_a_name_costs_one_query_whatever_it_is_made_of() -> None:
    for name in ("Zoë", "Ana", "Ωmega"):
        with CaptureQueriesContext(
            connection,
        ) as captured:
            devices_named(name)
        [query] = [entry["sql"] for entry in captured if '"devices"' in entry["sql"]]
        assert " LIMIT " in query


def ids_of(response: Any) -> list[int]:
    assert response.status_code == 200, response.content
    return [event["id"] for event in response.json()["results"]]
