"""Raise at each line that the library runs at a fork; print how many there are."""

import os
import sys
import threading

from noting import noted
from raising import raise_at

raised = []
noted("first")
sys.unraisablehook = lambda it: raised.append(it.exc_type)
for point in range(100):
    raise_at(point)
    pid = os.fork()
    sys.settrace(None)
    if not pid:
        for number in range(5):
            noted(f"child/{point}/{number}")
        os._exit(0)
    for number in range(5):
        noted(f"parent of/{point}/{number}")
    assert os.waitpid(pid, 0)[1] == 0
    thread = threading.Thread(target=noted, args=[f"thread/{point}"])
    thread.start()
    thread.join()
    noted(f"parent/{point}")
    if len(raised) <= point:
        break
print(len(raised))
