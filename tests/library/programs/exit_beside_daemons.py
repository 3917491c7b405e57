"""Exit while daemon threads are emitting."""

import os
import threading
import time

from noting import ledger, noted


def forever(thread: int) -> None:
    number = 0
    while True:
        number += 1
        noted(f"{thread}/{number}")


for thread in range(4):
    threading.Thread(target=forever, args=[thread], daemon=True).start()
while os.fstat(ledger).st_size < 2000:
    time.sleep(0.01)
