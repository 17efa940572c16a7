"""Rows between the logging call and the senders: one open batch, sealed ones, those in flight.

One short lock guards everything. It is re-entrant, since a garbage collection or a signal handler
may log while this very thread is inside; such a put only lays its row aside, and the outer one
takes it in before it leaves. (A bare RLock gave rows the same Seq and let batches grow too large.)
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from dcrlog._batch import ROW_OVERHEAD, Batch, Stamp
from dcrlog._clock import Clock, Signal
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
        wake: Called when there is something for a sender to look at, with the number of sealed batches.
    """

    def __init__(
        self,
        *,
        stamp: Stamp,
        capacity: int,
        flush_interval: float,
        on_full: OnFull,
        clock: Clock,
        wake: Callable[[int], None],
    ) -> None:
        self._lock = threading.RLock()
        self._busy = False
        self._aside: deque[bytes] = deque()
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
        self._delivered = 0
        self._dropped: dict[DropReason, int] = {}
        self._waiters: set[Signal] = set()

    @property
    def instance_id(self) -> str:
        """The id that the rows of this queue carry."""
        return self._stamp.instance_id

    def put(self, row: bytes) -> None:
        """Accept a row: give it a `Seq`, then hold it or drop it. Never waits for anything but the lock."""
        with self._lock:
            if self._busy:
                self._aside.append(row)
                return
            self._busy = True
            try:
                self._accept(row)
            finally:
                self._busy = False
            if self._aside:
                self._take_in_aside()

    def has_room(self, row: bytes) -> bool:
        """Whether a row would be held now; True inside another put, which must not wait."""
        return self._busy or self._used + len(row) + 2 * ROW_OVERHEAD <= self._capacity

    def take(self) -> Batch | None:
        """Hand out the next batch that is due, and count it as in flight."""
        with self._section():
            if not self._sealed and self._open is not None and self._is_due(self._open):
                self._seal()
            if not self._sealed:
                return None
            batch = self._sealed.popleft()
            self._in_flight.add(batch)
            return batch

    def due_in(self) -> float | None:
        """Return the seconds until `take` has something; None while nothing waits."""
        with self._section():
            if self._sealed:
                return 0.0
            if self._open is None:
                return None
            if self._is_due(self._open):
                return 0.0
            return self._open.opened_at + self._interval - self._clock.monotonic()

    def settle(self, batch: Batch) -> None:
        """The service has taken the batch. One that was dropped meanwhile stays dropped."""
        with self._section():
            if batch in self._in_flight:
                self._in_flight.discard(batch)
                self._used -= batch.charge
                self._delivered += batch.count
                self._notify()

    def give_back(self, batch: Batch) -> None:
        """Put a batch that was in flight behind the others; packed by now, it holds fewer bytes."""
        with self._section():
            if batch in self._in_flight:
                self._in_flight.discard(batch)
                self._used += batch.cost - batch.charge
                batch.charge = batch.cost
                self._sealed.append(batch)

    def drop_rest(self, reason: DropReason) -> int:
        """Give up every row that is held; return how many."""
        with self._section():
            self._open = None
            lost = self._seq - self._delivered - sum(self._dropped.values())
            self._count_drop(reason, lost)
            self._sealed.clear()
            self._in_flight.clear()
            self._used = 0
            self._notify()
            return lost

    def request_flush(self) -> int:
        """Make everything accepted so far due at once; return the last `Seq` of it."""
        through = self._seq
        self._flush_through = max(self._flush_through, through)
        self._wake(len(self._sealed))
        return through

    def is_settled(self, through: int) -> bool:
        """Whether no row up to this `Seq` is held."""
        with self._section():
            held = [*self._sealed, *self._in_flight]
            if self._open is not None:
                held.append(self._open)
            return all(batch.first_seq > through for batch in held)

    @contextmanager
    def changes(self) -> Iterator[Signal]:
        """Yield a signal that is set whenever rows have left the queue."""
        signal = Signal()
        with self._section():
            self._waiters.add(signal)
        try:
            yield signal
        finally:
            with self._section():
                self._waiters.discard(signal)

    def accounts(self) -> tuple[int, int, dict[DropReason, int], int]:
        """Return accepted, delivered, dropped by reason and pending, all of one moment."""
        with self._section():
            dropped = dict(self._dropped)
            pending = self._seq - self._delivered - sum(dropped.values())
            return self._seq, self._delivered, dropped, pending

    def _accept(self, row: bytes) -> None:
        self._seq = seq = self._seq + 1
        used = self._used + len(row) + ROW_OVERHEAD
        batch = self._open
        if used > self._capacity or batch is None or not batch.append(row):
            self._accept_elsewhere(seq, row)
        else:
            self._used = used

    def _accept_elsewhere(self, seq: int, row: bytes) -> None:
        """Make room for a row, open the next batch with it, or drop it."""
        cost = len(row) + ROW_OVERHEAD
        if self._used + cost > self._capacity and not self._make_room(cost):
            self._drop_row(seq, DropReason.QUEUE_FULL)
            return
        batch = self._open
        if batch is None or not batch.append(row):
            batch = Batch(self._stamp, seq, self._clock.monotonic())
            if not batch.append(row):
                self._drop_row(seq, DropReason.TOO_LARGE)
                return
            self._seal()
            self._open = batch
            self._wake(len(self._sealed))
        self._used += cost

    def _drop_row(self, seq: int, reason: DropReason) -> None:
        self._count_drop(reason, 1)
        if self._open is not None:
            self._open.resume_at(seq + 1)

    def _make_room(self, cost: int) -> bool:
        if self._on_full is not OnFull.DROP_OLDEST:
            return False
        while self._sealed and self._used + cost > self._capacity:
            oldest = self._sealed.popleft()
            self._count_drop(DropReason.QUEUE_FULL, oldest.count)
            self._used -= oldest.charge
        return self._used + cost <= self._capacity

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

    def _count_drop(self, reason: DropReason, count: int) -> None:
        if count:
            self._dropped[reason] = self._dropped.get(reason, 0) + count

    def _notify(self) -> None:
        for signal in tuple(self._waiters):
            signal.set()

    @contextmanager
    def _section(self) -> Iterator[None]:
        """Hold the lock, with puts of this very thread laid aside until the end."""
        with self._lock:
            outer = self._busy
            self._busy = True
            try:
                yield
            finally:
                self._busy = outer
            if not outer and self._aside:
                self._take_in_aside()

    def _take_in_aside(self) -> None:
        # A put that comes after the loop has ended, before `_busy` is reset, lays its row aside too.
        while self._aside:
            self._busy = True
            try:
                while self._aside:
                    self._accept(self._aside.popleft())
            finally:
                self._busy = False
