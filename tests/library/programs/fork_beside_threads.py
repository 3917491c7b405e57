"""Fork while threads are emitting."""

import os
import threading

from forking import join
from noting import noted

ended = threading.Event()


def busy(name: int) -> None:
    number = 0
    while not ended.is_set():
        number += 1
        noted(f"busy{name}/{number}")


threads = [threading.Thread(target=busy, args=[name]) for name in range(4)]
for thread in threads:
    thread.start()
for generation in range(5):
    pid = os.fork()
    if not pid:
        for number in range(10):
            noted(f"child{generation}/{number}")
        os._exit(0)
    join([pid])
ended.set()
for thread in threads:
    thread.join()
