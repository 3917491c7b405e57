"""Close the client while a thread's emit waits for a lock, and say so."""

import os
import socket
import threading
import time

from noting import emit

from sovi_events import client

ids = []
waiting = threading.Thread(target=lambda: ids.append(emit("waits for a lock")))
waiting.start()
time.sleep(0.5)
client.close()
print("closed", flush=True)
# Whatever the program opens now takes the place of what was freed.
pairs = [socket.socketpair() for _ in range(20)]
for pair in pairs:
    for one in pair:
        one.send(b"x" * 9)
held = [bytearray(os.urandom(size)) for size in range(900, 3000, 4)]
waiting.join()
assert ids[0]
