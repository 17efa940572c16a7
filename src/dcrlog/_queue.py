"""Rows between the logging call and the senders: one open batch, sealed ones, those in flight.

Everything is guarded by one short section, which says who is inside and can be interrupted there.
"""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcrlog._batch import MAX_BODY_BYTES, MAX_ROW_BYTES, ROW_OVERHEAD, Batch, Stamp
from dcrlog._clock import Clock, Signal
from dcrlog._ledger import Ledger
from dcrlog._section import Section
from dcrlog.settings import OnFull
from dcrlog.stats import DropReason


class Queue:
    """Holds rows, in batches, up to a capacity in bytes.

    Args:
        stamp: Writes instance id and `Seq` into rows when they are packed.
        capacity: Bytes of rows that may be held, `ROW_OVERHEAD` for each on top.
        flush_interval: Seconds after which an open batch is due.
        on_full: What happens to a row when the capacity is reached.
        clock: Tells when a batch was opened.
        wake: Called when there is something for a sender to look at.
    """

    def __init__(
        self,
        *,
        stamp: Stamp,
        capacity: int,
        flush_interval: float,
        on_full: OnFull,
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self.section = Section(self._take_in)
        self._stamp = stamp
        self._capacity = capacity
        self._interval = flush_interval
        self._on_full = on_full
        self._clock = clock
        self._wake = wake
        self._seq = 0
        self._flush_through = 0
        self._used = 0
        self._open: Batch | None = None
        self._sealed: deque[Batch] = deque()
        self._in_flight: set[Batch] = set()
        self._ledger = Ledger()
        self._waiters: set[Signal] = set()

    @property
    def instance_id(self) -> str:
        """The id that the rows of this queue carry."""
        return self._stamp.instance_id

    def put(self, row: bytes, *, if_room: bool = False) -> bool:
        """Accept a row: give it a `Seq`, then hold it or drop it. Never waits for anything but the lock.

        Args:
            row: The row.
            if_room: Accept it only if it can be held now.

        Returns:
            Whether it was accepted; always so without `if_room`.
        """
        section = self.section
        with section.lock:
            if section.is_busy:
                section.aside.append(row)
                return True
            section.is_busy = True
            try:
                length = len(row)
                used = self._used + length + ROW_OVERHEAD
                if if_room and used > self._capacity:
                    return False
                batch = self._open
                size = length if batch is None else batch.size + length + batch.row_cost
                if batch is None or used > self._capacity or size > MAX_BODY_BYTES:
                    self._accept(row)
                else:
                    # No Python call on this path: the interpreter gives way to other threads at calls,
                    # and with the lock in hand that makes them queue up (3 times the CPU, 4 producers).
                    batch.size = size
                    self._used = used
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

    def take(self) -> Batch | None:
        """Hand out the next batch that is due, and count it as in flight."""
        return self.section.run(self._take)

    def due_in(self) -> float | None:
        """Return the seconds until `take` has something; None while nothing waits."""
        return self.section.run(self._due_in)

    def settle(self, batch: Batch) -> None:
        """The service has taken the batch. One that was dropped meanwhile stays dropped."""
        self.section.run(self._settle, batch)

    def give_back(self, batch: Batch) -> None:
        """Put a batch that was in flight behind the others; packed by now, it holds fewer bytes."""
        self.section.run(self._give_back, batch)

    def drop_rest(self, reason: DropReason) -> int:
        """Give up every row that is held; return how many."""
        return self.section.run(self._drop_rest, reason)

    def request_flush(self) -> int:
        """Make everything accepted so far due at once; return the last `Seq` of it."""
        return self.section.run(self._request_flush)

    def is_settled(self, through: int) -> bool:
        """Whether no row up to this `Seq` is held."""
        return self.section.run(self._is_settled, through)

    @property
    def is_any_in_flight(self) -> bool:
        """Whether a batch is on its way."""
        return bool(self._in_flight)

    @contextmanager
    def changes(self) -> Iterator[Signal]:
        """Yield a signal that is set whenever rows have left the queue."""
        signal = Signal()
        self._waiters.add(signal)
        try:
            yield signal
        finally:
            self._waiters.discard(signal)

    def accounts(self) -> tuple[int, int, dict[DropReason, int], int]:
        """Return accepted, delivered, dropped by reason and pending, all of one moment."""
        return self.section.run(self._accounts)

    def _take(self) -> Batch | None:
        if not self._sealed and self._open is not None and self._is_due(self._open):
            self._seal()
        if not self._sealed:
            return None
        batch = self._sealed.popleft()
        self._in_flight.add(batch)
        return batch

    def _due_in(self) -> float | None:
        if self._sealed:
            return 0.0
        if self._open is None:
            return None
        if self._is_due(self._open):
            return 0.0
        return self._open.opened_at + self._interval - self._clock.monotonic()

    def _settle(self, batch: Batch) -> None:
        if batch in self._in_flight:
            # No call until it is counted: Python looks for Ctrl-C at calls.
            self._in_flight -= {batch}
            self._used -= batch.charge
            self._ledger.delivered += batch.count
            self._notify()

    def _give_back(self, batch: Batch) -> None:
        if batch in self._in_flight:
            self._in_flight -= {batch}
            self._used += batch.cost - batch.charge
            batch.charge = batch.cost
            self._sealed.append(batch)
            self._notify()

    def _drop_rest(self, reason: DropReason) -> int:
        self._open = None
        lost = self._seq - self._ledger.settled
        self._ledger.drop(reason, lost)
        self._sealed.clear()
        self._in_flight.clear()
        self._used = 0
        self._notify()
        return lost

    def _request_flush(self) -> int:
        self._flush_through = through = self._seq
        self._wake()
        return through

    def _is_settled(self, through: int) -> bool:
        held = [*self._sealed, *self._in_flight]
        if self._open is not None:
            held.append(self._open)
        return all(batch.first_seq > through for batch in held)

    def _accounts(self) -> tuple[int, int, dict[DropReason, int], int]:
        ledger = self._ledger
        return self._seq, ledger.delivered, dict(ledger.dropped), self._seq - ledger.settled

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

    def _accept(self, row: bytes) -> None:
        """Add a row to the open batch, or open the next one with it, or drop it."""
        seq = self._seq + 1
        cost = len(row) + ROW_OVERHEAD
        if len(row) > MAX_ROW_BYTES:
            # Before room is made for it: a row that no request can carry must not push others out.
            self._drop_row(seq, DropReason.TOO_LARGE)
            return
        if self._used + cost > self._capacity and not self._make_room(cost):
            self._drop_row(seq, DropReason.QUEUE_FULL)
            return
        batch = self._open
        if batch is None or not batch.append(row):
            batch = Batch(self._stamp, seq, self._clock.monotonic())
            batch.append(row)
            self._seal()
            self._open = batch
            self._wake()
        self._used += cost
        self._seq = seq

    def _drop_row(self, seq: int, reason: DropReason) -> None:
        self._seq = seq
        self._ledger.drop(reason, 1)
        if self._open is not None:
            self._open.resume_at(seq + 1)

    def _make_room(self, cost: int) -> bool:
        if self._on_full is not OnFull.DROP_OLDEST:
            return False
        while self._sealed and self._used + cost > self._capacity:
            oldest = self._sealed.popleft()
            self._ledger.drop(DropReason.QUEUE_FULL, oldest.count)
            self._used -= oldest.charge
            self._notify()
        return self._used + cost <= self._capacity

    def _mend(self) -> None:
        """Count again what the batches hold, after an exception in the middle of a change."""
        held = [*self._sealed, *self._in_flight]
        rows = sum(batch.count for batch in held)
        self._used = sum(batch.charge for batch in held)
        if self._open in held:
            self._open = None
        elif self._open is not None:
            self._seq = max(self._seq, self._open.last_seq)
            self._used += self._open.cost
            rows += len(self._open.open_rows)
        # A row is being dropped when it has its Seq and is not counted yet.
        self._ledger.drop(DropReason.QUEUE_FULL, self._seq - self._ledger.settled - rows)

    def _seal(self) -> None:
        if self._open is not None:
            self._open.seal()
            self._sealed.append(self._open)
            self._open = None

    def _is_due(self, batch: Batch) -> bool:
        return (
            batch.first_seq <= self._flush_through
            or batch.opened_at + self._interval <= self._clock.monotonic()
        )

    def _notify(self) -> None:
        for signal in tuple(self._waiters):
            signal.set()
