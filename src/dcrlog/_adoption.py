"""Taking over what dead instances have left in the spool, a segment at a time."""

import threading

from dcrlog._backoff import Backoff
from dcrlog._batch import Batch
from dcrlog._clock import Clock
from dcrlog._queue import Queue
from dcrlog._spool import Spool
from dcrlog._stamp import Stamp


class Adoption:
    """Puts segments of dead instances into the queue, while the service takes rows. Called by senders.

    Args:
        queue: Takes them.
        backoff: Says whether the service is well.
        stamp: Writes into rows of this instance; those of others get the same columns.
        spool: Where they are; None for memory only.
        clock: What time is read from.
    """

    def __init__(
        self, queue: Queue, backoff: Backoff, *, stamp: Stamp, spool: Spool | None, clock: Clock
    ) -> None:
        self._queue = queue
        self._backoff = backoff
        self._stamp = stamp
        self._spool = spool
        self._clock = clock
        self._adopting = threading.Lock()
        self._has_ended = False

    def end(self) -> None:
        """Leave what dead instances have to others from now on."""
        self._has_ended = True

    def adopt(self) -> bool:
        """Take over a segment of an instance that has died; return whether there was one."""
        spool = self._spool
        if spool is None or not self._may_adopt or not self._adopting.acquire(blocking=False):
            return False
        try:
            found = spool.adopt()
            if found is None:
                return False
            instance_id, segment, recovered = found
            try:
                rows = [(frame.seq, frame.row) for frame in recovered.frames]
                stamp, now = self._stamp.of(instance_id), self._clock.monotonic()
                batch = Batch.adopted(stamp, now, segment, rows) if rows else None
            except BaseException:
                spool.orphans.forget(segment)
                raise
            self._queue.adopt_damage(sum(damage.rows for damage in recovered.damages), instance_id)
            self._queue.adopt(batch, segment)
        finally:
            self._adopting.release()
        return True

    def is_any_left(self) -> bool:
        """Whether there is something to adopt. Looks at once, and waits for an adoption under way."""
        with self._adopting:
            return self._spool is not None and self._spool.orphans.look()

    def due_in(self) -> float | None:
        """Return the seconds after which there may be something to adopt; None where nothing is adopted."""
        if self._spool is None or not self._may_adopt:
            return None
        return self._spool.orphans.adopt_in()

    @property
    def _may_adopt(self) -> bool:
        return self._backoff.is_well and not self._has_ended
