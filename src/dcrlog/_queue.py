"""The queue as those see it who wait for it, end it, or keep its accounts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from dcrlog._batch import Batch
from dcrlog._clock import Signal
from dcrlog._ledger import Ledger, LostFor
from dcrlog._outlet import Outlet
from dcrlog._section import inside
from dcrlog._waiting import Waiting
from dcrlog.stats import DropReason


class Accounts(NamedTuple):
    """What became of the rows, in the words of `Stats`."""

    accepted: int
    delivered: int
    dropped: Mapping[DropReason, int]
    pending: int
    adopted: int
    dead_lettered: int
    unspooled: int


class Queue(Outlet):
    """Holds rows, in batches, until they are settled. It is made as `Outlet` is."""

    _has_left = False
    """Whether rows of this instance were left in the spool."""

    @property
    def ledger(self) -> Ledger:
        """What became of the rows."""
        return self._ledger

    @inside
    def take_unread(self) -> list[tuple[LostFor, Batch]]:
        """Return the batches given up whose levels are still to be read, each once."""
        unread, self._ledger.unread = self._ledger.unread, []
        return unread

    @inside
    def add_levels(self, lost_for: LostFor, levels: dict[str, int]) -> None:
        """Say of what levels rows are whose loss is not told yet."""
        self._ledger.add_levels(lost_for, levels)

    @inside
    def leave_adopted(self) -> None:
        """Leave rows of dead instances, unless they are under way, to those who come after this process."""
        self._left += self._waiting.leave_adopted()

    @inside
    def close_spool(self) -> None:
        """Give the spool's directory back, if nothing is left in it; the next row makes another."""
        if self._spool is not None:
            self._seal()
            self._spool.close()

    @inside
    def drop_rest(self, reason: DropReason) -> int:
        """Give up every row that is held in memory only, and return how many.

        Those refused alone were rejected. Rows that are in the spool stay there, and stay pending, unless
        somebody has deleted their file.
        """
        self._seal()
        rejected = sum(not _is_on_disk(batch) for batch in self._waiting.suspects)
        kept = [batch for batch in self._waiting if _is_on_disk(batch)]
        self._has_left = self._has_left or not all(batch.is_adopted for batch in kept)
        self._left += sum(batch.count for batch in kept)
        lost = self._seq + self._ledger.adopted - self._ledger.settled - self._left
        self._ledger.drop(DropReason.REJECTED, rejected)
        self._ledger.drop(reason, lost - rejected)
        self._waiting = Waiting()
        self._notify()
        return lost

    def abandon(self) -> None:
        """Forget all rows, in a forked child: they are the parent's. Without the lock, which nobody may hold.

        Under gevent the parent's senders go on in the child, and would deliver them once more. A signal
        handler may have forked while its thread waited for a change; that goes on waiting, and looks again.
        """
        self._open = None
        self._waiting = Waiting()
        self.section.free()
        self._notify()

    @inside
    def request_flush(self) -> int:
        """Make everything accepted so far due at once; return the last `Seq` of it."""
        self._flush_through = through = self._seq
        self._wake()
        return through

    @inside
    def release_waiters(self) -> None:
        """Let everybody who waits for a change look again."""
        self._notify()

    @inside
    def is_settled(self, through: int) -> bool:
        """Whether no row up to this `Seq` is held, or was left in the spool."""
        if self._has_left:
            return False
        is_open = self._open is not None and self._open.first_seq <= through
        return not is_open and all(batch.first_seq > through or batch.is_adopted for batch in self._waiting)

    @contextmanager
    def changes(self) -> Iterator[Signal]:
        """Yield a signal that is set whenever rows have left the queue."""
        signal = Signal()
        self._waiters.add(signal)
        try:
            yield signal
        finally:
            self._waiters.discard(signal)

    def wait_until(self, condition: Callable[[], bool], deadline: float) -> None:
        """Wait until a condition holds, which is asked whenever rows have left the queue, or the deadline."""
        with self.changes() as signal:
            while not condition():
                left = deadline - self._clock.monotonic()
                if left <= 0:
                    return
                self._clock.wait(signal, left)

    @inside
    def accounts(self) -> Accounts:
        """Return what became of all rows, as of one moment."""
        ledger = self._ledger
        return Accounts(
            accepted=self._seq,
            adopted=ledger.adopted,
            delivered=ledger.delivered,
            dead_lettered=ledger.dead_lettered,
            dropped=MappingProxyType(dict(ledger.dropped)),
            pending=self._seq + ledger.adopted - ledger.settled,
            unspooled=ledger.unspooled,
        )


def _is_on_disk(batch: Batch) -> bool:
    return batch.segment is not None and batch.segment.can_be_read
