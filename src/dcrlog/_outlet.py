"""The queue as senders see it: batches that are due, under way and settled."""

from collections.abc import Iterable
from typing import Any, Final

from dcrlog._batch import Batch
from dcrlog._intake import Intake
from dcrlog._retry import Answer
from dcrlog._section import inside
from dcrlog._segment import Segment
from dcrlog.stats import DropReason

STRETCHED_INTERVAL: Final = 10.0
"""Seconds that rows wait while the service gets too many requests: it takes 12,000 a minute for a rule,
and 200 processes at one a second make that many."""


class Outlet(Intake):
    """Seals the open batch when it is due, hands batches out, and is told what has become of them.

    Args:
        flush_interval: Seconds after which an open batch is due.
        intake: What `Intake` takes.
    """

    def __init__(self, *, flush_interval: float, **intake: Any) -> None:
        super().__init__(**intake)
        self._flush_interval = flush_interval
        self._flush_through = 0
        self.is_stretched = False
        """Whether rows wait for `STRETCHED_INTERVAL` at least."""

    @inside
    def outlook(self) -> tuple[bool, float | None]:
        """Return whether a batch is in flight, and what `due_in` says, both of one moment."""
        return self._waiting.is_any_in_flight, self.due_in()

    @inside
    def take(self, refusals: int = 0) -> Batch | None:
        """Seal the open batch if it is due, and hand out the next, counted as in flight.

        Args:
            refusals: How many requests in a row the service has refused.
        """
        if self._open is not None and self._is_due(self._open):
            self._seal()
        return self._waiting.take(refusals)

    @inside
    def take_unpacked(self) -> tuple[int, Batch] | None:
        """Hand out a sealed batch that is not packed yet, with its place, to be given back there."""
        return self._waiting.take_unpacked()

    @inside
    def due_in(self) -> float | None:
        """Return the seconds until `take` has something; None while nothing waits."""
        if self._waiting.is_any_ready:
            return 0.0
        if self._open is None:
            return None
        if self._is_due(self._open):
            return 0.0
        return self._open.opened_at + self._interval - self._clock.monotonic()

    @inside
    def adopt_damage(self, count: int, instance_id: str) -> None:
        """Take over rows of an instance that has died, of which nothing is known but that they were there."""
        self._ledger.adopted += count
        self._ledger.lose_unread(count, instance_id)

    @inside
    def adopt(self, batch: Batch | None, segment: Segment | None) -> None:
        """Take over a segment of an instance that has died, or dead letters.

        Args:
            batch: Its rows; None if there is none left.
            segment: The segment; None for dead letters.
        """
        if batch is not None:
            self._ledger.adopted += batch.count
            if self._spool is not None and segment is not None:
                self._spool.hold(segment)
            self._waiting.adopt(batch)
            self._wake()

    @inside
    def restore(self, batch: Batch, missing: list[int]) -> bool:
        """Count what came back to memory of a batch under way; return whether there is anything to be sent.

        Args:
            batch: The batch.
            missing: The `Seq` of rows that were not on the disk any more.
        """
        if not self._waiting.is_under_way(batch):
            return False
        self._waiting.restored(batch)
        if missing:
            self._ledger.lose_missing(batch, missing)
            if self._spool is not None and batch.segment is not None:
                self._spool.settle(batch.segment, len(missing))
        if not batch.count:
            self._waiting.release(batch)
            self._notify()
        return batch.count > 0

    @inside
    def settle(self, batch: Batch, rest: Iterable[Batch] = ()) -> list[tuple[Batch, Answer]]:
        """The service has taken the batch, and thereby proved that the rows refused alone are to blame.

        Args:
            batch: The batch. One that was dropped meanwhile stays dropped.
            rest: What its twin has become.

        Returns:
            Rows that are to blame, each with the answer that refused it: to be rejected, and under way until
            then. Not here, since a row may have to be written to the disk first.
        """
        if not self._waiting.is_under_way(batch):
            return []
        # Counted first: what Ctrl-C leaves among the waiting is counted, and not pending, all the same.
        self._ledger.deliver(batch)
        self._waiting.release(batch, rest)
        self._let_go(batch)
        condemned = self._waiting.condemn_suspects()
        self._notify()
        return condemned

    @inside
    def give_back(self, batch: Batch, place: int | None = None) -> None:
        """Put a batch that was in flight at a place among the others, or behind them."""
        if self._waiting.is_under_way(batch):
            self._waiting.put_back(batch, place)
            self._notify()

    @inside
    def reclaim(self, ident: int) -> None:
        """Put back what a thread has left under way when it ended, and let others see to it."""
        for batch in self._waiting.taken_by(ident):
            self._waiting.put_back(batch)
        self._notify()
        self._wake()

    @inside
    def replace(self, batch: Batch, pieces: Iterable[Batch], *, refusal: Answer | None = None) -> None:
        """Put pieces in the place of a batch that was in flight, and of its twin.

        Args:
            batch: The batch.
            pieces: What it has become, the one to be sent first as the last.
            refusal: The answer that has refused its one row alone, which makes it a suspect.
        """
        if self._waiting.is_under_way(batch):
            self._waiting.release(batch, pieces)
            if refusal is not None:
                self._waiting.set_aside(batch, refusal)
            self._notify()

    @inside
    def reject(self, batch: Batch, pieces: Iterable[Batch], *, is_kept: bool) -> None:
        """Give up the one row of a batch that was in flight, and put pieces in its place.

        Args:
            batch: The batch.
            pieces: What was held back for its sake.
            is_kept: Whether the row is a dead letter.
        """
        if self._waiting.is_under_way(batch):
            self._lose(DropReason.REJECTED, batch, is_kept=is_kept)
            self._waiting.release(batch, pieces)
            self._notify()

    @inside
    def clear_suspects(self) -> None:
        """Let all that was refused wait like the rest: nothing proves that others pass."""
        self._waiting.clear_suspects()

    @inside
    def rows_in_flight(self) -> int:
        """Return how many rows are under way."""
        return self._waiting.rows_in_flight

    def _is_due(self, batch: Batch) -> bool:
        return (
            batch.first_seq <= self._flush_through
            or batch.opened_at + self._interval <= self._clock.monotonic()
        )

    @property
    def _interval(self) -> float:
        return max(self._flush_interval, STRETCHED_INTERVAL if self.is_stretched else 0.0)
