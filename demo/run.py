"""One run: a thread for each device, one for the scheduler, one for the dashboard's event loop."""

import threading
import time
from collections.abc import Callable

from sovi import events

from .fleet import Fleet, events_per_second
from .history import backfill
from .outages import HOUR
from .player import AsyncPlayer, Player
from .progress import Progress, say
from .registry import register

STATUS_SECONDS = 10.0
STOP_SECONDS = 0.9


class Run:
    """The fleet at work. Raises what the library raises where the database can't be used."""

    def __init__(self, seed: int, rate: float) -> None:
        # Changes nothing, but needs the tables that emitting and resolving need.
        events.resolve(0)
        cast, notes = register()
        for note in notes:
            say(note)
        self._fleet = Fleet(cast, seed)
        self._speed = rate / events_per_second(cast, seed)
        self._stop = threading.Event()
        self._progress = Progress()
        self._threads: list[threading.Thread] = []
        say(
            f"{len(cast.devices)} devices and {len(cast.accounts)} accounts at about {rate:g} "
            f"events/s (their time runs {self._speed:.0f} times as fast); Ctrl-C stops."
        )

    def play(self, backfill_hours: float = 0.0, duration_seconds: float | None = None) -> None:
        """Play, and say now and then how it goes, for so long or until KeyboardInterrupt."""
        at = backfill_hours * HOUR
        stories = [teller.story() for teller in self._fleet.tellers]
        if at:
            stories, written = backfill(stories, at)
            say(f"Wrote {written:,} events of the last {backfill_hours:g} hours.")
        began = time.monotonic()
        how = (self._speed, self._stop, self._progress, at)
        scheduler = Player(stories[0], *how)
        dashboard = AsyncPlayer(stories[1], *how)
        for player in (dashboard, *(Player(story, *how) for story in stories[2:])):
            self._start(player.play)
        self._start(lambda: self._schedule(scheduler, self._threads[:-1]))
        deadline = float("inf") if duration_seconds is None else began + duration_seconds
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, STATUS_SECONDS))
            if left > STATUS_SECONDS:
                self._progress.status(self._fleet.down(scheduler.at))

    def stop(self) -> bool:
        """Stop all threads; return False when one is still busy after a second."""
        self._stop.set()
        deadline = time.monotonic() + STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        self._progress.summary()
        return not any(thread.is_alive() for thread in self._threads)

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _schedule(self, player: Player, others: list[threading.Thread]) -> None:
        """Play the scheduler's story; end it as SOVI's scheduler ends."""
        player.play()
        if player.send(self._fleet.scheduler.stopping("stop requested")):
            for thread in others:
                thread.join()
            player.send(self._fleet.scheduler.stopped())
