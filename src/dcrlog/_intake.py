"""The queue as the threads that log see it: a row gets its `Seq` and a place, or is dropped.

Everything is guarded by one short section, which says who is inside and can be interrupted there.
"""

from collections import deque
from collections.abc import Callable

from dcrlog._batch import MAX_BODY_BYTES, MAX_ROW_BYTES, ROW_OVERHEAD, Batch
from dcrlog._clock import Clock, Signal
from dcrlog._ledger import Ledger, Loss, LostFor
from dcrlog._section import Section, inside
from dcrlog._segment import Segment
from dcrlog._spool import Spool
from dcrlog._stamp import Stamp
from dcrlog._waiting import Waiting
from dcrlog.settings import OnFull
from dcrlog.stats import DropReason


class Intake:
    """Takes rows into the open batch, up to a capacity in bytes, and seals it when it is full.

    Args:
        stamp: Writes instance id and `Seq` into rows when they are packed.
        ledger: Counts what becomes of rows.
        capacity: Bytes of rows that may be held, `ROW_OVERHEAD` for each on top.
        on_full: What happens to a row when the capacity is reached.
        clock: Tells when a batch was opened.
        wake: Called when there is something for a sender to look at.
        spool: Keeps rows on the disk as well; None for memory only.
    """

    def __init__(
        self,
        *,
        stamp: Stamp,
        ledger: Ledger,
        capacity: int,
        on_full: OnFull,
        clock: Clock,
        wake: Callable[[], None],
        spool: Spool | None = None,
    ) -> None:
        self.section = Section(self._take_in, self._mend)
        self._stamp = stamp
        self._ledger = ledger
        self._capacity = capacity
        self._on_full = on_full
        self._clock = clock
        self._wake = wake
        self._spool = spool
        self._seq = 0
        self._left = 0
        self._open: Batch | None = None
        self._waiting = Waiting()
        self._waiters: set[Signal] = set()

    @property
    def instance_id(self) -> str:
        """The id that the rows of this queue carry."""
        return self._stamp.instance_id

    def put(self, row: bytes, *, if_room: bool = False) -> bool | None:
        """Accept a row: give it a `Seq`, then hold it or drop it. Never waits for anything but the lock.

        Args:
            row: The row.
            if_room: Accept it only if it can be held now.

        Returns:
            Whether it is held, and was not dropped; None where it was not accepted for want of room.
        """
        section = self.section
        if section.is_busy:
            section.give_way()
        with section.lock:
            if section.is_busy:
                section.aside.append(row)
                return True
            section.is_busy = True
            try:
                waiting, batch, length = self._waiting, self._open, len(row)
                if if_room and not self._has_room(length):
                    return None
                used = waiting.used + length + ROW_OVERHEAD
                if batch is None or used > self._capacity:
                    return self._accept(row)
                size, segment = batch.size + length + batch.row_cost, batch.segment
                if size > MAX_BODY_BYTES:
                    return self._accept(row)
                if self._spool is not None and not (segment and segment.append(self._seq + 1, row)):
                    return self._accept(row)
                # No Python call on this path but the segment's: the interpreter gives way to other
                # threads at calls, and with the lock in hand that makes them queue up (3 times the
                # CPU, 4 producers).
                batch.size = size
                waiting.used = used
                batch.open_rows.append(row)
                self._seq += 1
            except BaseException:
                # Ctrl-C, or the end of the stack: what the batches hold is what counts.
                self._mend()
                raise
            finally:
                section.is_busy = False
                if section.aside:
                    section.take_in_aside()
            return True

    @inside
    def tell_losses(self, make_row: Callable[[LostFor, Loss], bytes]) -> None:
        """Accept a row for each reason, and each instance, of which there are losses to be told.

        Args:
            make_row: Makes the row, of at most `MAX_ROW_BYTES`.
        """
        while self._ledger.losses:
            lost_for, loss = self._ledger.losses.popitem()
            self._put_own(make_row(lost_for, loss), (lost_for, loss))

    @inside
    def put_own(self, make_row: Callable[[int], bytes]) -> None:
        """Accept a row of our own that tells of no loss.

        Args:
            make_row: Makes the row, of at most `MAX_ROW_BYTES`, from its `Seq`.
        """
        self._put_own(make_row(self._seq + 1), None)

    def _put_own(self, row: bytes, tells: tuple[LostFor, Loss] | None) -> None:
        # Beyond the capacity: a few hundred bytes, that say what a full queue has lost.
        self._hold(row)
        self._ledger.own[self._seq] = tells

    def _take_in(self, aside: deque[bytes]) -> None:
        before = self._seq
        try:
            self._accept(aside[0])
        except BaseException:
            self._mend()
            raise
        finally:
            if self._seq != before:
                aside.popleft()

    def _accept(self, row: bytes) -> bool:
        """Add a row to the open batch, or the next, or drop it; return whether it is held."""
        if len(row) > MAX_ROW_BYTES:
            # Before room is made for it: a row that no request can carry must not push others out.
            self._drop(row, DropReason.TOO_LARGE)
            return False
        if not self._has_room(len(row)) and not self._make_room(len(row)):
            self._drop(row, DropReason.QUEUE_FULL)
            return False
        self._hold(row)
        return True

    def _has_room(self, length: int) -> bool:
        waiting, most = self._waiting, self._capacity - length - ROW_OVERHEAD
        if waiting.used > most and self._spool is not None:
            waiting.leave_memory()
        return waiting.used <= most and not self._is_spool_full(length)

    def _is_spool_full(self, length: int) -> bool:
        """Whether a row of this length needs a segment for which the spool's capacity has no room."""
        spool, batch = self._spool, self._open
        return spool is not None and (batch is None or not batch.has_room(length)) and spool.is_full

    def _hold(self, row: bytes) -> None:
        seq = self._seq + 1
        batch = self._open
        # Made first, so that a disk that fails still does not cut the rows into small batches.
        segment = self._go_back_to_disk(batch)
        if batch is None or segment is not None or not batch.append(row):
            # Before the next is made: its segment gives back what it has not used.
            self._seal()
            if segment is None and self._spool is not None:
                segment = self._spool.open_segment()
            self._open = batch = Batch(self._stamp, seq, self._clock.monotonic(), segment)
            batch.append(row)
            self._wake()
        self._waiting.used += len(row) + ROW_OVERHEAD
        if self._spool is not None and batch.segment is None:
            self._ledger.unspooled += 1
        self._seq = seq

    def _go_back_to_disk(self, batch: Batch | None) -> Segment | None:
        """Make a segment, if rows are in memory only and the disk takes one again."""
        if batch is None or batch.segment is not None or self._spool is None or self._spool.is_full:
            return None
        return self._spool.open_segment()

    def _drop(self, row: bytes, reason: DropReason) -> None:
        self._seq = seq = self._seq + 1
        if self._open is not None:
            self._open.resume_at(seq + 1)
        self._ledger.lose_row(reason, seq, row)

    def _make_room(self, length: int) -> bool:
        while self._on_full is OnFull.DROP_OLDEST and not self._has_room(length):
            dropped = self._waiting.drop_oldest()
            if not dropped:
                break
            for batch in dropped:
                self._lose(DropReason.QUEUE_FULL, batch)
            self._notify()
        return self._has_room(length)

    def _lose(self, reason: DropReason, batch: Batch, *, is_kept: bool = False) -> None:
        self._ledger.lose_batch(reason, batch, is_kept=is_kept)
        self._let_go(batch)

    def _let_go(self, batch: Batch) -> None:
        """Let the spool forget a batch whose rows are settled."""
        if self._spool is not None and batch.segment is not None:
            self._spool.settle(batch.segment, batch.count)

    def _mend(self) -> None:
        """Count again what the batches hold, after an exception in the middle of a change."""
        waiting = self._waiting
        waiting.recount()
        held = sum(batch.count for batch in waiting)
        if any(batch is self._open for batch in waiting):
            self._open = None
        elif self._open is not None:
            self._seq = max(self._seq, self._open.last_seq)
            waiting.used += self._open.cost
            held += len(self._open.open_rows)
        # A row is being dropped when it has its Seq and is not counted yet.
        missing = self._seq + self._ledger.adopted - self._ledger.settled - self._left - held
        self._ledger.drop(DropReason.QUEUE_FULL, missing)

    def _seal(self) -> None:
        batch = self._open
        if batch is None:
            return
        spool, segment = self._spool, batch.segment
        if spool and segment and not spool.seal(segment, len(batch.open_rows)):
            # Somebody has deleted the file; what was written since is in memory only.
            self._ledger.unspooled += len(batch.open_rows)
            spool.settle(segment, len(batch.open_rows))
            batch.segment = None
        self._waiting.seal(batch)
        self._open = None

    def _notify(self) -> None:
        for signal in tuple(self._waiters):
            signal.set()
