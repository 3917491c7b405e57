"""Raise at each line that the library runs at an emit; print how many there are."""

import sys

from noting import emit, noted
from raising import raise_at

noted("first")
held = []
for point in range(400):
    raise_at(point)
    try:
        emit(f"interrupted/{point}")
    except KeyboardInterrupt as error:
        held.append(error)  # with the frames, and what they hold
    sys.settrace(None)
    noted(f"after/{point}")
    if len(held) <= point:
        break
print(len(held))
