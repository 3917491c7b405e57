"""Fork after the client is closed; the child emits while its parent collects what it left."""

import gc
import os
import signal
import sys
import time

from noting import noted

from sovi_events import client

noted("parent")
client.close()
started, ended = os.pipe(), os.pipe()
pid = os.fork()
if not pid:
    noted("child 1")
    os.write(started[1], b".")
    os.read(ended[0], 1)
    noted("child 2")
    os.kill(os.getpid(), signal.SIGKILL)
os.read(started[0], 1)
while len(sys._current_frames()) > 1:
    time.sleep(0.01)
gc.collect()
os.write(ended[1], b".")
os.waitpid(pid, 0)
