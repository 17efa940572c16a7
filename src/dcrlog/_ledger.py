"""What became of the rows that a queue has accepted, and which losses are still to be told in the table.

Guarded by the queue's section.
"""

import bisect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

import msgspec

from dcrlog._batch import Batch
from dcrlog.stats import DropReason

_MOST_RANGES: Final = 100
_MOST_UNREAD: Final = 4


class LostFor(NamedTuple):
    """What a row that tells of a loss is about.

    Attributes:
        reason: Why rows were lost.
        instance_id: The instance that accepted them; None for this one.
    """

    reason: DropReason
    instance_id: str | None = None


@dataclass(slots=True)
class Loss:
    """Rows lost for one reason.

    Attributes:
        count: How many.
        levels: How many by level, as far as that is known.
        ranges: First and last `Seq` of each unbroken run, in order, as far as they are known. Of more than
            100 runs those next to each other are put together; `count` is exact.
    """

    count: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    ranges: list[list[int]] = field(default_factory=list)

    def add(self, first: int, last: int) -> None:
        """Count the rows from one `Seq` to another."""
        self.count += last - first + 1
        self._cover(first, last)

    def add_levels(self, levels: dict[str, int]) -> None:
        """Say of what levels rows counted before are."""
        for level, count in levels.items():
            self.levels[level] = self.levels.get(level, 0) + count

    def merge(self, other: "Loss") -> None:
        """Count what another has counted, too."""
        self.count += other.count
        self.add_levels(other.levels)
        for first, last in other.ranges:
            self._cover(first, last)

    def _cover(self, first: int, last: int) -> None:
        ranges = self.ranges
        if ranges and ranges[-1][1] == first - 1:
            ranges[-1][1] = last
            return
        place = bisect.bisect(ranges, [first, last])
        ranges.insert(place, [first, last])
        for left in (place, place - 1):
            if 0 <= left < len(ranges) - 1 and ranges[left][1] >= ranges[left + 1][0] - 1:
                self._join(left)
        if len(ranges) > _MOST_RANGES:
            self._join(min(range(len(ranges) - 1), key=lambda at: ranges[at + 1][0] - ranges[at][1]))

    def _join(self, left: int) -> None:
        self.ranges[left][1] = max(self.ranges[left][1], self.ranges.pop(left + 1)[1])


class Ledger:
    """Rows delivered, rows dropped by reason, and the losses that no row of the table tells of yet.

    Args:
        level_column: The column that has a row's level; None where there is none.
        is_told: Whether losses are told at all; if not, they are only counted.
        wake: Called when there is something for a sender to tell.

    Attributes:
        adopted: Rows taken over from instances that have died.
        delivered: Rows that the service has taken.
        dead_lettered: Rows that it refused and that are kept on the disk.
        unspooled: Rows kept in memory only, though there is a spool.
        dropped: Rows given up, by reason.
        losses: Of those, the ones that are still to be told.
        unread: Batches given up, whose levels are still to be read; that takes too long for the section.
        own: What the rows that tell of losses tell, by their `Seq`; None for a row that tells of none.
        has_news: Whether anything was lost since it was last set back.
    """

    __slots__ = (
        "_decode", "_is_told", "_wake", "adopted", "dead_lettered", "delivered", "dropped", "has_news",
        "losses", "own", "unread", "unspooled",
    )  # fmt: skip

    def __init__(
        self, level_column: str | None = None, *, is_told: bool = True, wake: Callable[[], None]
    ) -> None:
        fields = [] if level_column is None else [("level", str | None, None)]
        rename = {} if level_column is None else {"level": level_column}
        self._decode = msgspec.json.Decoder(msgspec.defstruct("Row", fields, rename=rename)).decode
        self._is_told = is_told
        self._wake = wake
        self.adopted = 0
        self.delivered = 0
        self.dead_lettered = 0
        self.unspooled = 0
        self.dropped: dict[DropReason, int] = {}
        self.losses: dict[LostFor, Loss] = {}
        self.unread: list[tuple[LostFor, Batch]] = []
        self.own: dict[int, tuple[LostFor, Loss] | None] = {}
        self.has_news = False

    def deliver(self, batch: Batch) -> None:
        """Count the rows of a batch as taken."""
        self.delivered += batch.count
        if batch.is_adopted:
            return
        for seq in self._own_rows(batch.ranges()):
            del self.own[seq]

    def drop(self, reason: DropReason, count: int) -> None:
        """Count rows as given up, and leave it at that."""
        if count > 0:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def lose_row(self, reason: DropReason, seq: int, row: bytes) -> None:
        """Count a row of this instance as given up, and note what is to be told of it."""
        self.drop(reason, 1)
        if self._is_told:
            self._add_loss(LostFor(reason), [(seq, seq)])
            self.add_levels(LostFor(reason), self.levels([row]))
        self._note_news()

    def lose_batch(self, reason: DropReason, batch: Batch, *, is_kept: bool = False) -> None:
        """Count the rows of a batch as given up, and note what is to be told of them.

        Args:
            reason: Why.
            batch: The batch.
            is_kept: Whether they are dead letters. The table has a gap all the same.
        """
        if is_kept:
            self.dead_lettered += batch.count
        else:
            self.drop(reason, batch.count)
        if self._is_told:
            lost_for = LostFor(reason, _other_instance(batch))
            self._add_loss(lost_for, batch.ranges())
            # Where rows are lost faster than anybody reads, levels are the least of it.
            if len(self.unread) < _MOST_UNREAD:
                self.unread.append((lost_for, batch))
        self._note_news()

    def lose_missing(self, batch: Batch, seqs: list[int]) -> None:
        """Count rows of a batch as corrupt that were not on the disk any more."""
        self.drop(DropReason.CORRUPT, len(seqs))
        if self._is_told:
            self._add_loss(LostFor(DropReason.CORRUPT, _other_instance(batch)), [(seq, seq) for seq in seqs])
        self._note_news()

    def lose_unread(self, count: int, instance_id: str) -> None:
        """Count rows of another instance as corrupt, of which nothing is known but that they were there."""
        if count > 0:
            self.has_news = True
            self.drop(DropReason.CORRUPT, count)
            if self._is_told:
                self.losses.setdefault(LostFor(DropReason.CORRUPT, instance_id), Loss()).count += count

    def levels(self, rows: Iterable[bytes]) -> dict[str, int]:
        """Count rows by their level. Needs no lock."""
        found: dict[str, int] = {}
        for row in rows:
            try:
                level = getattr(self._decode(row), "level", None)
            except msgspec.MsgspecError:
                level = None
            if level is not None:
                found[level] = found.get(level, 0) + 1
        return found

    def add_levels(self, lost_for: LostFor, levels: dict[str, int]) -> None:
        """Say of what levels rows are whose loss is not told yet."""
        if lost_for in self.losses:
            self.losses[lost_for].add_levels(levels)

    def _add_loss(self, lost_for: LostFor, ranges: list[tuple[int, int]]) -> None:
        for first, last in ranges if lost_for.instance_id else self._without_own(lost_for.reason, ranges):
            self.losses.setdefault(lost_for, Loss()).add(first, last)

    def _note_news(self) -> None:
        is_first, self.has_news = not self.has_news, True
        if is_first:
            self._wake()

    def _own_rows(self, ranges: list[tuple[int, int]]) -> list[int]:
        return [seq for seq in self.own if any(first <= seq <= last for first, last in ranges)]

    def _without_own(self, reason: DropReason, ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return ranges without our own rows, of which only what they tell is told again."""
        for seq in sorted(self._own_rows(ranges)):
            told = self.own.pop(seq)
            # One that the service refuses would be refused again.
            if told is not None and reason is DropReason.QUEUE_FULL:
                self.losses.setdefault(told[0], Loss()).merge(told[1])
            parts = [((first, min(last, seq - 1)), (max(first, seq + 1), last)) for first, last in ranges]
            ranges = [part for pair in parts for part in pair if part[0] <= part[1]]
        return ranges

    @property
    def settled(self) -> int:
        """Rows that nothing more will happen to."""
        return self.delivered + self.dead_lettered + sum(self.dropped.values())


def _other_instance(batch: Batch) -> str | None:
    """Return the instance that has accepted a batch's rows; None for this one."""
    return batch.instance_id if batch.is_adopted else None
