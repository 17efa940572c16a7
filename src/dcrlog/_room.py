"""Logging calls that wait for room in the queue: where they may, and never without an end."""

import sys
import threading

from dcrlog import _lifecycle
from dcrlog._clock import Clock
from dcrlog._flush import Flush
from dcrlog._queue import Queue


class Room:
    """Puts rows when there is room for them.

    Args:
        queue: Takes the rows.
        flush: Knows whether the process ends, when nobody waits for room any more.
        clock: What waits are measured with.
        timeout: Seconds that a logging call waits at most.
    """

    def __init__(self, queue: Queue, flush: Flush, clock: Clock, timeout: float) -> None:
        self._queue = queue
        self._flush = flush
        self._clock = clock
        self._timeout = timeout
        self._blocked: set[int] = set()

    def end_of_wait(self) -> float:
        """Return until when a logging call that begins now waits."""
        return self._clock.monotonic() + self._timeout

    def put(self, row: bytes, until: float | None = None) -> bool:
        """Accept a row, and wait for room first where that cannot do harm; return whether it is held.

        Args:
            row: The row.
            until: When the wait ends; None for that of one logging call.
        """
        is_held = self._queue.put(row, if_room=True)
        if is_held is not None:
            return is_held
        ident = threading.get_ident()
        if ident not in self._blocked and self._may_wait():
            self._blocked.add(ident)
            try:
                is_held = self.put_by(row, self.end_of_wait() if until is None else until)
            finally:
                self._blocked.discard(ident)
        return bool(self._queue.put(row) if is_held is None else is_held)

    def put_by(self, row: bytes, deadline: float) -> bool | None:
        """Accept a row once it can be held; None where it cannot by then, or the exit begins."""
        is_held = None

        def is_over() -> bool:
            nonlocal is_held
            is_held = self._queue.put(row, if_room=True)
            return is_held is not None or self._flush.deadline is not None

        self._queue.wait_until(is_over, deadline)
        return is_held

    def _may_wait(self) -> bool:
        # A blocked event loop could never let the rest of the application make room.
        asyncio = sys.modules.get("asyncio")
        is_loop = asyncio is not None and asyncio._get_running_loop() is not None  # noqa: SLF001
        is_last = self._flush.deadline is not None or _lifecycle.is_in_exit_hook()
        return not (is_loop or is_last or _lifecycle.owns_logging_lock())
