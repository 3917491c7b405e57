"""Emit from the workers of multiprocessing, started by the method that is the argument.

Prints the ids by message.
"""

import json
import multiprocessing
import sys

from noting import emit

if __name__ == "__main__":
    answered = {"parent": emit("parent")}
    with multiprocessing.get_context(sys.argv[1]).Pool(3) as pool:
        messages = [f"event {number}" for number in range(60)]
        answered |= zip(messages, pool.map(emit, messages, chunksize=5), strict=True)
        pool.close()
        pool.join()
    print(json.dumps(answered))
