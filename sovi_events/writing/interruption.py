"""Whether a thread is in the middle of storing.

A signal handler, or the finalizer of some object, may interrupt it there and emit: that emit must
take no lock, for its own thread may hold it.
"""

import threading
from collections.abc import Callable
from typing import ParamSpec

ATTEMPTS = 100


class _Thread(threading.local):
    is_storing = False
    is_forking = False


this_thread = _Thread()


def is_interrupted() -> bool:
    """Whether this thread may hold locks already, that whoever interrupted it must not wait for."""
    return this_thread.is_storing or this_thread.is_forking


Arguments = ParamSpec("Arguments")


def surely(
    action: Callable[Arguments, None], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> None:
    """Do what others wait for, though signal handlers raise meanwhile; then raise what they did.

    The action is begun again, so it must be one that can be.
    """
    raised: BaseException | None = None
    for _ in range(ATTEMPTS):
        try:
            action(*args, **kwargs)
            break
        except BaseException as error:
            raised = error
    if raised is not None:
        raise raised
