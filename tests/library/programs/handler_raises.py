"""A handler that raises amid emit, at a random time, beside a thread that emits.

Prints how often it did, the seconds of the last emit, and those of the longest.
"""

import random
import signal
import threading
import time
from typing import Any

from noting import emit, note, noted


class Interrupt(Exception):
    pass


def interrupt(number: int, frame: Any) -> None:
    raise Interrupt


def work() -> None:
    global longest
    for number in range(300):
        began = time.monotonic()
        noted(f"thread/{number}")
        longest = max(longest, time.monotonic() - began)


longest = 0.0
signal.signal(signal.SIGALRM, interrupt)
thread = threading.Thread(target=work)
thread.start()
chosen = random.Random(3)
tried = interrupted = 0
while tried < 500:
    tried += 1
    began = time.monotonic()
    try:
        signal.setitimer(signal.ITIMER_REAL, chosen.uniform(0.0001, 0.002))
        event_id = emit(f"interrupted/{tried}")
        signal.setitimer(signal.ITIMER_REAL, 0)
        note(f"interrupted/{tried}", event_id)
    except Interrupt:
        interrupted += 1
    longest = max(longest, time.monotonic() - began)
thread.join()
began = time.monotonic()
noted("last")
print(interrupted, time.monotonic() - began, longest)
