"""The batches that wait or are under way, in the order in which they are to be sent, and what they hold.

Guarded by the queue's section.
"""

import itertools
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

from dcrlog._batch import Batch
from dcrlog._retry import MOST_REFUSALS, Answer

_WINDOW: Final = 8
"""Sealed batches that stay in memory although they are on the disk: while all is well, none is read back."""

_PATIENCE: Final = 8
"""Refusals in a row after which every fourth request looks for proof elsewhere."""


class Waiting:
    """Sealed batches, the pieces of refused ones, those under way, and rows that were refused alone.

    Attributes:
        used: Bytes that all of them hold, as the capacity counts them, and the queue's open batch with them.
        suspects: Rows that were refused alone, each with the answer. They are given up when the service
            takes others after them; until then the configuration may be to blame.
    """

    __slots__ = ("_in_flight", "_pieces", "_sealed", "suspects", "used")

    def __init__(self) -> None:
        self._sealed: deque[Batch] = deque()
        self._pieces: list[Batch] = []
        self._in_flight: dict[Batch, int] = {}
        self.suspects: dict[Batch, Answer] = {}
        self.used = 0

    def __iter__(self) -> Iterator[Batch]:
        """Iterate over all of them, those that are held back for another's sake too."""
        for group in (self._sealed, self._pieces, self._in_flight, self.suspects):
            for batch in group:
                yield batch
                if batch.twin is not None:
                    yield batch.twin

    @property
    def is_any_ready(self) -> bool:
        """Whether `take` has a batch."""
        return bool(self._sealed or self._pieces)

    @property
    def is_any_in_flight(self) -> bool:
        """Whether a batch is under way."""
        return bool(self._in_flight)

    def seal(self, batch: Batch) -> None:
        """Put a batch, which was counted row by row, behind the others."""
        batch.seal()
        self._sealed.append(batch)
        self._keep_few(batch)

    def adopt(self, batch: Batch) -> None:
        """Put a batch of another instance's rows behind the others."""
        self.used += batch.charge
        self._sealed.append(batch)
        self._keep_few(batch)

    def take(self, refusals: int) -> Batch | None:
        """Hand out the next batch, and count it as under way.

        Args:
            refusals: How many requests in a row the service has refused. Few: the smallest piece of a
                refused batch comes first, since it leads to a guilty row soonest. Many: now and then
                another batch, whose acceptance proves that rows are to blame.
        """
        wants_proof = refusals >= MOST_REFUSALS or (refusals >= _PATIENCE and refusals % 4 == 0)
        if self._pieces and not (wants_proof and self._sealed):
            smallest = min(reversed(range(len(self._pieces))), key=self._size)
            batch = self._pieces.pop(0 if wants_proof else smallest)
        elif self._sealed:
            batch = self._sealed.popleft()
        else:
            return None
        self._in_flight[batch] = threading.get_ident()
        return batch

    def _size(self, piece: int) -> int:
        return self._pieces[piece].count

    def take_unpacked(self) -> tuple[int, Batch] | None:
        """Hand out a sealed batch that is not packed yet, with its place, to be put back there."""
        for place, batch in enumerate(self._sealed):
            if not (batch.is_packed or batch.is_away):
                del self._sealed[place]
                self._in_flight[batch] = threading.get_ident()
                return place, batch
        return None

    def put_back(self, batch: Batch, place: int | None = None) -> None:
        """Let a batch that was under way wait again, at a place or, without one, behind the others."""
        place = len(self._sealed) if place is None else place
        cost = batch.cost
        # No call but the last from here: Python looks for Ctrl-C after each.
        del self._in_flight[batch]
        self.used += cost - batch.charge
        batch.charge = cost
        self._sealed.insert(place, batch)
        self._keep_few(batch)

    def restored(self, batch: Batch) -> None:
        """Count the bytes of a batch under way that has come back to memory."""
        cost = batch.cost
        self.used += cost - batch.charge
        batch.charge = cost

    def _keep_few(self, batch: Batch) -> None:
        """Let a waiting batch be on the disk only, where enough others are in memory."""
        if batch.segment is None or batch.is_away:
            return
        if sum(not each.is_away for each in self._sealed) > _WINDOW:
            self._put_away(batch)

    def _put_away(self, batch: Batch) -> None:
        if not batch.is_away and batch.can_leave_memory:
            batch.leave_memory()
            self.restored(batch)

    def leave_memory(self) -> None:
        """Let every waiting batch be on the disk only, where it is there at all: memory is used up."""
        for batch in self._sealed:
            self._put_away(batch)

    def leave_adopted(self) -> int:
        """Let go of other instances' rows in the spool that are not under way; return how many they are."""
        left = list(filter(_can_be_left, (*self._sealed, *self._pieces)))
        self._sealed = deque(itertools.filterfalse(_can_be_left, self._sealed))
        self._pieces = list(itertools.filterfalse(_can_be_left, self._pieces))
        self.used -= sum(map(_charge, left))
        return sum(batch.count + (batch.twin.count if batch.twin is not None else 0) for batch in left)

    @property
    def rows_in_flight(self) -> int:
        """How many rows are under way."""
        return sum(batch.count for batch in self._in_flight)

    def taken_by(self, ident: int) -> list[Batch]:
        """Return the batches that are under way by a thread."""
        return [batch for batch, taker in self._in_flight.items() if taker == ident]

    def is_under_way(self, batch: Batch) -> bool:
        """Whether the batch was taken, and neither put back nor dropped since."""
        return batch in self._in_flight

    def release(self, batch: Batch, pieces: Iterable[Batch] = ()) -> None:
        """Let go of a batch that was under way; pieces of it, or of its twin, take its place."""
        added = list(pieces)
        change = sum(map(_charge, added)) - _charge(batch)
        # No call from here: Python looks for Ctrl-C after each.
        del self._in_flight[batch]
        self.used += change
        self._pieces += added
        batch.twin = None

    def set_aside(self, batch: Batch, answer: Answer) -> None:
        """Set a batch of one row, released just now, aside until it is proved that others pass."""
        self.suspects[batch] = answer
        self.used += batch.charge

    def clear_suspects(self) -> None:
        """Forget what refusals seemed to prove: it was not the rows that were to blame."""
        self._sealed += self.suspects
        self.suspects = {}
        for batch in self:
            batch.refused_at = None
            batch.is_cleared = True

    def condemn_suspects(self) -> list[tuple[Batch, Answer]]:
        """Hand out the suspects, to be given up, and count them as under way until they are."""
        ident = threading.get_ident()
        self._in_flight.update((batch, ident) for batch in self.suspects)
        condemned, self.suspects = list(self.suspects.items()), {}
        return condemned

    def drop_oldest(self) -> list[Batch]:
        """Take the oldest batch that is not under way away, with its twin; nothing where there is none."""
        if not self.is_any_ready:
            return []
        oldest = min((*self._pieces, *self._sealed), key=_age)
        self.used -= _charge(oldest)
        if oldest in self._pieces:
            self._pieces.remove(oldest)
        else:
            self._sealed.remove(oldest)
        return [oldest] if oldest.twin is None else [oldest, oldest.twin]

    def recount(self) -> None:
        """Count again what they hold, after an exception in the middle of a change."""
        self.used = sum(batch.charge for batch in self)


def _age(batch: Batch) -> tuple[bool, int]:
    return not batch.is_adopted, batch.first_seq


def _can_be_left(batch: Batch) -> bool:
    return batch.is_adopted and batch.segment is not None


def _charge(batch: Batch) -> int:
    return batch.charge + (batch.twin.charge if batch.twin is not None else 0)
