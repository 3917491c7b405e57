"""A signal handler that forks amid emit, in a database that is slow at "slow"."""

import os
import signal

from noting import emit, noted

parent = os.getpid()
signal.signal(signal.SIGALRM, lambda number, frame: os.fork())
for number in range(20):
    emit(f"before {number}")  # by now this thread stores by itself
signal.setitimer(signal.ITIMER_REAL, 0.1)
emit("slow")
noted(f"after/{os.getpid()}")
if os.getpid() != parent:
    os._exit(0)
assert os.wait()[1] == 0
