import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from live import PASSWORD, Live

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
