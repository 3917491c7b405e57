"""Both sides of the producers' library behind one face, and devices and accounts to speak of."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cutting_proxy import CuttingProxy, a_proxy
from killable import Killable, a_killable
from machine import Machine

import sovi_events.lenient
from events.models import Account, Device
from sovi import events


class Sync:
    def __init__(self, face: Any) -> None:
        self._face = face

    def __getattr__(self, name: str) -> Any:
        return getattr(self._face, name)


class Async:
    """The `async_` twins, run to their end in an event loop of this test."""

    def __init__(self, face: Any, runner: asyncio.Runner) -> None:
        self._face = face
        self._runner = runner

    def __getattr__(self, name: str) -> Any:
        twin = getattr(self._face, f"async_{name}")
        return lambda *args, **kwargs: self._runner.run(twin(*args, **kwargs))


def either_side(face: Any, side: str) -> Iterator[Any]:
    if side == "sync":
        yield Sync(face)
    else:
        with asyncio.Runner() as runner:
            yield Async(face, runner)


@pytest.fixture(params=["sync", "async"])
def library(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The library's calls without the prefix; a test that takes it runs for either side."""
    yield from either_side(events, request.param)


@pytest.fixture(params=["sync", "async"])
def lenient(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The same of `sovi_events.lenient`."""
    yield from either_side(sovi_events.lenient, request.param)


@pytest.fixture
def device_id(transactional_db: None) -> UUID:
    return Device.objects.create(name="iPhone-A").pk


@pytest.fixture
def account_id(transactional_db: None) -> UUID:
    return Account.objects.create(platform="tiktok", username="grind4829").pk


@pytest.fixture(scope="session")
def killable() -> Iterator[Killable]:
    """A PostgreSQL beside the run's own; `machine` puts right what a test did to it."""
    with a_killable() as server:
        yield server


@pytest.fixture
def machine(killable: Killable, tmp_path: Path) -> Iterator[Machine]:
    """Producers of a test, with a database and a spool folder of their own."""
    dbname = killable.new_database()
    machine = Machine(tmp_path, killable, dbname, killable.url(dbname))
    yield machine
    machine.close()
    killable.restore()
    killable.drop_database(dbname)


@pytest.fixture
def proxy(killable: Killable, machine: Machine) -> Iterator[CuttingProxy]:
    """A proxy between the producers of `machine` and their database."""
    with a_proxy(killable.socket) as proxy:
        machine.url = proxy.url(machine.dbname)
        yield proxy
