r"""A batch: the rows of one request, how large they are, and the body they make.

Pure. Rows are joined with `,\n`: compact JSON has no raw newline, so a body splits back into its rows
without an index.
"""

import itertools
from collections.abc import Iterator
from typing import Final

from dcrlog._gzip import compress, decompress
from dcrlog._segment import Segment
from dcrlog._stamp import Stamp

MAX_BODY_BYTES: Final = 1_000_000
"""The service answers 413 above 1,048,576 bytes; the rest is headroom."""

MAX_ROW_BYTES: Final = MAX_BODY_BYTES - 256
"""A row up to this fits into a body, with its stamp: two column names of 45, an id of 24, 19 digits."""

ROW_OVERHEAD: Final = 64
"""Bytes that a waiting row costs beyond its own: the object's header and its place in a list."""

_SEPARATOR: Final = b",\n"
_PACKED_OVERHEAD: Final = 1_024
_AWAY_OVERHEAD: Final = 512
_MOST_ROWS: Final = MAX_BODY_BYTES // len(_SEPARATOR)


class Batch:
    """Rows in the order of their `Seq`, open for more until it is sealed.

    `Seq` is where a row stands: the rows count on from `first_seq`, and again from each `resume_at`.

    Args:
        stamp: Writes instance id and `Seq` into the rows when they are packed.
        first_seq: The `Seq` of its first row.
        opened_at: When that came, in seconds of the clock's monotonic scale.
        segment: Where its rows are kept on the disk; None where they are in memory only.

    Attributes:
        open_rows: Its rows, until it is packed; the queue appends to them.
        row_cost: Bytes that a row takes of the body beyond its own: stamp and separator.
        size: Bytes of its body, at most: brackets, separators and stamps included.
        count: How many rows it has, once it is sealed.
        charge: Bytes that the queue has counted for it since it was sealed.
        twin: The other half of a refused batch, held back: if this half is taken, the other one is to
            blame, and need not be sent whole.
        is_adopted: Whether its rows were accepted by another instance, which has died.
        is_cleared: Whether refusals of it were forgotten, so that its success proves nothing of its twin.
        strikes: How often in a row it failed while others passed.
        failures: How many requests had failed when it did so last.
        taken: The number of the youngest request that had passed by then.
        refused_at: How many had begun when it, or what it is a piece of, was first refused.
        instance_id: The instance that has accepted its rows.
    """

    __slots__ = (
        "_is_away", "_packed", "_stamp", "_starts",
        "charge", "count", "failures", "first_seq", "instance_id", "is_adopted", "is_cleared", "open_rows",
        "opened_at",
        "refused_at", "row_cost", "segment", "size", "strikes", "taken", "twin",
    )  # fmt: skip

    def __init__(
        self, stamp: Stamp, first_seq: int, opened_at: float, segment: Segment | None = None
    ) -> None:
        self.first_seq = first_seq
        self.segment = segment
        self.opened_at = opened_at
        self.size = 0
        self.count = 0
        self.charge = 0
        self.twin: Batch | None = None
        self.is_adopted = False
        self.is_cleared = False
        self.strikes = 0
        self.failures = 0
        self.taken = 0
        self.refused_at: int | None = None
        self.instance_id = stamp.instance_id
        self._stamp = stamp
        # Two brackets and n - 1 separators are as many bytes as n separators.
        self.row_cost = stamp.width(first_seq + _MOST_ROWS) + len(_SEPARATOR)
        self.open_rows: list[bytes] = []
        self._starts = [(0, first_seq)]
        self._packed: bytes | None = None
        self._is_away = False

    def append(self, row: bytes) -> bool:
        """Add a row if the body stays within `MAX_BODY_BYTES` with it, and return whether it was added."""
        if not self.has_room(len(row)):
            return False
        if self.segment is not None and not self.segment.append(self.last_seq + 1, row):
            return False
        self.open_rows.append(row)
        self.size += len(row) + self.row_cost
        return True

    def has_room(self, length: int) -> bool:
        """Whether a row of this length can be added."""
        is_within = self.size + length + self.row_cost <= MAX_BODY_BYTES
        return is_within and (self.segment is None or self.segment.has_room(length))

    def resume_at(self, seq: int) -> None:
        """Let the next row be of this `Seq`, since those before it were dropped."""
        if self._starts[-1][0] == len(self.open_rows):
            self._starts.pop()
        self._starts.append((len(self.open_rows), seq))

    @property
    def last_seq(self) -> int:
        """The `Seq` of its last row."""
        index, seq = self._starts[-1]
        return seq + len(self.open_rows) - index - 1

    def seal(self) -> None:
        """Fix the number of rows and what they cost."""
        self.count = len(self.open_rows)
        self.charge = self.cost

    @classmethod
    def adopted(
        cls, stamp: Stamp, opened_at: float, segment: Segment | None, rows: list[tuple[int, bytes]]
    ) -> "Batch":
        """Return a sealed batch of rows that another instance has accepted, with its stamp.

        Args:
            stamp: That of the other instance.
            opened_at: When they were adopted, in seconds of the clock's monotonic scale.
            segment: Where they are; None for dead letters.
            rows: The rows, each with its `Seq`.
        """
        batch = cls(stamp, rows[0][0], opened_at)
        batch._fill(rows)
        batch.segment = segment
        batch.is_adopted = True
        batch.count = len(batch.open_rows)
        batch.charge = batch.cost
        return batch

    @property
    def can_leave_memory(self) -> bool:
        """Whether its rows are on the disk as they are here. A piece's rows have their stamps already."""
        return self.segment is not None and self._stamp is not _WRITES_NOTHING and self.segment.can_be_read

    @property
    def is_away(self) -> bool:
        """Whether its rows are on the disk only."""
        return self._is_away

    def leave_memory(self) -> None:
        """Let the rows be on the disk only, where they are anyway."""
        self.open_rows, self._packed, self._is_away = [], None, True

    def come_back(self, found: dict[int, bytes]) -> list[int]:
        """Take the rows, as they were read from the disk, again; return the `Seq` of those not found."""
        wanted = [seq for first, last in self.ranges() for seq in range(first, last + 1)]
        self._starts, self.count, self.size, self._is_away = [(0, self.first_seq)], 0, 0, False
        self._fill([(seq, found[seq]) for seq in wanted if seq in found])
        self.count = len(self.open_rows)
        return [seq for seq in wanted if seq not in found]

    def _fill(self, rows: list[tuple[int, bytes]]) -> None:
        for seq, row in rows:
            if seq != self.last_seq + 1:
                self.resume_at(seq)
            self.open_rows.append(row)
            self.size += len(row) + self.row_cost

    @property
    def is_packed(self) -> bool:
        """Whether it is kept as the gzipped body."""
        return self._packed is not None

    @property
    def cost(self) -> int:
        """Bytes it holds of the queue's capacity."""
        if self._is_away:
            return _AWAY_OVERHEAD
        if self._packed is not None:
            return len(self._packed) + _PACKED_OVERHEAD
        return self.size + len(self.open_rows) * (ROW_OVERHEAD - self.row_cost)

    def pack(self) -> bytes:
        """Return the gzipped body; the rows themselves are let go on the first call."""
        if self._packed is None:
            self._packed = compress(b"[%b]" % _SEPARATOR.join(self._stamped()))
            self.open_rows = []
        return self._packed

    def rows(self) -> list[bytes]:
        """Return the rows, whole."""
        if self._packed is None:
            return list(self._stamped())
        return split_body(decompress(self._packed))

    def ranges(self) -> list[tuple[int, int]]:
        """Return first and last `Seq` of each unbroken run of its rows."""
        return [(seq, seq + end - start - 1) for (start, seq), end in self._runs() if end > start]

    def numbered(self) -> Iterator[tuple[int, bytes]]:
        """Return each row with its `Seq`."""
        seqs = (range(first, last + 1) for first, last in self.ranges())
        return zip(itertools.chain.from_iterable(seqs), self.rows(), strict=True)

    def halves(self) -> tuple["Batch", "Batch"]:
        """Return its rows, of which there are two at least, in batches that share what it is blamed for."""
        rows = list(self.numbered())
        middle = len(rows) // 2
        return self._piece(rows[:middle]), self._piece(rows[middle:])

    def with_row(self, row: bytes) -> "Batch":
        """Return a batch that has this row, stamped already, in place of the one there is."""
        return self._piece([(self.first_seq, row)])

    def _piece(self, rows: list[tuple[int, bytes]]) -> "Batch":
        piece = Batch(_WRITES_NOTHING, rows[0][0], self.opened_at)
        piece._fill(rows)
        piece.seal()
        piece.segment = self.segment
        piece.instance_id = self.instance_id
        piece.is_adopted = self.is_adopted
        piece.strikes = self.strikes
        piece.failures = self.failures
        piece.taken = self.taken
        piece.refused_at = self.refused_at
        return piece

    def _stamped(self) -> Iterator[bytes]:
        for (start, seq), end in self._runs():
            yield from self._stamp.write(seq, self.open_rows[start:end])

    def _runs(self) -> Iterator[tuple[tuple[int, int], int]]:
        """Return where each run of rows begins, with its first `Seq`, and where it ends."""
        ends = [start for start, _ in self._starts[1:]] + [self.count or len(self.open_rows)]
        return zip(self._starts, ends, strict=True)


_WRITES_NOTHING: Final = Stamp(None, None)


def split_body(body: bytes) -> list[bytes]:
    """Return the rows of a body that `Batch.pack` made."""
    return body[1:-1].split(_SEPARATOR) if len(body) > len(b"[]") else []
