"""Emit from threads, whose messages begin with the argument, until the process is killed."""

import sys
import threading

from noting import noted


def forever(thread: int) -> None:
    number = 0
    while True:
        number += 1
        noted(f"{sys.argv[1]}/{thread}/{number}")


for thread in range(3):
    threading.Thread(target=forever, args=[thread]).start()
