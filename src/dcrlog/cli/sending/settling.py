"""Rows into the pipeline as fast as it takes them, and behind them what is settled, written down."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from dcrlog._clock import Clock, Signal
from dcrlog._pipeline import Pipeline
from dcrlog.cli.sending.ahead import Ahead
from dcrlog.cli.sending.checkpoint import Checkpoint, CheckpointFile, Position, mark_of
from dcrlog.cli.sending.pieces import Piece
from dcrlog.cli.sending.refused import Refused
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.stop import Ended, Stop
from dcrlog.errors import DcrlogError

_SLICE: Final = 0.05
"""Seconds after which a wait looks around: for a signal, what is settled, and the bar."""
_LOOK_EVERY: Final = 0.1
"""Seconds between two looks while nothing is waited for: a checkpoint is synced to the disk."""
_LET_IN_EVERY: Final = 1.0
"""Seconds without any row settled after which one more is read all the same. A row that fails alone is given
up once others have passed between: there must be some."""
_STOPPING: Final = 5.0
"""Seconds for what is under way when a signal ends the command."""


@dataclass
class Progress:
    """How far it is, in this run.

    Attributes:
        read_bytes: Bytes of the files, as they are, that were read.
        pieces: Lines and elements that were read.
        rows: Rows made of them.
        unusable: Those of which no row could be made.
        unfinished: Bytes of a last line that is left, since the rest of it may still be written.
        failure: Which input cannot be read, or which file not be written; None where all went well.
        gave_up: Whether the service took nothing for too long.
    """

    read_bytes: int = 0
    pieces: int = 0
    rows: int = 0
    unusable: int = 0
    unfinished: int = 0
    failure: str | None = None
    gave_up: bool = False


class Settling:
    """Takes pieces in the order of the input, and follows them until they are settled.

    Args:
        pipeline: What delivers rows.
        refused: Where the pipeline puts the rows that the service refuses.
        rejects: Takes these, and pieces of which no row can be made.
        checkpoint: From where this run goes on.
        file: Where to write checkpoints; None for nowhere.
        most_ahead: Bytes that may be read and not settled; what was sent of them, a kill makes arrive twice.
        patience: Seconds without any row settled after which it gives up.
        clock: What the patience is measured with.
        stop: Whether a signal has come.
        tell: Called with the progress, often.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        refused: Refused,
        rejects: Rejects,
        checkpoint: Checkpoint,
        file: CheckpointFile | None,
        most_ahead: int,
        patience: float,
        clock: Clock,
        stop: Stop,
        tell: Callable[[Progress], None],
    ) -> None:
        self._pipeline = pipeline
        self._refused = refused
        self._rejects = rejects
        self._checkpoint = checkpoint
        self._file = file
        self._most_ahead = most_ahead
        self._patience = patience
        self._clock = clock
        self._stop = stop
        self._tell = tell
        self._ahead = Ahead()
        self._end: tuple[Piece, Position] | None = None
        self._settled = 0
        self._looked_at = self._moved_at = self._let_in_at = clock.monotonic()
        self.progress = Progress()

    def begin(self, file: str, word: str) -> None:
        """Begin with an input, whose pieces are called by a word."""
        self._close()
        self._ahead.begin(file, word)

    def put(self, row: bytes, piece: Piece, end: Position) -> None:
        """Put the row of a piece, as soon as there is room for it.

        Args:
            row: The row.
            piece: The piece.
            end: The position behind it.

        Raises:
            Ended: There will be no room.
        """
        self._make_room(len(row))
        if not self._ahead.size:
            self._moved_at = self._clock.monotonic()
        while self._pipeline.offer(row, _SLICE) is None:
            self._look_around()
        self.progress.rows += 1
        self._add(piece, end, len(row), is_row=True)

    def reject(self, piece: Piece, reason: str, end: Position) -> None:
        """Keep a piece of which no row can be made.

        Raises:
            Ended: There will be no room.
            DcrlogError: It cannot be kept.
        """
        self._make_room(len(piece.data))
        text = piece.data.decode("utf-8", "backslashreplace")
        self._rejects.add(self._ahead.place(piece.number), reason, text)
        self.progress.unusable += 1
        self._add(piece, end, len(piece.data), is_row=False)

    def finish(self) -> None:
        """Wait for what is under way, unless that is in vain."""
        ends = self._clock.monotonic() + _STOPPING
        while not (self.progress.gave_up or self._pipeline.flush(_SLICE)):
            self._look()
            is_late = bool(self._stop) and self._clock.monotonic() >= ends
            if is_late or self._is_vain():
                break
        self._look()
        self._rejects.close()

    def _close(self) -> None:
        """Let what there is be settled without what follows."""
        if self._end is not None:
            piece, end = self._end
            mark, length = mark_of(piece), self._rejects.length
            self._ahead.close(msgspec.structs.replace(end, mark=mark, rejects_bytes=length))
            self._end = None

    def _make_room(self, size: int) -> None:
        while self._is_over(size):
            self._look_around()
            now = self._clock.monotonic()
            if now >= max(self._moved_at, self._let_in_at) + _LET_IN_EVERY:
                self._let_in_at = now
                return
            if self._is_over(size):
                self._clock.wait(Signal(), _SLICE)

    def _is_over(self, size: int) -> bool:
        return self._ahead.size > 0 and self._ahead.size + size > self._most_ahead

    def _add(self, piece: Piece, end: Position, size: int, *, is_row: bool) -> None:
        self.progress.pieces += 1
        self._end = piece, end
        if self._ahead.add(piece.number, size, is_row=is_row):
            self._close()
        if self._clock.monotonic() >= self._looked_at + _LOOK_EVERY:
            self._look_around()

    def _look_around(self) -> None:
        self._look()
        if self._stop or self.progress.failure or self._is_vain():
            raise Ended

    def _look(self) -> None:
        """See what is settled, and write it down."""
        self._close()
        try:
            count = self._ahead.count_settled(self._pipeline.is_settled)
            # Before the pipeline settled any of these, it had handed over what was refused of them.
            self._keep_refused()
            end = self._ahead.let_go(count)
            if end is not None and self._file is not None:
                self._rejects.sync()
                self._file.write(self._checkpoint.at(end))
        except DcrlogError as error:
            self.progress.failure = self.progress.failure or str(error)
        self._looked_at = self._clock.monotonic()
        self._tell(self.progress)

    def _keep_refused(self) -> None:
        while self._refused.rows:
            seq, row, reason = self._refused.rows[0]
            self._rejects.add(self._ahead.place_of(seq), reason, row.decode())
            # Not before it is kept: it would be missing, and no place behind it may be called settled.
            self._refused.rows.popleft()

    def _is_vain(self) -> bool:
        """Whether nothing was settled for too long."""
        stats = self._pipeline.stats()
        settled, now = stats.accepted - stats.pending, self._clock.monotonic()
        if settled != self._settled:
            self._settled, self._moved_at = settled, now
        self.progress.gave_up = now - self._moved_at > self._patience
        return self.progress.gave_up
