"""A running system, and the library as a program of its own has it."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from live import PASSWORD, Live
from wheels import ROOT, build, make_environment

from events.models import Account, ApiToken, Device


@pytest.fixture
def live(transactional_db: None, server: Any, chromium: Any) -> Iterator[Live]:
    """The run's server on an empty table, with a superuser `operator`, a device, an account."""
    user = User.objects.create_superuser("operator", password=PASSWORD)
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as session:
        yield Live(
            url=server.url,
            token=ApiToken.objects.create(user=user)[1],
            device_id=Device.objects.create(name="iPhone-A").pk,
            account_id=Account.objects.create(platform="tiktok", username="grind4829").pk,
            session=session,
            chromium=chromium,
        )


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library's."""
    return build(ROOT, tmp_path_factory.mktemp("library"))


@pytest.fixture
def producer(request: pytest.FixtureRequest, wheel: Path, tmp_path: Path) -> Path:
    """The Python of an environment where the wheel alone was installed, with what it asks for.

    It is made by this Python, or by the one that the test names.
    """
    return make_environment(tmp_path / "producer", wheel, getattr(request, "param", sys.executable))
