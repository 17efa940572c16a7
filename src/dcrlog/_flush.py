"""Waiting until all rows are settled, and delivering them here where no thread can.

Once the exit has begun, every flush ends with its one deadline.
"""

import math

from dcrlog._clock import Clock
from dcrlog._queue import Queue
from dcrlog._senders import Senders


class Flush:
    """Waits for the senders, starts them, or does what they would do.

    Args:
        queue: Says what is settled.
        senders: Deliver the rest.
        clock: What waits are measured with.

    Attributes:
        deadline: When the process will have ended; None before its exit.
    """

    def __init__(self, queue: Queue, senders: Senders, clock: Clock) -> None:
        self._queue = queue
        self._senders = senders
        self._clock = clock
        self.deadline: float | None = None

    def begin_exit(self, timeout: float) -> None:
        """Start, once, the deadline that is in so many seconds."""
        if self.deadline is None:
            self.deadline = self._clock.monotonic() + timeout

    def run(self, timeout: float = math.inf) -> bool:
        """Wait until everything accepted so far is settled; return whether it is.

        Args:
            timeout: Seconds to wait at most; at exit, within its deadline.
        """
        end = self._clock.monotonic() + timeout
        if self.deadline is not None:
            end = min(end, self.deadline)
        through = self._queue.request_flush()
        if self._is_done(through) or self._is_vain(end):
            return self._is_done(through)
        if self._senders.are_short or not self._senders.are_alive:
            self._senders.start()
        if not self._senders.are_alive:
            self._senders.run_here(end)
        # What is under way then, another caller delivers.
        if self._senders.are_alive or self._queue.outlook()[0]:
            self._queue.wait_until(lambda: self._is_over(through, end), end)
        return self._is_done(through)

    def _is_over(self, through: int, end: float) -> bool:
        if self._senders.are_short:
            # The last sender has died meanwhile.
            self._senders.start()
        return self._is_done(through) or self._is_vain(end)

    def _is_done(self, through: int) -> bool:
        """Whether rows are settled and, at exit, no answer to another instance's rows is awaited."""
        return self._queue.is_settled(through) and not (
            self.deadline is not None and self._queue.rows_in_flight()
        )

    def _is_vain(self, end: float) -> bool:
        """Whether the process need not stay: nothing is on its way, and the next try would come too late."""
        return self.deadline is not None and not self._senders.can_deliver_by(end)
