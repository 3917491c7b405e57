"""Fork from several threads at once while one is emitting."""

import os
import threading

from forking import join
from noting import noted

ended = threading.Event()


def busy() -> None:
    number = 0
    while not ended.is_set():
        number += 1
        noted(f"busy/{number}")


def fork() -> None:
    for _ in range(40):
        pid = os.fork()
        if not pid:
            os._exit(0)
        join([pid])


noted("first")
emitting = threading.Thread(target=busy)
emitting.start()
threads = [threading.Thread(target=fork) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
ended.set()
emitting.join()
