"""Emit the message that is the argument; print its id."""

import sys

from noting import emit

print(emit(sys.argv[1]))
