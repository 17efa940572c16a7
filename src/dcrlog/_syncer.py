"""The thread that syncs a spool to the disk, so that a loss of power costs half a second and no more.

Not a sender: all of those may be waiting for the service.
"""

import contextvars
import threading
from typing import Final

from dcrlog._clock import Clock, Signal
from dcrlog._own_threads import SENDER_IDENTS
from dcrlog._spool import Spool

INTERVAL: Final = 0.5
"""Seconds between two syncs."""

_IDLE_TURNS: Final = 60


class Syncer:
    """Syncs while rows are written, and ends when none were for half a minute.

    Args:
        spool: What is synced.
        clock: What waits are measured with.
    """

    def __init__(self, spool: Spool, clock: Clock) -> None:
        self._spool = spool
        self._clock = clock
        self._starting = threading.Lock()
        self.is_running = False
        """Whether the thread is there. Read without a lock after every put."""

    def start(self) -> None:
        """Start the thread, unless it runs or none can start any more; at exit `sync` is called instead."""
        if not self._starting.acquire(blocking=False):
            return
        try:
            if not self.is_running:
                self.is_running = True
                thread = threading.Thread(target=self._run, name="dcrlog-sync", daemon=True)
                contextvars.Context().run(thread.start)
        except RuntimeError:
            self.is_running = False
        finally:
            self._starting.release()

    def sync(self) -> None:
        """Sync in the calling thread."""
        self._spool.sync()

    def _run(self) -> None:
        ident, idle = threading.get_ident(), 0
        SENDER_IDENTS.add(ident)
        try:
            while idle < _IDLE_TURNS:
                self._clock.wait(Signal(), INTERVAL)
                idle = 0 if self._spool.is_dirty else idle + 1
                self._spool.sync()
        finally:
            # A row that is written now finds that a thread is needed.
            self.is_running = False
            self._spool.sync()
            SENDER_IDENTS.discard(ident)
