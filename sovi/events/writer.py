"""Group commit: the events that a process emits at the same time are stored together.

Whoever finds nobody storing leads: stores its own events, then hands the lead to one of those who
queued meanwhile, who stores for all of them. One who emits alone waits for nobody and needs no
thread.
"""

import asyncio
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from .batch import Batch
from .call import Call, Ids, LoopCall
from .delivery import Delivery
from .errors import InvalidEvent
from .interruption import surely, this_thread
from .record import Record
from .turns import Turns, Verdict

FLUSH_SECONDS = 0.01
WATCH_SECONDS = 0.05
"""How often those who wait look whether their leader is still there."""


class Writer:
    """Stores the events of this process's threads and event loops."""

    def __init__(self) -> None:
        self._left_alone: list[object] = []
        self._begin()
        os.register_at_fork(
            before=self._before_fork,
            after_in_parent=self._after_fork,
            after_in_child=self._begin_in_child,
        )

    def _begin(self) -> None:
        self._turns = Turns()
        self._mutex = threading.Lock()
        self._delivery: Delivery | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._forking: dict[int, Delivery] = {}
        self._was_interrupted = False

    def _before_fork(self) -> None:
        # A thread that was interrupted holds the very locks that this would wait for.
        if self._delivery is not None and not this_thread.is_storing:
            forking = self._forking[threading.get_ident()] = self._delivery
            this_thread.is_storing = True  # a handler that emits until `_after_fork` takes no lock
            forking.before_fork()

    def _after_fork(self) -> None:
        forking = self._forking.pop(threading.get_ident(), None)
        if forking is not None:
            try:
                forking.after_fork()
            finally:
                self._store_no_more()

    def _begin_in_child(self) -> None:
        if threading.get_ident() in self._forking:
            this_thread.is_storing = False
        if self._delivery is not None:
            self._delivery.abandon()
        self._left_alone += [self._delivery, self._threads]
        self._begin()

    def store(self, records: Sequence[Record]) -> Ids:
        """Store events; return their ids once they are durable, None for those in the spool.

        Raises `ConfigurationError`, DatabaseConfigurationError, and `InvalidEvent` of events that
        are checked when they are read.
        """
        if this_thread.is_storing:
            self._was_interrupted = True
            delivery = self._delivery or Delivery()
            delivery.keep_apart(Call(records, delivery.timeout_seconds).batch(), attempted=False)
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
        try:
            call = LoopCall(records, self._delivering().timeout_seconds)
            if self._turns.enter(call):
                self._start_leading(call)
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
        """Wait at most so long until nothing is on its way; return whether nothing is."""
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
            self._delivering().drain()

    def _leave(self, call: Call) -> None:
        """Let others go on without a caller that an exception took away."""
        self._turns.withdraw(call)
        self._hand_over(call)

    def _lead(self, call: Call | None) -> None:
        """Store for the call and those who wait with it; go on while only event loops wait."""
        while call is not None and call.ids is None:
            calls = [call]
            parts: list[Batch] = []
            try:
                self._turns.gather(calls, parts)
                self._deliver(calls, parts)
            except BaseException:
                surely(self._rescue, calls, parts)
                raise
            finally:
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
            self._left_alone += [self._delivery, self._threads]
            self._delivery, self._threads = Delivery(), None
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
        if isinstance(following, LoopCall):
            if not isinstance(leader, LoopCall):  # else the thread that leads goes on
                self._start_leading(following)
        elif following is not None:
            following.wake()

    def _start_leading(self, call: LoopCall) -> None:
        """Lead in a thread: the loop may be blocked by one who waits for this very call."""
        try:
            self._threads = self._threads or ThreadPoolExecutor(1, "sovi.events")
            self._threads.submit(self._in_thread, self._lead, call)
        except RuntimeError:  # the interpreter is ending
            self._lead(call)

    def _in_thread(self, action: Callable[[Call], object], call: Call) -> None:
        this_thread.is_storing = True
        try:
            action(call)
        finally:
            self._store_no_more()
