"""Sign-ins slowed down where they fail: a delay that grows, by user and by network.

Note: whom an attacker can't keep out.
The delay is bounded, a refused attempt counts for nothing, and who has signed in from a network
before waits there for failures of their own only: not for those of others who tried that name from
elsewhere, or other names from there.
"""

import ipaddress
import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_login_failed
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.dispatch import receiver
from django.utils.crypto import salted_hmac

from events.models import SignIn
from events.reading.raw_sql import read_rows

FREE_OF_USER, FREE_OF_NETWORK = 5, 20
"""Failures without a delay; each after them doubles it."""
LONGEST_SECONDS = 60
FORGOTTEN_SECONDS = 3600
MAX_HASHING = 2
"""Passwords checked at once in a process: each takes half a second of a processor."""
MAX_WAITING = 8
"""Each holds a thread and a connection meanwhile."""
WAIT_SECONDS = 2.0

# Counted as a failure before the password is looked at: of many sent at once none slips through.
COUNT = """
INSERT INTO event_sign_ins AS known (key, failures, blocked_until, is_known)
SELECT key, 1 - free, clock_timestamp(), false
FROM unnest(%(keys)s::text[], %(free)s::int[]) AS asked (key, free) ORDER BY key
ON CONFLICT (key) DO UPDATE SET (failures, blocked_until) = (
    SELECT counted, clock_timestamp() + make_interval(
        secs => least(%(longest)s, floor(2 ^ (least(counted, 10) - 1)))
    )
    FROM (SELECT CASE
        WHEN known.blocked_until < clock_timestamp() - make_interval(secs => %(forgotten)s)
        THEN excluded.failures ELSE known.failures + 1
    END) AS one (counted)
)
WHERE known.blocked_until <= clock_timestamp()
RETURNING key
"""
WAIT = """
SELECT extract(epoch FROM max(blocked_until) - clock_timestamp())::float
FROM event_sign_ins WHERE key = ANY(%s)
"""

logger = logging.getLogger(__name__)
_hashing = threading.BoundedSemaphore(MAX_HASHING)
_waiting = threading.BoundedSemaphore(MAX_WAITING)


class TooManyAttempts(Exception):
    """To be tried again in so many seconds."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@contextmanager
def attempt(username: str, address: str) -> Iterator[Callable[[], None]]:
    """Let a password be checked, and call what is yielded if it was right.

    Raises `TooManyAttempts`, at once: nobody's thread is held for a delay, and a few for a turn.
    """
    user, network = _digest(username), _digest(network_of(address))
    both = _digest(user + network)
    free = {both: FREE_OF_USER}
    if not SignIn.objects.filter(pk=both, is_known=True).exists():
        free |= {user: FREE_OF_USER, network: FREE_OF_NETWORK}
    _count(free)
    if not _take_turn():
        counted = SignIn.objects.filter(pk__in=free)
        counted.update(failures=F("failures") - 1, blocked_until=Now())
        raise TooManyAttempts(1)
    try:

        def succeeded() -> None:
            attempts = SignIn.objects.filter(pk__in=free)
            attempts.filter(pk=network).update(failures=F("failures") - 1, blocked_until=Now())
            attempts.filter(pk=user).delete()
            attempts.filter(pk=both).update(
                failures=-FREE_OF_USER, blocked_until=Now(), is_known=True
            )

        yield succeeded
    finally:
        _hashing.release()


def _take_turn() -> bool:
    if not _waiting.acquire(blocking=False):
        return False
    try:
        return _hashing.acquire(timeout=WAIT_SECONDS)
    finally:
        _waiting.release()


def _count(free: dict[str, int]) -> None:
    params: Any = {
        "keys": list(free),
        "free": list(free.values()),
        "longest": LONGEST_SECONDS,
        "forgotten": FORGOTTEN_SECONDS,
    }
    with transaction.atomic():
        is_refused = len(read_rows(COUNT, params)) < len(free)
        transaction.set_rollback(is_refused)
    if is_refused:
        [(seconds,)] = read_rows(WAIT, [list(free)])
        raise TooManyAttempts(max(1, math.ceil(seconds)))


def network_of(address: str) -> str:
    """Return the network that an address is of: of IPv4 the /24, of IPv6 the /64."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:  # by a Unix socket there is none
        return ""
    mapped = getattr(parsed, "ipv4_mapped", None) or parsed
    bits = 24 if mapped.version == 4 else 64
    return str(ipaddress.ip_network((mapped, bits), strict=False))


def _digest(text: str) -> str:
    # What is typed as a name may be a password.
    return salted_hmac("events.web.sign_in", text).hexdigest()


@receiver(user_login_failed)
def log_failure(credentials: dict[str, Any], request: Any = None, **kwargs: Any) -> None:
    address = request.META.get("REMOTE_ADDR", "") if request else ""
    name = credentials.get("username")
    # What is typed as a name may be a password: only one that is a user's is written down.
    is_known = get_user_model()._default_manager.filter(username=name).exists()
    logger.warning("Sign-in as %s from %s failed", repr(name) if is_known else "nobody", address)
