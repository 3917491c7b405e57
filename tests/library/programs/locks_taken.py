"""Print which of the locks that are written in Python emit takes."""

import sys
import threading
from typing import Any

from noting import emit

taken = set()


def watch(frame: Any, what: str, argument: Any) -> None:
    code = frame.f_code
    if what == "call" and code.co_filename == threading.__file__ and code.co_name != "is_set":
        taken.add(code.co_qualname)


def work() -> None:
    for _ in range(50):
        sys.setprofile(watch)
        emit("x")
        sys.setprofile(None)


emit("the first starts a thread, which takes some")
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(sorted(name for name in taken if name.startswith(("Event.", "Condition.", "Semaphore."))))
