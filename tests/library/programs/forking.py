"""Children by os.fork that emit from several threads."""

import os
import threading
import traceback

from noting import noted


def emit_some(prefix: str) -> None:
    def work(thread: int) -> None:
        for number in range(20):
            noted(f"{prefix}/{thread}/{number}")

    threads = [threading.Thread(target=work, args=[thread]) for thread in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fork_some() -> list[int]:
    children = []
    for child in range(4):
        pid = os.fork()
        if not pid:
            try:
                emit_some(f"child{child}")
            except BaseException:
                traceback.print_exc()
                os._exit(1)
            os._exit(0)
        children.append(pid)
    return children


def join(children: list[int]) -> None:
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * len(children)
