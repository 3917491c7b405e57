"""A mapping that raises while emit_many reads it, beside threads that emit."""

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from noting import emit

from sovi import events


class Broken(Mapping[str, Any]):
    def __iter__(self) -> Iterator[str]:
        raise KeyError("gone")

    def __len__(self) -> int:
        return 4

    def __getitem__(self, key: str) -> Any:
        raise KeyError(key)


def many() -> None:
    try:
        events.emit_many([good] * 550 + [Broken()])
    except events.InvalidEvent as error:
        answers.append(str(error))


emit("first")
good = {"category": "device", "severity": "info", "event_type": "x", "message": "m"}
answers: list[Any] = []
threads = [threading.Thread(target=many)]
threads += [threading.Thread(target=lambda: answers.append(emit("beside"))) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
answers.sort(key=str)
assert "events[550]: can't be read: KeyError" in answers.pop(), answers
assert None not in answers, answers
assert len(answers) == 3, answers
assert events.flush(0)
