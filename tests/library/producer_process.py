"""Emit numbered events from several threads until stdin ends, and note what emit returned.

Arguments: name, threads, pause in seconds between two events of a thread, file of the ledger. The
ledger gets a line for each emit right after it returned: message, id or -, seconds that it took.
os.write hands a line to the kernel, so that a SIGKILL loses none.
"""

import os
import sys
import threading
import time

from sovi import events


def emit_until(ended: threading.Event, name: str, pause_seconds: float, ledger: int) -> None:
    number = 0
    while not ended.is_set():
        number += 1
        message = f"{name}/{number}"
        severity = "error" if number % 10 == 0 else "info"
        began = time.monotonic()
        event_id = events.emit("scheduler", severity, "warming_complete", message)
        seconds = time.monotonic() - began
        os.write(ledger, f"{message} {event_id or '-'} {seconds:.3f}\n".encode())
        ended.wait(pause_seconds)


def main(name: str, threads: str, pause_seconds: str, ledger: str) -> None:
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    ended = threading.Event()
    emitting = [
        threading.Thread(
            target=emit_until, args=[ended, f"{name}/{thread}", float(pause_seconds), file]
        )
        for thread in range(int(threads))
    ]
    for thread in emitting:
        thread.start()
    sys.stdin.read()
    ended.set()
    for thread in emitting:
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
