"""Whose turn it is to store, and who waits for theirs.

The first to come leads. Who comes meanwhile queues; the leader takes some of them along, and hands
the lead to another when it is done. Nothing here stores, or waits for who does.
"""

import threading
from collections import deque
from collections.abc import Sequence
from enum import Enum, auto

from ..record import MANY
from .batch import Batch
from .bell import Bell
from .call import Call, LoopCall, batch_of

BATCH_EVENTS = MANY - 1
"""Events of several calls that are stored together at most; a call that brings more is alone."""
CROWD_SECONDS = 0.0001
"""How long those are waited for who come one after the other."""


class Verdict(Enum):
    """What is left to do for a call whose leader may be lost."""

    WAIT = auto()
    DONE = auto()
    LEAD = auto()
    LEAD_ANEW = auto()
    """The leader's thread may go on some time, with what it has in its hands."""
    KEEP = auto()
    """It was on its way, and nobody knows what became of it."""


class Turns:
    """The calls of one process that are being stored, or wait to be."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queue: deque[Call] = deque()
        self.leader: Call | None = None
        self._crowd = 1  # how many were stored together the last time
        self._awaited = 0
        self._complete = Bell()

    def enter(self, call: Call) -> bool:
        """Let the call lead if nobody does, else queue it; return whether it leads."""
        with self._mutex:
            if self.leader is None:
                self.leader = call
                return True
            call.queue()
            self._queue.append(call)
            if len(self._queue) == self._awaited:
                self._complete.ring()
            return False

    def gather(self, calls: list[Call], parts: list[Batch]) -> bool:
        """Add calls that wait to the leader's, and what they are stored as to the `parts`.

        Return False where another thread has done so for this leader, or it needs none any more.
        """
        self._await_crowd()
        room = BATCH_EVENTS - len(calls[0].records)
        with self._mutex:
            if calls[0].together is not None or calls[0].ids is not None:
                return False
            while self._queue and len(self._queue[0].records) <= room:
                calls.append(self._queue[0])  # first: an exception in between must lose none
                self._queue.popleft()
                room -= len(calls[-1].records)
            # Whoever gives its leader up from now on must find what holds its events.
            together = batch_of(calls)
            parts.append(together)
            for call in calls:
                call.together = together
        self._crowd = len(calls)
        return True

    def hand_over(self, leader: Call) -> Call | None:
        """Let the next one lead, and return it; again, if need be."""
        with self._mutex:
            return self._next(leader)

    def leave(self, call: Call) -> Call | None:
        """Go on without a call whose caller an exception took away; return who leads now."""
        with self._mutex:
            if call in self._queue:
                self._queue.remove(call)
            if call.together is not None:
                return None  # who stores it hands the lead over
            call.ids = call.ids or []  # nobody needs to begin with it any more
            return self._next(call)

    def withdraw(self, call: Call) -> bool:
        """Take a call out of the queue; return False if it isn't there."""
        with self._mutex:
            if call not in self._queue:
                return False
            self._queue.remove(call)
            return True

    def is_abandoned(self, call: Call) -> bool:
        """Whether nobody may store the call: its leader's thread has gone, or is frozen."""
        leader = self.leader
        return leader is None or leader.left or leader.is_late or call.is_late

    def take_over(self, call: Call) -> Verdict:
        """Let the call lead in place of a leader that is lost, if that has not taken it along."""
        with self._mutex:
            if call.ids is not None:
                return Verdict.DONE
            if not self.is_abandoned(call):
                return Verdict.WAIT  # another one took over
            if call.together is not None:
                call.was_kept = True
                return Verdict.KEEP
            if call in self._queue:
                self._queue.remove(call)
            is_frozen = self.leader is not None and not self.leader.left
            self.leader = call
            return Verdict.LEAD_ANEW if is_frozen else Verdict.LEAD

    def part(self, calls: Sequence[Call], together: Batch) -> list[Batch]:
        """Return each call's own batch; all as one, if one who waited too long has kept that."""
        with self._mutex:
            if any(call.was_kept for call in calls):
                return [together]
            own = [call.batch() for call in calls]
            for call, batch in zip(calls, own, strict=True):
                call.together = batch
            return own

    def _next(self, leader: Call) -> Call | None:
        if self.leader is leader:
            threads = (call for call in self._queue if not isinstance(call, LoopCall))
            leader.following = next(threads, self._queue[0] if self._queue else None)
            self.leader = leader.following
        following = leader.following
        if following is not None and following in self._queue:
            self._queue.remove(following)
        return following

    def _await_crowd(self) -> None:
        """Where several were stored together just now, let them come again.

        Else the first would be stored alone while the others queue, each time.
        """
        self._awaited = self._crowd - 1
        queued = -1
        while queued < len(self._queue) < self._awaited:
            queued = len(self._queue)
            if self._complete.wait(CROWD_SECONDS):
                break
        self._awaited = 0
