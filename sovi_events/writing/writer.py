"""Group commit: the events that a process emits at the same time are stored together.

Whoever finds nobody storing leads: stores its own events, then hands the lead to one of those who
queued meanwhile, who stores for all of them. One who emits alone waits for nobody and needs no
thread.
"""

import _thread
import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from queue import SimpleQueue

from ..errors import InvalidEvent
from ..record import Record
from ..spool import file
from .batch import Batch
from .call import Call, Ids, LoopCall
from .delivery import Delivery
from .interruption import is_interrupted, surely, this_thread
from .turns import Turns, Verdict

logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.01
WATCH_SECONDS = 0.05
"""How often those who wait look whether their leader is still there."""


class Writer:
    """Stores the events of this process's threads and event loops."""

    def __init__(self) -> None:
        self._left_alone: list[object] = []
        self._begin()
        # What is registered last comes first before a fork, and last after it. Python code may be
        # skipped there, where a signal handler raises: what must not be is none.
        os.register_at_fork(before=self._before_fork, after_in_child=self._begin_in_child)
        not_forking = partial(setattr, this_thread, "is_forking", False)
        os.register_at_fork(
            before=partial(setattr, this_thread, "is_forking", True),
            after_in_parent=not_forking,
            after_in_child=not_forking,
        )
        os.register_at_fork(
            before=file.lock.acquire,
            after_in_parent=file.lock.release,
            after_in_child=file.lock.release,
        )
        os.register_at_fork(after_in_parent=self._drain_if_interrupted)

    def _begin(self) -> None:
        self._turns = Turns()
        self._mutex = threading.Lock()
        self._delivery: Delivery | None = None
        self._loops_leaders: SimpleQueue[LoopCall] | None = None
        self._was_interrupted = False

    def _before_fork(self) -> None:
        if self._delivery is not None and not this_thread.is_storing:  # else it may be in use
            self._delivery.close_file()

    def _begin_in_child(self) -> None:
        if self._delivery is not None:
            self._delivery.abandon()
        self._left_alone += [self._delivery, self._loops_leaders]
        self._begin()

    def _drain_if_interrupted(self) -> None:
        if self._was_interrupted and not this_thread.is_storing:
            self._store_no_more()

    def store(self, records: Sequence[Record]) -> Ids:
        """Store events; return their ids once they are durable, None for those in the spool.

        Raises `ConfigurationError`, DatabaseConfigurationError, and `InvalidEvent` of events that
        are checked when they are read.
        """
        if is_interrupted():
            delivery = self._delivery or Delivery()
            try:
                batch = Call(records, delivery.timeout_seconds).batch()
                delivery.keep_apart(batch, attempted=False)
            finally:
                self._was_interrupted = True
            return [None] * len(records)
        this_thread.is_storing = True
        call = None
        try:
            call = Call(records, self._delivering().timeout_seconds)
            try:
                if not self._turns.enter(call):
                    self._wait(call)
                if call.ids is None:
                    self._lead(call)
            except BaseException:  # a signal handler raised
                surely(self._leave, call)
                raise
        finally:
            if call is not None:
                call.left = True
            this_thread.is_storing = False  # here: a signal handler may raise before the next line
            self._store_no_more()
        return call.result()

    async def store_from_loop(self, records: Sequence[Record]) -> Ids:
        """`store`, without blocking the running loop."""
        this_thread.is_storing = True
        call: LoopCall | None = None
        try:
            call = LoopCall(records, self._delivering().timeout_seconds)
            if self._turns.enter(call):
                self._start_leading(call)
        except BaseException:  # a signal handler raised
            if call is not None:
                surely(self._leave, call)
            raise
        finally:
            this_thread.is_storing = False
            self._store_no_more()
        while call.ids is None and not await call.arrived(call.patience(WATCH_SECONDS)):
            if self._turns.is_abandoned(call):
                await asyncio.to_thread(self._in_thread, self._lead_if_lost, call)
            elif call.is_overdue:
                await asyncio.to_thread(self._in_thread, self._gives_up, call)
        return call.result()

    def flush(self, seconds: float) -> bool:
        """Wait at most so long until nothing is on its way; return whether nothing is.

        A signal handler that interrupted an emit can't wait for it, and gets False.
        """
        if is_interrupted():
            return False
        deadline = time.monotonic() + seconds
        this_thread.is_storing = True
        try:
            while True:
                left = max(0.0, deadline - time.monotonic())
                if self._delivering().flush(left) and self._turns.leader is None:
                    return True
                if not left:
                    return False
                time.sleep(min(left, FLUSH_SECONDS))
        finally:
            this_thread.is_storing = False
            self._store_no_more()

    def close(self) -> None:
        """Give the connection back; the next event reads the environment and opens another."""
        this_thread.is_storing = True
        try:
            with self._mutex:
                delivery, self._delivery = self._delivery, None
            if delivery is not None:
                delivery.close()
        finally:
            this_thread.is_storing = False

    def _delivering(self) -> Delivery:
        if self._delivery is None:
            with self._mutex:
                self._delivery = self._delivery or Delivery()
        return self._delivery

    def _store_no_more(self) -> None:
        """Have drained what an interruption left; after this nothing is one any more."""
        while True:
            this_thread.is_storing = False
            if not self._was_interrupted:
                return
            this_thread.is_storing = True
            self._was_interrupted = False
            try:
                self._delivering().drain()
            except BaseException:  # a signal handler raised
                self._was_interrupted = True
                raise
            finally:
                this_thread.is_storing = False

    def _leave(self, call: Call) -> None:
        """Let others go on without a caller that an exception took away. Can be done again."""
        call.left = True
        self._have_lead(self._turns.leave(call))

    def _lead(self, call: Call | None) -> None:
        """Store for the call and those who wait with it; go on while only event loops wait."""
        while call is not None and call.ids is None:
            calls = [call]
            parts: list[Batch] = []
            try:
                if not self._turns.gather(calls, parts):
                    calls.clear()
                    return
                self._deliver(calls, parts)
            except BaseException:
                surely(self._rescue, calls, parts)
                raise
            finally:
                if calls:
                    surely(self._finish, call, calls)
            is_of_loops = isinstance(call, LoopCall) and isinstance(call.following, LoopCall)
            call = call.following if is_of_loops else None

    def _finish(self, leader: Call, calls: Sequence[Call]) -> None:
        """Hand the lead over, and tell those whose events arrived. Can be done again."""
        self._hand_over(leader)
        for done in calls:
            if done is not leader or isinstance(leader, LoopCall):
                done.wake()

    def _deliver(self, calls: Sequence[Call], parts: list[Batch]) -> None:
        """Deliver the calls' events together; `parts` are what is not safe yet, all the while."""
        together = parts[0]
        delivery = self._delivering()
        if self._turns.leader is not calls[0]:  # given up for lost: another one delivers by now
            self._rescue(calls, parts)
            return
        try:
            ids = delivery.deliver(
                parts,
                lambda: self._turns.part(calls, together),
                min([call.deadline for call in calls]),
            )
        except InvalidEvent as mistake:  # only a call that is alone is checked so late
            calls[0].mistake, calls[0].ids = mistake, []
            return
        at = 0
        for call in calls:
            end = at + len(call.records)
            call.ids = ids[at:end]
            at = end

    def _rescue(self, calls: Sequence[Call], parts: list[Batch]) -> None:
        """Keep the events of those who wait, though the leader is taken away by an exception."""
        for call in calls:
            self._turns.withdraw(call)  # where it was interrupted while it gathered them
        if not parts and calls[0].together is None:  # it had not begun
            parts[:] = [call.batch() for call in calls]  # whoever does this again keeps the same
        for batch in parts:
            self._delivering().keep_apart(batch, attempted=True)
        self._was_interrupted = True
        for call in calls:
            if call.ids is None:
                call.ids = [None] * len(call.records)

    def _wait(self, call: Call) -> None:
        """Wait until the call's events arrived, or it leads."""
        while not call.wait(call.patience(WATCH_SECONDS)):
            if self._turns.is_abandoned(call) and self._takes_over(call):
                return
            if call.is_overdue and self._gives_up(call):
                return

    def _gives_up(self, call: Call) -> bool:
        """Spool a call that still waits for its turn at its deadline; return whether it did."""
        if not self._turns.withdraw(call):
            return False
        self._delivering().keep(call.batch())
        call.ids = [None] * len(call.records)
        return True

    def _takes_over(self, call: Call) -> bool:
        """Do what a lost leader left to the call; return whether it need not wait any more."""
        verdict = self._turns.take_over(call)
        if verdict is Verdict.LEAD_ANEW:
            self._left_alone += [self._delivery, self._loops_leaders]
            self._delivery, self._loops_leaders = Delivery(), None
        if verdict is Verdict.KEEP and call.together is not None:
            # Whatever became of it, what is sent again is stored once.
            self._delivering().keep_apart(call.together, attempted=True)
            call.ids = [None] * len(call.records)
            self._was_interrupted = True
        return verdict is not Verdict.WAIT

    def _lead_if_lost(self, call: Call) -> None:
        if self._takes_over(call):
            self._lead(call)

    def _hand_over(self, leader: Call) -> None:
        """Let the next one lead, in a thread of its own if it has one."""
        following = self._turns.hand_over(leader)
        if not (isinstance(leader, LoopCall) and isinstance(following, LoopCall)):
            self._have_lead(following)  # else the thread that leads goes on

    def _have_lead(self, call: Call | None) -> None:
        if isinstance(call, LoopCall):
            self._start_leading(call)
        elif call is not None:
            call.wake()

    def _start_leading(self, call: LoopCall) -> None:
        """Lead in a thread: the loop may be blocked by one who waits for this very call."""
        if self._loops_leaders is None:
            leaders = SimpleQueue[LoopCall]()
            try:  # neither takes a lock in Python code: a signal handler may raise amid that
                _thread.start_new_thread(self._lead_for_loops, (leaders,))
            except RuntimeError:  # the interpreter is ending
                self._lead(call)
                return
            self._loops_leaders = leaders
        self._loops_leaders.put(call)

    def _lead_for_loops(self, leaders: SimpleQueue[LoopCall]) -> None:
        while True:
            try:  # with no name for the call: it would keep its loop, and the loop's session
                self._in_thread(self._lead, leaders.get())
            except Exception:  # whatever it was, others are waiting
                logger.exception("Storing events of an event loop failed")

    def _in_thread(self, action: Callable[[Call], object], call: Call) -> None:
        this_thread.is_storing = True
        try:
            action(call)
        finally:
            self._store_no_more()
