"""What became of the rows that a queue has accepted, and which losses are still to be told in the table.

Guarded by the queue's section.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from dcrlog._batch import Batch
from dcrlog.stats import DropReason

_MOST_RANGES: Final = 100
_LONGEST_LEVEL: Final = 32


@dataclass(slots=True)
class Loss:
    """Rows lost for one reason.

    Attributes:
        count: How many.
        levels: How many by level, as far as the rows have one.
        ranges: First and last `Seq` of each unbroken run, in order. After 100 runs the last one grows over
            the gaps too; `count` is exact.
    """

    count: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    ranges: list[list[int]] = field(default_factory=list)

    def add(self, seq: int, level: str | None) -> None:
        """Count a row."""
        self.count += 1
        if level is not None:
            self.levels[level] = self.levels.get(level, 0) + 1
        ranges = self.ranges
        if ranges and (ranges[-1][1] == seq - 1 or len(ranges) >= _MOST_RANGES):
            ranges[-1][1] = seq
        else:
            ranges.append([seq, seq])


class Ledger:
    """Rows delivered, rows dropped by reason, and the losses that no row of the table tells of yet.

    Args:
        level_column: The column that has a row's level; None where there is none.

    Attributes:
        delivered: Rows that the service has taken.
        dropped: Rows given up, by reason.
        losses: Of those, the ones that are still to be told.
        own_seqs: `Seq` of the rows that tell of losses: theirs is not told again.
    """

    __slots__ = ("_level", "delivered", "dropped", "losses", "own_seqs")

    def __init__(self, level_column: str | None = None) -> None:
        # Inside another value the quotes have backslashes, so this finds the column and nothing else.
        pattern = rb'"%b":"([^"\\]{1,%d})"' % ((level_column or "").encode(), _LONGEST_LEVEL)
        self._level = re.compile(pattern) if level_column else None
        self.delivered = 0
        self.dropped: dict[DropReason, int] = {}
        self.losses: dict[DropReason, Loss] = {}
        self.own_seqs: set[int] = set()

    def deliver(self, batch: Batch) -> None:
        """Count the rows of a batch as taken."""
        self.delivered += batch.count
        if self.own_seqs:
            self.own_seqs.difference_update(seq for seq, _ in batch.numbered())

    def drop(self, reason: DropReason, count: int) -> None:
        """Count rows as given up, and leave it at that."""
        if count:
            self.dropped[reason] = self.dropped.get(reason, 0) + count

    def lose(self, reason: DropReason, rows: Iterable[tuple[int, bytes]]) -> None:
        """Count rows, each with its `Seq`, as given up, and note what is to be told of them."""
        for seq, row in rows:
            self.drop(reason, 1)
            if seq in self.own_seqs:
                self.own_seqs.discard(seq)
                continue
            found = self._level.search(row) if self._level is not None else None
            level = found[1].decode(errors="replace") if found is not None else None
            self.losses.setdefault(reason, Loss()).add(seq, level)

    @property
    def settled(self) -> int:
        """Rows that nothing more will happen to."""
        return self.delivered + sum(self.dropped.values())
