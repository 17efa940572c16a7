"""The work of `dcrlog send`: input into the pipeline as fast as that takes it, and a checkpoint behind it."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from dcrlog._clock import Clock
from dcrlog._pipeline import Pipeline
from dcrlog.cli.sending.checkpoint import Checkpoint, Position
from dcrlog.cli.sending.pieces import Format, Piece, cut
from dcrlog.cli.sending.rejects import Rejects
from dcrlog.cli.sending.rows import RowMaker, Unusable
from dcrlog.cli.sending.source import FAILURES, Opened, Source
from dcrlog.cli.sending.stop import Interrupted, Stop
from dcrlog.errors import ConfigError, printable, shown

_ROWS_A_MARK: Final = 256
_SLICE: Final = 0.05
"""Seconds after which a wait looks around: for a signal, what is settled, and the bar."""
_STOPPING: Final = 5.0
"""Seconds for what is under way when a signal ends the command."""
_SYNC_EVERY: Final = 64
"""Checkpoints. Each survives the process; every so many, and the last, also a loss of power."""

_START: Final = Position()


@dataclass
class Progress:
    """How far it is.

    Attributes:
        read_bytes: Bytes of the files, as they are, that were read.
        pieces: Lines and elements that were read in this run.
        rows: Rows made of them in this run.
        unusable: Those of which no row could be made, in this run.
        settled: Where everything before is settled.
        failure: Which input could not be read to its end, and why; None where all could.
        gave_up: Whether the service took nothing for too long.
    """

    read_bytes: int = 0
    pieces: int = 0
    rows: int = 0
    unusable: int = 0
    settled: Position = _START
    failure: str | None = None
    gave_up: bool = False


class Work:
    """Sends inputs, once.

    Args:
        pipeline: What delivers rows.
        sources: The inputs.
        maker: Makes rows.
        rejects: Takes the rest.
        checkpoint: From where to go on.
        path: Where to write checkpoints; None for nowhere.
        kind: How records stand in the inputs; None to find out.
        patience: Seconds without any row settled after which it gives up.
        clock: What the patience is measured with.
        stop: Whether a signal has come.
        tell: Called with the progress, often.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        sources: Sequence[Source],
        *,
        maker: RowMaker,
        rejects: Rejects,
        checkpoint: Checkpoint,
        path: Path | None,
        kind: Format | None,
        patience: float,
        clock: Clock,
        stop: Stop,
        tell: Callable[[Progress], None],
    ) -> None:
        self._pipeline = pipeline
        self._sources = sources
        self._maker = maker
        self._rejects = rejects
        self._checkpoint = checkpoint
        self._path = path
        self._kind = kind
        self._patience = patience
        self._clock = clock
        self._stop = stop
        self._tell = tell
        self._marks: deque[tuple[int, Position]] = deque()
        self._position = checkpoint.position
        self._seq = 0
        self._written = 0
        self._done_before = 0
        self._settled = 0
        self._moved_at = clock.monotonic()
        self.progress = Progress(settled=checkpoint.position)

    def run(self) -> Progress:
        """Send all of it, or until it is stopped or gives up; return how far it came."""
        for index in range(self._position.source, len(self._sources)):
            source = self._sources[index]
            try:
                with source.open() as opened:
                    is_whole = self._send(index, source, opened)
            except FAILURES as error:
                # No further: a checkpoint in the next would say that all before it is settled.
                told = getattr(error, "strerror", None) or error
                self.progress.failure = (
                    f"{printable(source.name)} cannot be read behind record {self._position.number}: {told}"
                )
                break
            if not is_whole:
                break
            self._done_before += source.size or 0
            if source is not self._sources[-1]:
                # The last one may grow, and the next run goes on behind its end.
                self._position = replace(self._position, source=index + 1, offset=0, number=0)
        self._finish()
        return self.progress

    def _send(self, index: int, source: Source, opened: Opened) -> bool:
        """Send one input; return whether it was read to its end."""
        kind = self._begin(index, source, opened)
        here = self._position
        if here.offset:
            opened.skip(here.offset)
        for piece in self._read(cut(opened.stream, kind, offset=here.offset, number=here.number)):
            here = self._position
            try:
                row = self._maker.make(piece, here.total + 1)
            except Unusable as why:
                self._rejects.add(source.name, kind, piece, str(why))
                self.progress.unusable += 1
                rows, unusable = here.rows, here.unusable + 1
            else:
                if not self._offer(row):
                    return False
                rows, unusable = here.rows + 1, here.unusable
            self.progress.pieces += 1
            self._position = Position(
                index, piece.end, piece.number, here.total + 1, rows, unusable, self._rejects.length
            )
            if self.progress.pieces % _ROWS_A_MARK == 0:
                self.progress.read_bytes = self._done_before + opened.tell()
                self._mark()
            if self._stop:
                return False
        return not self._stop

    def _read(self, pieces: Iterator[Piece]) -> Iterator[Piece]:
        """Yield pieces; a signal ends the wait for one."""
        while not self._stop:
            try:
                self._stop.may_interrupt = True
                piece = next(pieces, None)
                self._stop.may_interrupt = False
            except Interrupted:
                return
            if piece is None:
                return
            yield piece

    def _begin(self, index: int, source: Source, opened: Opened) -> Format:
        if index < len(self._checkpoint.formats):
            if not source.is_still(self._checkpoint.fingerprints[index]):
                raise ConfigError(
                    f"the file {shown(source.name)} is not the one that the checkpoint is about: it begins "
                    "in another way. Give that file, or delete the checkpoint to begin anew."
                )
            return Format(self._checkpoint.formats[index])
        kind = self._kind or opened.find_format()
        self._checkpoint.formats.append(kind)
        self._checkpoint.fingerprints.append(source.fingerprint())
        return kind

    def _offer(self, row: bytes) -> bool:
        """Put a row, when there is room; return False where there will be none."""
        while self._pipeline.offer(row, _SLICE) is None:
            self._look()
            if self._stop or self._is_vain():
                return False
        self._seq += 1
        self._moved_at = self._clock.monotonic()
        self.progress.rows += 1
        return True

    def _mark(self) -> None:
        self._marks.append((self._seq, self._position))
        self._look()

    def _look(self) -> None:
        """See what is settled, and write it down."""
        is_any = False
        while self._marks and self._pipeline.is_settled(self._marks[0][0]):
            _, self.progress.settled = self._marks.popleft()
            is_any = True
        if is_any:
            self._write(is_synced=self._written % _SYNC_EVERY == 0)
        self._tell(self.progress)

    def _write(self, *, is_synced: bool) -> None:
        if self._path is not None:
            self._rejects.flush()
            self._checkpoint.at(self.progress.settled).write(self._path, is_synced=is_synced)
            self._written += 1

    def _is_vain(self) -> bool:
        stats = self._pipeline.stats()
        settled = stats.accepted - stats.pending
        now = self._clock.monotonic()
        if settled != self._settled:
            self._settled, self._moved_at = settled, now
        self.progress.gave_up = now - self._moved_at > self._patience
        return self.progress.gave_up

    def _finish(self) -> None:
        self._mark()
        ends = self._clock.monotonic() + _STOPPING
        while not (self.progress.gave_up or self._pipeline.flush(_SLICE)):
            self._look()
            if self._is_vain() or (self._stop and self._clock.monotonic() >= ends):
                break
        self._look()
        self._write(is_synced=True)
        self._rejects.close()
