"""Who acted and why, and the names of devices and accounts, on every face: each by its permission.

`SECRETS` stand in what the faces read; a user who may view events alone is shown none of them, and
is told nothing by how a question about one is answered.
"""

import asyncio
import json
import uuid
from typing import Any

import pytest
from admin_rows import LIST, add
from bulk_jobs import make_job
from django.contrib.auth.models import Permission, User
from django.db import connections
from django.test import Client
from django.utils.http import urlencode
from streaming import a_hub, collecting, until

from events.bulk.runner import run
from events.models import Account, ApiToken, Device, EventAction, SystemEvent
from events.models.actor import Actor
from events.web.permissions import RESOLVE, VIEW, VIEW_ACCOUNT, VIEW_ACTION, VIEW_DEVICE, VIEWING

pytestmark = pytest.mark.django_db(transaction=True)

ACTOR, REASON, OPERATION = "mole", "the-reason-why", uuid.uuid4()
DEVICE, PLATFORM, USERNAME = "burner-phone", "tiktok", "sleeper-77"
SECRETS = {
    VIEW_ACTION: (ACTOR, REASON, str(OPERATION)),
    VIEW_DEVICE: (DEVICE,),
    VIEW_ACCOUNT: (USERNAME,),
}
DEVICE_ID, ACCOUNT_ID = uuid.uuid4(), uuid.uuid4()
MOLE = Actor(ACTOR, "human", "admin")
STOPPED = {
    "step": "stopped",
    "at": "2026-01-01T00:00:00+00:00",
    "actor": ACTOR,
    "actor_kind": "human",
    "face": "admin",
}


@pytest.fixture
def event() -> SystemEvent:
    """One that a mole resolved and reopened, with a job of the mole's about it."""
    device = Device.objects.create(pk=DEVICE_ID, name=DEVICE)
    account = Account.objects.create(pk=ACCOUNT_ID, platform=PLATFORM, username=USERNAME)
    event = add("Broke", severity="error", device=device, account=account)
    for action in ("resolve", "reopen"):
        SystemEvent.objects.act(action, [event.pk], by=MOLE, reason=REASON, operation=OPERATION)
    return event


def user_with(*permissions: str) -> User:
    user = User.objects.create_user(f"user {User.objects.count()}", is_staff=True)
    codenames = [permission.partition(".")[2] for permission in permissions]
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    return user


def browser_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def bearer_of(user: User) -> Client:
    _, token = ApiToken.objects.create(user)
    return Client(headers={"authorization": f"Token {token}"})


def body_of(response: Any) -> str:
    if response.streaming:
        return asyncio.run(_joined(response.streaming_content))
    return str(response.content.decode())


async def _joined(chunks: Any) -> str:
    return b"".join([chunk async for chunk in chunks]).decode()


def faces(event: SystemEvent, job_id: int) -> dict[str, set[str]]:
    """Each address with the permissions of what it shows to who has them."""
    everything = {VIEW_DEVICE, VIEW_ACCOUNT}
    jobs = f"/admin/events/bulkjob/{job_id}/change/"
    return {
        "/admin/": everything,
        LIST: everything,
        f"{LIST}?device={DEVICE_ID}&account={ACCOUNT_ID}": everything,
        f"{LIST}{event.pk}/change/": {*everything, VIEW_ACTION},
        "/admin/events/problems/": everything,
        f"/admin/events/timeline/?device={DEVICE_ID}": {VIEW_DEVICE},
        f"/admin/events/timeline/?account={ACCOUNT_ID}": {VIEW_ACCOUNT},
        f"/admin/events/live/?q=device:{DEVICE_ID}": set(),
        "/admin/events/bulkjob/": {VIEW_ACTION},
        jobs: {*everything, VIEW_ACTION},
        f"/api/events/jobs/{job_id}": {VIEW_ACTION},
        "/api/events": set(),
        f"/api/events/{event.pk}": set(),
        f"/api/events/unresolved?q=device:{DEVICE_ID}": set(),
        "/api/events/stats?by=device": {VIEW_DEVICE},
        "/api/events/export?format=ndjson": set(),
        "/api/events/export": set(),
        # Whole pages behind a permission of their own.
        "/admin/events/eventaction/": {VIEW_ACTION},
        "/admin/events/device/": {VIEW_DEVICE},
        f"/admin/events/device/{DEVICE_ID}/change/": {VIEW_DEVICE},
        "/admin/events/account/": {VIEW_ACCOUNT},
        f"/admin/events/account/{ACCOUNT_ID}/change/": {VIEW_ACCOUNT},
    }


@pytest.mark.parametrize("granted", [(), (VIEW_ACTION,), (VIEW_DEVICE,), (VIEW_ACCOUNT,)])
def test_every_face_shows_what_its_permission_grants_and_no_more(
    event: SystemEvent, granted: tuple[str, ...]
) -> None:
    job = make_job(
        f"device_id={DEVICE_ID}&account_id={ACCOUNT_ID}",
        actor=ACTOR,
        reason=REASON,
        operation=OPERATION,
        state="stopped",
        steps=[STOPPED],
    )
    user = user_with(VIEW, *granted)
    browser = browser_of(user)
    wrong = []
    for address, shows in faces(event, job.pk).items():
        answer = browser.get(address)
        assert answer.status_code in (200, 403), address
        body = body_of(answer)
        for permission, secrets in SECRETS.items():
            shown = [secret for secret in secrets if secret in body]
            if permission in granted and permission in shows and not shown:
                wrong.append(f"{address} hides what {permission} grants")
            if permission not in granted and shown:
                wrong.append(f"{address} shows {shown} without {permission}")
    assert wrong == []


@pytest.mark.parametrize(
    ("name", "unknown", "key"),
    [(DEVICE, "no-such-phone", "device"), (USERNAME, "no-such-user", "account")],
)
def test_a_name_that_is_not_shown_is_not_asked_for_either(
    event: SystemEvent, name: str, unknown: str, key: str
) -> None:
    user = user_with(VIEW, RESOLVE)
    browser, bearer = browser_of(user), bearer_of(user)

    def answers(text: str) -> list[tuple[int, str]]:
        q, typed = urlencode({"q": f"{key}:{text}"}), urlencode({key: text})
        found = [
            browser.get(address)
            for address in (
                f"{LIST}?{q}",
                f"{LIST}?{typed}",
                f"/admin/events/live/?{q}",
                f"/admin/events/timeline/?{typed}",
                f"/admin/events/problems/?{q}",
                f"/admin/events/bulkjob/preview/?action=resolve&{q}",
                f"/api/events?{q}",
                f"/api/events/unresolved?{q}",
                f"/api/events/stats?{q}",
                f"/api/events/export?{q}",
            )
        ]
        body = json.dumps({"filters": {"q": f"{key}:{text}"}})
        found.append(bearer.post("/api/events/resolve", body, content_type="application/json"))
        told = [body_of(answer) for answer in found]
        return [
            (answer.status_code, text in body and f"events.view_{key}" in body)
            for answer, body in zip(found, told, strict=True)
        ]

    known, others = answers(name), answers(unknown)
    assert known == others
    assert [status for status, _ in known] == [200] * 6 + [400] * 5


def test_an_id_may_be_asked_for_by_who_sees_no_names(event: SystemEvent) -> None:
    client = browser_of(user_with(VIEW))
    for query in (f"q=device:{DEVICE_ID}", f"device={DEVICE_ID}", "device=-", "q=account:-"):
        assert client.get(f"{LIST}?{query}").status_code == 200
    assert str(event.pk) in body_of(client.get(f"{LIST}?device={DEVICE_ID}"))
    [found] = client.get(f"/api/events?q=device:{DEVICE_ID}").json()["results"]
    assert found["id"] == event.pk


def test_a_stream_tells_of_an_action_and_hides_its_actor(event: SystemEvent) -> None:
    async def scenario() -> None:
        async with a_hub() as hub:
            async with (
                collecting(hub, granted=VIEWING) as all_of_it,
                collecting(hub, granted=(VIEW,)) as part_of_it,
            ):
                token = part_of_it.token
                await asyncio.to_thread(act)
                await until(lambda: len(told(all_of_it)) == len(told(part_of_it)) == 1)
                seen = [told(all_of_it)[0], told(part_of_it)[0]]
            # And the same to who comes back later, from the database.
            async with collecting(hub, granted=(VIEW,), token=token) as again:
                await until(lambda: told(again))
                assert told(again) == [seen[1]]
            hidden = dict.fromkeys(("actor", "face", "reason", "operation"))
            assert seen[0]["actor"] == ACTOR
            assert seen[1] == seen[0] | hidden
            assert (seen[1]["ids"], seen[1]["actor_kind"]) == ([event.pk], "human")

    def act() -> None:
        SystemEvent.objects.filter(pk=event.pk).resolve(by=MOLE, reason=REASON)
        connections.close_all()

    def told(one: Any) -> list[dict[str, Any]]:
        return [message.json for message in one.messages if message.event == "resolved"]

    asyncio.run(scenario())


def test_who_may_act_but_not_view_actions_acts_all_the_same(event: SystemEvent) -> None:
    bearer = bearer_of(user_with(VIEW, RESOLVE))

    def post(body: dict[str, Any]) -> Any:
        return bearer.post("/api/events/resolve", json.dumps(body), "application/json").json()

    job = post({"token": post({"filters": {}})["token"], "reason": REASON})
    assert (job["actor"], job["reason"]) == (None, None)
    run(job["id"])
    assert EventAction.objects.latest("pk").reason == REASON
