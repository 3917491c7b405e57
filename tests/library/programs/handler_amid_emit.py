"""A signal handler that emits, also while it handles a signal, beside threads that emit."""

import threading
from typing import Any

import handling
from noting import noted

handled = depth = 0


def handle(number: int, frame: Any) -> None:
    global handled, depth
    if depth < 2:
        depth += 1
        handled += 1
        noted(f"handler/{handled}")
        depth -= 1


def work(thread: int) -> None:
    for number in range(100):
        noted(f"{thread}/{number}")


threads = [threading.Thread(target=work, args=[thread]) for thread in range(2)]
handling.start(0.001, handle)
for thread in threads:
    thread.start()
number = 0
while number < 100 or handled < 50:
    noted(f"main/{number}")
    number += 1
handling.stop()
for thread in threads:
    thread.join()
