"""What is left in a spool, delivered without an application that logs: the command line's part."""

from typing import Final

from dcrlog._adoption import Adoption
from dcrlog._clock import Clock
from dcrlog._outcomes import Outcomes
from dcrlog._queue import Queue
from dcrlog._revived import Revived
from dcrlog._senders import Senders
from dcrlog._spool import Spool

_POLL_SECONDS: Final = 0.1
"""So often it looks for what there is to do."""

_LOOKS: Final = 3
"""So often in a row it must find nothing: who lists a spool holds its locks for a moment."""


class Recovery:
    """Drains a spool, and sends its dead letters once more.

    Args:
        queue: Takes what is found.
        senders: Deliver it.
        adoption: Finds it.
        outcomes: Says what becomes of dead letters.
        spool: Where it is.
        clock: What time is read from.
    """

    def __init__(
        self,
        queue: Queue,
        senders: Senders,
        *,
        adoption: Adoption,
        outcomes: Outcomes,
        spool: Spool,
        clock: Clock,
    ) -> None:
        self._queue = queue
        self._senders = senders
        self._adoption = adoption
        self._outcomes = outcomes
        self._spool = spool
        self._clock = clock

    @property
    def destination(self) -> str:
        """A SHA-256 of where the rows go, as the spool knows it."""
        return self._spool.destination.hex()

    def drain(self, timeout: float) -> set[str]:
        """Deliver what dead instances have left in the spool, without a row of its own.

        Args:
            timeout: Seconds to take at most.

        Returns:
            Names of the directories that it has locked, of which something may be left.
        """
        deadline = self._clock.monotonic() + timeout
        looks = 0
        while looks < _LOOKS:
            is_any = self._adoption.is_any_left() or self._queue.accounts().pending
            looks = 0 if is_any else looks + 1
            left = deadline - self._clock.monotonic()
            if left <= 0:
                break
            if not self._adoption.adopt() and looks < _LOOKS:
                self._await_senders(min(left, _POLL_SECONDS))
        return self._spool.orphans.names

    def revive(self, timeout: float) -> Revived:
        """Send the dead letters in the spool once more; return what became of them.

        Args:
            timeout: Seconds to take at most.

        Raises:
            OSError: They cannot be read, or somebody else is at it.
        """
        deadline = self._clock.monotonic() + timeout
        revived = Revived(self._spool.home, self._spool.destination)
        self._outcomes.revived = revived
        for batch in revived.batches(self._clock.monotonic()):
            self._queue.adopt(batch, None)
        while self._queue.accounts().pending:
            left = deadline - self._clock.monotonic()
            if left <= 0:
                # Not closed: what is under way may be answered yet, and must not be sent by others till then.
                return revived
            self._await_senders(min(left, _POLL_SECONDS))
        revived.close()
        return revived

    def _await_senders(self, timeout: float) -> None:
        with self._queue.changes() as signal:
            if self._senders.are_short:
                self._senders.start()
            self._clock.wait(signal, timeout)
