"""A signal handler that emits while its thread does, in a database that hangs."""

import handling
from noting import noted

noted("first")
handling.start(0.01)
number = 0
while handling.handled < 30:
    number += 1
    noted(f"main/{number}")
handling.stop()
